import { inflateRawSync } from "node:zlib";
import { benchError } from "./errors.js";

/*
 * Just enough of ZIP to read a CAP file: the central directory, entries stored or deflated (PKWARE, .ZIP File Format Specification, 4.3 and 4.4).
 */

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const END_LENGTH = 22;
const MAX_COMMENT = 0xffff;
const METHOD = { stored: 0, deflated: 8 } as const;
const MOST_ENTRIES = 256;
/** Bytes of all that comes out. */
const MOST_BYTES = 4 << 20;

export const isArchive = (bytes: Uint8Array): boolean =>
  bytes.length > 4 && bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 0x03 && bytes[3] === 0x04;

/** The files of an archive by their path in it. @throws `bench/bad-archive` */
export function unpacked(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const bad = (why: string, cause?: unknown): Error =>
    benchError("bad-archive", `this ZIP archive cannot be read: ${why}`, { length: bytes.length }, cause);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (at: number): number => {
    if (at + 4 > bytes.length) throw bad("it ends early");
    return view.getUint32(at, true);
  };
  const half = (at: number): number => {
    if (at + 2 > bytes.length) throw bad("it ends early");
    return view.getUint16(at, true);
  };
  let end = bytes.length - END_LENGTH;
  while (end >= 0 && end >= bytes.length - END_LENGTH - MAX_COMMENT && word(end) !== END) end--;
  if (end < 0 || word(end) !== END) throw bad("it has no central directory");
  const count = half(end + 10);
  if (count > MOST_ENTRIES) throw bad(`${count} files, and ${MOST_ENTRIES} are the limit`);
  const files = new Map<string, Uint8Array>();
  let total = 0;
  let at = word(end + 16);
  for (let number = 0; number < count; number++) {
    if (word(at) !== ENTRY) throw bad("its central directory is broken");
    const [method, packed, size, nameLength] = [half(at + 10), word(at + 20), word(at + 24), half(at + 28)];
    const name = Buffer.from(bytes.subarray(at + 46, at + 46 + nameLength)).toString("utf8");
    const local = word(at + 42);
    at += 46 + nameLength + half(at + 30) + half(at + 32);
    if (name.endsWith("/")) continue;
    if (word(local) !== LOCAL) throw bad(`${name.slice(0, 60)} is not where it should be`);
    const from = local + 30 + half(local + 26) + half(local + 28);
    total += size;
    if (from + packed > bytes.length) throw bad(`${name.slice(0, 60)} ends early`);
    if (total > MOST_BYTES) throw bad(`it unpacks to more than ${MOST_BYTES} bytes`);
    const inside = bytes.subarray(from, from + packed);
    if (method === METHOD.stored) files.set(name, inside);
    else if (method !== METHOD.deflated)
      throw bad(`${name.slice(0, 60)} is packed in a way (${method}) that is not supported`);
    else
      try {
        files.set(name, new Uint8Array(inflateRawSync(inside, { maxOutputLength: Math.max(1, size) })));
      } catch (cause) {
        throw bad(`${name.slice(0, 60)} does not unpack`, cause);
      }
  }
  return files;
}
