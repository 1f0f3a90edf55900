/**
 * What bits say: byte (the first is 1), mask, words. With `value` the masked bits have to be exactly that, which may be zero; without it one
 * of them has to be set.
 */
export type BitRow = readonly [byte: number, mask: number, says: string, value?: number];

export interface BitTable {
  /** Document, and table or annex where that is known for sure. */
  readonly source: string;
  /** Bytes of the data object; a shorter one says what it has. */
  readonly bytes: number;
  readonly rows: readonly BitRow[];
}

/** What the bits of a value say, in the order of the table. Bits that the table does not know are told by their place. */
export function saidBy({ rows, bytes }: BitTable, value: Uint8Array): string[] {
  const known = new Uint8Array(value.length);
  const said: string[] = [];
  for (const [byte, mask, says, wanted] of rows) {
    const at = byte - 1;
    const bits = value[at];
    if (bits === undefined) continue;
    if (wanted === undefined ? (bits & mask) !== 0 : (bits & mask) === wanted) {
      said.push(says);
      known[at]! |= mask;
    }
  }
  for (let at = 0; at < Math.min(bytes, value.length); at++) {
    const rest = value[at]! & ~known[at]!;
    for (let bit = 8; bit > 0; bit--)
      if (rest & (1 << (bit - 1))) said.push(`byte ${at + 1} bit ${bit} (reserved or not known)`);
  }
  return said;
}
