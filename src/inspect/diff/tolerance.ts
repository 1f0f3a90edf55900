import { MS, SECOND, US, type Nanos } from "../../util/time.js";
import type { Observed } from "../../trace/header.js";
import { inspectError } from "../errors.js";

/** How far two times may be apart: a part of the first one, a time, or the greater of both. */
export interface Tolerance {
  /** 0.05 for 5 %. */
  readonly relative: number;
  readonly absolute: Nanos;
}

/**
 * Both simulated: frame delays stand on a raster of 128/fc, and which place is taken depends on the last bit that was sent, so on volatile values
 * (ISO/IEC 14443-3 6.2.1.1). A tenth of a millisecond is room for that and nothing else.
 */
const SIMULATED: Tolerance = { relative: 0, absolute: MS / 10 };
/** Both measured: readers and drivers jitter. */
const MEASURED: Tolerance = { relative: 0.2, absolute: MS };

/** What is allowed when nobody says; nothing where the times are not of one kind, because they then say nothing about each other. */
export function usualTolerance(a: Observed["times"], b: Observed["times"]): Tolerance | undefined {
  if (a !== b || a === "none") return undefined;
  return a === "simulated" ? SIMULATED : MEASURED;
}

export const isWithin = (a: Nanos, b: Nanos, { relative, absolute }: Tolerance): boolean =>
  Math.abs(a - b) <= Math.max(absolute, relative * a);

const UNITS: Readonly<Record<string, number>> = { us: US, ms: MS, s: SECOND };

/** `5%`, `2ms`, or both with a comma: the greater counts. @throws `inspect/bad-tolerance` */
export function parseTolerance(text: string): Tolerance {
  let tolerance: Tolerance = { relative: 0, absolute: 0 };
  const parts = text.split(",");
  for (const part of parts) {
    const match = /^\s*(\d{1,9}(?:\.\d{1,6})?)\s*(%|us|ms|s)\s*$/.exec(part);
    if (!match || parts.length > 2)
      throw inspectError(
        "bad-tolerance",
        `'${text.slice(0, 40)}' is no tolerance; write it like 5%, 2ms or 5%,2ms (the greater of both counts)`,
        { tolerance: text.slice(0, 40) },
      );
    const amount = Number(match[1]);
    tolerance =
      match[2] === "%"
        ? { ...tolerance, relative: amount / 100 }
        : { ...tolerance, absolute: Math.round(amount * UNITS[match[2]!]!) };
  }
  return tolerance;
}

/** The way `parseTolerance` takes it. */
export const toleranceText = ({ relative, absolute }: Tolerance): string => {
  const parts = [
    ...(relative > 0 ? [`${Number((relative * 100).toFixed(6))}%`] : []),
    ...(absolute > 0 ? [`${absolute / MS}ms`] : []),
  ];
  return parts.length > 0 ? parts.join(",") : "0ms";
};
