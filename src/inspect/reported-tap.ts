import type { TraceHeader } from "../trace/header.js";
import type { Nanos } from "../util/time.js";
import type { TraceRecord } from "../util/tracer.js";
import type { Verdict } from "./verdict.js";
import { waterfall, type Waterfall } from "./waterfall.js";

/** One tap of a report. */
export interface ReportedTap {
  /** For people: `emu:band-s1`, the name of a file, `k2-credit at shop`. */
  readonly name: string;
  readonly header: TraceHeader;
  /** As they may be shown: a report masks nothing itself. */
  readonly records: readonly TraceRecord[];
  readonly verdict?: Verdict | undefined;
  /** Lines on how it differs from a golden run; a tap that differs has failed. */
  readonly differences?: readonly string[] | undefined;
  /** For taps that were made several times: what was repeated, and the how manyth this was. */
  readonly repeat?: { readonly of: string; readonly number: number } | undefined;
}

/** `unknown`: nobody asked for an ending, or the trace does not say how it ended. */
export type TapStatus = "passed" | "failed" | "unknown";

export function statusOf({ verdict, differences }: ReportedTap): TapStatus {
  if (differences !== undefined && differences.length > 0) return "failed";
  if (!verdict) return "unknown";
  if (verdict.asAsked) return "passed";
  return verdict.ended === "unknown" ? "unknown" : "failed";
}

export const isTimed = ({ header }: ReportedTap): boolean => header.observed.times !== "none";

/** Nothing where no times were recorded. */
export const timesOf = (tap: ReportedTap): Waterfall | undefined => (isTimed(tap) ? waterfall(tap.records) : undefined);

/** Nearest rank: the smallest value that so many of a hundred do not exceed. `sorted` is not empty. */
export const percentile = (sorted: readonly Nanos[], percent: number): Nanos =>
  sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!;

/** Taps of one kind, summed up. */
export interface TapGroup {
  readonly name: string;
  readonly taps: number;
  readonly passed: number;
  readonly failed: number;
  /** Of the taps with times. */
  readonly took?: { readonly p50: Nanos; readonly p95: Nanos; readonly max: Nanos };
}

interface Row {
  readonly name: string;
  readonly status: TapStatus;
  readonly took: Nanos | undefined;
}

/** Sums up rows of the same name, in the order in which the names came first. */
export function groupTaps(rows: Iterable<Row>): TapGroup[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(row.name);
    if (group) group.push(row);
    else groups.set(row.name, [row]);
  }
  return [...groups].map(([name, group]) => {
    const took = group.flatMap((row) => (row.took === undefined ? [] : [row.took])).toSorted((a, b) => a - b);
    const count = (status: TapStatus): number => group.filter((row) => row.status === status).length;
    return {
      name,
      taps: group.length,
      passed: count("passed"),
      failed: count("failed"),
      ...(took.length > 0 && { took: { p50: percentile(took, 50), p95: percentile(took, 95), max: took.at(-1)! } }),
    };
  });
}

export const groupName = ({ name, repeat }: ReportedTap): string => repeat?.of ?? name;
