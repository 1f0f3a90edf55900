import { unhex } from "../util/bytes.js";

/*
 * The DES block function (FIPS 46-3). Payment cards change their DES key with every tap, and building a node cipher costs more than the
 * few blocks that are then encrypted (five times more on some releases), so the block function is here; the tests hold it against node's.
 */

/**
 * Two words a round: the subkey's odd and even groups of six bits, where the round function wants them. 16 rounds a pass.
 * An ordinary array, because typed arrays of this size cost microseconds to make.
 */
export type DesSchedule = readonly number[];

// Eight boxes of four rows of sixteen (FIPS 46-3, Appendix 1).
const S_BOXES = unhex(
  `E4D12FB83A6C5907 0F74E2D1A6CB9538 41E8D62BFC973A50 FC8249175B3EA06D
   F18E6B34972DC05A 3D47F28EC01A69B5 0E7BA4D158C6932F D8A13F42B67C05E9
   A09E63F51DC7B428 D709346A285ECBF1 D6498F30B12C5AE7 1AD069874FE3B52C
   7DE3069A1285BC4F D8B56F03472C1AE9 A690CB7DF13E5284 3F06A1D8945BC72E
   2C417AB6853FD0E9 EB2C47D150FA3986 421BAD78F9C5630E B8C71E2D6F09A453
   C1AF92680D34E75B AF427C9561DE0B38 9EF528C3704A1DB6 432C95FABE17608D
   4B2EF08D3C975A61 D0B7491AE35C2F86 14BDC37EAF680592 6BD814A7950FE23C
   D2846FB1A93E50C7 1FD8A374C56B0E92 7B419CE206ADF358 21E74A8DFC90356B`,
);
const P = [
  16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25,
];
const PC1_C = [
  57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
];
const PC1_D = [
  63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
];
const PC2_C = [14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2];
const PC2_D = [41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32];
const SHIFTS = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];

/** S-box and permutation P in one: 64 words a box. */
const SP = new Int32Array(512);
for (let box = 0; box < 8; box++)
  for (let six = 0; six < 64; six++) {
    const cell = box * 64 + (((six >> 4) & 2) | (six & 1)) * 16 + ((six >> 1) & 15);
    const nibble = cell % 2 === 0 ? S_BOXES[cell >> 1]! >> 4 : S_BOXES[cell >> 1]! & 15;
    let word = 0;
    for (let bit = 0; bit < 32; bit++) {
      const from = P[bit]! - 1 - box * 4;
      if (from >= 0 && from < 4 && ((nibble >> (3 - from)) & 1) !== 0) word |= 1 << (31 - bit);
    }
    SP[box * 64 + six] = word;
  }

/** For each key byte (its upper seven bits), what it adds to C and to D: 128 words a byte. */
const toHalf = (positions: readonly number[]): Int32Array => {
  const table = new Int32Array(8 * 128);
  positions.forEach((position, bit) => {
    const byte = (position - 1) >> 3;
    const mask = 0x40 >> ((position - 1) & 7);
    for (let value = 0; value < 128; value++) if ((value & mask) !== 0) table[byte * 128 + value]! |= 1 << (27 - bit);
  });
  return table;
};
const TO_C = toHalf(PC1_C);
const TO_D = toHalf(PC1_D);

/** For each seven bits of C (first four tables) and D, what they add to the odd and to the even word of a subkey. */
const ODD = new Int32Array(8 * 128);
const EVEN = new Int32Array(8 * 128);
[...PC2_C, ...PC2_D].forEach((position, out) => {
  const group = Math.floor(out / 6); // six bits of output belong to one S-box
  const word = group % 2 === 0 ? ODD : EVEN;
  const bit = 1 << (26 - 8 * (group >> 1) + 5 - (out % 6));
  const chunk = Math.floor((position - 1) / 7);
  const mask = 0x40 >> ((position - 1) % 7);
  for (let value = 0; value < 128; value++) if ((value & mask) !== 0) word[chunk * 128 + value]! |= bit;
});

function pass(key: Uint8Array, from: number, backwards: boolean, out: number[], at: number): void {
  let c = 0;
  let d = 0;
  for (let i = 0; i < 8; i++) {
    const seven = i * 128 + (key[from + i]! >> 1);
    c |= TO_C[seven]!;
    d |= TO_D[seven]!;
  }
  for (let round = 0; round < 16; round++) {
    const shift = SHIFTS[round]!;
    c = ((c << shift) | (c >>> (28 - shift))) & 0xfffffff;
    d = ((d << shift) | (d >>> (28 - shift))) & 0xfffffff;
    const c0 = c >>> 21;
    const c1 = 128 + ((c >>> 14) & 127);
    const c2 = 256 + ((c >>> 7) & 127);
    const c3 = 384 + (c & 127);
    const d0 = 512 + (d >>> 21);
    const d1 = 640 + ((d >>> 14) & 127);
    const d2 = 768 + ((d >>> 7) & 127);
    const d3 = 896 + (d & 127);
    const to = at + 2 * (backwards ? 15 - round : round);
    out[to] = ODD[c0]! | ODD[c1]! | ODD[c2]! | ODD[c3]! | ODD[d0]! | ODD[d1]! | ODD[d2]! | ODD[d3]!;
    out[to + 1] = EVEN[c0]! | EVEN[c1]! | EVEN[c2]! | EVEN[c3]! | EVEN[d0]! | EVEN[d1]! | EVEN[d2]! | EVEN[d3]!;
  }
}

