import { describe, expect, test } from "vitest";
import type { Objects, Setup } from "../../../support/scripted-card.js";
import { sent, tap, tvrOf, type Tapped } from "./tap.js";

/** A card with holder verification (AIP 1080) and this list; amounts X and Y are 100 and 200 in minor units unless given. */
const withList = (rules: string, setup: Setup = {}, objects: Objects = {}, amounts = "00000064000000C8"): Tapped =>
  tap({ objects: { "82": "1080", "8E": amounts + rules, ...objects } }, setup);

const ABOVE = { amount: 5_001n };
const ONLINE_PIN = "8000040000";
const UNRECOGNISED_AND_FAILED = "8000C00000";
const FAILED = "8000800000";
const CLEAN = "8000000000";

describe("verification on the device", () => {
  const phone = { "82": "1280" };
  test.each([
    ["above the CVM limit", phone, ABOVE, "010002", "cdcvm"],
    ["at the CVM limit", phone, { amount: 5_000n }, "3F0002", "none"],
    ["of nothing", phone, { amount: 0n }, "3F0002", "none"],
    ["above, reader without it", phone, { ...ABOVE, terminal: { DF811B: "80" } }, "1E0300", "signature"],
    [
      "above, reader without configuration",
      phone,
      { ...ABOVE, terminal: { DF811B: undefined } },
      "1E0300",
      "signature",
    ],
    ["above, card without it", { "82": "1080" }, ABOVE, "1E0300", "signature"],
  ] as const)("%s", (_what, objects, setup, results, cvm) => {
    const tapped = tap({ objects: { "8E": "00000000000000001E03", ...objects } }, setup);
    expect(sent(tapped, 0x9f34)).toBe(results);
    expect(tapped.outcome).toMatchObject({ kind: "approved", cvm });
    expect(tvrOf(tapped)).toBe(CLEAN);
  });
});

describe("no list to go by", () => {
  test.each<readonly [string, Objects, string, string]>([
    ["the card verifies nobody", { "82": "0080" }, "3F0000", CLEAN],
    ["the list is missing", { "82": "1080", "8E": undefined }, "3F0000", "A000000000"],
    ["the list is empty", { "82": "1080", "8E": "" }, "3F0000", "A000000000"],
    ["the list has no rules", { "82": "1080", "8E": "0000000000000000" }, "3F0000", "A000000000"],
  ])("%s", (_what, objects, results, tvr) => {
    const tapped = tap({ objects });
    expect(sent(tapped, 0x9f34)).toBe(results);
    expect(tvrOf(tapped)).toBe(tvr);
    expect(tapped.outcome).toMatchObject({ cvm: "none" });
  });

  test("half a rule breaks the format", () => {
    const { outcome, card } = withList("1F0342");
    expect(outcome).toMatchObject({ kind: "end-application", error: { l2: "card-data-error", tag: "8E" } });
    expect(card.commands.some(({ ins }) => ins === 0xae)).toBe(false);
  });
});

describe("methods", () => {
  test.each([
    ["no CVM below the limit", "1F00", { amount: 5_000n }, "1F0002", CLEAN, "none"],
    ["no CVM is not offered above the limit", "1F00", ABOVE, "3F0001", FAILED, "none"],
    ["signature above the limit", "1E00", ABOVE, "1E0000", CLEAN, "signature"],
    ["signature is not offered below the limit", "1E00", { amount: 5_000n }, "3F0001", FAILED, "none"],
    ["online PIN", "0200", ABOVE, "020000", ONLINE_PIN, "online-pin"],
    ["online PIN, next allowed", "4200", ABOVE, "420000", ONLINE_PIN, "online-pin"],
    [
      "online PIN not offered, then signature",
      "42001E00",
      { ...ABOVE, terminal: { DF8118: "20" } },
      "1E0000",
      CLEAN,
      "signature",
    ],
    [
      "online PIN not offered, and nothing may follow",
      "02001E00",
      { ...ABOVE, terminal: { DF8118: "20" } },
      "3F0001",
      FAILED,
      "none",
    ],
    [
      "online PIN not offered, next allowed, none there",
      "4200",
      { ...ABOVE, terminal: { DF8118: "20" } },
      "3F0001",
      FAILED,
      "none",
    ],
    ["the card's own PIN is never offered", "0100", { ...ABOVE, terminal: { DF8118: "F0" } }, "3F0001", FAILED, "none"],
    ["enciphered, then signature", "44001E00", ABOVE, "1E0000", CLEAN, "signature"],
    ["the rule to fail", "0000", ABOVE, "000001", FAILED, "none"],
    ["the rule to fail, next allowed", "40001E00", ABOVE, "1E0000", CLEAN, "signature"],
    ["the rule to fail, next allowed, none there", "4000", ABOVE, "400001", FAILED, "none"],
    ["unknown method", "2000", ABOVE, "3F0001", UNRECOGNISED_AND_FAILED, "none"],
    ["unknown method, then signature", "60001E00", ABOVE, "1E0000", "8000400000", "signature"],
    [
      "capability from 9F33 without DF8118",
      "1E00",
      { ...ABOVE, terminal: { DF8118: undefined, "9F33": "E02008" } },
      "1E0000",
      CLEAN,
      "signature",
    ],
  ] as const)("%s", (_what, rules, setup, results, tvr, cvm) => {
    const tapped = withList(rules, setup);
    expect(sent(tapped, 0x9f34)).toBe(results);
    expect(tvrOf(tapped)).toBe(tvr);
    expect(tapped.outcome).toMatchObject({ cvm });
  });

  test("a receipt above the limit, or to sign", () => {
    expect(withList("1F00", { amount: 5_000n }).outcome).toMatchObject({ receipt: false });
    expect(withList("0200", ABOVE).outcome).toMatchObject({ receipt: true });
    expect(withList("1E00", { amount: 1n, terminal: { DF8119: "20" } }).outcome).toMatchObject({ receipt: true });
  });

  test("byte 2 of the capabilities is the one chosen", () => {
    expect(sent(withList("1F00", { amount: 5_000n }), 0x9f33)).toBe("E00808");
    expect(sent(withList("1E00", ABOVE), 0x9f33)).toBe("E06008");
  });

  test("bytes 1 and 3 come from DF8117 and DF811F where they are set", () => {
    expect(sent(withList("1F00", { terminal: { DF8117: "00", DF811F: "40" } }), 0x9f33)).toBe("000840");
  });
});

