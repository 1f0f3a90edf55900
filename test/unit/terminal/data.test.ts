import { describe, expect, test } from "vitest";
import type { TerminalProfile } from "../../../src/profiles/types.js";
import { amountN12, combinationsOf, type Transaction } from "../../../src/terminal/data.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { isTapbenchError } from "../../../src/util/errors.js";
import { AT, PROFILE } from "./profile.js";

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run();
  } catch (error) {
    if (isTapbenchError(error)) return error.code;
    throw error;
  }
  return undefined;
};
const objects = (
  transaction: Partial<Transaction> = {},
  profile: Partial<TerminalProfile> = {},
): ((tag: number) => string | undefined) => {
  const [first] = combinationsOf({ ...PROFILE, ...profile }, { amount: 1_250n, at: AT, ...transaction });
  return (tag) => {
    const value = first!.terminal.get(tag);
    return value && hex(value);
  };
};

test("one combination for each AID, with the kernel's limits", () => {
  const combinations = combinationsOf(PROFILE, { amount: 1n, at: AT });
  expect(combinations.map(({ aid, kernel }) => `${hex(aid)} ${kernel}`)).toEqual(["A000000004 c2", "B012345678 c2"]);
  expect(combinations[1]).toMatchObject({ limits: PROFILE.kernels[0]!.limits, randomSelection: { target: 10 } });
  expect(combinations.map(({ terminal }) => hex(terminal.get(0x9f06)!))).toEqual(["A000000004", "B012345678"]);
});

test("what the transaction and the profile say", () => {
  const of = objects({ other: 250n, type: 0x09, sequence: 123 });
  const expected: Record<number, string> = {
    0x9f02: "000000001250",
    0x9f03: "000000000250",
    0x9c: "09",
    0x9a: "260116",
    0x9f21: "003005",
    0x9f41: "00000123",
    0x9f1a: "0056",
    0x5f2a: "0978",
    0x5f36: "02",
    0x9f35: "22",
    0x9f15: "5411",
    0x9f16: "4D3120202020202020202020202020",
    0x9f1c: "5430303030303031",
    0x9f33: "006808",
    0x9f09: "0002",
    0xdf8117: "00",
    0xdf8118: "68",
    0xdf8119: "08",
    0xdf811b: "A0",
    0xdf811f: "08",
    0xdf8120: "F45084800C",
    0xdf8121: "0000000000",
    0xdf8122: "F45084800C",
    0xdf8123: "000000002500",
    0xdf8124: "000000050000",
    0xdf8125: "000000100000",
    0xdf8126: "000000005000",
    0xdf812d: "000013",
  };
  for (const [tag, value] of Object.entries(expected)) expect(of(Number(tag)), Number(tag).toString(16)).toBe(value);
});

describe("who overrules whom", () => {
  test("the profile's data over what is derived", () => {
    const of = objects({}, { data: new Map([[0x9f33, unhex("E02840")]]) });
    expect([of(0x9f33), of(0xdf8117), of(0xdf8118), of(0xdf811f)]).toEqual(["E02840", "E0", "28", "40"]);
  });
  test("the kernel's data over both", () => {
    const kernels = [
      {
        ...PROFILE.kernels[0]!,
        data: new Map([
          [0xdf8118, unhex("40")],
          [0xdf8120, unhex("0000000001")],
        ]),
      },
    ];
    const of = objects({}, { kernels, data: new Map([[0x9f33, unhex("E02840")]]) });
    expect([of(0xdf8118), of(0xdf8120)]).toEqual(["40", "0000000001"]);
  });
  test("nobody overrules the transaction in the common data", () => {
    expect(objects({}, { data: new Map([[0x9f02, unhex("000000000001")]]) })(0x9f02)).toBe("000000001250");
  });
});

describe("the terminal's clock", () => {
  test.each([
    ["2026-01-15T23:30:05Z", 60, "260116", "003005"],
    ["2026-01-15T23:30:05Z", 0, "260115", "233005"],
    ["2026-01-01T04:59:59Z", -300, "251231", "235959"],
    ["2028-02-28T23:59:59Z", 330, "280229", "052959"],
    ["1999-12-31T12:00:00Z", 0, "991231", "120000"],
  ])("%s, %i minutes from UTC", (at, zoneMinutes, date, time) => {
    const of = objects({ at: new Date(at) }, { zoneMinutes });
    expect([of(0x9a), of(0x9f21)]).toEqual([date, time]);
  });
  test.each(["2050-01-01T00:00:00Z", "1949-12-31T23:59:59Z", "never"])("%s has no place in two digits", (at) => {
    expect(codeOf(() => objects({ at: new Date(at) }, { zoneMinutes: 0 }))).toBe("terminal/bad-date");
  });
});

describe("amounts", () => {
  test.each([
    [0n, "000000000000"],
    [1n, "000000000001"],
    [999_999_999_999n, "999999999999"],
  ])("%s", (amount, expected) => expect(hex(amountN12(amount))).toBe(expected));
  test("of thirteen digits", () => {
    expect(codeOf(() => amountN12(1_000_000_000_000n))).toBe("terminal/amount-overflow");
    expect(codeOf(() => objects({ amount: 10n ** 15n }))).toBe("terminal/amount-overflow");
  });
  test("below zero", () => expect(codeOf(() => amountN12(-1n))).toBe("terminal/bad-amount"));
  test("cashback above the amount", () => {
    expect(codeOf(() => objects({ amount: 100n, other: 101n }))).toBe("terminal/bad-amount");
    expect(objects({ amount: 100n, other: 100n })(0x9f03)).toBe("000000000100");
  });
});
