import { hash } from "node:crypto";

// Node's pool may lie under a Buffer; a view of the plain kind keeps Buffer out of everything inside.
const plain = (buffer: Buffer): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);

/** SHA-1, 20 bytes (FIPS 180-4). EMV's certificates of the RSA kind know no other hash. */
export const sha1 = (data: Uint8Array): Uint8Array => plain(hash("sha1", data, "buffer"));

/** SHA-256, 32 bytes (FIPS 180-4). */
export const sha256 = (data: Uint8Array): Uint8Array => plain(hash("sha256", data, "buffer"));

/** SHA-384, 48 bytes (FIPS 180-4). */
export const sha384 = (data: Uint8Array): Uint8Array => plain(hash("sha384", data, "buffer"));

/** SHA-512, 64 bytes (FIPS 180-4). */
export const sha512 = (data: Uint8Array): Uint8Array => plain(hash("sha512", data, "buffer"));
