import { concat, equalBytes } from "../util/bytes.js";
import { sha256 } from "./hash.js";

/*
 * EMSA-PSS with SHA-256 and a salt of 32 bytes (RFC 8017 9.1), over a digest: what signs firmware has hashed it already.
 */

const HASH = 32;
const SALT = 32;
const TRAILER = 0xbc;
const PADDING = new Uint8Array(8);

/** MGF1 with SHA-256 (RFC 8017 B.2.1). */
function mask(seed: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(Math.ceil(length / HASH) * HASH);
  for (let i = 0; i * HASH < length; i++) out.set(sha256(concat(seed, Uint8Array.of(0, 0, 0, i))), i * HASH);
  return out.subarray(0, length);
}

const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((byte, i) => byte ^ b[i]!);

/** The block to sign for a modulus of `length` bytes whose highest bit is set; `salt` has 32 bytes. */
export function pssEncode(digest: Uint8Array, salt: Uint8Array, length: number): Uint8Array {
  const h = sha256(concat(PADDING, digest, salt));
  const block = new Uint8Array(length - HASH - 1);
  block[block.length - SALT - 1] = 0x01;
  block.set(salt, block.length - SALT);
  const masked = xor(block, mask(h, block.length));
  masked[0]! &= 0x7f; // the block has one bit less than the modulus
  return concat(masked, h, Uint8Array.of(TRAILER));
}

/** Whether a recovered block is that of `digest`. */
export function pssVerify(digest: Uint8Array, block: Uint8Array): boolean {
  const length = block.length - HASH - 1;
  if (length < SALT + 1 || block.at(-1) !== TRAILER || (block[0]! & 0x80) !== 0) return false;
  const h = block.subarray(length, length + HASH);
  const plain = xor(block.subarray(0, length), mask(h, length));
  plain[0]! &= 0x7f;
  const salt = plain.subarray(length - SALT);
  const start = plain.subarray(0, length - SALT);
  return (
    start.every((byte, i) => byte === (i === start.length - 1 ? 1 : 0)) &&
    equalBytes(sha256(concat(PADDING, digest, salt)), h)
  );
}
