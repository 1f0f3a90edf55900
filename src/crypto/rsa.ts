import { constants, createPrivateKey, privateDecrypt, type KeyObject } from "node:crypto";
import { hex } from "../util/bytes.js";
import { cryptoError } from "./errors.js";

/** A raw RSA public key. The modulus starts with a byte that is not zero. */
export interface RsaPublicKey {
  readonly modulus: Uint8Array;
  /** 3 or 65537 (EMV 4.3 Book 2 B2.1). */
  readonly exponent: number;
}

/** The five components as cards keep them (qInv = q^-1 mod p). */
export interface RsaCrt {
  readonly p: Uint8Array;
  readonly q: Uint8Array;
  readonly dp: Uint8Array;
  readonly dq: Uint8Array;
  readonly qInv: Uint8Array;
}

/** A raw RSA private key. */
export interface RsaPrivateKey extends RsaPublicKey, RsaCrt {}

/** A private key that is ready to be used again and again. */
export interface RsaPrivate {
  readonly publicKey: RsaPublicKey;
  /** The block to the power of the private exponent; as long as the modulus. @throws `crypto/rsa-block` */
  apply(block: Uint8Array): Uint8Array;
}

/** Moduli in bytes that are taken. EMV's own limit is 248 (Book 2 B2.1). */
export const RSA_MODULUS_BYTES = { min: 64, max: 496 } as const;
export const RSA_EXPONENTS: readonly number[] = [3, 65537];

/** An unsigned big-endian integer of any length; no bytes are zero. */
export const toBigInt = (bytes: Uint8Array): bigint => (bytes.length === 0 ? 0n : BigInt(`0x${hex(bytes)}`));

