import { crc32 } from "../../src/codec/crc.js";
import { concat, readUint, roomFor, u32be } from "../../src/util/bytes.js";

/*
 * A counter is two cells, each with a unit of its own: value (4), inverted CRC-32 of it (4), so that neither an erased nor a torn cell
 * passes for one. The one that does not hold the current value is written, in one operation: after a cut it is the old value or
 * the new one.
 */

const CELL = 8;

export const counterLength = (unit: number): number => 2 * unit;

const cell = (value: number): Uint8Array => {
  const bytes = u32be(value);
  return concat(bytes, u32be(~crc32(bytes)));
};

/** Both cells of a counter that nothing was counted with yet. */
export function newCells(value: number, unit: number): Uint8Array {
  const bytes = roomFor(counterLength(unit)).fill(0xff);
  bytes.set(cell(value));
  return bytes;
}

function valueAt(bytes: Uint8Array, at: number): number | undefined {
  const value = bytes.subarray(at, at + 4);
  return ~crc32(value) >>> 0 === readUint(bytes.subarray(at + 4, at + CELL)) ? readUint(value) : undefined;
}

/** The counter's value, and how its next one is written; undefined: neither cell holds. Counters only grow, so the greater is the later one. */
export function readCells(
  bytes: Uint8Array,
  unit: number,
): { value: number; next: (value: number) => { at: number; bytes: Uint8Array } } | undefined {
  const a = valueAt(bytes, 0);
  const b = valueAt(bytes, unit);
  if (a === undefined && b === undefined) return undefined;
  const first = b === undefined || (a !== undefined && a >= b);
  return { value: (first ? a : b)!, next: (value) => ({ at: first ? unit : 0, bytes: cell(value) }) };
}
