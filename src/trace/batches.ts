import type { TraceRecord } from "../util/tracer.js";
import { traceError } from "./errors.js";
import { standsAlone } from "./mask-apdu.js";

/** Records of a long trace in parts that can be masked each for itself. */
export interface Batches {
  /** A part that is whole now, if any. @throws `trace/too-large` when data go on over more exchanges than any card's */
  push(record: TraceRecord): readonly TraceRecord[] | undefined;
  end(): readonly TraceRecord[];
}

const ENOUGH = 512;
/** Chained data of 64 KB in the smallest blocks of ISO/IEC 14443-4 take fewer exchanges, and an exchange fewer frames. */
const MOST = 16_384;

/**
 * A part ends behind an exchange whose data do not go on in the next, with no frame since. Only frames without an exchange are cut by their number:
 * they are masked without one anyway.
 */
export function recordBatches(): Batches {
  let records: TraceRecord[] = [];
  let goesOn = false;
  let frames = false;
  const take = (): TraceRecord[] => {
    const batch = records;
    records = [];
    return batch;
  };
  return {
    push(record) {
      records.push(record);
      if (record.layer === "apdu") {
        goesOn = !standsAlone(record);
        // Frames belong to the exchange of the contactless interface that follows them.
        if (record.via === "contactless") frames = false;
      } else if (record.layer === "frame") frames = true;
      else if (record.layer === "field") frames = false;
      if (records.length < ENOUGH) return undefined;
      if (!goesOn && (!frames || records.length >= MOST)) return take();
      if (goesOn && records.length >= MOST)
        throw traceError(
          "too-large",
          `${MOST} records in a row whose data go on in the next (chained commands or 61xx); the file is damaged or no trace`,
          { records: MOST },
        );
      return undefined;
    },
    end: take,
  };
}
