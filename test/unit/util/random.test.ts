import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concat, hex, u32be } from "../../../src/util/bytes.js";
import { resumeRandom, seededRandom } from "../../../src/util/random.js";

const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const digest = createHash("sha256");
  for (const part of parts) digest.update(part);
  return new Uint8Array(digest.digest());
};
const key = sha256(new TextEncoder().encode("tapbench/random/7"));

describe("the generator", () => {
  test("is SHA-256 over key and block number", () => {
    const expected = concat(sha256(key, u32be(0)), sha256(key, u32be(1)));
    expect(hex(seededRandom("7").bytes(64))).toBe(hex(expected));
  });

  test("gives the same bytes in pieces of any size", () => {
    const whole = hex(seededRandom("x").bytes(200));
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 50 }), { maxLength: 10 }), (sizes) => {
        const random = seededRandom("x");
        const drawn = sizes.map((size) => hex(random.bytes(size))).join("");
        expect(drawn).toBe(whole.slice(0, Math.min(drawn.length, 400)).padEnd(drawn.length, drawn.slice(400)));
      }),
      { numRuns: 50 },
    );
  });

  test("another seed gives other bytes", () => {
    expect(hex(seededRandom("1").bytes(16))).not.toBe(hex(seededRandom("2").bytes(16)));
  });
});

describe("fork", () => {
  test("depends on seed and label, not on what was drawn", () => {
    const fresh = seededRandom("7");
    const used = seededRandom("7");
    used.bytes(33);
    used.fork("other").bytes(5);
    expect(hex(used.fork("card").bytes(16))).toBe(hex(fresh.fork("card").bytes(16)));
    expect(hex(fresh.fork("card").bytes(16))).not.toBe(hex(fresh.fork("issuer").bytes(16)));
    expect(hex(fresh.fork("a").fork("b").bytes(8))).not.toBe(hex(fresh.fork("b").fork("a").bytes(8)));
  });

  test("does not move the generator", () => {
    const random = seededRandom("7");
    const before = random.position();
    random.fork("card").bytes(100);
    expect(random.position()).toEqual(before);
  });
});

describe("below", () => {
  test("is uniform: chi-squared over 6 values and over 256", () => {
    for (const [bound, limit] of [
      [6, 20.5], // 0.999 quantile with 5 degrees of freedom
      [256, 330.5], // 0.999 quantile with 255
    ] as const) {
      const random = seededRandom(`uniform/${bound}`);
      const counts = new Array<number>(bound).fill(0);
      const draws = 20_000;
      for (let i = 0; i < draws; i++) counts[random.below(bound)]!++;
      const mean = draws / bound;
      expect(counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0)).toBeLessThan(limit);
    }
  });

  test("stays below, for every bound", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 32 }), fc.string(), (bound, seed) => {
        const value = seededRandom(seed).below(bound);
        expect(Number.isInteger(value) && value >= 0 && value < bound).toBe(true);
      }),
    );
    expect(seededRandom("1").below(1)).toBe(0);
  });

  test.each([0, -1, 1.5, Number.NaN, Infinity, 2 ** 32 + 1])("refuses %d instead of drawing for ever", (bound) => {
    expect(() => seededRandom("1").below(bound)).toThrow(expect.objectContaining({ code: "util/bad-bound" }));
  });
});

describe("position", () => {
  test("goes on where it was taken, at any point", () => {
    for (const drawn of [0, 1, 31, 32, 33, 64, 100]) {
      const random = seededRandom("resume");
      random.bytes(drawn);
      const resumed = resumeRandom(random.position());
      expect(hex(resumed.bytes(70)), `after ${drawn}`).toBe(hex(random.bytes(70)));
      expect(hex(resumed.fork("x").bytes(8))).toBe(hex(random.fork("x").bytes(8)));
    }
  });
});
