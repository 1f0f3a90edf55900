import { ascii, concat } from "../../util/bytes.js";
import { mcubootError } from "./errors.js";
import { formatVersion, type ImageVersion } from "./version.js";

/*
 * The boot record is a CBOR map (RFC 8949) that the boot loader hands on for attestation: 1 software type, 4 version, 5 signer, 6 hash,
 * 2 measurement, which the boot loader fills in (TF-M, boot measurements). Its bytes are fixed but for texts: no encoder is needed.
 */

const MEASUREMENT = 32;

const head = (major: number, length: number): Uint8Array =>
  length < 24 ? Uint8Array.of((major << 5) | length) : Uint8Array.of((major << 5) | 24, length);
const text = (value: string): Uint8Array => concat(head(3, value.length), ascii(value));
const bytes = (value: Uint8Array): Uint8Array => concat(head(2, value.length), value);

/** @throws `mcuboot/bad-argument` */
export function bootRecord(type: string, version: ImageVersion, signer: Uint8Array): Uint8Array {
  if (!/^[\x20-\x7e]{1,12}$/.test(type))
    throw mcubootError("bad-argument", "the boot record's software type has 1 to 12 printable characters", {});
  const entries: readonly (readonly [key: number, value: Uint8Array])[] = [
    [1, text(type)],
    [4, text(formatVersion({ ...version, build: 0 }))],
    [5, bytes(signer)],
    [6, text("SHA256")],
    [2, bytes(new Uint8Array(MEASUREMENT))],
  ];
  return concat(head(5, entries.length), ...entries.flatMap(([key, value]) => [Uint8Array.of(key), value]));
}