/** The rounds for a key of 8 bytes (DES), or of 16 or 24, encrypt-decrypt-encrypt (TDEA, SP 800-67). */
export function desSchedule(key: Uint8Array, direction: "encrypt" | "decrypt"): DesSchedule {
  const backwards = direction === "decrypt";
  if (key.length === 8) {
    const single = new Array<number>(32).fill(0);
    pass(key, 0, backwards, single, 0);
    return single;
  }
  const out = new Array<number>(96).fill(0);
  pass(key, 0, backwards, out, backwards ? 64 : 0);
  pass(key, 8, !backwards, out, 32);
  if (key.length === 16) for (let i = 0; i < 32; i++) out[backwards ? i : 64 + i] = out[backwards ? 64 + i : i]!;
  else pass(key, 16, backwards, out, backwards ? 0 : 64);
  return out;
}

/** Words of a schedule that make one pass: with these alone, a double length key acts as its left half. */
export const ONE_PASS = 32;

/** One block of eight bytes from `input` at `from` to `output` at `to`; the two may be the same. `words`: how much of the schedule counts. */
export function desBlock(
  schedule: DesSchedule,
  input: Uint8Array,
  from: number,
  output: Uint8Array,
  to: number,
  words = schedule.length,
): void {
  let l = (input[from]! << 24) | (input[from + 1]! << 16) | (input[from + 2]! << 8) | input[from + 3]!;
  let r = (input[from + 4]! << 24) | (input[from + 5]! << 16) | (input[from + 6]! << 8) | input[from + 7]!;
  let t: number;

  // Initial permutation as five exchanges of bits between the halves.
  t = ((l >>> 4) ^ r) & 0x0f0f0f0f;
  r ^= t;
  l ^= t << 4;
  t = ((l >>> 16) ^ r) & 0x0000ffff;
  r ^= t;
  l ^= t << 16;
  t = ((r >>> 2) ^ l) & 0x33333333;
  l ^= t;
  r ^= t << 2;
  t = ((r >>> 8) ^ l) & 0x00ff00ff;
  l ^= t;
  r ^= t << 8;
  t = ((l >>> 1) ^ r) & 0x55555555;
  r ^= t;
  l ^= t << 1;

  for (let k = 0; k < words;) {
    for (const end = k + 32; k < end; k += 2) {
      const odd = ((r >>> 1) | (r << 31)) ^ schedule[k]!;
      const even = ((r << 3) | (r >>> 29)) ^ schedule[k + 1]!;
      t =
        l ^
        SP[odd >>> 26]! ^
        SP[64 + ((even >>> 26) & 63)]! ^
        SP[128 + ((odd >>> 18) & 63)]! ^
        SP[192 + ((even >>> 18) & 63)]! ^
        SP[256 + ((odd >>> 10) & 63)]! ^
        SP[320 + ((even >>> 10) & 63)]! ^
        SP[384 + ((odd >>> 2) & 63)]! ^
        SP[448 + ((even >>> 2) & 63)]!;
      l = r;
      r = t;
    }
    t = l;
    l = r;
    r = t;
  }

  // The same exchanges, last one first.
  t = ((l >>> 1) ^ r) & 0x55555555;
  r ^= t;
  l ^= t << 1;
  t = ((r >>> 8) ^ l) & 0x00ff00ff;
  l ^= t;
  r ^= t << 8;
  t = ((r >>> 2) ^ l) & 0x33333333;
  l ^= t;
  r ^= t << 2;
  t = ((l >>> 16) ^ r) & 0x0000ffff;
  r ^= t;
  l ^= t << 16;
  t = ((l >>> 4) ^ r) & 0x0f0f0f0f;
  r ^= t;
  l ^= t << 4;

  output[to] = l >>> 24;
  output[to + 1] = l >>> 16;
  output[to + 2] = l >>> 8;
  output[to + 3] = l;
  output[to + 4] = r >>> 24;
  output[to + 5] = r >>> 16;
  output[to + 6] = r >>> 8;
  output[to + 7] = r;
}
