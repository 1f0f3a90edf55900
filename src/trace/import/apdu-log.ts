import type { ImportFormat } from "./format.js";
import { hexAt, type HexText } from "./hex-text.js";
import { headText } from "./lines.js";
import { pairing, type Pairing } from "./pairing.js";
import type { Remarks } from "./remarks.js";
import { textImporter, type LogReader } from "./text-importer.js";
import { stampReader } from "./timestamps.js";

/*
 * APDUs as people paste them: `> 00A4... < 6F...`, `C-APDU: / R-APDU:`, `Send: / Recv:`, `APDU: / SW:`, with times in front or not.
 * There is no document of these shapes; they are what readers, apps and terminals print.
 */

type Role = "command" | "response" | "status";

const either = (...words: readonly string[]): string => `(?:${words.join("|")})`;
const word = (pattern: string): string => String.raw`(?<![\w-])${pattern}(?!\w)`;
const RESPONSE_WORD = either(
  "R(?:esponse|SP|ES)?[-_ ]?APDU",
  "Recv'?d?",
  "Received?",
  "RX",
  "Resp(?:onse)?",
  "Rsp",
  "Answer",
  "Reply",
);
const COMMAND_WORD = either(
  "C(?:ommand|MD)?[-_ ]?APDU",
  "Send(?:ing)?",
  "Sent",
  "Transmit(?:ting)?",
  "Transceive",
  "TX",
  "Command",
  "Cmd",
  "Req(?:uest)?",
  "APDU",
);
const STATUS_WORD = either("SW ?1 ?[-/,]? ?SW ?2", "SW ?1", "SW12", "SW", "Status(?: word)?");

/** What announces hex. Arrows stand for themselves, words between blanks. */
const MARK = new RegExp(
  [
    String.raw`(?<response>A?<<|<[-=]{1,2}|<|${word(RESPONSE_WORD)})`,
    String.raw`(?<command>A?>>|[-=]{1,2}>|>|${word(COMMAND_WORD)})`,
    String.raw`(?<status>${word(STATUS_WORD)}|[[(](?=(?:0x)?[0-9A-F]{2} ?[0-9A-F]{2}[\])]))`,
  ].join("|"),
  "gi",
);

/** What may stand between the announcement and its hex: a length, a note in brackets, a colon. */
const BETWEEN =
  /(?:[ \t]*APDU)?(?:[ \t]*[([][^)\]:=]{0,40}[)\]])?(?:[ \t]*(?:\d{1,5}[ \t]*)?(?:bytes?|data|len(?:gth)?[ :=]*\d{1,5}))?[ \t]*[:=>]{0,2}[ \t]*["'[]?/iy;
const SW2 = /[ \t,;]*SW ?2[ \t:=]*(?:0x)?([0-9A-Fa-f]{2})(?!\w)/iy;

interface Part {
  readonly role: Role;
  readonly hex: HexText;
}

/** The announced hex of a line, in order. */
function partsOf(text: string, from: number): Part[] {
  const parts: Part[] = [];
  MARK.lastIndex = from;
  for (let mark = MARK.exec(text); mark; mark = MARK.exec(text)) {
    const groups = mark.groups!;
    const role: Role =
      groups["response"] !== undefined ? "response" : groups["command"] !== undefined ? "command" : "status";
    BETWEEN.lastIndex = MARK.lastIndex;
    BETWEEN.exec(text);
    let hex = hexAt(text, BETWEEN.lastIndex);
    if (!hex) continue;
    if (role === "status" && hex.bytes.length === 1) {
      SW2.lastIndex = hex.end;
      const second = SW2.exec(text);
      if (second)
        hex = { ...hex, bytes: Uint8Array.of(hex.bytes[0]!, Number.parseInt(second[1]!, 16)), end: SW2.lastIndex };
    }
    MARK.lastIndex = hex.end;
    parts.push({ role, hex });
  }
  return parts;
}

const ARROW = /[ \t]*(?:[-=]{1,2}>|>|\||\/)[ \t]*/y;

/** `00A4...00 -> 6F...9000`: an arrow between two runs of hex, none of them announced. */
function barePair(text: string, from: number): Part[] {
  const command = hexAt(text, from);
  if (!command || command.bytes.length < 4) return [];
  ARROW.lastIndex = command.end;
  const response = ARROW.test(text) ? hexAt(text, ARROW.lastIndex) : undefined;
  if (!response) return [];
  return [
    { role: "command", hex: command },
    { role: "response", hex: response },
  ];
}

/** A line of nothing but hex goes on with what the line before it began. */
function goesOn(text: string): HexText | undefined {
  const start = /^[ \t|]*/.exec(text)![0].length;
  const hex = hexAt(text, start);
  return hex && !hex.fault && /^[\s"'\\\])]*$/.test(text.slice(hex.end)) ? hex : undefined;
}

const readParts = (text: string, from: number): Part[] => {
  const pair = barePair(text, from);
  return pair.length > 0 ? pair : partsOf(text, from);
};

function logReader(exchanges: Pairing, remarks: Remarks): LogReader {
  const stampOf = stampReader();
  /** The line before announced hex, or went on with it. */
  let flowing = false;
  return {
    line(text, number) {
      const stamp = stampOf(text);
      const at = stamp?.at;
      const parts = readParts(text, stamp?.end ?? 0);
      if (parts.length === 0) {
        const more = flowing ? goesOn(text) : undefined;
        flowing = more !== undefined && exchanges.more(more.bytes, { line: number, column: more.start + 1 });
        return;
      }
      flowing = false;
      for (const { role, hex } of parts) {
        const { bytes, fault } = hex;
        const place = { line: number, column: (fault?.at ?? hex.start) + 1 };
        if (role === "status" && bytes.length !== 2) continue; // "Status: 00"
        flowing = role !== "status";
        if (fault) remarks.add(place, `${fault.says}; the hex from there on is left out`);
        if (role === "response") exchanges.response(bytes, place, { at });
        else exchanges[role](bytes, place, at);
      }
    },
    end() {
      const { timed } = exchanges.end();
      return { times: timed ? "measured" : "none", frames: false };
    },
  };
}

/** Whether a line announces a command. */
const showsCommand = (text: string): boolean =>
  readParts(text, stampReader()(text)?.end ?? 0).some(({ role, hex }) => role === "command" && hex.bytes.length >= 4);

/** APDUs in text of any tool. Stands last among the formats: it asks for little. */
export const apduLog: ImportFormat = {
  name: "apdu-log",
  title: "log with APDUs in hex",
  recognises: (head) =>
    headText(head)
      .split(/[\r\n]/)
      .some(showsCommand),
  start: (onRecord) => textImporter((remarks) => logReader(pairing(onRecord, remarks), remarks)),
};
