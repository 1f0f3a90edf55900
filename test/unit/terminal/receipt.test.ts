import { describe, expect, test } from "vitest";
import type { AuthorisationResponse } from "../../../src/emv/acquirer.js";
import type { EntryResult } from "../../../src/emv/entry/entry-point.js";
import type { KernelOutcome, Read } from "../../../src/emv/outcome.js";
import { accountOf, authorisationRequest } from "../../../src/terminal/authorisation.js";
import { formatAmount, maskPan, receipt } from "../../../src/terminal/receipt.js";
import { unhex } from "../../../src/util/bytes.js";
import { isTapbenchError } from "../../../src/util/errors.js";
import { AT, PROFILE } from "./profile.js";

const NO_DATA = new Map<number, Uint8Array>();
const RECORD = {
  "5A": "5413330089601075",
  "5F24": "291231",
  "5F34": "01",
  "57": "5413330089601083D3012201123456789F",
  "5F2A": "0978",
  "9F36": "0102",
  "9F26": "1122334455667788",
};
const record = (over: Readonly<Record<string, string | undefined>> = {}): Map<number, Uint8Array> => {
  const out = new Map<number, Uint8Array>();
  for (const [tag, value] of Object.entries({ ...RECORD, ...over }))
    if (value !== undefined) out.set(parseInt(tag, 16), unhex(value));
  return out;
};
const read = (over: Partial<Read> = {}): Read => ({
  cvm: "none",
  oda: { method: "cda", status: "ok" },
  dataRecord: record(),
  discretionaryData: NO_DATA,
  ui: { message: "approved", status: "not-ready" },
  receipt: false,
  ...over,
});
const online = (over: Partial<Read> = {}) => ({ kind: "online-request", ...read(over) }) as const;
const codeOf = (run: () => unknown): readonly unknown[] => {
  try {
    run();
  } catch (error) {
    if (isTapbenchError(error)) return [error.code, error.context["tag"]];
    throw error;
  }
  return [];
};

describe("what the issuer is asked", () => {
  test("the account, the amount, the chip's data", () => {
    const outcome = online();
    expect(authorisationRequest(outcome, 1_250n)).toEqual({
      pan: "5413330089601075",
      panSequence: "01",
      expiry: "2912",
      amount: 1_250n,
      currency: "978",
      chip: outcome.dataRecord,
    });
  });
  test("with the PIN, where one is asked for and entered", () => {
    const pin = unhex("0102030405060708");
    const asked = { ...online(), cvm: "online-pin" } as const;
    expect(authorisationRequest(asked, 1n, () => pin).pin).toEqual(pin);
    expect(authorisationRequest(asked, 1n, () => undefined).pin).toBeUndefined();
    expect(authorisationRequest({ ...online(), cvm: "none" }, 1n, () => pin).pin).toBeUndefined();
  });
  test.each([
    ["5A padded", { "5A": "541333008960107F" }, "541333008960107", "2912"],
    ["no 5A", { "5A": undefined }, "5413330089601083", "2912"],
    ["an empty 5A", { "5A": "" }, "5413330089601083", "2912"],
    ["no 5F24", { "5F24": undefined }, "5413330089601075", "3012"],
  ])("account: %s", (_what, over, pan, expiry) => expect(accountOf(record(over))).toMatchObject({ pan, expiry }));
  test("no sequence number", () => expect("panSequence" in accountOf(record({ "5F34": undefined }))).toBe(false));
  test.each([
    ["no account", { "5A": undefined, "57": undefined }, ["terminal/card-data-missing", "5A"]],
    ["an unreadable track", { "5A": undefined, "57": "FFFFFFFF" }, ["terminal/card-data-missing", "5A"]],
    ["no expiry", { "5F24": undefined, "57": undefined }, ["terminal/card-data-missing", "5F24"]],
    ["letters in 5A", { "5A": "54133300ABCDEF11" }, ["terminal/bad-card-data", "5A"]],
    ["letters in 5F24", { "5F24": "2AFFFF" }, ["terminal/bad-card-data", "5F24"]],
    ["no currency", { "5F2A": undefined }, ["terminal/card-data-missing", "5F2A"]],
  ])("%s", (_what, over, expected) => {
    expect(codeOf(() => authorisationRequest(online({ dataRecord: record(over) }), 1n))).toEqual(expected);
  });
});

