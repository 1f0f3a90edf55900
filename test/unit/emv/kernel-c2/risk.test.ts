import { describe, expect, test } from "vitest";
import { fixedRandom, type Setup } from "../../../support/scripted-card.js";
import { tap, tvrOf } from "./tap.js";

const CLEAN = "8000000000";
const FLOOR = "8000008000";
const DRAWN = "8000001000";

describe("contactless transaction limit", () => {
  const OVER = { kind: "select-next", start: "C", error: { l2: "max-limit-exceeded" } };
  const HIGH = { limits: { floor: 1_000_000n, cvmRequired: 1_000_000n } };
  test.each([
    ["at the limit", "0080", 20_000n, { kind: "approved" }],
    ["above the limit", "0080", 20_001n, OVER],
    ["device verification has a limit of its own", "0280", 20_001n, { kind: "approved" }],
    ["at that limit", "0280", 50_000n, { kind: "approved" }],
    ["above that limit", "0280", 50_001n, OVER],
  ] as const)("%s", (_what, aip, amount, expected) => {
    expect(tap({ objects: { "82": aip } }, { amount, ...HIGH }).outcome).toMatchObject(expected);
  });

  test("the device's limit needs a reader that does on-device verification", () => {
    const { outcome } = tap({ objects: { "82": "0280" } }, { amount: 20_001n, terminal: { DF811B: "80" } });
    expect(outcome).toMatchObject(OVER);
  });

  test("comes before what the card lacks", () => {
    expect(tap({ objects: { "5A": undefined } }, { amount: 20_001n }).outcome).toMatchObject(OVER);
  });
});

describe("floor limit", () => {
  test.each([
    [0n, CLEAN],
    [9_999n, CLEAN],
    [10_000n, CLEAN],
    [10_001n, FLOOR],
  ])("an amount of %s", (amount, tvr) => expect(tvrOf(tap({}, { amount }))).toBe(tvr));

  test("a floor limit of zero sends everything online", () => {
    expect(tvrOf(tap({}, { amount: 1n, limits: { floor: 0n } }))).toBe(FLOOR);
    expect(tvrOf(tap({}, { amount: 0n, limits: { floor: 0n } }))).toBe(CLEAN);
  });
});

describe("random selection", () => {
  const randomSelection = { target: 20, maxTarget: 60, threshold: 2_000n };
  /** `drawn`: 1 to 99, as Book 3 has it. */
  const select = (amount: bigint, drawn: number, over: Partial<Setup> = {}): string =>
    tvrOf(tap({}, { amount, randomSelection, random: fixedRandom(undefined, [drawn - 1]), ...over }));

  test.each([
    ["below the threshold, at the target", 1_999n, 20, DRAWN],
    ["below the threshold, above the target", 1_999n, 21, CLEAN],
    ["at the threshold the bias is nothing yet", 2_000n, 20, DRAWN],
    ["at the threshold, above", 2_000n, 21, CLEAN],
    ["half way: half the bias", 6_000n, 40, DRAWN],
    ["half way, above", 6_000n, 41, CLEAN],
    ["at the floor limit: the whole bias", 10_000n, 60, DRAWN],
    ["at the floor limit, above", 10_000n, 61, CLEAN],
    ["the least number", 1n, 1, DRAWN],
  ])("%s", (_what, amount, drawn, tvr) => expect(select(amount, drawn)).toBe(tvr));

  test("above the floor limit nothing is drawn", () => expect(select(10_001n, 1)).toBe(FLOOR));
  test("not configured: nothing is drawn", () => {
    expect(tvrOf(tap({}, { random: fixedRandom(undefined, [0]) }))).toBe(CLEAN);
  });
  test("a target of 0 selects nothing, one of 99 all", () => {
    expect(select(1n, 1, { randomSelection: { target: 0, maxTarget: 0, threshold: 2_000n } })).toBe(CLEAN);
    expect(select(1n, 99, { randomSelection: { target: 99, maxTarget: 99, threshold: 2_000n } })).toBe(DRAWN);
  });
  test("a threshold at the floor limit leaves no room for a bias", () => {
    expect(select(10_000n, 21, { randomSelection: { target: 20, maxTarget: 60, threshold: 10_000n } })).toBe(CLEAN);
  });
  test("is told with what was drawn", () => {
    const { rules } = tap({}, { amount: 6_000n, randomSelection, random: fixedRandom(undefined, [39]) });
    expect(rules.find(({ rule }) => rule === "c2.random-selection")?.data).toEqual({
      drawn: 40,
      percentage: 40,
      amount: "6000",
      threshold: "2000",
    });
  });
});