describe("conditions", () => {
  const unattended = { "9F35": "25" };
  /** A rule "signature if ..." then "no CVM": which one fits? Both are offered. */
  const fits = (condition: string, setup: Setup, objects: Objects = {}, amounts?: string): boolean => {
    const terminal = { DF8118: "28", DF8119: "28", ...setup.terminal };
    return sent(withList(`1E${condition}1F00`, { ...setup, terminal }, objects, amounts), 0x9f34).startsWith("1E");
  };
  const EURO = { "9F42": "0978" };

  const rows: readonly (readonly [string, boolean, string, Setup, Objects?])[] = [
    ["00 always", true, "00", {}],
    ["01 unattended cash: at an ATM", true, "01", { terminal: { ...unattended, "9C": "01" } }],
    ["01 unattended cash: at a counter", false, "01", { terminal: { "9C": "01" } }],
    ["01 unattended cash: unattended purchase", false, "01", { terminal: unattended }],
    ["02 neither cash nor cashback: purchase", true, "02", {}],
    ["02 neither cash nor cashback: unattended cash", false, "02", { terminal: { ...unattended, "9C": "01" } }],
    ["02 neither cash nor cashback: manual cash", false, "02", { terminal: { "9C": "17" } }],
    ["02 neither cash nor cashback: cashback", false, "02", { terminal: { "9C": "09" } }],
    ["03 supported: offered", true, "03", {}],
    ["03 supported: not offered", false, "03", { terminal: { DF8119: "08" } }],
    ["04 manual cash: at a counter", true, "04", { terminal: { "9C": "01" } }],
    ["04 manual cash: disbursement", true, "04", { terminal: { "9C": "17" } }],
    ["04 manual cash: unattended", false, "04", { terminal: { ...unattended, "9C": "01" } }],
    ["04 manual cash: purchase", false, "04", {}],
    ["05 cashback", true, "05", { terminal: { "9C": "09" } }],
    ["05 cashback: purchase", false, "05", {}],
    ["06 under X: below", true, "06", { amount: 99n }, EURO],
    ["06 under X: at X", false, "06", { amount: 100n }, EURO],
    ["07 over X: at X", false, "07", { amount: 100n }, EURO],
    ["07 over X: above", true, "07", { amount: 101n }, EURO],
    ["08 under Y: below", true, "08", { amount: 199n }, EURO],
    ["08 under Y: at Y", false, "08", { amount: 200n }, EURO],
    ["09 over Y: at Y", false, "09", { amount: 200n }, EURO],
    ["09 over Y: above", true, "09", { amount: 201n }, EURO],
    ["06 under X: in another currency", false, "06", { amount: 1n }, { "9F42": "0840" }],
    ["07 over X: the card names no currency", false, "07", { amount: 101n }, { "9F42": undefined }],
    ["0A is not known", false, "0A", {}],
    ["80 is not known", false, "80", {}],
  ];
  for (const [what, expected, condition, setup, objects] of rows)
    test(what, () => expect(fits(condition, setup, objects)).toBe(expected));

  test("X may be as large as four bytes hold", () => {
    expect(fits("06", { amount: 4_000n }, EURO, "FFFFFFFF00000000")).toBe(true);
  });

  test("no rule fits", () => {
    const tapped = withList("1E051E04");
    expect(sent(tapped, 0x9f34)).toBe("3F0001");
    expect(tvrOf(tapped)).toBe(FAILED);
  });
});

test("the decision is told with its inputs", () => {
  const { rules } = withList("1E03", ABOVE);
  expect(rules.find(({ rule }) => rule === "c2.cvm")).toEqual({
    rule: "c2.cvm",
    says: "Rule 1 of the card's CVM list fits.",
    data: {
      cvm: "signature",
      results: "1E0300",
      amount: "5001",
      limit: "5000",
      capability: 0x60,
      onDevice: false,
      list: "00000064000000C81E03",
      cardCurrency: "0978",
      currency: "0978",
      tvr: "8000000000",
    },
  });
});
