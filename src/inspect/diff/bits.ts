import { mchipCvrBits } from "../../emv/dictionary/bits/iad.js";
import { bitTable } from "../../emv/dictionary/bits/said.js";

/** What a bit says; undefined: it has no name; `part`: it is one of several that mean something together. */
type Word = { readonly says: string | undefined } | "part";

/**
 * The words for the bits of a data object, or of a part of one (`cvr` of 9F10): the only place where the comparison asks for them.
 * Undefined where a value is no field of bits.
 */
export function bitMeanings(
  tag: number,
  part: string | undefined,
  scope: string | undefined,
): ((byte: number, bit: number) => Word) | undefined {
  const table = part === undefined ? bitTable(tag, scope)?.rows : undefined;
  const rows = tag === 0x9f10 && part === "cvr" ? mchipCvrBits() : table;
  return (
    rows &&
    ((byte, bit) => {
      const row = rows.find(([at, mask]) => at === byte && (mask & (1 << (bit - 1))) !== 0);
      return row && row[3] !== undefined ? "part" : { says: row?.[2] };
    })
  );
}
