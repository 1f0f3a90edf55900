import { concat, u16be } from "../util/bytes.js";

/*
 * Data groupings of EMV Card Personalization Specification 1.1, 3.2: identifier (2), length (1, or FF and 2), value.
 */

/** Where a grouping stands in its bytes. */
export interface DataGroupingAt {
  readonly dgi: number;
  /** Of its identifier. */
  readonly start: number;
  /** Of its value. */
  readonly from: number;
  readonly to: number;
}

/** The groupings that are whole, and where what is left behind them begins: at the end of the bytes where nothing is. */
export function splitDataGroupings(bytes: Uint8Array): {
  readonly whole: readonly DataGroupingAt[];
  readonly end: number;
} {
  const whole: DataGroupingAt[] = [];
  let start = 0;
  while (start + 3 <= bytes.length) {
    const long = bytes[start + 2] === 0xff;
    const from = start + (long ? 5 : 3);
    if (from > bytes.length) break;
    const to = from + (long ? bytes[start + 3]! * 256 + bytes[start + 4]! : bytes[start + 2]!);
    if (to > bytes.length) break;
    whole.push({ dgi: bytes[start]! * 256 + bytes[start + 1]!, start, from, to });
    start = to;
  }
  return { whole, end: start };
}

/** One grouping; its value has 65,535 bytes at most. */
export const encodeDataGrouping = (dgi: number, value: Uint8Array): Uint8Array =>
  concat(
    u16be(dgi),
    value.length < 0xff ? Uint8Array.of(value.length) : concat(Uint8Array.of(0xff), u16be(value.length)),
    value,
  );
