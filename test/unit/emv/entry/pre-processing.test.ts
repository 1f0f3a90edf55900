import { describe, expect, test } from "vitest";
import type { EntryChecks } from "../../../../src/emv/entry/combination.js";
import { preProcess } from "../../../../src/emv/entry/pre-processing.js";
import { hex, unhex } from "../../../../src/util/bytes.js";
import { ONE, run, serves, TWO } from "./scene.js";

describe("pre-processing", () => {
  const process = (checks: EntryChecks, amount: bigint, terminal = new Map<number, Uint8Array>()) =>
    preProcess(serves(ONE, { checks, terminal }), amount, 100n);
  const TTQ = unhex("36C04000");

  test.each<readonly [string, EntryChecks, bigint, object]>([
    [
      "nothing to check",
      {},
      1_000n,
      { notAllowed: false, statusCheck: false, zeroAmount: false, floorLimitExceeded: false, cvmRequired: false },
    ],
    ["below the transaction limit", { transactionLimit: 1_000n }, 999n, { notAllowed: false }],
    ["at the transaction limit", { transactionLimit: 1_000n }, 1_000n, { notAllowed: true }],
    ["at the floor limit", { floorLimit: 1_000n }, 1_000n, { floorLimitExceeded: false }],
    ["above the floor limit", { floorLimit: 1_000n }, 1_001n, { floorLimitExceeded: true }],
    ["below the CVM limit", { cvmRequiredLimit: 1_000n }, 999n, { cvmRequired: false }],
    ["at the CVM limit", { cvmRequiredLimit: 1_000n }, 1_000n, { cvmRequired: true }],
    ["one unit, status check", { statusCheck: true }, 100n, { statusCheck: true }],
    ["one unit, no status check", {}, 100n, { statusCheck: false }],
    ["two units, status check", { statusCheck: true }, 200n, { statusCheck: false }],
    ["zero", {}, 0n, { zeroAmount: true, notAllowed: false }],
    ["zero, not allowed", { zeroAmount: false }, 0n, { zeroAmount: false, notAllowed: true }],
    ["zero, offline only", { ttq: unhex("3E000000") }, 0n, { notAllowed: true }],
    ["TTQ: bits of an earlier transaction are cleared", { ttq: TTQ }, 1_000n, { ttq: unhex("36004000") }],
    ["TTQ: online above the floor limit", { ttq: TTQ, floorLimit: 1n }, 1_000n, { ttq: unhex("36804000") }],
    ["TTQ: online for a status check", { ttq: TTQ, statusCheck: true }, 100n, { ttq: unhex("36804000") }],
    ["TTQ: online for nothing", { ttq: TTQ }, 0n, { ttq: unhex("36804000") }],
    ["TTQ: CVM required", { ttq: TTQ, cvmRequiredLimit: 1n }, 1_000n, { ttq: unhex("36404000") }],
    ["TTQ: both", { ttq: TTQ, cvmRequiredLimit: 1n, floorLimit: 1n }, 1_000n, { ttq: unhex("36C04000") }],
  ])("%s", (_what, checks, amount, expected) => expect(process(checks, amount)).toMatchObject(expected));

  test("the terminal's floor limit stands in for the reader's", () => {
    const terminal = new Map([[0x9f1b, unhex("000003E8")]]);
    expect(process({}, 1_000n, terminal).floorLimitExceeded).toBe(false);
    expect(process({}, 1_001n, terminal).floorLimitExceeded).toBe(true);
    expect(process({ floorLimit: 5_000n }, 1_001n, terminal).floorLimitExceeded).toBe(false);
  });

  test("the configured TTQ is not written to", () => {
    process({ ttq: TTQ, floorLimit: 1n }, 1_000n);
    expect(hex(TTQ)).toBe("36C04000");
  });

  test("the kernel gets the transaction's TTQ", () => {
    const combination = serves(ONE, { checks: { ttq: TTQ, floorLimit: 1n } });
    const { inputs } = run({ offers: [{ aid: ONE, kernel: "00" }], combinations: [combination] });
    expect(hex(inputs[0]!.terminal.get(0x9f66)!)).toBe("36804000");
  });

  test("combinations that do not allow the amount take no part", () => {
    const offers = [
      { aid: ONE, priority: "01", kernel: "00" },
      { aid: TWO, priority: "02", kernel: "00" },
    ];
    const { started } = run({
      offers,
      combinations: [serves(ONE, { checks: { transactionLimit: 1_000n } }), serves(TWO)],
    });
    expect(started).toEqual([`c2 ${TWO}`]);
  });

  test("without any that does, the field stays off", () => {
    const { result, selected } = run({ combinations: [serves(ONE, { checks: { transactionLimit: 1_000n } })] });
    expect(selected).toEqual([]);
    expect(result).toMatchObject({
      outcome: { kind: "try-another-interface", ui: { message: "insert-or-swipe" } },
      candidates: 0,
    });
  });
});
