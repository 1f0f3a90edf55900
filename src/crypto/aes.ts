import { unsafe } from "@noble/ciphers/aes.js";
import { cryptoError } from "./errors.js";

const BLOCK = 16;
const ZERO_IV = new Uint8Array(BLOCK);

/**
 * An AES key of 16, 24 or 32 bytes with its schedule worked out, to keep where a key is used again. Whole blocks only: padding is the
 * caller's. The key itself is not a property, so that it does not slip into a trace or a log.
 */
export interface AesKey {
  /** Length of the key in bytes. */
  readonly length: number;
  /** A copy of the key, for wrapping it under another. */
  bytes(): Uint8Array;
  /** ECB. @throws `crypto/block-length` */
  encrypt(blocks: Uint8Array): Uint8Array;
  /** CBC; the initial vector is zeros unless given. @throws `crypto/block-length` */
  encryptCbc(blocks: Uint8Array, iv?: Uint8Array): Uint8Array;
  /** CBC; the initial vector is zeros unless given. @throws `crypto/block-length` */
  decryptCbc(blocks: Uint8Array, iv?: Uint8Array): Uint8Array;
  /** CMAC of the parts one after the other, 16 bytes (NIST SP 800-38B, RFC 4493). */
  cmac(...parts: readonly Uint8Array[]): Uint8Array;
}

function wholeBlocks(blocks: Uint8Array, iv: Uint8Array): void {
  if (blocks.length % BLOCK !== 0)
    throw cryptoError("block-length", `${blocks.length} bytes are not whole blocks of 16; pad them first`, {
      length: blocks.length,
    });
  if (iv.length !== BLOCK)
    throw cryptoError("block-length", `an initial vector has 16 bytes, not ${iv.length}`, { length: iv.length });
}

const word = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);

function putWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** One block from `from` to `to` under a prepared schedule, either way. */
function block(
  pass: typeof unsafe.encrypt,
  schedule: Uint32Array,
  from: Uint8Array,
  at: number,
  to: Uint8Array,
  toAt: number,
): void {
  const { s0, s1, s2, s3 } = pass(
    schedule,
    word(from, at),
    word(from, at + 4),
    word(from, at + 8),
    word(from, at + 12),
  );
  putWord(to, toAt, s0);
  putWord(to, toAt + 4, s1);
  putWord(to, toAt + 8, s2);
  putWord(to, toAt + 12, s3);
}

const mix = (into: Uint8Array, other: Uint8Array, at = 0): void => {
  for (let i = 0; i < BLOCK; i++) into[i]! ^= other[at + i]!;
};

/** A block shifted left by a bit, with 87 mixed in where a bit went out (SP 800-38B 6.1). */
function doubled(value: Uint8Array): Uint8Array {
  const out = new Uint8Array(BLOCK);
  for (let i = 0; i < BLOCK; i++) out[i] = (value[i]! << 1) | ((value[i + 1] ?? 0) >> 7);
  if (value[0]! & 0x80) out[BLOCK - 1]! ^= 0x87;
  return out;
}

class PreparedKey implements AesKey {
  readonly length: number;
  readonly #key: Uint8Array;
  readonly #encryption: Uint32Array;
  #decryption: Uint32Array | undefined;
  #subkeys: { readonly whole: Uint8Array; readonly padded: Uint8Array } | undefined;

  constructor(key: Uint8Array) {
    this.length = key.length;
    this.#key = new Uint8Array(key);
    this.#encryption = unsafe.expandKeyLE(this.#key);
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.#key);
  }

  encrypt(blocks: Uint8Array): Uint8Array {
    wholeBlocks(blocks, ZERO_IV);
    const out = new Uint8Array(blocks.length);
    for (let at = 0; at < blocks.length; at += BLOCK) this.#forward(blocks, at, out, at);
    return out;
  }

  encryptCbc(blocks: Uint8Array, iv: Uint8Array = ZERO_IV): Uint8Array {
    wholeBlocks(blocks, iv);
    const out = new Uint8Array(blocks.length);
    const chain = new Uint8Array(iv);
    for (let at = 0; at < blocks.length; at += BLOCK) {
      mix(chain, blocks, at);
      this.#forward(chain, 0, chain, 0);
      out.set(chain, at);
    }
    return out;
  }

  decryptCbc(blocks: Uint8Array, iv: Uint8Array = ZERO_IV): Uint8Array {
    wholeBlocks(blocks, iv);
    const schedule = (this.#decryption ??= unsafe.expandKeyDecLE(this.#key));
    const out = new Uint8Array(blocks.length);
    for (let at = 0; at < blocks.length; at += BLOCK) block(unsafe.decrypt, schedule, blocks, at, out, at);
    for (let i = 0; i < out.length; i++) out[i]! ^= i < BLOCK ? iv[i]! : blocks[i - BLOCK]!;
    return out;
  }

  cmac(...parts: readonly Uint8Array[]): Uint8Array {
    const { whole, padded } = (this.#subkeys ??= this.#derive());
    const chain = new Uint8Array(BLOCK);
    const buffered = new Uint8Array(BLOCK);
    let held = 0;
    for (const part of parts)
      for (let at = 0; at < part.length;) {
        if (held === BLOCK) {
          mix(chain, buffered);
          this.#forward(chain, 0, chain, 0);
          held = 0;
        }
        const taken = Math.min(BLOCK - held, part.length - at);
        buffered.set(part.subarray(at, at + taken), held);
        held += taken;
        at += taken;
      }
    if (held < BLOCK) {
      buffered.fill(0, held);
      buffered[held] = 0x80;
    }
    mix(chain, buffered);
    mix(chain, held < BLOCK ? padded : whole);
    this.#forward(chain, 0, chain, 0);
    return chain;
  }

  #forward(from: Uint8Array, at: number, to: Uint8Array, toAt: number): void {
    block(unsafe.encrypt, this.#encryption, from, at, to, toAt);
  }

  #derive(): { whole: Uint8Array; padded: Uint8Array } {
    const whole = doubled(this.encrypt(ZERO_IV));
    return { whole, padded: doubled(whole) };
  }
}

/** Prepares a key (FIPS 197). @throws `crypto/key-length` */
export function aesKey(key: Uint8Array): AesKey {
  if (key.length !== 16 && key.length !== 24 && key.length !== 32)
    throw cryptoError("key-length", `an AES key has 16, 24 or 32 bytes, not ${key.length}`, { length: key.length });
  return new PreparedKey(key);
}

/** First three bytes of a block of ones under the key (GlobalPlatform Card Specification 2.3.1, B.6). */
export const aesCheckValue = (key: AesKey): Uint8Array => key.encrypt(new Uint8Array(BLOCK).fill(0x01)).slice(0, 3);
