import { roomFor } from "../util/bytes.js";
import { cryptoError } from "./errors.js";

/** ISO/IEC 9797-1 padding methods: 1 fills with zeros, 2 puts a one bit in front of the zeros. */
export type PaddingMethod = 1 | 2;

function checkBlock(block: number): void {
  if (!Number.isInteger(block) || block < 1 || block > 64)
    throw cryptoError("block-length", `a block of ${block} bytes cannot be padded to; use 1 to 64`, { block });
}

/**
 * Fills with zeros up to whole blocks (ISO/IEC 9797-1, method 1). Nothing is added to whole blocks; no data becomes one
 * block, as a MAC needs one.
 * @throws `crypto/block-length`
 */
export function padZeros(data: Uint8Array, block = 8): Uint8Array {
  checkBlock(block);
  const out = new Uint8Array(Math.max(1, Math.ceil(data.length / block)) * block);
  out.set(data);
  return out;
}

/** Adds `80` and zeros up to whole blocks, always at least one byte (ISO/IEC 9797-1, method 2). @throws `crypto/block-length` */
export function padOne(data: Uint8Array, block = 8): Uint8Array {
  checkBlock(block);
  const out = roomFor((Math.floor(data.length / block) + 1) * block);
  out.set(data);
  out[data.length] = 0x80;
  return out;
}

/** One of the two methods, where a table names it. */
export const pad = (data: Uint8Array, method: PaddingMethod, block = 8): Uint8Array =>
  method === 1 ? padZeros(data, block) : padOne(data, block);

/** What stood before method 2 padding, or nothing when there is no such padding. */
export function unpadOne(data: Uint8Array): Uint8Array | undefined {
  let end = data.length;
  while (end > 0 && data[end - 1] === 0) end--;
  return end > 0 && data[end - 1] === 0x80 ? data.subarray(0, end - 1) : undefined;
}
