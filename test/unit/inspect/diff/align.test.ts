import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { align, type Pair } from "../../../../src/inspect/diff/align.js";

const together = (pairs: readonly Pair[]): number =>
  pairs.filter(({ a, b }) => a !== undefined && b !== undefined).length;

/** The length of the longest common subsequence by its definition: the best of leaving one out, or of taking two that are the same. */
function longest(a: readonly string[], b: readonly string[], i = 0, j = 0): number {
  if (i === a.length || j === b.length) return 0;
  return Math.max(
    longest(a, b, i + 1, j),
    longest(a, b, i, j + 1),
    a[i] === b[j] ? 1 + longest(a, b, i + 1, j + 1) : 0,
  );
}

/** Every index once and in order, and only what is the same goes together. */
function isAlignment(pairs: readonly Pair[], a: readonly string[], b: readonly string[]): boolean {
  const left = pairs.flatMap((pair) => (pair.a === undefined ? [] : [pair.a]));
  const right = pairs.flatMap((pair) => (pair.b === undefined ? [] : [pair.b]));
  return (
    left.length === a.length &&
    right.length === b.length &&
    left.every((value, index) => value === index) &&
    right.every((value, index) => value === index) &&
    pairs.every((pair) => pair.a === undefined || pair.b === undefined || a[pair.a] === b[pair.b])
  );
}

const names = fc.array(fc.constantFrom("A", "B", "C"), { maxLength: 7 });

describe("alignment", () => {
  test("one that is missing, one that is new", () => {
    expect(align(["A", "B", "C"], ["A", "C", "D"]).pairs).toEqual([{ a: 0, b: 0 }, { a: 1 }, { a: 2, b: 1 }, { b: 2 }]);
  });

  test("nothing on one side, nothing on both", () => {
    expect(align(["A"], []).pairs).toEqual([{ a: 0 }]);
    expect(align([], []).pairs).toEqual([]);
  });

  test("is as long as can be", () => {
    fc.assert(
      fc.property(names, names, (a, b) => {
        const { pairs, exact } = align(a, b);
        expect(exact).toBe(true);
        expect(isAlignment(pairs, a, b)).toBe(true);
        expect(together(pairs)).toBe(longest(a, b));
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test("piece by piece is an alignment, too, and ends", () => {
    fc.assert(
      fc.property(names, names, fc.integer({ min: 2, max: 5 }), (a, b, piece) => {
        expect(isAlignment(align(a, b, 0, piece).pairs, a, b)).toBe(true);
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  test("40,000 with a difference every so often: in pieces, and nothing that is the same is lost", () => {
    const a = Array.from({ length: 40_000 }, (_, i) => `READ ${i % 977}`);
    const b = a.filter((_, i) => i % 500 !== 250);
    const { pairs, exact } = align(a, b);
    expect(exact).toBe(false);
    expect(together(pairs)).toBe(b.length);
  });

  test("20,000 that have nothing in common", () => {
    const of = (letter: string): string[] => Array.from({ length: 20_000 }, () => letter);
    expect(together(align(of("A"), of("B")).pairs)).toBe(0);
  });
});
