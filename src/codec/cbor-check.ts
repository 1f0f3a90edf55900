import { codecError } from "./errors.js";

/** What untrusted CBOR may be at most. */
export interface CborLimits {
  readonly bytes: number;
  /** Arrays and maps inside each other. */
  readonly depth: number;
  /** Items in all: each key, each value, each array and map. */
  readonly items: number;
}

export const CBOR_LIMITS: CborLimits = { bytes: 65_535, depth: 8, items: 4096 };

const utf8 = new TextDecoder("utf-8", { fatal: true });
const BREAK = 0xff;
/** Above this many keys a set finds duplicates faster than comparing each with each. */
const FEW_KEYS = 12;

interface Walk {
  readonly bytes: Uint8Array;
  readonly limits: CborLimits;
  at: number;
  items: number;
}

/**
 * Whether `bytes` are one well-formed data item (RFC 8949) of the kind that management protocols use, within bounds. Arrays and maps may have indefinite
 * lengths, as zcbor writes them, and integers and lengths need not be as short as possible, as old clients write them; strings in
 * pieces, tags, keys other than text, keys twice, and simple values other than false, true, null and undefined are refused.
 * @throws `codec/truncated`, `codec/trailing`, `codec/too-long`, `codec/too-deep`, `codec/too-many`, `codec/bad-tag`, `codec/bad-length`, `codec/bad-value`, `codec/bad-text`, `codec/duplicate-key`
 */
export function checkCbor(bytes: Uint8Array, limits: CborLimits = CBOR_LIMITS): void {
  if (bytes.length > limits.bytes)
    throw codecError("too-long", `${bytes.length} bytes of CBOR are over the limit of ${limits.bytes}`, {
      length: bytes.length,
      max: limits.bytes,
    });
  const walk: Walk = { bytes, limits, at: 0, items: 0 };
  item(walk, 0);
  if (walk.at < bytes.length)
    throw codecError("trailing", `${bytes.length - walk.at} byte(s) behind the end of the CBOR item`, {
      offset: walk.at,
    });
}

const need = (walk: Walk, count: number): void => {
  if (count > walk.bytes.length - walk.at)
    throw codecError("truncated", `${count} byte(s) of CBOR expected at offset ${walk.at}`, {
      offset: walk.at,
      expected: count,
    });
};

const INDEFINITE = -1;

/** The argument of an initial byte (RFC 8949 3); values beyond 2^53 lose their last digits, which no length needs. */
function argument(walk: Walk, info: number): number {
  if (info < 24) return info;
  if (info === 31) return INDEFINITE;
  if (info > 27)
    throw codecError("bad-value", `additional information ${info} at offset ${walk.at - 1} means nothing`, {
      offset: walk.at - 1,
    });
  const size = 1 << (info - 24);
  need(walk, size);
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + walk.bytes[walk.at++]!;
  return value;
}

function item(walk: Walk, depth: number): void {
  const { limits } = walk;
  if (++walk.items > limits.items)
    throw codecError("too-many", `more than ${limits.items} CBOR items`, { offset: walk.at, max: limits.items });
  need(walk, 1);
  const offset = walk.at;
  const initial = walk.bytes[walk.at++]!;
  const major = initial >> 5;
  const value = argument(walk, initial & 0x1f);
  if (value === INDEFINITE && major !== 4 && major !== 5)
    throw codecError("bad-length", `an item of kind ${major} at offset ${offset} needs a definite length`, { offset });
  switch (major) {
    case 0:
    case 1:
      return;
    case 2:
    case 3:
      need(walk, value);
      if (major === 3) checkText(walk.bytes, walk.at, walk.at + value);
      walk.at += value;
      return;
    case 4:
    case 5:
      if (depth === limits.depth)
        throw codecError("too-deep", `CBOR is nested more than ${limits.depth} deep`, { offset, max: limits.depth });
      return major === 4 ? array(walk, value, depth + 1) : map(walk, value, depth + 1);
    case 6:
      throw codecError("bad-tag", `CBOR tag ${value} at offset ${offset} is not used here`, { offset, tag: value });
    default:
      // Floats are 25 to 27; false, true, null, undefined are 20 to 23.
      if ((initial & 0x1f) >= 25 || (initial >= 0xf4 && initial <= 0xf7)) return;
      throw codecError("bad-value", `the simple value at offset ${offset} is not used here`, { offset });
  }
}

/** Whether an array or map of `length` goes on behind its item number `index`; steps over the break at the end of an indefinite one. */
function goesOn(walk: Walk, length: number, index: number): boolean {
  if (length !== INDEFINITE) return index < length;
  need(walk, 1);
  if (walk.bytes[walk.at] !== BREAK) return true;
  walk.at++;
  return false;
}

function array(walk: Walk, length: number, depth: number): void {
  for (let i = 0; goesOn(walk, length, i); i++) item(walk, depth);
}

function map(walk: Walk, length: number, depth: number): void {
  const { bytes } = walk;
  /** Where each key starts and ends, until there are too many to compare. */
  const keys: number[] = [];
  let many: Set<string> | undefined;
  for (let i = 0; goesOn(walk, length, i); i++) {
    need(walk, 1);
    const offset = walk.at;
    if (bytes[offset]! >> 5 !== 3)
      throw codecError("bad-value", `the key at offset ${offset} is not a text`, { offset });
    const info = bytes[offset]! & 0x1f;
    const start = offset + 1 + (info < 24 ? 0 : 1 << (info - 24));
    item(walk, depth);
    const end = walk.at;
    // What objects inherit from: no decoder can hold it as it came.
    if (end - start === RESERVED.length && latin1(bytes, start, end) === RESERVED)
      throw codecError("bad-value", `the key at offset ${offset} is reserved`, { offset });
    if (i === FEW_KEYS) {
      many = new Set();
      for (let k = 0; k < keys.length; k += 2) many.add(latin1(bytes, keys[k]!, keys[k + 1]!));
    }
    let twice = false;
    if (many) {
      const key = latin1(bytes, start, end);
      twice = many.has(key);
      many.add(key);
    } else {
      for (let k = 0; k < keys.length && !twice; k += 2) twice = same(bytes, keys[k]!, keys[k + 1]!, start, end);
      keys.push(start, end);
    }
    if (twice) throw codecError("duplicate-key", `the key at offset ${offset} is there twice`, { offset });
    item(walk, depth);
  }
}

const RESERVED = "__proto__";

const latin1 = (bytes: Uint8Array, from: number, to: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1");

function same(bytes: Uint8Array, from: number, to: number, from2: number, to2: number): boolean {
  if (to - from !== to2 - from2) return false;
  for (let i = 0; from + i < to; i++) if (bytes[from + i] !== bytes[from2 + i]) return false;
  return true;
}

function checkText(bytes: Uint8Array, from: number, to: number): void {
  let at = from;
  while (at < to && bytes[at]! < 0x80) at++;
  if (at === to) return;
  try {
    utf8.decode(bytes.subarray(at, to));
  } catch (cause) {
    throw codecError("bad-text", `the text at offset ${from} is not UTF-8`, { offset: from }, cause);
  }
}
