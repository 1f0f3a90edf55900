import { hash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Encoder, Tag } from "cbor-x";
import { writeWhole } from "../trace/file.js";
import { concat, equalBytes } from "../util/bytes.js";
import { benchError } from "./errors.js";

/*
 * A file of a state folder: SHA-256 of the rest, then one CBOR item (RFC 8949). Amounts are text under a tag of the first come, first served
 * range, since a CBOR integer comes back as a number where it is small.
 */

const DIGEST = 32;
const BIG_INTEGER = 65_001;

const cbor = new Encoder({ useRecords: false, tagUint8Array: false, variableMapSize: true });

const digestOf = (bytes: Uint8Array): Uint8Array => hash("sha256", bytes, "buffer");

/** Plain data, as it was given to `writeStateFile`; undefined where there is no such file. @throws `bench/state-damaged` */
export async function readStateFile(path: string): Promise<unknown> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw damaged(path, (error as Error).message, error);
  }
  const body = bytes.subarray(DIGEST);
  if (!equalBytes(bytes.subarray(0, DIGEST), digestOf(body)))
    throw damaged(path, "it is not whole, or was changed by somebody else");
  return restored(cbor.decode(body));
}

/** Replaces the file as a whole, readable by its owner only: it holds what a card holds. @throws `trace/write-failed` */
export async function writeStateFile(path: string, value: unknown): Promise<void> {
  const body = cbor.encode(plain(value));
  await writeWhole(path, [concat(digestOf(body), body)], 0o600);
}

const damaged = (path: string, why: string, cause?: unknown): Error =>
  benchError("state-damaged", `${path} cannot be read: ${why}; start with a new state folder`, { path }, cause);

const mapped = (value: object, each: (value: unknown) => unknown): unknown =>
  Array.isArray(value)
    ? value.map(each)
    : Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, each(entry)]));

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return new Tag(String(value), BIG_INTEGER);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.length) : mapped(value, plain);
}

function restored(value: unknown): unknown {
  if (value instanceof Tag) return BigInt(value.value as string);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  // A copy: memory pages are changed in place, and a Buffer's slices are not copies.
  return value instanceof Uint8Array ? new Uint8Array(value) : mapped(value, restored);
}
