import { roomFor } from "../util/bytes.js";
import { codecError } from "./errors.js";
import { isConstructed, readTag, tagHex } from "./tlv.js";

/** One entry of a data object list: the tag asked for and how many bytes of it (EMV 4.3 Book 3, 5.4). */
export interface DolEntry {
  readonly tag: number;
  readonly length: number;
}

/** Formats that decide how a value is cut or padded. */
export type DolFormat = "n" | "cn" | "other";

const MAX_ENTRIES = 128;
const MAX_DATA = 4096;

/** @throws `codec/truncated` where a tag or its length is cut off, `codec/too-many`, `codec/too-long` */
export function parseDol(bytes: Uint8Array): DolEntry[] {
  const entries: DolEntry[] = [];
  let at = 0;
  let total = 0;
  while (at < bytes.length) {
    const { tag, next } = readTag(bytes, at);
    if (next >= bytes.length)
      throw codecError("truncated", `the list ends before the length of ${tagHex(tag)}`, {
        tag: tagHex(tag),
        offset: next,
      });
    const length = bytes[next]!;
    entries.push({ tag, length });
    total += length;
    if (entries.length > MAX_ENTRIES)
      throw codecError("too-many", `a data object list of more than ${MAX_ENTRIES} entries`, { offset: at });
    if (total > MAX_DATA)
      throw codecError("too-long", `a data object list that asks for more than ${MAX_DATA} bytes`, { offset: at });
    at = next + 1;
  }
  return entries;
}

export function dolLength(entries: readonly DolEntry[]): number {
  let sum = 0;
  for (const { length } of entries) sum += length;
  return sum;
}

/**
 * The values asked for, one after the other, without tags or lengths (EMV 4.3 Book 3, 5.4):
 * numeric values are cut and zero-filled on the left, compressed numeric ones cut and F-filled on the right, others cut and zero-filled
 * on the right. What is unknown or constructed is zeros.
 */
export function buildDol(
  entries: readonly DolEntry[],
  valueOf: (tag: number) => Uint8Array | undefined,
  formatOf: (tag: number) => DolFormat,
): Uint8Array {
  const out = roomFor(dolLength(entries));
  let at = 0;
  for (const { tag, length } of entries) {
    const value = isConstructed(tag) ? undefined : valueOf(tag);
    if (value) place(out, at, length, value, formatOf(tag));
    at += length;
  }
  return out;
}

function place(out: Uint8Array, at: number, length: number, value: Uint8Array, format: DolFormat): void {
  const spare = length - value.length;
  if (format === "n") out.set(spare < 0 ? value.subarray(-spare) : value, at + Math.max(0, spare));
  else {
    out.set(spare < 0 ? value.subarray(0, length) : value, at);
    if (format === "cn" && spare > 0) out.fill(0xff, at + value.length, at + length);
  }
}

/** Cuts the concatenated values of a DOL apart again: what a card does with the data of GENERATE AC. */
export function splitDol(entries: readonly DolEntry[], data: Uint8Array): Map<number, Uint8Array> {
  const wanted = dolLength(entries);
  if (data.length !== wanted)
    throw codecError("bad-length", `the list asks for ${wanted} bytes; ${data.length} came`, {
      wanted,
      length: data.length,
    });
  const values = new Map<number, Uint8Array>();
  let at = 0;
  for (const { tag, length } of entries) {
    values.set(tag, data.subarray(at, at + length));
    at += length;
  }
  return values;
}
