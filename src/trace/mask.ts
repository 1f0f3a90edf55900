import type { ApduRecord, FrameRecord, RuleRecord, TraceRecord } from "../util/tracer.js";
import { traceError } from "./errors.js";
import { maskApdus, pansInApdus } from "./mask-apdu.js";
import { frameMasker, type FrameMasker } from "./mask-frames.js";
import { knownPans, maskPan, sweepText, type KnownPans } from "./sensitive.js";

export interface MaskOptions {
  /** Leave account data as it is (test data, checked with `requireTestData`). Keys and PINs are masked all the same. */
  readonly keepAccount?: boolean;
}

const isApdu = (record: TraceRecord): record is ApduRecord => record.layer === "apdu";

/**
 * The records without account data: PANs down to their first six and last four digits, tracks, names and card certificates blanked, in
 * APDUs, in the blocks of frames, and in what rules say. Same records, same order, same lengths; only bytes differ. Keys and PINs
 * in personalisation commands never come through, whatever the options.
 */
export const maskRecords = (records: readonly TraceRecord[], options: MaskOptions = {}): TraceRecord[] =>
  recordMasker(pansIn(records), options)(records);

/** Masks the records of one trace in parts that stand for themselves (batches.ts). `pans`: every PAN in any of them. */
export function recordMasker(
  pans: ReadonlySet<string>,
  options: MaskOptions = {},
): (records: readonly TraceRecord[]) => TraceRecord[] {
  const keepAccount = options.keepAccount === true;
  const known = knownPans(pans);
  const frames = frameMasker(known, keepAccount);
  return (records) => maskPart(records, known, frames, keepAccount);
}

function maskPart(
  records: readonly TraceRecord[],
  known: KnownPans,
  frames: FrameMasker,
  keepAccount: boolean,
): TraceRecord[] {
  const apdus = records.filter(isApdu);
  const masked = new Map(maskApdus(apdus, known, keepAccount).map((copy, i) => [apdus[i]!, copy]));
  const out: TraceRecord[] = [...records];
  let pending: number[] = [];
  const settle = (apdu?: ApduRecord): void => {
    const group = pending.map((index) => records[index] as FrameRecord);
    const shown = frames.exchange(group, apdu && { record: apdu, masked: masked.get(apdu)! });
    pending.forEach((index, i) => (out[index] = shown[i]!));
    pending = [];
  };

  records.forEach((record, index) => {
    if (record.layer === "frame") pending.push(index);
    else if (record.layer === "apdu") {
      // Frames are the contactless interface's; the wired one has none.
      if (record.via === "contactless") settle(record);
      out[index] = { ...record, ...masked.get(record)! };
    } else if (record.layer === "field") settle();
    else if (!keepAccount) out[index] = maskRule(record, known);
  });
  settle();
  return out;
}

function maskRule(record: RuleRecord, pans: KnownPans): RuleRecord {
  const { data } = record;
  return {
    ...record,
    says: sweepText(record.says, pans),
    ...(data && {
      data: Object.fromEntries(
        Object.entries(data).map(([name, value]) => [name, typeof value === "string" ? sweepText(value, pans) : value]),
      ),
    }),
  };
}

/** Every PAN in the records, as digits. Handle with care: this is what masking takes out. */
export const pansIn = (records: readonly TraceRecord[]): ReadonlySet<string> => pansInApdus(records.filter(isApdu));

/**
 * Lets account data be shown only where all of it is test data.
 * @throws `trace/not-test-data`, with the PAN masked
 */
export function requireTestData(records: readonly TraceRecord[], isTestPan: (pan: string) => boolean): void {
  requireTestPans(pansIn(records), isTestPan);
}

/** The same for the PANs alone. @throws `trace/not-test-data`, with the PAN masked */
export function requireTestPans(pans: Iterable<string>, isTestPan: (pan: string) => boolean): void {
  for (const pan of pans)
    if (!isTestPan(pan))
      throw traceError(
        "not-test-data",
        `${maskPan(pan)} is not on the list of test BINs, so it stays masked; leave --reveal-test-data out`,
        { pan: maskPan(pan) },
      );
}
