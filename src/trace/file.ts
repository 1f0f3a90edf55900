import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { TraceRecord } from "../util/tracer.js";
import { isTapbenchError } from "../util/errors.js";
import { traceError } from "./errors.js";
import { encodeHeader, traceHeader, type TraceHeader, type TraceIdentity } from "./header.js";
import { maskRecords, requireTestData } from "./mask.js";
import { MAX_LINE, traceCollector, type ReadTrace } from "./reader.js";
import { encodeRecord } from "./record.js";

export interface WriteTraceOptions {
  /**
   * Show account data, if every PAN in the trace passes: the allow-list of test BINs. Without it everything is masked.
   * A trace that is not masked is readable by its owner only.
   */
  readonly reveal?: (pan: string) => boolean;
}

/** The lines of a trace file, line ends included: the same records give the same bytes. */
export function* traceLines(header: TraceHeader, records: Iterable<TraceRecord>): Generator<string, void, undefined> {
  yield `${encodeHeader(header)}\n`;
  for (const record of records) yield `${encodeRecord(record)}\n`;
}

/** Header and records as they may be shown. @throws `trace/not-test-data` */
export function presentableTrace(
  identity: TraceIdentity,
  records: readonly TraceRecord[],
  options: WriteTraceOptions = {},
): { header: TraceHeader; records: TraceRecord[] } {
  return {
    header: traceHeader(identity, options.reveal === undefined),
    records: presentableRecords(records, options),
  };
}

/** Records as they may be shown; a masked trace comes out as it was. @throws `trace/not-test-data` */
export function presentableRecords(records: readonly TraceRecord[], { reveal }: WriteTraceOptions = {}): TraceRecord[] {
  if (reveal) requireTestData(records, reveal);
  return maskRecords(records, { keepAccount: reveal !== undefined });
}

/**
 * Writes a trace file, masked unless `reveal` allows otherwise. It is written beside its place, synced and renamed, so that a reader
 * finds the old file or the whole new one.
 *
 * @throws `trace/not-test-data`; `trace/write-failed` with the path
 */
export async function writeTraceFile(
  path: string,
  identity: TraceIdentity,
  records: readonly TraceRecord[],
  options: WriteTraceOptions = {},
): Promise<TraceHeader> {
  const shown = presentableTrace(identity, records, options);
  await writeWhole(path, traceLines(shown.header, shown.records), shown.header.masked ? 0o644 : 0o600);
  return shown.header;
}

const CHUNK = 1 << 16;

/** Text or bytes, in pieces of any size. */
export type Pieces<T = string | Uint8Array> = Iterable<T> | AsyncIterable<T>;

/** Writes pieces beside their place, syncs and renames them. @throws `trace/write-failed` with the path, and what `pieces` throws */
export async function writeWhole(path: string, pieces: Pieces, mode: number): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}.tmp`);
  let file: FileHandle | undefined;
  try {
    await rm(temporary, { force: true });
    file = await open(temporary, "wx", mode);
    let chunk = "";
    for await (const piece of pieces) {
      if (typeof piece !== "string") {
        await file.writeFile(chunk);
        await file.writeFile(piece);
        chunk = "";
        continue;
      }
      chunk += piece;
      if (chunk.length < CHUNK) continue;
      await file.writeFile(chunk);
      chunk = "";
    }
    await file.writeFile(chunk);
    await file.sync();
    await file.close();
    file = undefined;
    await rename(temporary, path);
  } catch (error) {
    await file?.close().catch(() => {});
    await rm(temporary, { force: true }).catch(() => {});
    if (isTapbenchError(error)) throw error;
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const why = missing ? `there is no folder ${folder}` : (error as Error).message;
    throw traceError("write-failed", `cannot write ${path}: ${why}`, { path, ...(missing && { folder }) }, error);
  }
}

/**
 * Reads a trace file piece by piece.
 * @throws `trace/read-failed`, `trace/not-a-trace`, `trace/newer-version`; later problems are in the result
 */
export async function readTraceFile(path: string, maxLine = MAX_LINE): Promise<ReadTrace> {
  const collector = traceCollector(maxLine);
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    const piece = new Uint8Array(CHUNK);
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, CHUNK);
      if (bytesRead === 0 || !collector.push(piece.subarray(0, bytesRead))) break;
    }
  } catch (error) {
    if (error instanceof Error && "syscall" in error)
      throw traceError("read-failed", `cannot read ${path}: ${error.message}`, { path }, error);
    throw error;
  } finally {
    await file?.close();
  }
  return collector.end();
}
