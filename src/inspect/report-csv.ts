import { swHex, swMeaning } from "../protocols/iso7816/status.js";
import { hex } from "../util/bytes.js";
import type { ApduRecord, FrameRecord } from "../util/tracer.js";
import { commandName } from "./apdu-text.js";
import { isWtx } from "./frame-groups.js";
import { isTimed, type ReportedTap } from "./reported-tap.js";

/*
 * A row an exchange, for spreadsheets: RFC 4180, with a header. What could be taken for a formula is not.
 */

type Cell = string | number | undefined;

interface Carried {
  readonly tap: ReportedTap;
  /** From 1, over both interfaces. */
  readonly index: number;
  readonly apdu: ApduRecord;
  /** What carried it; nothing where frames could not be observed. */
  readonly frames: readonly FrameRecord[] | undefined;
}

const sw = ({ response }: ApduRecord): number | undefined =>
  response.length < 2 ? undefined : response.at(-2)! * 256 + response.at(-1)!;

const timed =
  (time: (apdu: ApduRecord) => number | undefined) =>
  ({ tap, apdu }: Carried): Cell =>
    isTimed(tap) ? time(apdu) : undefined;

/** Times are whole nanoseconds. Empty: not observed. */
const COLUMNS: readonly (readonly [name: string, cell: (carried: Carried) => Cell])[] = [
  ["tap", ({ tap }) => tap.name],
  ["number", ({ tap }) => tap.repeat?.number],
  ["index", ({ index }) => index],
  ["at_ns", timed(({ at }) => at)],
  ["took_ns", timed(({ took }) => took)],
  ["compute_ns", timed(({ compute }) => compute)],
  ["via", ({ apdu }) => apdu.via],
  ["name", ({ apdu }) => commandName(apdu.command)],
  ["command", ({ apdu }) => hex(apdu.command)],
  ["response", ({ apdu }) => hex(apdu.response)],
  ["sw", ({ apdu }) => (sw(apdu) === undefined ? undefined : swHex(sw(apdu)!))],
  ["meaning", ({ apdu }) => (sw(apdu) === undefined ? undefined : swMeaning(sw(apdu)!))],
  ["frames", ({ frames }) => frames?.length],
  ["wtx", ({ frames }) => frames?.filter((frame) => frame.from === "picc" && isWtx(frame)).length],
  ["faulty_frames", ({ frames }) => frames?.filter(({ fault }) => fault !== undefined).length],
];

/** Spreadsheets run what begins so; an apostrophe in front makes it text (OWASP, "CSV Injection"). */
const FORMULA = /^[=+\-@\t\r]/;

function quoted(cell: Cell): string {
  if (typeof cell !== "string") return cell === undefined ? "" : String(cell);
  const text = FORMULA.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const line = (cells: readonly Cell[]): string => `${cells.map(quoted).join(",")}\r\n`;

function* exchanges(tap: ReportedTap): Generator<Carried, void, undefined> {
  let index = 0;
  let pending: FrameRecord[] = [];
  for (const record of tap.records)
    if (record.layer === "frame") pending.push(record);
    else if (record.layer === "field") pending = [];
    else if (record.layer === "apdu") {
      const seen = tap.header.observed.frames && record.via === "contactless";
      yield {
        tap,
        index: ++index,
        apdu: record,
        frames: seen ? pending.filter(({ at }) => at >= record.at) : undefined,
      };
      if (record.via === "contactless") pending = [];
    }
}

/** The exchanges of the taps, line by line. */
export function* reportCsv(taps: Iterable<ReportedTap>): Generator<string, void, undefined> {
  yield line(COLUMNS.map(([name]) => name));
  for (const tap of taps) for (const carried of exchanges(tap)) yield line(COLUMNS.map(([, cell]) => cell(carried)));
}
