import { createCipheriv, createDecipheriv } from "node:crypto";
import { roomFor } from "../util/bytes.js";

/*
 * CBC over long messages with the platform's AES. Making its cipher costs some 3 us, more than a dozen blocks in aes-block.ts, so one stays with its
 * key for all messages. It goes on chaining from the message before: that is taken out of the first block, where the initial vector goes in.
 */

const BLOCK = 16;

/** From here on it is faster than aes-block.ts. */
export const LONG_MESSAGE = 6 * BLOCK;

/** CBC of whole blocks, at least one, from an initial vector. */
export type Chain = (blocks: Uint8Array, iv: Uint8Array) => Uint8Array;

export function encryptingChain(key: Uint8Array): Chain {
  const before = new Uint8Array(BLOCK);
  const cipher = createCipheriv(`aes-${key.length * 8}-cbc`, key, before).setAutoPadding(false);
  return (blocks, iv) => {
    const mixed = roomFor(blocks.length);
    mixed.set(blocks);
    for (let i = 0; i < BLOCK; i++) mixed[i]! ^= iv[i]! ^ before[i]!;
    const out = plain(cipher.update(mixed));
    before.set(out.subarray(-BLOCK));
    return out;
  };
}

export function decryptingChain(key: Uint8Array): Chain {
  const before = new Uint8Array(BLOCK);
  const cipher = createDecipheriv(`aes-${key.length * 8}-cbc`, key, before).setAutoPadding(false);
  return (blocks, iv) => {
    const out = plain(cipher.update(blocks));
    for (let i = 0; i < BLOCK; i++) out[i]! ^= iv[i]! ^ before[i]!;
    before.set(blocks.subarray(-BLOCK));
    return out;
  };
}

const plain = (bytes: Buffer): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
