import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareAccounts } from "../../src/inspect/diff/compare.js";
import { compareWithGolden, goldenLines, readGolden } from "../../src/inspect/golden.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { account, exchanges, TAP } from "../unit/inspect/diff/hand-tap.js";

/** Bytes of a tap changed, cut off or put in, anywhere. */
const damaged = fc
  .array(
    fc.record({
      exchange: fc.nat(TAP.length - 1),
      answer: fc.boolean(),
      at: fc.nat(60),
      remove: fc.nat(3),
      put: fc.uint8Array({ maxLength: 3 }),
    }),
    { maxLength: 4 },
  )
  .map((changes) => {
    const tap: [string, string][] = TAP.map(([command, response]) => [command, response]);
    for (const { exchange, answer, at, remove, put } of changes) {
      const pair = tap[exchange]!;
      const side = answer ? 1 : 0;
      const bytes = [...Buffer.from(pair[side], "hex")];
      bytes.splice(Math.min(at, bytes.length), remove, ...put);
      pair[side] = Buffer.from(bytes).toString("hex").toUpperCase();
    }
    return tap;
  });
const order = fc.shuffledSubarray([...TAP.keys()]);
const damagedTap = fc
  .tuple(damaged, order)
  .map(([tap, indices]) => account(exchanges(indices.map((index) => tap[index]!))));

describe("damaged taps", () => {
  test("are compared without an error, the same both ways, and with themselves without a difference", () => {
    fc.assert(
      fc.property(damagedTap, damagedTap, (a, b) => {
        expect(compareAccounts(a, a, { strict: true }).differences).toEqual([]);
        const there = compareAccounts(a, b);
        const back = compareAccounts(b, a);
        expect(back.same).toBe(there.same);
        expect(back.setAside.count).toBe(there.setAside.count);
        // What is strictly the same is the same.
        if (compareAccounts(a, b, { strict: true }).same) expect(there.same).toBe(true);
      }),
      { seed: 3, numRuns: 400 },
    );
  });

  test("come through a golden file as they went in", () => {
    fc.assert(
      fc.property(damagedTap, (made) => {
        if (made.taps.length === 0) return;
        const golden = readGolden([...goldenLines(made)].join(""));
        expect(compareWithGolden(golden, made).differences).toEqual([]);
      }),
      { seed: 4, numRuns: 300 },
    );
  });
});

test("a damaged golden file is an error of ours, or another golden file", () => {
  const text = [...goldenLines(account(exchanges(TAP)))].join("");
  fc.assert(
    fc.property(fc.nat(text.length), fc.nat(40), fc.string({ maxLength: 20 }), (at, remove, put) => {
      try {
        readGolden(text.slice(0, at) + put + text.slice(at + remove));
      } catch (error) {
        expect(isTapbenchError(error)).toBe(true);
        expect((error as { code: string }).code).toMatch(/^inspect\/(not|newer|bad)-golden$/);
      }
    }),
    { seed: 5, numRuns: 1000 },
  );
});
