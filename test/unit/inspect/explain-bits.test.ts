import { expect, test } from "vitest";
import { setBits } from "../../../src/inspect/explain/bits.js";
import { lastTap } from "../../../src/inspect/last-tap.js";
import { shownAmount } from "../../../src/inspect/money.js";
import { unhex } from "../../../src/util/bytes.js";
import type { TraceRecord } from "../../../src/util/tracer.js";
import { untimed } from "../../support/untimed.js";

const places = (name: Parameters<typeof setBits>[0], value: string, kernel?: string): string[] =>
  setBits(name, unhex(value), kernel).map(({ byte, bit, says }) => `${byte}/${bit} ${says}`);

test("bits are counted as specifications count them: byte from 1, bit 8 the highest", () => {
  // EMV 4.3 Book 3, Annex C5: byte 1 bit 8, byte 2 bit 7, byte 4 bit 8
  expect(places("TVR", "8040008000")).toEqual([
    "1/8 offline data authentication was not performed",
    "2/7 application expired",
    "4/8 transaction exceeds the floor limit",
  ]);
  expect(places("TVR", "0000000000")).toEqual([]);
});

test("byte 5 of the TVR is relay resistance in kernel 2 only (Book C-2, Annex A)", () => {
  expect(places("TVR", "000000000E")).toEqual([
    "5/4 relay resistance threshold exceeded",
    "5/3 relay resistance time limits exceeded",
    "5/2 relay resistance performed",
  ]);
  expect(places("TVR", "0000000002", "c3")).toEqual(["5/2 reserved"]);
});

test("a CVR tells flags, neither cryptogram types nor counters", () => {
  // M/Chip 4 style, from a recorded tap: A0 = no second AC, ARQC; 3 PIN tries; domestic; lower consecutive limit
  expect(places("CVR", "A00003028000")).toEqual([
    "4/2 domestic transaction",
    "5/8 lower consecutive offline limit exceeded",
  ]);
});

test("qualifiers of kernels 3 and 7", () => {
  expect(places("CTQ", "8080", "c3")).toEqual(["1/8 online PIN required", "2/8 consumer device CVM performed"]);
  expect(places("TTQ", "20400000", "c7")).toEqual(["1/6 EMV mode supported", "2/7 CVM required"]);
});

test("amounts carry their currency, with its own minor unit", () => {
  expect(shownAmount("1250", { code: "EUR", exponent: 2 })).toBe("EUR 12.50");
  expect(shownAmount("5", { code: "BHD", exponent: 3 })).toBe("BHD 0.005");
  expect(shownAmount("1250", { code: "JPY", exponent: 0 })).toBe("JPY 1250");
  expect(shownAmount("0001250", undefined)).toBe("1250 minor units");
  expect(shownAmount("", undefined)).toBe("an unknown amount");
});

const select = (name: string): TraceRecord =>
  untimed({ command: unhex(`00A40400${name}`), response: unhex("6F009000") });
const PPSE = "0E325041592E5359532E444446303100";
const gpo = untimed({ command: unhex("80A8000002830000"), response: unhex("6985") });
const field = (on: boolean): TraceRecord => ({ layer: "field", at: 0, on });

test("the last tap begins at the terminal's word, the field, the directory or the first application", () => {
  const begin: TraceRecord = { layer: "terminal", at: 0, rule: "terminal.begin", says: "Begins." };
  const first = [field(true), select(PPSE), gpo, field(false)];
  expect(lastTap([...first, begin, field(true), gpo])).toEqual([begin, field(true), gpo]);
  expect(lastTap([...first, field(true), gpo, field(false), field(true)])).toEqual([
    field(true),
    gpo,
    field(false),
    field(true),
  ]);
  expect(lastTap([select(PPSE), gpo, select(PPSE), select("07A000000004101000"), gpo])).toHaveLength(3);
  const applications = [select("07A000000003101000"), select("07A000000004101000"), gpo];
  expect(lastTap([gpo, ...applications])).toEqual(applications);
  expect(lastTap([])).toEqual([]);
});
