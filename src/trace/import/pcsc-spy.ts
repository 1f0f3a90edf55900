import { SECOND, US, type Nanos } from "../../util/time.js";
import { interfaceOfAtr } from "./atr.js";
import type { ImportFormat } from "./format.js";
import { bytesOf, hexAt } from "./hex-text.js";
import { headText } from "./lines.js";
import { pairing, type Pairing } from "./pairing.js";
import type { Place, Remarks } from "./remarks.js";
import { textImporter, type LogReader } from "./text-importer.js";

/*
 * What pcsc-spy of pcsc-lite prints (pcsc-spy(1)): a function's name, its parameters in (" i ") and out (" o "), buffers as hex dumps, then " => " with the
 * return code and the time that the call took, in seconds and microseconds. Every further thread is indented by four columns.
 */

const NAME = /^( *(?:\(t\d+\) )?)(SCard?[A-Z]\w+)\s*$/;
const PARAMETER = /^( *(?:\(t\d+\) )?) ([io]) (.*)$/;
const RETURN = /^( *(?:\(t\d+\) )?) => .*\[0x([0-9A-F]{8})\]\)?\s*(?:\[(\d{1,9})\.(\d{6,9})\])?/i;
/** Offset, sixteen bytes, and what they are as text, which may look like hex. */
const DUMP = /^ ([0-9A-F]{4,8}) ((?:[0-9A-F]{2} ?){1,16})/i;
const DUMP_COLUMNS = 16 * 3;
const MAX_THREADS = 64;
const MAX_BUFFER = 70_000;

interface Buffer {
  place: Place;
  hex: string;
}

/** A call that has not returned yet. */
interface Call {
  readonly name: string;
  readonly place: Place;
  sent?: Buffer;
  received?: Buffer;
  sentLength?: number;
  receivedLength?: number;
  /** Where the next line of a hex dump goes. */
  dump?: Buffer | undefined;
}

function spyReader(exchanges: Pairing, remarks: Remarks): LogReader {
  const calls = new Map<string, Call>();

  const bytes = (buffer: Buffer | undefined, length: number | undefined, what: string): Uint8Array | undefined => {
    if (!buffer) return undefined;
    const found = bytesOf(buffer.hex);
    if (length !== undefined && length !== found.length)
      remarks.add(buffer.place, `the ${what} should have ${length} bytes and has ${found.length}`);
    return found;
  };

  const parameter = (call: Call, direction: string, text: string, place: Place): void => {
    const dump = call.dump && DUMP.exec(text);
    if (call.dump && dump) {
      const offset = Number.parseInt(dump[1]!, 16);
      const row = text.slice(dump[1]!.length + 2, dump[1]!.length + 2 + DUMP_COLUMNS).trimEnd();
      const hex = (/^(?:[0-9A-F]{2}(?: |$))+/i.exec(row)?.[0] ?? "").replaceAll(" ", "");
      if (offset !== call.dump.hex.length / 2) remarks.add(place, "lines of this hex dump are missing or out of order");
      else if (call.dump.hex.length < MAX_BUFFER * 2) call.dump.hex += hex;
      return;
    }
    call.dump = undefined;
    const named = /^b(Send|Recv)(Length|Buffer):? ?(.*)$/.exec(text);
    if (!named) {
      const atr = /^(?: ?Atr|bAtr):? ?([0-9A-F]{2}(?: [0-9A-F]{2})+)/i.exec(text)?.[1];
      if (atr !== undefined) exchanges.via = interfaceOfAtr(bytesOf(atr.replaceAll(" ", "")));
      return;
    }
    const which = named[1] === "Send" && direction === "i" ? "sent" : "received";
    const rest = named[3]!;
    if (named[2] === "Length") {
      const length = /^0x([0-9A-F]{1,8})/i.exec(rest)?.[1];
      if (length !== undefined) call[`${which}Length`] = Number.parseInt(length, 16);
      return;
    }
    // Old versions print the bytes behind the name, and what they are as text in brackets.
    const inline = rest === "" ? undefined : hexAt(rest, 0);
    call[which] = call.dump = { place, hex: inline ? Buffer.from(inline.bytes).toString("hex") : "" };
  };

  const returned = (call: Call, code: string, took: Nanos | undefined): void => {
    if (call.name !== "SCardTransmit") return;
    const command = bytes(call.sent, call.sentLength, "command");
    if (!command) return remarks.add(call.place, "SCardTransmit without the bytes that were sent; it is left out");
    exchanges.command(command, call.sent!.place);
    if (code !== "00000000")
      return exchanges.unanswered(`the command has no response: SCardTransmit failed with 0x${code.toUpperCase()}`);
    const response = bytes(call.received, call.receivedLength, "response");
    if (response) exchanges.response(response, call.received!.place, took === undefined ? {} : { took });
  };

  return {
    line(text, number) {
      const result = RETURN.exec(text);
      if (result) {
        const call = calls.get(result[1]!);
        calls.delete(result[1]!);
        const [, , code, seconds, micros] = result;
        const took = seconds === undefined ? undefined : Number(seconds) * SECOND + Number(micros) * US;
        if (call) returned(call, code!, took);
        return;
      }
      const given = PARAMETER.exec(text);
      if (given) {
        const call = calls.get(given[1]!);
        const column = given[1]!.length + 4;
        if (call) parameter(call, given[2]!, given[3]!, { line: number, column });
        return;
      }
      const name = NAME.exec(text);
      if (!name) return;
      const place = { line: number, column: name[1]!.length + 1 };
      if (calls.get(name[1]!)?.name === "SCardTransmit")
        remarks.add(calls.get(name[1]!)!.place, "SCardTransmit did not return; it is left out");
      if (calls.size >= MAX_THREADS) calls.clear();
      calls.set(name[1]!, { name: name[2]!, place });
    },
    end() {
      for (const { name, place } of calls.values())
        if (name === "SCardTransmit") remarks.add(place, "SCardTransmit did not return; it is left out");
      const { timed } = exchanges.end();
      if (timed) remarks.note("only the exchanges are timed here: the pauses between them are not in the log");
      return { times: timed ? "measured" : "none", frames: false };
    },
  };
}

const TELLS = /^ *(?:\(t\d+\) )?SCard[A-Z]\w+[ \t]*(?:\r\n?|\n) *(?:\(t\d+\) )? i (?:hCard|hContext|dwScope)/m;

/** What pcsc-spy prints, with colours or without. */
export const pcscSpy: ImportFormat = {
  name: "pcsc-spy",
  title: "pcsc-spy",
  recognises: (head) => TELLS.test(headText(head)),
  start: (onRecord) => textImporter((remarks) => spyReader(pairing(onRecord, remarks), remarks)),
};
