import { unsafe } from "@noble/ciphers/aes.js";
import { roomFor } from "../util/bytes.js";
import { cbcDecrypt, cbcEncrypt, cbcMac, ecbEncrypt } from "./aes-block.js";
import { decryptingChain, encryptingChain, LONG_MESSAGE, type Chain } from "./aes-chain.js";
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
  #encrypting: Chain | undefined;
  #decrypting: Chain | undefined;
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
    const out = roomFor(blocks.length);
    ecbEncrypt(this.#encryption, blocks, out);
    return out;
  }

  encryptCbc(blocks: Uint8Array, iv: Uint8Array = ZERO_IV): Uint8Array {
    wholeBlocks(blocks, iv);
    if (blocks.length >= LONG_MESSAGE) return this.#encryptLong(blocks, iv);
    const out = roomFor(blocks.length);
    cbcEncrypt(this.#encryption, blocks, out, iv);
    return out;
  }

  decryptCbc(blocks: Uint8Array, iv: Uint8Array = ZERO_IV): Uint8Array {
    wholeBlocks(blocks, iv);
    if (blocks.length >= LONG_MESSAGE) return (this.#decrypting ??= decryptingChain(this.#key))(blocks, iv);
    const out = roomFor(blocks.length);
    cbcDecrypt((this.#decryption ??= unsafe.expandKeyDecLE(this.#key)), blocks, out, iv);
    return out;
  }

  cmac(...parts: readonly Uint8Array[]): Uint8Array {
    const { whole, padded } = (this.#subkeys ??= this.#derive());
    const chain = roomFor(BLOCK);
    const buffered = roomFor(BLOCK);
    let held = 0;
    for (const part of parts)
      for (let at = 0; at < part.length;) {
        if (held === BLOCK) {
          cbcMac(this.#encryption, chain, buffered, 0, BLOCK);
          held = 0;
        }
        // Whole blocks as they are, but for the last one of all, which is not known yet.
        const whole16 = held === 0 ? part.length - at - ((part.length - at - 1) % BLOCK) - 1 : 0;
        if (whole16 > 0) {
          if (whole16 < LONG_MESSAGE) cbcMac(this.#encryption, chain, part, at, at + whole16);
          else chain.set(this.#encryptLong(part.subarray(at, at + whole16), chain).subarray(-BLOCK));
          at += whole16;
        }
        const taken = Math.min(BLOCK - held, part.length - at);
        for (let i = 0; i < taken; i++) buffered[held + i] = part[at + i]!;
        held += taken;
        at += taken;
      }
    if (held < BLOCK) {
      buffered.fill(0, held);
      buffered[held] = 0x80;
    }
    const subkey = held < BLOCK ? padded : whole;
    for (let i = 0; i < BLOCK; i++) buffered[i]! ^= subkey[i]!;
    cbcMac(this.#encryption, chain, buffered, 0, BLOCK);
    return chain;
  }

  #encryptLong(blocks: Uint8Array, iv: Uint8Array): Uint8Array {
    return (this.#encrypting ??= encryptingChain(this.#key))(blocks, iv);
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
