import { Decoder, Encoder } from "cbor-x";
import { CBOR_LIMITS, checkCbor, type CborLimits } from "./cbor-check.js";
import { codecError } from "./errors.js";

/** What CBOR carries here. Integers that were written with 64 bits are bigint: see `numberOf`. */
export type CborValue =
  | number
  | bigint
  | string
  | boolean
  | null
  | undefined
  | Uint8Array
  | readonly CborValue[]
  | CborMap;
export interface CborMap {
  readonly [key: string]: CborValue;
}

const OPTIONS = { useRecords: false, tagUint8Array: false, variableMapSize: true } as const;
const encoder = new Encoder(OPTIONS);
const decoder = new Decoder(OPTIONS);

/** Definite lengths, shortest integers, keys in the order of the object. Integers above 2^32 have to be bigint: see `integer`. */
export function encodeCbor(value: CborValue): Uint8Array {
  const bytes = encoder.encode(value);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * The one data item that `bytes` are, after `checkCbor`. Byte strings are views of `bytes`.
 * @throws what `checkCbor` throws
 */
export function decodeCbor(bytes: Uint8Array, limits: CborLimits = CBOR_LIMITS): CborValue {
  checkCbor(bytes, limits);
  try {
    return decoder.decode(bytes) as CborValue;
  } catch (cause) {
    throw codecError("bad-value", "this CBOR cannot be decoded", { length: bytes.length }, cause);
  }
}

/** An integer as the encoder wants it: numbers above 32 bits would become floats. */
export const integer = (value: number): number | bigint =>
  value > 0xffff_ffff || value < -0x1_0000_0000 ? BigInt(value) : value;

/** A number, however many bytes it was written with; undefined where it is none, or more than a number can hold. */
export function numberOf(value: CborValue): number | undefined {
  const number = typeof value === "bigint" ? Number(value) : value;
  return typeof number === "number" && Math.abs(number) <= Number.MAX_SAFE_INTEGER ? number : undefined;
}

export const isCborMap = (value: CborValue): value is CborMap =>
  typeof value === "object" && value !== null && !(value instanceof Uint8Array) && !Array.isArray(value);