/** Big-endian, filled with zeros on the left to `size` bytes, which must do. */
export function fromBigInt(value: bigint, size: number): Uint8Array {
  const buffer = Buffer.from(value.toString(16).padStart(size * 2, "0"), "hex");
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

/** @throws `crypto/rsa-modulus`, `crypto/rsa-exponent` */
export function checkPublicKey(key: RsaPublicKey): void {
  const { length } = key.modulus;
  if (length < RSA_MODULUS_BYTES.min || length > RSA_MODULUS_BYTES.max || key.modulus[0] === 0)
    throw cryptoError(
      "rsa-modulus",
      `an RSA modulus has ${RSA_MODULUS_BYTES.min} to ${RSA_MODULUS_BYTES.max} bytes and no leading zero`,
      {
        length,
      },
    );
  if (!RSA_EXPONENTS.includes(key.exponent))
    throw cryptoError("rsa-exponent", `the public exponent is ${RSA_EXPONENTS.join(" or ")}, not ${key.exponent}`, {
      exponent: key.exponent,
    });
}

/**
 * The block to the power of the public exponent (EMV 4.3 Book 2 B2.1.3); as long as the modulus. Plain integer arithmetic: a card's key
 * is new with every card, and importing it would cost more than using it.
 * @throws `crypto/rsa-modulus`, `crypto/rsa-exponent`; `crypto/rsa-block` for a block of another length or not below the modulus
 */
export function rsaPublic(key: RsaPublicKey, block: Uint8Array): Uint8Array {
  checkPublicKey(key);
  const n = toBigInt(key.modulus);
  const base = checkedBlock(n, key.modulus.length, block);
  let power = base;
  for (let i = key.exponent; i > 1; i >>= 1) power = (power * power) % n;
  return fromBigInt((power * base) % n, block.length);
}

function checkedBlock(modulus: bigint, length: number, block: Uint8Array): bigint {
  if (block.length !== length)
    throw cryptoError("rsa-block", `the block has ${block.length} bytes, the modulus ${length}; they must be alike`, {
      length: block.length,
      modulus: length,
    });
  const value = toBigInt(block);
  if (value >= modulus)
    throw cryptoError("rsa-block", "the block is not below the modulus; is it meant for another key?", { length });
  return value;
}

const base64url = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64url");

/** Imports a private key, to keep it. @throws `crypto/rsa-modulus`, `crypto/rsa-exponent`, `crypto/rsa-key` when its parts do not belong together */
export function rsaPrivate(key: RsaPrivateKey): RsaPrivate {
  const how = { key: rsaKeyObject(key), padding: constants.RSA_NO_PADDING };
  const n = toBigInt(key.modulus);
  return {
    publicKey: { modulus: key.modulus, exponent: key.exponent },
    apply(block) {
      checkedBlock(n, key.modulus.length, block);
      const out = privateDecrypt(how, block);
      return new Uint8Array(out.buffer, out.byteOffset, out.length);
    },
  };
}

/** A private key as Node's cryptography takes it. @throws as `rsaPrivate` */
export function rsaKeyObject(key: RsaPrivateKey): KeyObject {
  checkPublicKey(key);
  const n = toBigInt(key.modulus);
  const p = toBigInt(key.p);
  const q = toBigInt(key.q);
  const e = BigInt(key.exponent);
  const fits =
    p > 2n &&
    q > 2n &&
    p * q === n &&
    (toBigInt(key.dp) * e) % (p - 1n) === 1n &&
    (toBigInt(key.dq) * e) % (q - 1n) === 1n &&
    (toBigInt(key.qInv) * q) % p === 1n;
  if (!fits)
    throw cryptoError("rsa-key", "the parts of this private key do not belong together", {
      length: key.modulus.length,
    });
  const d = inverse(e, (p - 1n) * (q - 1n));
  return createPrivateKey({
    format: "jwk",
    key: {
      kty: "RSA",
      n: base64url(key.modulus),
      e: base64url(exponentBytes(key.exponent)),
      d: base64url(fromBigInt(d, key.modulus.length)),
      p: base64url(key.p),
      q: base64url(key.q),
      dp: base64url(key.dp),
      dq: base64url(key.dq),
      qi: base64url(key.qInv),
    },
  });
}

/**
 * The whole key from the five components that a card is given.
 * @throws `crypto/rsa-key` when they do not belong together or the public exponent that follows from them is not 3 or 65537
 */
export function rsaFromCrt(crt: RsaCrt): RsaPrivateKey {
  const p = toBigInt(crt.p);
  const q = toBigInt(crt.q);
  const size = crt.p.length + crt.q.length;
  if (p < 3n || q < 3n || size > RSA_MODULUS_BYTES.max)
    throw cryptoError("rsa-key", "the primes are missing, or too long", { p: crt.p.length, q: crt.q.length });
  const modulus = fromBigInt(p * q, size);
  const e = inverse(toBigInt(crt.dp), p - 1n);
  const belongs = (toBigInt(crt.dq) * e) % (q - 1n) === 1n && (toBigInt(crt.qInv) * q) % p === 1n;
  if (!belongs || !RSA_EXPONENTS.includes(Number(e)))
    throw cryptoError("rsa-key", "the components do not belong together, or to a public exponent of 3 or 65537", {
      length: size,
    });
  return { ...crt, modulus, exponent: Number(e) };
}

/** A public exponent in as few bytes as it takes: `03` or `010001`. */
export const exponentBytes = (exponent: number): Uint8Array =>
  exponent < 0x100
    ? Uint8Array.of(exponent)
    : exponent < 0x10000
      ? Uint8Array.of(exponent >> 8, exponent & 0xff)
      : Uint8Array.of(exponent >> 16, (exponent >> 8) & 0xff, exponent & 0xff);

/** value^-1 mod modulus. @throws `crypto/rsa-key` when there is none */
export function inverse(value: bigint, modulus: bigint): bigint {
  let [r, next, t, nextT] = [modulus, ((value % modulus) + modulus) % modulus, 0n, 1n];
  while (next !== 0n) {
    const quotient = r / next;
    [r, next, t, nextT] = [next, r - quotient * next, nextT, t - quotient * nextT];
  }
  if (r !== 1n) throw cryptoError("rsa-key", "these numbers share a divisor, so there is no inverse", {});
  return t < 0n ? t + modulus : t;
}
