import type { TraceRecord } from "../util/tracer.js";
import { recordBatches } from "./batches.js";
import { writeWhole, type WriteTraceOptions } from "./file.js";
import { encodeHeader, type TraceHeader } from "./header.js";
import { pansIn, recordMasker, requireTestPans } from "./mask.js";
import { streamTrace, type OpenOptions, type TraceSource, type TraceSummary } from "./open.js";
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
  readonly bytes: number;
}

/**
 * Writes what `source` holds, of any format, as a trace of ours, masked unless `reveal` allows otherwise. With bounded memory: the source is read once
 * for the account numbers in it, and once more to be written, for a number that stands in the last tap is masked in the first one, too.
 *
 * @throws as `streamTrace` and `writeTraceFile` do, and `trace/too-large`; what ended the reading early is in the result
 */
export async function transferTrace(
  source: Rereadable,
  path: string,
  options: OpenOptions & WriteTraceOptions = {},
): Promise<Transferred> {
  const { summary, pans, exchanges, frames, bytes } = await surveyed(source(), options);
  const { reveal } = options;
  if (reveal) requireTestPans(pans, reveal);
  const header = { ...summary.header, masked: summary.header.masked || reveal === undefined };
  const mask = recordMasker(pans, { keepAccount: reveal !== undefined });

  async function* lines(): AsyncGenerator<string, void, undefined> {
    yield `${encodeHeader(header)}\n`;
    // A log may have grown since it was surveyed; what is new has not been searched for account numbers.
    const again = streamTrace(first(bytes, source()), options);
    for await (const batch of batchesOf(again.batches()))
      yield mask(batch)
        .map((record) => `${encodeRecord(record)}\n`)
        .join("");
  }

  await writeWhole(path, lines(), header.masked ? 0o644 : 0o600);
  return { ...summary, header, exchanges, frames };
}

async function surveyed(source: TraceSource, options: OpenOptions): Promise<Survey> {
  let bytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of source) {
      bytes += piece.length;
      yield piece;
    }
  }
  const pans = new Set<string>();
  let exchanges = 0;
  let frames = 0;
  const stream = streamTrace(counted(), options);
  for await (const batch of batchesOf(stream.batches())) {
    for (const { layer } of batch) {
      if (layer === "apdu") exchanges++;
      else if (layer === "frame") frames++;
    }
    for (const pan of pansIn(batch)) pans.add(pan);
  }
  return { summary: stream.summary(), pans, exchanges, frames, bytes };
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
