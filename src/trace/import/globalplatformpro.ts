import { NO_BYTES } from "../../util/bytes.js";
import { MS, SECOND, type Nanos } from "../../util/time.js";
import { interfaceOfAtr } from "./atr.js";
import type { ImportFormat } from "./format.js";
import { bytesOf, hexAt } from "./hex-text.js";
import { headText } from "./lines.js";
import { pairing, type Pairing } from "./pairing.js";
import type { Remarks } from "./remarks.js";
import { textImporter, type LogReader } from "./text-importer.js";

/*
 * What GlobalPlatformPro and apdu4j print with -d (their README files): `A>> T=1 (4+0005) 00A40400 05 A000000003 00`, then
 * `A<< (0018+2) (15ms) 6F10... 9000`. Newer versions leave the A and the lengths out. The lengths are of the data without header and status word.
 */

const COMMAND = /^\s*(?:\[[A-Z]+\]\s*)?A?>>\s*(?:T=\S{1,3}\s*)?(?:\((\d{1,5})\+(\d{1,5})\)\s*)?/;
const RESPONSE =
  /^\s*(?:\[[A-Z]+\]\s*)?A?<<\s*(?:\((\d{1,5})\+(\d{1,5})\)\s*)?(?:\((?:(\d{1,3})m)?(?:(\d{1,6})s)?(?:(\d{1,9})ms)?\)\s*)?/;
const CONNECTED = /^\s*SCardConnect\(.* -> T=\S{1,4},? ([0-9A-F]{4,80})\s*$/i;

/** `4+0005`: as many bytes as header and data have, Lc and Le left out. */
function dataLength(command: Uint8Array): number {
  const body = command.subarray(4);
  if (body.length <= 1) return 0;
  if (body[0] !== 0) return Math.min(body[0]!, body.length - 1);
  return body.length <= 3 ? 0 : Math.min((body[1]! << 8) | body[2]!, body.length - 3);
}

function logReader(exchanges: Pairing, remarks: Remarks): LogReader {
  const hexOf = (text: string, from: number, line: number): { readonly bytes: Uint8Array; readonly column: number } => {
    const hex = hexAt(text, from);
    if (!hex) return { bytes: NO_BYTES, column: from + 1 };
    if (hex.fault)
      remarks.add({ line, column: hex.fault.at + 1 }, `${hex.fault.says}; the hex from there on is left out`);
    return { bytes: hex.bytes, column: from + 1 };
  };

  /** Lengths that the line tells and the hex does not have: the line was cut or changed. */
  const compare = (told: string | undefined, has: number, what: string, line: number, column: number): void => {
    if (told === undefined || Number(told) === has) return;
    remarks.add({ line, column }, `the ${what} should have ${Number(told)} bytes of data and has ${has}`);
  };

  return {
    line(text, number) {
      const command = COMMAND.exec(text);
      if (command) {
        const { bytes, column } = hexOf(text, command[0].length, number);
        compare(command[2], dataLength(bytes), "command", number, column);
        return exchanges.command(bytes, { line: number, column });
      }
      const response = RESPONSE.exec(text);
      if (response) {
        const { bytes, column } = hexOf(text, response[0].length, number);
        compare(response[1], Math.max(0, bytes.length - 2), "response", number, column);
        const [, , , minutes, seconds, millis] = response;
        const told = minutes ?? seconds ?? millis;
        const took: Nanos =
          Number(minutes ?? 0) * 60 * SECOND + Number(seconds ?? 0) * SECOND + Number(millis ?? 0) * MS;
        return exchanges.response(bytes, { line: number, column }, told === undefined ? {} : { took });
      }
      const atr = CONNECTED.exec(text)?.[1];
      if (atr !== undefined && atr.length % 2 === 0) exchanges.via = interfaceOfAtr(bytesOf(atr));
      if (/\bSCard(?:Connect|Disconnect)\(/.test(text)) exchanges.unanswered();
    },
    end() {
      const { timed } = exchanges.end();
      if (timed) remarks.note("only exchanges were timed: the pauses between them are not in the log");
      return { times: timed ? "measured" : "none", frames: false };
    },
  };
}

const TELLS =
  /^[ \t]*(?:\[[A-Z]+\][ \t]*)?(?:A>>\s*(?:T=|\(|[0-9A-F]{8})|A?<<\s*(?:\(\d+\+\d+\)\s*)?\((?:\d+m)?(?:\d+s)?(?:\d+ms)?\)\s*[0-9A-F]{4})/m;

/** The debug output of GlobalPlatformPro and apdu4j. */
export const globalPlatformPro: ImportFormat = {
  name: "globalplatformpro",
  title: "GlobalPlatformPro or apdu4j with -d",
  recognises: (head) => TELLS.test(headText(head)),
  start: (onRecord) => textImporter((remarks) => logReader(pairing(onRecord, remarks), remarks)),
};
