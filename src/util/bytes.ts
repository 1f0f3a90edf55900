import { utilError } from "./errors.js";

export const NO_BYTES = new Uint8Array(0);

const PAGE = 16_384;
/** Longer arrays get memory of their own. */
const SHARED = PAGE / 8;
let page = new ArrayBuffer(PAGE);
let used = 0;

/**
 * New bytes, all zero, many in one page of memory. A frame's array with memory of its own costs ten times as much to make (measured: 2.5 us for 250
 * bytes, 0.1 us here), and a short one, which the engine keeps on its heap, costs as much once `subarray` or `buffer` moves it out.
 */
export function roomFor(length: number): Uint8Array {
  if (length > SHARED) return new Uint8Array(length);
  if (used + length > PAGE) {
    page = new ArrayBuffer(PAGE);
    used = 0;
  }
  const room = new Uint8Array(page, used, length);
  used += length;
  return room;
}

/** The parts, one after the other, in a new array. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = roomFor(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Byte by byte exclusive or of two arrays of the same length. */
export function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length !== b.length)
    throw utilError("length", "both sides of an exclusive or need the same length", { a: a.length, b: b.length });
  const out = roomFor(a.length);
  for (let i = 0; i < a.length; i++) out[i] = a[i]! ^ b[i]!;
  return out;
}

export function u16be(value: number): Uint8Array {
  const out = roomFor(2);
  out[0] = value >>> 8;
  out[1] = value;
  return out;
}

export function u32be(value: number): Uint8Array {
  const out = roomFor(4);
  out[0] = value >>> 24;
  out[1] = value >>> 16;
  out[2] = value >>> 8;
  out[3] = value;
  return out;
}

/** Big-endian unsigned integer of 0 to 6 bytes. */
export function readUint(bytes: Uint8Array): number {
  if (bytes.length > 6)
    throw utilError("length", "an integer of more than 6 bytes does not fit a number", { length: bytes.length });
  let value = 0;
  for (const byte of bytes) value = value * 256 + byte;
  return value;
}

const plain = (bytes: Buffer): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
const buffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/** Up to here putting text together digit by digit is faster than a Buffer. */
const SHORT = 20;
const TWO_DIGITS: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).toUpperCase().padStart(2, "0"),
);

/** Upper-case hex without spaces, as card specifications print it. */
export function hex(bytes: Uint8Array): string {
  if (bytes.length > SHORT) return buffer(bytes).toString("hex").toUpperCase();
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += TWO_DIGITS[bytes[i]!]!;
  return text;
}

/**
 * Hex to bytes; white space is allowed between bytes.
 * @throws `util/not-hex` with the offset of the first character that is none
 */
export function unhex(text: string): Uint8Array {
  const compact = /\s/.test(text) ? text.replace(/\s+/g, "") : text;
  if (compact.length % 2 !== 0)
    throw utilError("not-hex", "hex needs two digits a byte; one is missing or too many", { digits: compact.length });
  const bad = compact.search(/[^0-9A-Fa-f]/);
  if (bad >= 0) throw utilError("not-hex", `'${compact[bad]}' is not a hex digit; use 0-9 and A-F`, { offset: bad });
  return plain(Buffer.from(compact, "hex"));
}

/** One byte a character; for the ASCII names that card data holds. */
export const ascii = (text: string): Uint8Array => plain(Buffer.from(text, "latin1"));
/** Bytes as Latin-1 text; what is not printable becomes a dot. */
export const printable = (bytes: Uint8Array): string =>
  buffer(bytes)
    .toString("latin1")
    .replace(/[^\x20-\x7e]/g, ".");
