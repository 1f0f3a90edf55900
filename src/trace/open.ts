import { concat } from "../util/bytes.js";
import { isTapbenchError, type TapbenchError } from "../util/errors.js";
import type { TraceRecord } from "../util/tracer.js";
import { traceError } from "./errors.js";
import { TRACE_FORMAT, traceHeader, type TraceHeader } from "./header.js";
import { apduLog } from "./import/apdu-log.js";
import type { Imported, ImportFormat } from "./import/format.js";
import { globalPlatformPro } from "./import/globalplatformpro.js";
import { headText } from "./import/lines.js";
import { nciLog } from "./import/nci-log.js";
import { pcapng } from "./import/pcapng.js";
import { pcscSpy } from "./import/pcsc-spy.js";
import { proxmark3 } from "./import/proxmark3.js";
import { recordedTap } from "./import/recorded-tap.js";
import { traceReader, type ReadTrace } from "./reader.js";

/** What can be brought in besides traces of ours, in the order in which a file is tried: the strict ones first. */
export const IMPORTS: readonly ImportFormat[] = [
  pcapng,
  recordedTap,
  proxmark3,
  globalPlatformPro,
  pcscSpy,
  nciLog,
  apduLog,
];

/** What is known of a file at its end, besides its records. */
export interface TraceSummary {
  readonly header: TraceHeader;
  /** `tapbench`, or the name of a row of `IMPORTS`. */
  readonly format: string;
  /** What was odd and did not stop the reading. */
  readonly remarks: readonly string[];
  /** Lines of a newer minor version whose layer is not known here. */
  readonly skipped: number;
  /** Why reading stopped before the end. */
  readonly problem?: TapbenchError;
}

/** A trace, whatever it was written by. */
export type OpenedTrace = ReadTrace & TraceSummary;

export interface OpenOptions {
  /** The format, by name, where the file's beginning does not tell it. */
  readonly as?: string;
}

export type TraceSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Records as they come, with bounded memory. */
export interface TraceStream {
  /**
   * To be gone through once, to the end.
   * @throws `trace/not-a-trace`, `trace/unknown-format`, `trace/newer-version`, and what an import throws before its first record
   */
  batches(): AsyncGenerator<readonly TraceRecord[], void, undefined>;
  /** After the last batch. */
  summary(): TraceSummary;
}

/** How much of a trace is kept in memory; `bytes` are those of APDUs and frames. */
export interface Limits {
  readonly records: number;
  readonly bytes: number;
}

/** Of `openTrace`. Those who need more go through the stream. */
const KEPT: Limits = { records: 500_000, bytes: 128 << 20 };

const HEAD = 1 << 16;
const PIECE = 1 << 16;

/** Reads a trace of ours, or what another tool recorded, told apart by what is in it. */
export function streamTrace(source: TraceSource, options: OpenOptions = {}): TraceStream {
  let told: TraceSummary | undefined;

  async function* batches(): AsyncGenerator<readonly TraceRecord[], void, undefined> {
    let records: TraceRecord[] = [];
    const taken = (): readonly TraceRecord[] => {
      const batch = records;
      records = [];
      return batch;
    };
    const onRecord = (record: TraceRecord): void => void records.push(record);
    let reading: Reading | undefined;
    for await (const piece of headFirst(source)) {
      reading ??= begin(piece.subarray(0, HEAD), options.as, onRecord);
      let more = true;
      for (let at = 0; more && at < piece.length; at += PIECE) {
        more = reading.push(piece.subarray(at, at + PIECE));
        if (records.length > 0) yield taken();
      }
      if (!more) break;
    }
    told = (reading ?? begin(new Uint8Array(0), options.as, onRecord)).end();
    if (records.length > 0) yield taken();
  }

  return { batches, summary: () => told! };
}

/** The same bytes, the first piece with as many as it takes to tell the format. */
async function* headFirst(source: TraceSource): AsyncGenerator<Uint8Array, void, undefined> {
  let head: Uint8Array[] | undefined = [];
  let length = 0;
  for await (const piece of source) {
    if (!head) {
      yield piece;
      continue;
    }
    head.push(piece);
    length += piece.length;
    if (length < HEAD) continue;
    yield concat(...head);
    head = undefined;
  }
  if (head && length > 0) yield concat(...head);
}

/**
 * Reads a whole trace into memory. What could be read is returned, with the problem that ended it.
 *
 * @throws as the stream does. A file with more than half a million records or 128 MB of bytes in them is read so far, with `trace/too-large` as
 * its problem.
 */
