import { unsafe } from "@noble/ciphers/aes.js";

/*
 * Chaining in words over the library's AES rounds and schedules, for keys that stay: its own modes expand the key for every message.
 */

const BLOCK = 16;

/** The block at hand, four words; nothing is kept in it between calls. */
const state = new Uint32Array(4);

type Rounds = typeof unsafe.encrypt;

function through(rounds: Rounds, schedule: Uint32Array): void {
  const { s0, s1, s2, s3 } = rounds(schedule, state[0]!, state[1]!, state[2]!, state[3]!);
  state[0] = s0;
  state[1] = s1;
  state[2] = s2;
  state[3] = s3;
}

const forward = (schedule: Uint32Array): void => through(unsafe.encrypt, schedule);
const backward = (schedule: Uint32Array): void => through(unsafe.decrypt, schedule);

const word = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);

function load(bytes: Uint8Array, at: number): void {
  state[0] = word(bytes, at);
  state[1] = word(bytes, at + 4);
  state[2] = word(bytes, at + 8);
  state[3] = word(bytes, at + 12);
}

function mix(bytes: Uint8Array, at: number): void {
  state[0]! ^= word(bytes, at);
  state[1]! ^= word(bytes, at + 4);
  state[2]! ^= word(bytes, at + 8);
  state[3]! ^= word(bytes, at + 12);
}

function store(bytes: Uint8Array, at: number): void {
  for (let i = 0; i < 4; i++) {
    const value = state[i]!;
    const to = at + 4 * i;
    bytes[to] = value;
    bytes[to + 1] = value >>> 8;
    bytes[to + 2] = value >>> 16;
    bytes[to + 3] = value >>> 24;
  }
}

/** Whole blocks, each by itself. */
export function ecbEncrypt(schedule: Uint32Array, from: Uint8Array, to: Uint8Array): void {
  for (let at = 0; at < from.length; at += BLOCK) {
    load(from, at);
    forward(schedule);
    store(to, at);
  }
}

/** Whole blocks, each mixed with the encrypted one before it. */
export function cbcEncrypt(schedule: Uint32Array, from: Uint8Array, to: Uint8Array, iv: Uint8Array): void {
  load(iv, 0);
  for (let at = 0; at < from.length; at += BLOCK) {
    mix(from, at);
    forward(schedule);
    store(to, at);
  }
}

/** `to` is another array than `from`. */
export function cbcDecrypt(schedule: Uint32Array, from: Uint8Array, to: Uint8Array, iv: Uint8Array): void {
  for (let at = 0; at < from.length; at += BLOCK) {
    load(from, at);
    backward(schedule);
    if (at === 0) mix(iv, 0);
    else mix(from, at - BLOCK);
    store(to, at);
  }
}

/** The last block of a chain over the first `length` bytes, whole blocks, from the block in `chain`; into `chain`. */
export function cbcMac(schedule: Uint32Array, chain: Uint8Array, from: Uint8Array, start: number, end: number): void {
  load(chain, 0);
  for (let at = start; at < end; at += BLOCK) {
    mix(from, at);
    forward(schedule);
  }
  store(chain, 0);
}
