import type { Tracer, TraceRecord } from "../util/tracer.js";

/** A tracer that keeps what it is told, in order. */
export interface MemoryTrace extends Tracer {
  readonly records: readonly TraceRecord[];
  clear(): void;
}

/** Keeps everything in memory: what a run of the bench and the tests look at afterwards. */
export function memoryTrace(): MemoryTrace {
  let records: TraceRecord[] = [];
  return {
    get records() {
      return records;
    },
    record: (record) => void records.push(record),
    clear: () => {
      records = [];
    },
  };
}
