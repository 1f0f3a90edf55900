import { mchipCvrBits } from "../../emv/dictionary/bits/iad.js";
import { bitTable } from "../../emv/dictionary/bits/said.js";
import type { BitRow } from "../../emv/dictionary/bits/table.js";

/**
 * The words for the bits of a data object, or of a part of one (`cvr` of 9F10): the only place where the comparison asks for them.
 * Undefined where a value is no field of bits.
 */
export function bitMeanings(
  tag: number,
  part: string | undefined,
  scope: string | undefined,
): ((byte: number, bit: number) => string | undefined) | undefined {
  const rows =
    part === undefined ? bitTable(tag, scope)?.rows : tag === 0x9f10 && part === "cvr" ? mchipCvrBits() : undefined;
  if (!rows || !isBits(rows)) return undefined;
  return (byte, bit) =>
    rows.find(([at, mask, , value]) => at === byte && value === undefined && (mask & (1 << (bit - 1))) !== 0)?.[2];
}

/** Codes are not told bit by bit: cryptogram information, a terminal's type. */
const isBits = (rows: readonly BitRow[]): boolean =>
  rows.filter(([, , , value]) => value === undefined).length * 2 > rows.length;