const result = (outcome: KernelOutcome): EntryResult => ({
  outcome,
  kernel: "c2",
  aid: unhex("A0000000041010"),
  label: "TEST",
  candidates: 1,
  refused: [],
});
const transaction = { amount: 1_250n, at: AT };
const answer = (approved: boolean): AuthorisationResponse => ({
  approved,
  arc: approved ? "00" : "51",
  reason: approved ? "approved" : "funds",
  says: "The issuer says so.",
  ...(approved && { authorisationCode: "A1B2C3" }),
});
const ui = { message: "try-again", status: "ready-to-read" } as const;

describe("how it ends", () => {
  test.each<readonly [string, KernelOutcome, AuthorisationResponse | undefined, string]>([
    ["approved offline", { kind: "approved", ...read() }, undefined, "approved"],
    ["declined offline", { kind: "declined", ...read() }, undefined, "declined"],
    ["approved by the issuer", online(), answer(true), "approved"],
    ["declined by the issuer", online(), answer(false), "declined"],
    ["no answer", online(), undefined, "declined"],
    [
      "the link broke",
      { kind: "end-application", start: "B", ui, error: { l1: "time-out" }, discretionaryData: NO_DATA },
      undefined,
      "try-again",
    ],
    [
      "the card broke the format",
      { kind: "end-application", ui, error: { l2: "parsing-error" }, discretionaryData: NO_DATA },
      undefined,
      "not-completed",
    ],
    ["try again", { kind: "try-again", start: "B", ui, error: {}, discretionaryData: NO_DATA }, undefined, "try-again"],
    [
      "another interface",
      { kind: "try-another-interface", ui, error: {}, discretionaryData: NO_DATA },
      undefined,
      "try-another-interface",
    ],
    [
      "next application",
      { kind: "select-next", start: "C", error: {}, discretionaryData: NO_DATA },
      undefined,
      "not-completed",
    ],
  ])("%s", (_what, outcome, issuer, expected) => {
    const made = receipt(PROFILE, transaction, result(outcome), issuer);
    expect(made.outcome).toBe(expected);
    expect(made.kernelOutcome).toBe(outcome.kind);
    expect(made.issuer).toBe(issuer);
  });

  test("kernel and issuer stand apart", () => {
    expect(receipt(PROFILE, transaction, result(online({ cvm: "online-pin" })), answer(false))).toMatchObject({
      outcome: "declined",
      kernelOutcome: "online-request",
      issuer: { approved: false, arc: "51" },
      cvm: "online-pin",
      oda: { method: "cda", status: "ok" },
      kernel: "c2",
      aid: "A0000000041010",
      maskedPan: "541333******1075",
      atc: 0x0102,
      cryptogram: "1122334455667788",
      amount: 1_250n,
      currency: { code: "EUR", exponent: 2 },
    });
  });

  test("in words", () => {
    const { text } = receipt(PROFILE, transaction, result(online({ cvm: "signature" })), answer(true));
    expect(text).toEqual([
      "Test Merchant",
      "2026-01-16 00:30:05  Terminal T0000001",
      "EUR 12.50",
      "TEST",
      "Card 541333******1075",
      "AID A0000000041010",
      "APPROVED  A1B2C3",
      "Signature: ____________________",
    ]);
  });

  test("in words, without a card's data", () => {
    const outcome: KernelOutcome = {
      kind: "end-application",
      ui,
      error: { l2: "no-ppse" },
      discretionaryData: NO_DATA,
    };
    const { text } = receipt(PROFILE, transaction, { outcome, candidates: 0, refused: [] });
    expect(text).toEqual(["Test Merchant", "2026-01-16 00:30:05  Terminal T0000001", "EUR 12.50", "NOT COMPLETED"]);
  });

  test("no whole account number, readable or not", () => {
    for (const over of [{}, { "5A": undefined }, { "5A": "ABCDEF0123456789", "57": undefined }]) {
      const made = receipt(PROFILE, transaction, result({ kind: "approved", ...read({ dataRecord: record(over) }) }));
      const all = JSON.stringify(made, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value));
      expect(all).not.toMatch(/5413330089601|0123456789/);
    }
  });
});

describe("for people", () => {
  test.each([
    ["5413330089601075", "541333******1075"],
    ["5413330089601", "541333***9601"],
    ["541333008960", "************"],
    ["", ""],
  ])("masked: %s", (pan, masked) => expect(maskPan(pan)).toBe(masked));
  test.each([
    [0n, 2, "0.00"],
    [5n, 2, "0.05"],
    [1_250n, 2, "12.50"],
    [1_250n, 0, "1250"],
    [1_250n, 3, "1.250"],
  ])("%s with exponent %i", (amount, exponent, expected) => expect(formatAmount(amount, exponent)).toBe(expected));
});
