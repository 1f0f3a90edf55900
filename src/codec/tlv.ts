import { hex, NO_BYTES, roomFor } from "../util/bytes.js";
import type { TapbenchError } from "../util/errors.js";
import { codecError } from "./errors.js";

/**
 * BER-TLV as EMV uses it (EMV 4.3 Book 3, Annex B): tags of up to four bytes, definite lengths, `00` padding before, between and after
 * objects. A tag is the number its bytes spell: `0x9F02`. A length byte of `80` counts as zero, as payment terminals take it.
 */
export interface Tlv {
  readonly tag: number;
  readonly value: Uint8Array;
  /** Present where the tag says constructed. */
  readonly children?: readonly Tlv[];
}

export interface TlvLimits {
  readonly depth: number;
  readonly count: number;
  readonly bytes: number;
}

const DEFAULT_LIMITS: TlvLimits = { depth: 16, count: 4096, bytes: 1 << 20 };

interface Cursor {
  readonly bytes: Uint8Array;
  readonly depth: number;
  readonly most: number;
  count: number;
}

/**
 * All objects of `bytes`, in order.
 * @throws `codec/truncated`, `codec/bad-tag`, `codec/bad-length`, `codec/too-deep`, `codec/too-many`, `codec/too-long`, with `tag` and `offset`
 */
export function parseTlv(bytes: Uint8Array, limits: Partial<TlvLimits> = {}): Tlv[] {
  const { depth = DEFAULT_LIMITS.depth, count = DEFAULT_LIMITS.count, bytes: most = DEFAULT_LIMITS.bytes } = limits;
  if (bytes.length > most)
    throw codecError("too-long", `a TLV string of ${bytes.length} bytes is over the limit of ${most}`, {
      length: bytes.length,
    });
  return parseRange({ bytes, depth, most: count, count: 0 }, 0, bytes.length, 0);
}

function parseRange(cursor: Cursor, from: number, end: number, depth: number): Tlv[] {
  const { bytes } = cursor;
  if (depth > cursor.depth)
    throw codecError("too-deep", `TLV objects are nested more than ${cursor.depth} deep`, { offset: from });
  const found: Tlv[] = [];
  let at = from;
  while (at < end) {
    if (bytes[at] === 0x00) {
      at++;
      continue;
    }
    if (++cursor.count > cursor.most)
      throw codecError("too-many", `more than ${cursor.most} TLV objects`, { offset: at });
    const start = at;
    const constructed = (bytes[at]! & 0x20) !== 0;
    const tagEnd = endOfTag(bytes, at, end);
    const tag = tagOf(bytes, at, tagEnd);
    at = tagEnd;
    if (at >= end) throw endsEarly(tag, "length", 1, at, start);
    let length = bytes[at++]!;
    if (length > 0x80) {
      const size = length & 0x7f;
      if (size > 4)
        throw codecError("bad-length", `tag ${tagHex(tag)} has a length of ${size} bytes; 4 are the limit`, {
          tag: tagHex(tag),
          offset: at - 1,
        });
      if (at + size > end) throw endsEarly(tag, "length", size, at, start);
      length = 0;
      for (let i = 0; i < size; i++) length = length * 256 + bytes[at++]!;
    } else if (length === 0x80) length = 0;
    if (at + length > end) throw endsEarly(tag, "value", length, at, start);
    const value = bytes.subarray(at, at + length);
    found.push(constructed ? { tag, value, children: parseRange(cursor, at, at + length, depth + 1) } : { tag, value });
    at += length;
  }
  return found;
}

const endsEarly = (
  tag: number,
  what: "length" | "value",
  expecting: number,
  offset: number,
  start: number,
): TapbenchError =>
  codecError(
    "truncated",
    `the ${what} of tag ${tagHex(tag)} ends early: ${expecting} more byte(s) expected at offset ${offset}`,
    {
      tag: tagHex(tag),
      offset,
      start,
    },
  );

/** Offset behind the tag that starts at `at`. */
function endOfTag(bytes: Uint8Array, at: number, end: number): number {
  const start = at;
  if ((bytes[at++]! & 0x1f) !== 0x1f) return at;
  for (;;) {
    if (at >= end) {
      const tag = hex(bytes.subarray(start, end));
      throw codecError("truncated", `tag ${tag} ends early at offset ${start}`, { tag, offset: start, start });
    }
    if (at - start >= 4)
      throw codecError("bad-tag", `the tag at offset ${start} has more than four bytes`, { offset: start });
    if ((bytes[at++]! & 0x80) === 0) return at;
  }
}

function tagOf(bytes: Uint8Array, from: number, end: number): number {
  let tag = 0;
  for (let i = from; i < end; i++) tag = tag * 256 + bytes[i]!;
  return tag;
}

/** `0x9F02` to `9F02`. */
export const tagHex = (tag: number): string => {
  const digits = tag.toString(16).toUpperCase();
  return digits.length % 2 ? `0${digits}` : digits;
};

/** Reads one tag at `at`, for DOLs and tag lists. */
export function readTag(bytes: Uint8Array, at: number): { tag: number; next: number } {
  if (at >= bytes.length) throw codecError("truncated", `a tag was expected at offset ${at}`, { offset: at });
  const next = endOfTag(bytes, at, bytes.length);
  return { tag: tagOf(bytes, at, next), next };
}

/** Whether the tag's own bits say that it holds other objects. */
export const isConstructed = (tag: number): boolean => {
  let first = tag;
  while (first > 0xff) first = Math.floor(first / 256);
  return (first & 0x20) !== 0;
};

const tagSize = (tag: number): number => (tag < 0x100 ? 1 : tag < 0x1_0000 ? 2 : tag < 0x100_0000 ? 3 : 4);
const lengthSize = (length: number): number => (length < 0x80 ? 1 : length < 0x100 ? 2 : length < 0x1_0000 ? 3 : 4);

/** One object with the shortest length form. `value`: its bytes, or the encoded objects that it holds. */
export function tlv(tag: number, ...value: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of value) length += part.length;
  const forTag = tagSize(tag);
  const forLength = lengthSize(length);
  const out = roomFor(forTag + forLength + length);
  writeUint(out, 0, forTag, tag);
  if (forLength > 1) out[forTag] = 0x7f + forLength;
  writeUint(out, forTag + Math.min(1, forLength - 1), forLength === 1 ? 1 : forLength - 1, length);
  let at = forTag + forLength;
  for (const part of value) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function writeUint(out: Uint8Array, at: number, size: number, value: number): void {
  let left = value;
  for (let i = at + size - 1; i >= at; i--) {
    out[i] = left & 0xff;
    left = Math.floor(left / 256);
  }
}

/** First object with that tag: among `objects`, and below them when the path goes on. */
export function findTlv(objects: readonly Tlv[], ...path: readonly number[]): Tlv | undefined {
  let level: readonly Tlv[] = objects;
  let found: Tlv | undefined;
  for (const tag of path) {
    found = undefined;
    for (let i = 0; i < level.length && !found; i++) if (level[i]!.tag === tag) found = level[i];
    if (!found) return undefined;
    level = found.children ?? [];
  }
  return found;
}

/** Every primitive object of the trees, depth first. */
export function* leaves(objects: readonly Tlv[]): Generator<Tlv, void, undefined> {
  for (const object of objects) {
    if (object.children) yield* leaves(object.children);
    else yield object;
  }
}

/** Value of the first object with that tag, or nothing. */
export const valueOf = (objects: readonly Tlv[], ...path: readonly number[]): Uint8Array =>
  findTlv(objects, ...path)?.value ?? NO_BYTES;
