import type { TraceRecord } from "../util/tracer.js";
import { recordBatches } from "./batches.js";
import { writeWhole, type WriteTraceOptions } from "./file.js";
import { encodeHeader, type TraceHeader } from "./header.js";
import { pansIn, recordMasker, requireTestPans } from "./mask.js";
import { bytesIn, streamTrace, type Limits, type OpenOptions, type TraceSource, type TraceSummary } from "./open.js";
import { encodeRecord } from "./record.js";

/** What was brought in. */
export interface Transferred extends TraceSummary {
  /** Of the trace that was written. */
  readonly header: TraceHeader;
  readonly exchanges: number;
  readonly frames: number;
}

/** A source that can be gone through twice, from its beginning, with the same bytes. */
export type Rereadable = () => TraceSource;

interface Survey {
  readonly summary: TraceSummary;
  readonly pans: ReadonlySet<string>;
  readonly exchanges: number;
  readonly frames: number;
  /** Of the source. */
  readonly length: number;
  /** All records, where they are few enough to be kept: then the source is not read again. */
  readonly batches?: readonly (readonly TraceRecord[])[];
}

const KEEP: Limits = { records: 150_000, bytes: 32 << 20 };

/**
 * Writes what `source` holds, of any format, as a trace of ours, masked unless `reveal` allows otherwise. With bounded memory: the source is read once
 * for the account numbers in it, and, when it is long, once more to be written: for a number that stands in the last tap is masked in the first one, too.
 *
 * @throws as `streamTrace` and `writeTraceFile` do, and `trace/too-large`; what ended the reading early is in the result
 */
export async function transferTrace(
  source: Rereadable,
  path: string,
  options: OpenOptions & WriteTraceOptions = {},
  keep: Limits = KEEP,
): Promise<Transferred> {
  const { summary, pans, exchanges, frames, length, batches } = await surveyed(source(), options, keep);
  const { reveal } = options;
  if (reveal) requireTestPans(pans, reveal);
  const header = { ...summary.header, masked: summary.header.masked || reveal === undefined };
  const mask = recordMasker(pans, { keepAccount: reveal !== undefined });

  async function* lines(): AsyncGenerator<string, void, undefined> {
    yield `${encodeHeader(header)}\n`;
    // A log may have grown since it was surveyed; what is new has not been searched for account numbers.
    for await (const batch of batches ?? batchesOf(streamTrace(first(length, source()), options).batches()))
      yield mask(batch)
        .map((record) => `${encodeRecord(record)}\n`)
        .join("");
  }

  await writeWhole(path, lines(), header.masked ? 0o644 : 0o600);
  return { ...summary, header, exchanges, frames };
}

async function surveyed(source: TraceSource, options: OpenOptions, keep: Limits): Promise<Survey> {
  let length = 0;
  async function* counted(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of source) {
      length += piece.length;
      yield piece;
    }
  }
  const pans = new Set<string>();
  let exchanges = 0;
  let frames = 0;
  let batches: (readonly TraceRecord[])[] | undefined = [];
  let records = 0;
  let bytes = 0;
  const stream = streamTrace(counted(), options);
  for await (const batch of batchesOf(stream.batches())) {
    for (const record of batch) {
      if (record.layer === "apdu") exchanges++;
      else if (record.layer === "frame") frames++;
      bytes += bytesIn(record);
    }
    records += batch.length;
    if (records > keep.records || bytes > keep.bytes) batches = undefined;
    batches?.push(batch);
    for (const pan of pansIn(batch)) pans.add(pan);
  }
  return { summary: stream.summary(), pans, exchanges, frames, length, ...(batches && { batches }) };
}

async function* batchesOf(
  pieces: AsyncIterable<readonly TraceRecord[]>,
): AsyncGenerator<readonly TraceRecord[], void, undefined> {
  const batches = recordBatches();
  for await (const records of pieces)
    for (const record of records) {
      const batch = batches.push(record);
      if (batch) yield batch;
    }
  yield batches.end();
}

async function* first(length: number, source: TraceSource): AsyncGenerator<Uint8Array, void, undefined> {
  let left = length;
  for await (const piece of source) {
    yield piece.subarray(0, left);
    left -= Math.min(left, piece.length);
    if (left === 0) return;
  }
}
