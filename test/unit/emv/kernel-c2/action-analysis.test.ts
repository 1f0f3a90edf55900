import { describe, expect, test } from "vitest";
import type { Objects } from "../../../support/scripted-card.js";
import { askedFor, tap } from "./tap.js";

const AAC = 0x00;
const TC = 0x40;
const ARQC = 0x80;

// TVR of the scripted card above the floor limit: 8000008000. "Expired" (byte 2 bit 7) stands for what nobody asks about.
const FLOOR = { amount: 10_001n };
const IAC = { denial: "9F0E", online: "9F0F", default: "9F0D" } as const;
const TAC = { denial: "DF8121", online: "DF8122", default: "DF8120" } as const;
const ON_FLOOR = "0000008000";
const NO_TAC: Objects = { DF8120: undefined, DF8121: undefined, DF8122: undefined };

const ask = (objects: Objects, terminal: Objects): number | undefined =>
  askedFor(tap({ objects }, { ...FLOOR, terminal }));

describe("which action code decides", () => {
  // terminal type: 22 offline with online capability, 21 online only, 23 offline only
  test.each<readonly [string, keyof typeof IAC, string, number]>([
    ["denial", "denial", "22", AAC],
    ["denial", "denial", "21", AAC],
    ["denial", "denial", "23", AAC],
    ["online", "online", "22", ARQC],
    ["online", "online", "21", ARQC],
    ["online", "online", "23", TC],
    ["default", "default", "22", TC],
    ["default", "default", "21", ARQC],
    ["default", "default", "23", AAC],
  ])("%s (%s) at a terminal of type %s", (_name, code, type, expected) => {
    expect(ask({ [IAC[code]]: ON_FLOOR }, { "9F35": type }), "the card's").toBe(expected);
    expect(ask({}, { "9F35": type, [TAC[code]]: ON_FLOOR }), "the terminal's").toBe(expected);
  });

  test.each([
    ["11", ARQC],
    ["12", TC],
    ["13", TC],
    ["14", ARQC],
    ["15", TC],
    ["16", TC],
    ["21", ARQC],
    ["22", TC],
    ["23", TC],
    ["24", ARQC],
    ["25", TC],
    ["26", TC],
    ["34", ARQC],
    ["35", TC],
    ["36", TC],
  ])("no action code at all, type %s", (type, expected) => expect(ask({}, { "9F35": type })).toBe(expected));

  test("denial goes before all others", () => {
    expect(ask({ "9F0E": ON_FLOOR, "9F0F": ON_FLOOR }, { "9F35": "21" })).toBe(AAC);
  });

  test("a code that meets no bit decides nothing", () => {
    expect(ask({ "9F0E": "7FFFFF7FFF", "9F0F": "7FFFFF7FFF" }, {})).toBe(TC);
  });
});

describe("codes that are missing", () => {
  test.each<readonly [string, Objects, Objects, number]>([
    ["IAC denial: none", { "9F0E": undefined }, {}, TC],
    ["IAC online: everything", { "9F0F": undefined }, {}, ARQC],
    ["IAC default, offline only: everything", { "9F0D": undefined }, { "9F35": "23" }, AAC],
    ["IAC default, not offline only", { "9F0D": undefined }, {}, TC],
    ["TACs: the kernel's own, 840000000C", {}, NO_TAC, AAC],
  ])("%s", (_what, objects, terminal, expected) => expect(ask(objects, terminal)).toBe(expected));

  test("the kernel's own TACs do not ask about the floor limit", () => {
    // with CDA agreed on, byte 1 bit 8 of the TVR is not set
    const tapped = tap({ cda: true, objects: { "9F4A": "82" } }, { ...FLOOR, terminal: NO_TAC });
    expect(askedFor(tapped)).toBe(TC | 0x10);
  });
});

test("the decision is told with the codes", () => {
  const { rules } = tap({ objects: { "9F0F": ON_FLOOR } }, FLOOR);
  expect(rules.find(({ rule }) => rule === "c2.taa")).toEqual({
    rule: "c2.taa",
    says: "An action code asks to go online.",
    data: {
      asks: "ARQC",
      by: "online",
      tvr: "8000008000",
      terminalType: 0x22,
      tacDenial: "0000000000",
      tacOnline: "0000000000",
      tacDefault: "0000000000",
      iacDenial: "0000000000",
      iacOnline: "0000008000",
      iacDefault: "0000000000",
    },
  });
});
