import { createCipheriv, createDecipheriv } from "node:crypto";

/* A card's cryptography, worked out with node:crypto from the descriptions in EMV 4.3 Book 2 Annex A1, beside the code under test. Hex in, hex out. */

export const bytes = (text: string): Buffer => Buffer.from(text, "hex");
const upper = (data: Buffer): string => data.toString("hex").toUpperCase();

const ecb = (key: Buffer, block: Buffer): Buffer =>
  createCipheriv("des-ede3-ecb", key, null).setAutoPadding(false).update(block);
/** One block under a single DES key, which is a triple one three times the same. */
const des = (key: Buffer, block: Buffer): Buffer => ecb(Buffer.concat([key, key, key]), block);
const undes = (key: Buffer, block: Buffer): Buffer =>
  createDecipheriv("des-ede3-ecb", Buffer.concat([key, key, key]), null)
    .setAutoPadding(false)
    .update(block);

/** Triple DES with two keys, whole blocks each for itself. */
export const tripleDes = (key: Buffer, blocks: Buffer): Buffer => ecb(Buffer.concat([key, key.subarray(0, 8)]), blocks);

/** MAC algorithm 3 with padding method 2. */
export function retailMac(key: Buffer, message: Buffer): string {
  const padded = Buffer.concat([message, Buffer.from([0x80]), Buffer.alloc(7 - (message.length % 8))]);
  let state: Buffer = Buffer.alloc(8);
  for (let at = 0; at < padded.length; at += 8) {
    const mixed = Buffer.from(state.map((byte, i) => byte ^ padded[at + i]!));
    state = des(key.subarray(0, 8), mixed);
  }
  return upper(des(key.subarray(0, 8), undes(key.subarray(8), state)));
}

/** EMV's common session key of 8 bytes of diversification. */
export function commonKey(master: string, r: string): Buffer {
  const half = (marker: string): Buffer => tripleDes(bytes(master), bytes(r.slice(0, 4) + marker + r.slice(6)));
  return Buffer.concat([half("F0"), half("0F")]);
}

/** ARPC method 1: the response code, mixed into the cryptogram, enciphered. */
export function arpc(key: Buffer, cryptogram: string, code: string): string {
  const mixed = bytes(cryptogram);
  bytes(code).forEach((byte, i) => (mixed[i]! ^= byte));
  return upper(tripleDes(key, mixed));
}

/** One block enciphered, as CBC from zeros has it. */
export const enciphered = (key: Buffer, block: string): string => upper(tripleDes(key, bytes(block)));
