import { CTQ, TTQ, TTQ_KERNEL_6 } from "../../emv/dictionary/bits/card.js";
import { mchipCvrBits } from "../../emv/dictionary/bits/iad.js";
import type { BitTable } from "../../emv/dictionary/bits/table.js";
import { TVR, TVR_KERNEL_2 } from "../../emv/dictionary/bits/terminal.js";
import type { BitField, SetBit } from "../verdict.js";

type Row = BitTable["rows"][number];

/** The table for a field, where kernels differ by kernel. CVR: the flags of M/Chip 4 style cards, without types and counters. */
function rowsOf(name: BitField["name"], kernel: string): readonly Row[] {
  if (name === "TVR") return (kernel === "c2" ? TVR_KERNEL_2 : TVR).rows;
  if (name === "TTQ") return (kernel === "c6" ? TTQ_KERNEL_6 : TTQ).rows;
  return name === "CTQ" ? CTQ.rows : mchipCvrBits();
}

/** The bits that are set, with their meanings; in the order of bytes, highest bit first. A field of several bits is told at its highest. */
export function setBits(name: BitField["name"], value: Uint8Array, kernel = "c2"): SetBit[] {
  const rows = rowsOf(name, kernel);
  const found: SetBit[] = [];
  value.forEach((byte, i) => {
    const told = new Set<Row>();
    for (let bit = 8; bit >= 1; bit--) {
      const mask = 1 << (bit - 1);
      if ((byte & mask) === 0) continue;
      const row = rows.find(
        ([at, bits, , wanted]) =>
          at === i + 1 && (bits & mask) !== 0 && (wanted === undefined || (byte & bits) === wanted),
      );
      if (row ? told.has(row) : name === "CVR") continue; // in a CVR the rest are cryptogram types and counters
      if (row) told.add(row);
      found.push({ byte: i + 1, bit, says: row?.[2] ?? "reserved" });
    }
  });
  return found;
}

/** `byte 2 bit 7` */
export const bitText = ({ byte, bit }: Pick<SetBit, "byte" | "bit">): string => `byte ${byte} bit ${bit}`;
