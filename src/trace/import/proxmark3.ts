import { carrierCycles, US, type Nanos } from "../../util/time.js";
import type { FrameRecord, TraceRecord } from "../../util/tracer.js";
import { frameAssembler, hasCrc } from "./assemble-frames.js";
import type { ImportFormat } from "./format.js";
import { bytesOf } from "./hex-text.js";
import { headText } from "./lines.js";
import type { Place, Remarks } from "./remarks.js";
import { textImporter, type LogReader } from "./text-importer.js";

/*
 * The table that the Proxmark3 client prints for `trace list -t 14a` and `hf 14a list` (doc/trace_notes.md of its repository):
 * Start | End | Src | Data | CRC | Annotation. Times are carrier periods, or microseconds with -u; with -r the first columns are gap and duration. An
 * exclamation mark behind a byte is a wrong parity bit, `26(7)` a frame of seven bits, brackets are around CRC bytes with -c.
 */

/** Frames of 18 bytes a line; the longest frame of ISO/IEC 14443-4 is 4096 bytes. */
const MAX_FRAME = 4096;
const KBPS = 106;
const HEADER = /(?:Start|Gap)\s*\|\s*(?:End|Duration)\s*\|\s*Src\s*\|/i;
const TIMES = /^(?:\[.\])?\s*(\d{1,15}(?:\.\d{1,9})?)\s*\|\s*(\d{1,15}(?:\.\d{1,9})?)\s*\|\s*(Rdr|Tag|\*?)\s*\|/;
const WRAPPED = /^(?:\[.\])?\s*\|\s*\|\s*\|/;
const TOKEN = /\s*\[?([0-9a-f]{2})(?:\((\d)\))?(!?)\]?!?/iy;

interface Row extends Place {
  readonly from: FrameRecord["from"];
  readonly at: Nanos;
  readonly took: Nanos;
  hex: string;
  bits: number | undefined;
  damaged: boolean;
}

function tableReader(onRecord: (record: TraceRecord) => void, remarks: Remarks): LogReader {
  const link = frameAssembler(onRecord, hasCrc);
  let micros = false;
  let relative = false;
  /** What makes a time of the table count from its first frame; found anew where another table begins. */
  let shift: number | undefined;
  let previous = 0;
  let end = 0;
  let open: Row | undefined;

  const nanos = (time: number): Nanos =>
    Math.min(Number.MAX_SAFE_INTEGER, micros ? Math.round(time * US) : carrierCycles(time));

  const settle = (): void => {
    const row = open;
    open = undefined;
    if (!row || row.hex === "") return;
    const bytes = bytesOf(row.hex);
    const record: FrameRecord = {
      layer: "frame",
      at: row.at,
      took: row.took,
      from: row.from,
      bytes,
      bits: row.bits ?? bytes.length * 8,
      kbps: KBPS,
      ...(row.damaged && { fault: "corrupted" }),
    };
    link.push(record);
  };

  /** The data column from `from` on, and the check-sum column behind it. */
  const take = (row: Row, text: string, from: number, line = row.line): void => {
    const bar = text.indexOf("|", from);
    const until = bar < 0 ? text.length : bar;
    TOKEN.lastIndex = from;
    let at = from;
    for (let token = TOKEN.exec(text); token && TOKEN.lastIndex <= until; token = TOKEN.exec(text)) {
      at = TOKEN.lastIndex;
      row.hex += token[1]!;
      // Anticollision ends inside a byte, and short frames have seven bits.
      if (token[2] !== undefined) row.bits = (row.hex.length / 2 - 1) * 8 + Math.min(8, Number(token[2]));
      if (token[3] === "!") row.damaged = true;
    }
    const rest = text.slice(at, until);
    const odd = /[^\s\]]/.exec(rest);
    if (odd && !rest.trimStart().startsWith("<empty"))
      remarks.add({ line, column: at + odd.index + 1 }, "not a byte in hex; the frame is taken as damaged");
    if (odd) row.damaged = true;
    const check = bar < 0 ? "" : text.slice(bar + 1, bar + 7);
    if (check.includes("!crc")) row.damaged = true;
    if (row.hex.length > MAX_FRAME * 2) {
      remarks.add(row, `a frame of more than ${MAX_FRAME} bytes; the rest is left out`);
      settle();
    }
  };

  return {
    line(text, number) {
      const wrapped = WRAPPED.exec(text);
      if (wrapped) {
        if (open) take(open, text, wrapped[0].length, number);
        else
          remarks.add({ line: number, column: 1 }, "a frame goes on here whose beginning is missing; it is left out");
        return;
      }
      const match = TIMES.exec(text);
      if (!match) {
        settle();
        if (/\bmicroseconds\b/i.test(text)) micros = true;
        if (HEADER.test(text)) {
          relative = /\bGap\b/i.test(text);
          shift = undefined;
        }
        return;
      }
      const source = match[3]!;
      if (source !== "Rdr" && source !== "Tag") return; // decrypted data, frame delay times
      settle();
      if (match[1]!.includes(".")) micros = true;
      const [first, second] = [Number(match[1]), Number(match[2])];
      const place = { line: number, column: match[0].search(/\d/) + 1 };
      if (!relative && shift !== undefined && first + shift < previous) {
        remarks.add(place, "the time runs backwards here; it goes on from the frame before");
        shift = undefined;
      }
      shift ??= relative ? 0 : end - first;
      const begins = relative ? end + first : first + shift;
      if (!relative && second < first) remarks.add(place, "the frame ends before it begins");
      previous = begins;
      end = Math.max(begins, relative ? begins + second : second + shift);
      const at = nanos(begins);
      open = {
        ...place,
        from: source === "Rdr" ? "pcd" : "picc",
        at,
        took: nanos(end) - at,
        hex: "",
        bits: undefined,
        damaged: false,
      };
      take(open, text, match[0].length);
      // The reader's request is a short frame, which older versions print like a byte.
      if (open?.from === "pcd" && open.bits === undefined && /^(?:26|52)$/.test(open.hex)) open.bits = 7;
    },
    end() {
      settle();
      link.end();
      return { times: "measured", frames: true };
    },
  };
}

const ROW = /^(?:\[.\])?[ \t]*\d+(?:\.\d+)?\s*\|\s*\d+(?:\.\d+)?\s*\|\s*(?:Rdr|Tag)\s*\|\s*[0-9a-f]{2}/im;

/** What `trace list` of the Proxmark3 client prints. */
export const proxmark3: ImportFormat = {
  name: "proxmark3",
  title: "Proxmark3 trace list",
  recognises(head) {
    const text = headText(head);
    return HEADER.test(text) || ROW.test(text);
  },
  start: (onRecord) => textImporter((remarks) => tableReader(onRecord, remarks)),
};
