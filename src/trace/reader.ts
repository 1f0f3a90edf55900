import { isTapbenchError, type TapbenchError } from "../util/errors.js";
import type { TraceRecord } from "../util/tracer.js";
import { traceError } from "./errors.js";
import { decodeHeader, isNewerMinor, type TraceHeader } from "./header.js";
import { decodeRecord } from "./record.js";

/** Longest line that is believed, in characters: an extended APDU pair in hex is under 300,000. */
export const MAX_LINE = 1 << 20;

/** Takes a trace file in pieces of any size. */
export interface TraceReader {
  /** Known once the first line was whole. */
  readonly header: TraceHeader | undefined;
  /** Lines of a newer minor version whose layer is not known here. */
  readonly skipped: number;
  /** @throws `trace/...` with `line`; after that the reader takes nothing more */
  push(piece: Uint8Array): void;
  /** The end of the file. @throws `trace/torn` when the last line is cut off, `trace/not-a-trace` for an empty file */
  end(): void;
}

/** Reads with bounded memory, never more than a piece and one line; every record goes to `onRecord` as soon as its line is whole. */
export function traceReader(onRecord: (record: TraceRecord) => void, maxLine = MAX_LINE): TraceReader {
  const decoder = new TextDecoder("utf-8");
  let header: TraceHeader | undefined;
  let tail = "";
  let line = 0;
  let skipped = 0;

  const tooLong = (): TapbenchError =>
    traceError(
      "line-too-long",
      `line ${line + 1} has more than ${maxLine} characters; the file is damaged or no trace`,
      {
        line: line + 1,
        max: maxLine,
      },
    );

  const takeLine = (text: string): void => {
    if (text.length > maxLine) throw tooLong();
    line++;
    if (!header) {
      header = decodeHeader(text);
      return;
    }
    if (text.trim() === "") return;
    const record = decodeRecord(text, line);
    if (record) onRecord(record);
    else if (isNewerMinor(header.version)) skipped++;
    else throw traceError("bad-record", `line ${line}: "layer" is none that a trace of this version has`, { line });
  };

  return {
    get header() {
      return header;
    },
    get skipped() {
      return skipped;
    },
    push(piece) {
      tail += decoder.decode(piece, { stream: true });
      let from = 0;
      for (let end = tail.indexOf("\n"); end >= 0; end = tail.indexOf("\n", from)) {
        takeLine(tail.slice(from, tail[end - 1] === "\r" ? end - 1 : end));
        from = end + 1;
      }
      tail = tail.slice(from);
      if (tail.length > maxLine) throw tooLong();
    },
    end() {
      tail += decoder.decode();
      const last = tail;
      tail = "";
      if (last !== "") {
        const torn = traceError("torn", `line ${line + 1} ends early: the file was cut off while it was written`, {
          line: line + 1,
        });
        try {
          takeLine(last); // an editor may have taken the last line's end away
        } catch (error) {
          throw isTapbenchError(error, "trace/bad-line") ? torn : error;
        }
      }
      if (!header) throw traceError("not-a-trace", "the file is empty; give a file that tapbench wrote", { line: 1 });
    },
  };
}

/** A trace as far as it could be read. */
export interface ReadTrace {
  readonly header: TraceHeader;
  readonly records: readonly TraceRecord[];
  /** Why reading stopped before the end, with the line; what came before is in `records`. */
  readonly problem?: TapbenchError;
  readonly skipped: number;
}

/**
 * Reads a whole trace. What could be read is returned, with the problem that ended it.
 * @throws `trace/not-a-trace`, `trace/newer-version`: without a header nothing can be read
 */
export function readTrace(file: Uint8Array, maxLine = MAX_LINE): ReadTrace {
  const collect = traceCollector(maxLine);
  collect.push(file);
  return collect.end();
}

/** Collects a trace that comes in pieces, and remembers the first problem. */
export function traceCollector(maxLine = MAX_LINE): {
  /** Returns false once reading is over. */
  push(piece: Uint8Array): boolean;
  end(): ReadTrace;
} {
  const records: TraceRecord[] = [];
  const reader = traceReader((record) => records.push(record), maxLine);
  let problem: TapbenchError | undefined;
  const attempt = (step: () => void): void => {
    if (problem) return;
    try {
      step();
    } catch (error) {
      if (!isTapbenchError(error) || !reader.header) throw error;
      problem = error;
    }
  };
  return {
    push(piece) {
      attempt(() => reader.push(piece));
      return problem === undefined;
    },
    end() {
      attempt(() => reader.end());
      return { header: reader.header!, records, skipped: reader.skipped, ...(problem && { problem }) };
    },
  };
}