export async function openTrace(
  source: TraceSource,
  options: OpenOptions = {},
  kept: Limits = KEPT,
): Promise<OpenedTrace> {
  const stream = streamTrace(limited(source), options);
  const records: TraceRecord[] = [];
  let bytes = 0;
  let full = false;

  async function* limited(all: TraceSource): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of all) {
      if (full) return;
      yield piece;
    }
  }

  for await (const batch of stream.batches())
    for (const record of batch) {
      bytes += bytesIn(record);
      full ||= records.length >= kept.records || bytes > kept.bytes;
      if (full) break;
      records.push(record);
    }
  const summary = stream.summary();
  const problem = full ? tooMuch(records.length) : summary.problem;
  return { ...summary, records, ...(problem && { problem }) };
}

const tooMuch = (records: number): TapbenchError =>
  traceError("too-large", `only the first ${records} records were read, which is the limit here; split the file`, {
    records,
  });

/** The bytes that a record holds. */
export const bytesIn = (record: TraceRecord): number =>
  record.layer === "apdu"
    ? record.command.length + record.response.length
    : record.layer === "frame"
      ? record.bytes.length
      : 0;

interface Reading {
  /** False once there is nothing more to read. */
  push(piece: Uint8Array): boolean;
  end(): TraceSummary;
}

type OnRecord = (record: TraceRecord) => void;

/** The first line of a trace of ours, whole or not. */
const isOurs = (head: Uint8Array): boolean =>
  new RegExp(String.raw`^\s*\{[^\n]*"format"\s*:\s*"${TRACE_FORMAT}"`).test(headText(head));

function begin(head: Uint8Array, as: string | undefined, onRecord: OnRecord): Reading {
  const named = IMPORTS.find(({ name }) => name === as);
  if (as !== undefined && !named && as !== "tapbench")
    throw traceError(
      "unknown-format",
      `there is no format "${as}"; use one of tapbench, ${IMPORTS.map(({ name }) => name).join(", ")}`,
      { as },
    );
  if (as === "tapbench" || (as === undefined && isOurs(head))) return ours(onRecord);
  const format = named ?? IMPORTS.find((each) => each.recognises(head));
  if (!format)
    throw traceError(
      "not-a-trace",
      `the file is no trace of tapbench, and none of the other formats that are read: ${IMPORTS.map(({ title }) => title).join("; ")}`,
      { line: 1 },
    );
  return importing(format, onRecord);
}

/** Does a step; what goes wrong after something was read is remembered, for what was read is worth showing. */
function attempts(): {
  run<T>(worthShowing: boolean, step: () => T): T | undefined;
  problem: TapbenchError | undefined;
} {
  const self = {
    problem: undefined as TapbenchError | undefined,
    run<T>(worthShowing: boolean, step: () => T): T | undefined {
      if (self.problem) return undefined;
      try {
        return step();
      } catch (error) {
        if (!isTapbenchError(error) || !worthShowing) throw error;
        self.problem = error;
        return undefined;
      }
    },
  };
  return self;
}

function ours(onRecord: OnRecord): Reading {
  const reader = traceReader(onRecord);
  const attempt = attempts();
  return {
    push(piece) {
      attempt.run(reader.header !== undefined, () => reader.push(piece));
      return attempt.problem === undefined;
    },
    end() {
      attempt.run(reader.header !== undefined, () => reader.end());
      const { problem } = attempt;
      const header = reader.header!;
      return { header, format: "tapbench", remarks: [], skipped: reader.skipped, ...(problem && { problem }) };
    },
  };
}

function importing(format: ImportFormat, onRecord: OnRecord): Reading {
  let records = 0;
  let frames = false;
  const importer = format.start((record) => {
    records++;
    frames ||= record.layer === "frame";
    onRecord(record);
  });
  const attempt = attempts();
  return {
    push(piece) {
      attempt.run(records > 0, () => importer.push(piece));
      return attempt.problem === undefined;
    },
    end() {
      const told: Imported | undefined = attempt.run(records > 0, () => importer.end());
      const problem = attempt.problem ?? told?.problem;
      const observed = told?.observed ?? { times: "none", frames };
      const identity = { seed: "", profile: told?.name ?? "", configuration: "", observed, source: format.name };
      return {
        header: traceHeader(identity, told?.masked === true),
        format: format.name,
        remarks: told?.remarks ?? [],
        skipped: 0,
        ...(problem && { problem }),
      };
    },
  };
}
