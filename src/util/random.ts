import { createHash, hash } from "node:crypto";
import { roomFor } from "./bytes.js";
import { utilError } from "./errors.js";

/**
 * Repeatable randomness: a SHA-256 counter generator. The same seed gives the same bytes on every machine.
 * Not for production keys, and none of tapbench's keys are.
 */
export interface Random {
  bytes(count: number): Uint8Array;
  /** Uniform integer from 0 to `bound` - 1; `bound` at most 2^32. @throws `util/bad-bound` */
  below(bound: number): number;
  /** An independent generator. It depends on this one's seed and the label, not on what was drawn so far. */
  fork(label: string): Random;
  /** Where the generator stands, to save with a device and resume from. */
  position(): RandomPosition;
}

export interface RandomPosition {
  readonly key: Uint8Array;
  readonly block: number;
  readonly used: number;
}

const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const digest = createHash("sha256");
  for (const part of parts) digest.update(part);
  return new Uint8Array(digest.digest());
};

const utf8 = new TextEncoder();
const BLOCK = 32;

/** A generator from a seed that people can type. */
export const seededRandom = (seed: string): Random =>
  resumeRandom({ key: sha256(utf8.encode(`tapbench/random/${seed}`)), block: 0, used: BLOCK });

/** A generator that goes on where `position` was taken. */
export function resumeRandom(position: RandomPosition): Random {
  const { key } = position;
  const numbered = roomFor(key.length + 4);
  numbered.set(key);
  const counter = new DataView(numbered.buffer, numbered.byteOffset + key.length);
  const nth = (number: number): Uint8Array => {
    counter.setUint32(0, number);
    return hash("sha256", numbered, "buffer");
  };
  let block = position.block;
  let used = position.used;
  let current = used < BLOCK ? nth(block - 1) : undefined;

  const random: Random = {
    bytes(count) {
      const out = roomFor(count);
      for (let i = 0; i < count; i++) {
        if (used === BLOCK) {
          current = undefined;
          used = 0;
        }
        current ??= nth(block++);
        out[i] = current[used++]!;
      }
      return out;
    },
    below(bound) {
      if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32)
        throw utilError("bad-bound", `there is no whole number from 0 to below ${bound}`, { bound });
      const limit = 2 ** 32 - (2 ** 32 % bound); // reject the uneven tail, so that every value is as likely
      for (;;) {
        const drawn = random.bytes(4);
        const value = ((drawn[0]! << 24) | (drawn[1]! << 16) | (drawn[2]! << 8) | drawn[3]!) >>> 0;
        if (value < limit) return value % bound;
      }
    },
    fork: (label) => resumeRandom({ key: sha256(key, utf8.encode(`/${label}`)), block: 0, used: BLOCK }),
    position: () => ({ key, block, used }),
  };
  return random;
}
