import { roomFor } from "../util/bytes.js";
import { cryptoError } from "./errors.js";
import { desBlock, desSchedule, ONE_PASS, type DesSchedule } from "./des-block.js";

const BLOCK = 8;
const ZERO_IV = new Uint8Array(BLOCK);

/**
 * A DES key of 8, 16 or 24 bytes with its schedule worked out, to keep where a key is used again. Whole blocks only: padding is the
 * caller's. The key itself is not a property, so that it does not slip into a trace or a log.
 */
export interface DesKey {
  /** Length of the key in bytes. */
  readonly length: number;
  /** A copy of the key, for derivations that work on the key's own bytes. */
  bytes(): Uint8Array;
  /** ECB. @throws `crypto/block-length` */
  encrypt(blocks: Uint8Array): Uint8Array;
  /** ECB. @throws `crypto/block-length` */
  decrypt(blocks: Uint8Array): Uint8Array;
  /** CBC; the initial vector is zeros unless given. @throws `crypto/block-length` */
  encryptCbc(blocks: Uint8Array, iv?: Uint8Array): Uint8Array;
  /** CBC; the initial vector is zeros unless given. @throws `crypto/block-length` */
  decryptCbc(blocks: Uint8Array, iv?: Uint8Array): Uint8Array;
  /**
   * ISO/IEC 9797-1 MAC algorithm 3 over padded blocks, all 8 bytes of it: CBC with the left key half, the last block with both. On a
   * single-length key that is algorithm 1. The chain starts from zeros unless `iv` is given (SCP02).
   * @throws `crypto/block-length` on anything but one or more whole blocks, `crypto/key-length` on a key of 24 bytes
   */
  mac(blocks: Uint8Array, iv?: Uint8Array): Uint8Array;
}

/** A key as bytes, or kept. */
export type DesKeyLike = Uint8Array | DesKey;

const wholeBlocks = (blocks: Uint8Array, iv: Uint8Array): void => {
  if (blocks.length % BLOCK !== 0)
    throw cryptoError("block-length", `${blocks.length} bytes are not whole blocks of 8; pad them first`, {
      length: blocks.length,
    });
  if (iv.length !== BLOCK)
    throw cryptoError("block-length", `an initial vector has 8 bytes, not ${iv.length}`, { length: iv.length });
};

function ecb(schedule: DesSchedule, blocks: Uint8Array): Uint8Array {
  wholeBlocks(blocks, ZERO_IV);
  const out = roomFor(blocks.length);
  for (let at = 0; at < blocks.length; at += BLOCK) desBlock(schedule, blocks, at, out, at);
  return out;
}

/** Chains `blocks` from `from` to `end` into `chain`, which holds the initial vector before and the last block after. */
function absorb(
  schedule: DesSchedule,
  chain: Uint8Array,
  blocks: Uint8Array,
  from: number,
  end: number,
  words?: number,
): void {
  for (let at = from; at < end; at += BLOCK) {
    for (let i = 0; i < BLOCK; i++) chain[i]! ^= blocks[at + i]!;
    desBlock(schedule, chain, 0, chain, 0, words);
  }
}

class PreparedKey implements DesKey {
  readonly length: number;
  readonly #key: Uint8Array;
  readonly #encryption: DesSchedule;
  #decryption: DesSchedule | undefined;

  constructor(key: Uint8Array) {
    this.length = key.length;
    this.#key = new Uint8Array(key);
    this.#encryption = desSchedule(this.#key, "encrypt");
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.#key);
  }

  encrypt(blocks: Uint8Array): Uint8Array {
    return ecb(this.#encryption, blocks);
  }

  decrypt(blocks: Uint8Array): Uint8Array {
    return ecb((this.#decryption ??= desSchedule(this.#key, "decrypt")), blocks);
  }

  encryptCbc(blocks: Uint8Array, iv: Uint8Array = ZERO_IV): Uint8Array {
    wholeBlocks(blocks, iv);
    const out = new Uint8Array(blocks.length);
    const chain = new Uint8Array(iv);
    for (let at = 0; at < blocks.length; at += BLOCK) {
      absorb(this.#encryption, chain, blocks, at, at + BLOCK);
      out.set(chain, at);
    }
    return out;
  }

  decryptCbc(blocks: Uint8Array, iv: Uint8Array = ZERO_IV): Uint8Array {
    wholeBlocks(blocks, iv);
    const out = this.decrypt(blocks);
    for (let i = 0; i < out.length; i++) out[i]! ^= i < BLOCK ? iv[i]! : blocks[i - BLOCK]!;
    return out;
  }

  mac(blocks: Uint8Array, iv: Uint8Array = ZERO_IV): Uint8Array {
    wholeBlocks(blocks, iv);
    if (blocks.length === 0)
      throw cryptoError("block-length", "a MAC needs at least one block; pad first", { length: 0 });
    if (this.length === 24)
      throw cryptoError("key-length", "MAC algorithm 3 takes a key of 16 bytes, not 24", { length: 24 });
    const chain = roomFor(BLOCK);
    chain.set(iv);
    absorb(this.#encryption, chain, blocks, 0, blocks.length - BLOCK, ONE_PASS);
    absorb(this.#encryption, chain, blocks, blocks.length - BLOCK, blocks.length);
    return chain;
  }
}

/** Prepares a single, double or triple length DES key (FIPS 46-3, SP 800-67). Parity bits are ignored. @throws `crypto/key-length` */
export function desKey(key: Uint8Array): DesKey {
  if (key.length !== 8 && key.length !== 16 && key.length !== 24)
    throw cryptoError("key-length", `a DES key has 8, 16 or 24 bytes, not ${key.length}`, { length: key.length });
  return new PreparedKey(key);
}

/** The kept key itself, or one made from bytes. */
export const asDesKey = (key: DesKeyLike): DesKey => (key instanceof Uint8Array ? desKey(key) : key);

/** A double or triple length key. @throws `crypto/key-length` on a single one, which is not worth keeping a secret with */
export function tripleDes(key: Uint8Array): DesKey {
  if (key.length === 8)
    throw cryptoError("key-length", "triple DES takes a key of 16 or 24 bytes, not 8", { length: key.length });
  return desKey(key);
}

/** ISO/IEC 9797-1 MAC algorithm 3 ("retail MAC") over padded blocks, 8 bytes. @throws `crypto/block-length`, `crypto/key-length` */
export const retailMac = (key: DesKeyLike, blocks: Uint8Array, iv?: Uint8Array): Uint8Array =>
  asDesKey(key).mac(blocks, iv);

/** The key with the lowest bit of each byte set so that the byte has an odd number of ones (FIPS 46-3). */
export function oddParity(key: Uint8Array): Uint8Array {
  const out = new Uint8Array(key.length);
  for (let i = 0; i < key.length; i++) {
    let bits = key[i]! >> 1;
    bits ^= bits >> 4;
    bits ^= bits >> 2;
    bits ^= bits >> 1;
    out[i] = (key[i]! & 0xfe) | (~bits & 1);
  }
  return out;
}

/** First three bytes of a zero block under a DES key: how people tell keys apart without seeing them (GlobalPlatform 2.3 B.6). */
export const keyCheckValue = (key: DesKeyLike): Uint8Array => asDesKey(key).encrypt(ZERO_IV).slice(0, 3);
