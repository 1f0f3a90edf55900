/*
 * The rounds of AES (FIPS 197, 5.1 and 5.3.5) over tables of 256 words, which stay in the processor's nearest cache, and chaining in words. Key
 * schedules are the library's. A secure channel spends most of its time here.
 */

const BLOCK = 16;
/** x^8 + x^4 + x^3 + x + 1 (FIPS 197, 4.2). */
const doubled = (value: number): number => ((value << 1) ^ (value & 0x80 ? 0x11b : 0)) & 0xff;

function times(a: number, b: number): number {
  let product = 0;
  for (let left = b, at = a; left > 0; left >>= 1, at = doubled(at)) if (left & 1) product ^= at;
  return product;
}

/** S-box (FIPS 197, 5.1.1): the inverse, then the affine transformation. Powers of 3 give both. */
function sBox(): Uint8Array {
  const box = new Uint8Array(256).fill(0x63);
  for (let i = 0, value = 1, inverse = 1; i < 255; i++) {
    const turned = (by: number): number => ((inverse << by) | (inverse >> (8 - by))) & 0xff;
    box[value] = inverse ^ turned(1) ^ turned(2) ^ turned(3) ^ turned(4) ^ 0x63;
    value = times(value, 0x03);
    inverse = times(inverse, 0xf6); // 3 times F6 is 1
  }
  return box;
}

type Tables = readonly [Uint32Array, Uint32Array, Uint32Array, Uint32Array];

/** Substitution and column mixing of one byte in each of the four places of a word, low byte first. */
function tables(box: Uint8Array, column: readonly [number, number, number, number]): Tables {
  const place = (at: number): Uint32Array =>
    Uint32Array.from(box, (s) => {
      let word = 0;
      for (let row = 0; row < 4; row++) word |= times(s, column[row]!) << (8 * ((row + at) & 3));
      return word;
    });
  return [place(0), place(1), place(2), place(3)];
}

const S = sBox();
const INVERSE = new Uint8Array(256);
S.forEach((to, from) => (INVERSE[to] = from));
const [E0, E1, E2, E3] = tables(S, [2, 1, 1, 3]);
const [D0, D1, D2, D3] = tables(INVERSE, [14, 9, 13, 11]);

/** The block at hand, four words; nothing is kept in it between calls. */
const state = new Uint32Array(4);

function forward(key: Uint32Array): void {
  let a = state[0]! ^ key[0]!;
  let b = state[1]! ^ key[1]!;
  let c = state[2]! ^ key[2]!;
  let d = state[3]! ^ key[3]!;
  const last = key.length - 4;
  for (let k = 4; k < last; k += 4) {
    const e = key[k]! ^ E0[a & 255]! ^ E1[(b >>> 8) & 255]! ^ E2[(c >>> 16) & 255]! ^ E3[d >>> 24]!;
    const f = key[k + 1]! ^ E0[b & 255]! ^ E1[(c >>> 8) & 255]! ^ E2[(d >>> 16) & 255]! ^ E3[a >>> 24]!;
    const g = key[k + 2]! ^ E0[c & 255]! ^ E1[(d >>> 8) & 255]! ^ E2[(a >>> 16) & 255]! ^ E3[b >>> 24]!;
    d = key[k + 3]! ^ E0[d & 255]! ^ E1[(a >>> 8) & 255]! ^ E2[(b >>> 16) & 255]! ^ E3[c >>> 24]!;
    a = e;
    b = f;
    c = g;
  }
  state[0] =
    key[last]! ^ (S[a & 255]! | (S[(b >>> 8) & 255]! << 8) | (S[(c >>> 16) & 255]! << 16) | (S[d >>> 24]! << 24));
  state[1] =
    key[last + 1]! ^ (S[b & 255]! | (S[(c >>> 8) & 255]! << 8) | (S[(d >>> 16) & 255]! << 16) | (S[a >>> 24]! << 24));
  state[2] =
    key[last + 2]! ^ (S[c & 255]! | (S[(d >>> 8) & 255]! << 8) | (S[(a >>> 16) & 255]! << 16) | (S[b >>> 24]! << 24));
  state[3] =
    key[last + 3]! ^ (S[d & 255]! | (S[(a >>> 8) & 255]! << 8) | (S[(b >>> 16) & 255]! << 16) | (S[c >>> 24]! << 24));
}

function backward(key: Uint32Array): void {
  const I = INVERSE;
  let a = state[0]! ^ key[0]!;
  let b = state[1]! ^ key[1]!;
  let c = state[2]! ^ key[2]!;
  let d = state[3]! ^ key[3]!;
  const last = key.length - 4;
  for (let k = 4; k < last; k += 4) {
    const e = key[k]! ^ D0[a & 255]! ^ D1[(d >>> 8) & 255]! ^ D2[(c >>> 16) & 255]! ^ D3[b >>> 24]!;
    const f = key[k + 1]! ^ D0[b & 255]! ^ D1[(a >>> 8) & 255]! ^ D2[(d >>> 16) & 255]! ^ D3[c >>> 24]!;
    const g = key[k + 2]! ^ D0[c & 255]! ^ D1[(b >>> 8) & 255]! ^ D2[(a >>> 16) & 255]! ^ D3[d >>> 24]!;
    d = key[k + 3]! ^ D0[d & 255]! ^ D1[(c >>> 8) & 255]! ^ D2[(b >>> 16) & 255]! ^ D3[a >>> 24]!;
    a = e;
    b = f;
    c = g;
  }
  state[0] =
    key[last]! ^ (I[a & 255]! | (I[(d >>> 8) & 255]! << 8) | (I[(c >>> 16) & 255]! << 16) | (I[b >>> 24]! << 24));
  state[1] =
    key[last + 1]! ^ (I[b & 255]! | (I[(a >>> 8) & 255]! << 8) | (I[(d >>> 16) & 255]! << 16) | (I[c >>> 24]! << 24));
  state[2] =
    key[last + 2]! ^ (I[c & 255]! | (I[(b >>> 8) & 255]! << 8) | (I[(a >>> 16) & 255]! << 16) | (I[d >>> 24]! << 24));
  state[3] =
    key[last + 3]! ^ (I[d & 255]! | (I[(c >>> 8) & 255]! << 8) | (I[(b >>> 16) & 255]! << 16) | (I[a >>> 24]! << 24));
}

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
