import { SECOND, type Nanos } from "../../src/util/time.js";

/** A battery that empties evenly in virtual time: a model, not a measurement. */
export interface Battery {
  /** Percent, 0 to 100. */
  readonly percent: (now: Nanos) => number;
  readonly millivolts: (now: Nanos) => number;
}

const HOUR = 3600 * SECOND;
/** Open-circuit voltage of a lithium polymer cell, from empty to full in steps of 20 percent; typical. */
const CURVE = [3300, 3680, 3740, 3800, 3950, 4180];

/** `hours`: from full to empty. */
export function battery(hours: number): Battery {
  const percent = (now: Nanos): number => Math.max(0, Math.min(100, Math.round(100 - (now * 100) / (hours * HOUR))));
  return {
    percent,
    millivolts(now) {
      const at = (percent(now) / 100) * (CURVE.length - 1);
      const low = Math.min(Math.floor(at), CURVE.length - 2);
      return Math.round(CURVE[low]! + (CURVE[low + 1]! - CURVE[low]!) * (at - low));
    },
  };
}
