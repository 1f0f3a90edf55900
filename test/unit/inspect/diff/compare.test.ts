import { describe, expect, test } from "vitest";
import { compareAccounts, firstDifference, type CompareOptions } from "../../../../src/inspect/diff/compare.js";
import type { Account } from "../../../../src/inspect/diff/account.js";
import {
  account,
  changed,
  exchanges,
  GENERATE_AC,
  GPO,
  PPSE,
  RECORD_1,
  RECORD_2,
  rule,
  SELECT,
  TAP,
  tapOf,
  type Typed,
} from "./hand-tap.js";

const base = tapOf(...TAP);
const says = (a: Account, b: Account, options?: CompareOptions): readonly string[] =>
  compareAccounts(a, b, options).differences.map((difference) => difference.says);
const others = (from: Typed, to: Typed): readonly Typed[] => TAP.map((each) => (each === from ? to : each));

const AC = "GENERATE AC ARQC";
const READ_1 = "READ RECORD SFI 1 record 1";
const READ_2 = "READ RECORD SFI 1 record 2";

test("a trace is the same as itself", () => {
  expect(compareAccounts(base, tapOf(...TAP), { strict: true })).toEqual({
    same: true,
    differences: [],
    more: 0,
    setAside: { count: 0, names: [] },
    notes: [],
    tolerance: "20%,1ms",
    taps: 1,
    commands: 6,
  });
});

describe("one thing that was changed by hand is told, and nothing else", () => {
  const rows: readonly (readonly [what: string, tap: readonly Typed[], told: readonly string[]])[] = [
    [
      "an expiry",
      others(RECORD_1, changed(RECORD_1, ["301231", "281231"])),
      [`${READ_1}: 5F24 Application Expiration Date is 301231 (2030-12-31) in a, 281231 (2028-12-31) in b`],
    ],
    [
      "a bit of the TVR",
      others(GENERATE_AC, changed(GENERATE_AC, ["0000008000", "0000808000"])),
      [
        `${AC}: the terminal's 95 Terminal Verification Results byte 3 bit 8: cardholder verification was not successful, only in b`,
      ],
    ],
    [
      "two bits of the TVR",
      others(GENERATE_AC, changed(GENERATE_AC, ["0000008000", "0100000000"])),
      [
        `${AC}: the terminal's 95 Terminal Verification Results byte 1 bit 1: XDA selected, only in b`,
        `${AC}: the terminal's 95 Terminal Verification Results byte 4 bit 8: transaction exceeds the floor limit, only in a`,
      ],
    ],
    [
      "a bit of the AIP",
      others(GPO, changed(GPO, ["82021980", "82021880"])),
      ["GET PROCESSING OPTIONS: 82 Application Interchange Profile byte 1 bit 1: CDA supported, only in a"],
    ],
    [
      "a bit of the usage control",
      others(RECORD_1, changed(RECORD_1, ["FF00", "FF80"])),
      [`${READ_1}: 9F07 Application Usage Control byte 2 bit 8: domestic cashback, only in b`],
    ],
    [
      "a bit of the CVR",
      others(GENERATE_AC, changed(GENERATE_AC, ["A00000000000", "A00100000000"])),
      [
        `${AC}: 9F10 Issuer Application Data, card verification results byte 2 bit 1: verification on the device successful (meaning of this project), only in b`,
      ],
    ],
    [
      "a status word",
      others(RECORD_2, ["00B2020C00", "6A83"]),
      [
        `${READ_2}: status word is 9000 (ok) in a, 6A83 (record not found) in b`,
        `${READ_2}: 8C CDOL1 only in a: 9F020695059A039F3704 (9F02:6 95:5 9A:3 9F37:4)`,
        `${AC}: the terminal's 9F02 Amount, Authorised (Numeric) only in a: 000000001250 (1250 in minor units)`,
        `${AC}: the terminal's 95 Terminal Verification Results only in a: 0000008000 (transaction exceeds the floor limit)`,
        `${AC}: the terminal's 9A Transaction Date only in a: 260615 (2026-06-15)`,
        `${AC}: the terminal's 9F37 Unpredictable Number only in a: 11223344`,
        `${AC}: data only in b: 000000001250000000800026061511223344`,
      ],
    ],
    [
      "a tag that is missing",
      others(RECORD_1, ["00B2010C00", "70065F24033012319000"]),
      [
        `${READ_1}: 9F07 Application Usage Control only in a: FF00 (domestic cash; international cash; domestic goods; international goods; domestic services; international services; at ATMs; at terminals other than ATMs)`,
      ],
    ],
    [
      "tags in another order",
      others(RECORD_1, ["00B2010C00", "700B9F0702FF005F24033012319000"]),
      [`${READ_1}: tags come as 5F24 9F07 in a, as 9F07 5F24 in b`],
    ],
    [
      "a tag that comes twice",
      others(RECORD_1, ["00B2010C00", "70105F24033012319F0702FF009F0702AB009000"]),
      [
        `${READ_1}: 9F07 Application Usage Control (number 2) only in b: AB00 (domestic cash; domestic goods; domestic services; at ATMs; at terminals other than ATMs)`,
      ],
    ],
    ["a record that is missing", [PPSE, SELECT, GPO, RECORD_2, GENERATE_AC], [`${READ_1}: only in a (9000)`]],
    [
      "a command that was put in",
      [PPSE, SELECT, GPO, RECORD_1, RECORD_2, ["80CA9F1700", "6A88"], GENERATE_AC],
      ["GET DATA 9F17: only in b (6A88)"],
    ],
    [
      "records in another order",
      [PPSE, SELECT, GPO, RECORD_2, RECORD_1, GENERATE_AC],
      [`${READ_1}: comes after GET PROCESSING OPTIONS in a, after ${READ_2} in b`],
    ],
    [
      "another cryptogram asked for and given",
      others(GENERATE_AC, changed(GENERATE_AC, ["80AE8000", "80AE0000"], ["9F270180", "9F270100"])),
      [
        "GENERATE AC ARQC in a is GENERATE AC AAC in b",
        `${AC}: 9F27 Cryptogram Information Data is 80 (ARQC: go online) in a, 00 (AAC: declined) in b`,
      ],
    ],
    [
      "another application",
      others(SELECT, changed(SELECT, ["07A000000004101000", "07A000000004306000"])),
      ["SELECT A0000000041010: only in a (9000)", "SELECT A0000000043060: only in b (9000)"],
    ],
    [
      "a class byte",
      others(RECORD_1, changed(RECORD_1, ["00B2010C", "80B2010C"])),
      [`${READ_1}: the command's header is 00B2010C in a, 80B2010C in b`],
    ],
    [
      "an answer that is no data object",
      others(RECORD_1, ["00B2010C00", "0102039000"]),
      [
        `${READ_1}: 5F24 Application Expiration Date only in a: 301231 (2030-12-31)`,
        `${READ_1}: 9F07 Application Usage Control only in a: FF00 (domestic cash; international cash; domestic goods; international goods; domestic services; international services; at ATMs; at terminals other than ATMs)`,
        `${READ_1}: data only in b: CCCCCC`, // masked: nobody knows what it is,
      ],
    ],
  ];
  test.each(rows)("%s", (_, tap, told) => {
    expect(says(base, tapOf(...tap))).toEqual(told);
  });

  test("each of them comes first when it is the only one asked for", () => {
    for (const [, tap, told] of rows) expect(firstDifference(base, tapOf(...tap))?.says).toBe(told[0]);
    expect(firstDifference(base, base)).toBeUndefined();
  });
});

describe("volatile values", () => {
  const OTHER_UN: readonly Typed[] = TAP.map((each) =>
    each === GPO || each === GENERATE_AC ? changed(each, ["11223344", "AABBCCDD"]) : each,
  );

  test("are set aside and named", () => {
    const other = OTHER_UN.map((each, index) =>
      index === 5
        ? changed(
            each,
            ["260615", "260616"],
            ["9F36020001", "9F36020002"],
            ["0102030405060708", "F1F2F3F4F5F6F7F8"],
            ["0000 0000000000000000 9000".replaceAll(" ", ""), "BEEF 0001000000000000 9000".replaceAll(" ", "")],
          )
        : each,
    );
    const { same, setAside } = compareAccounts(base, tapOf(...other));
    expect(same).toBe(true);
    expect(setAside).toEqual({ count: 7, names: ["9F37", "9A", "9F36", "9F26", "9F10 dynamic", "9F10 counters"] });
  });

  test("--strict compares them", () => {
    expect(says(base, tapOf(...OTHER_UN), { strict: true })).toEqual([
      "GET PROCESSING OPTIONS: the terminal's 9F37 Unpredictable Number is 11223344 in a, AABBCCDD in b",
      `${AC}: the terminal's 9F37 Unpredictable Number is 11223344 in a, AABBCCDD in b`,
    ]);
  });

  test("of another length are a difference", () => {
    const short = changed(GENERATE_AC, ["7729", "7728"], ["9F26080102030405060708", "9F260701020304050607"]);
    expect(says(base, tapOf(...others(GENERATE_AC, short)))).toEqual([
      `${AC}: 9F26 Application Cryptogram has 8 bytes in a, 7 in b`,
    ]);
  });

  test("in the old formats of GPO and GENERATE AC are found by their place", () => {
    const old = (atc: string, ac: string, aip: string): Account =>
      tapOf(["80A8000002830000", `8006${aip}080102009000`], ["80AE000000", `800B80${atc}${ac}9000`]);
    const result = compareAccounts(old("0001", "0102030405060708", "1980"), old("0002", "1112131415161718", "1900"));
    expect(result.setAside.names).toEqual(["9F36", "9F26"]);
    expect(result.differences.map((difference) => difference.says)).toEqual([
      // No application was selected, and kernels disagree about this bit.
      "GET PROCESSING OPTIONS: 82 Application Interchange Profile byte 2 bit 8: a bit without a name here, only in a",
    ]);
  });

  test("magnetic stripe mode: numeric UN by the UDOL, CVC3", () => {
    const stripe = (un: string, cvc3: string, track: string): Account =>
      tapOf(
        SELECT,
        ["00B2010C00", "70079F69049F6A049F9000".replace("70079F69049F6A049F", "70069F69039F6A04")],
        [`802A8E8004${un}00`, `770A9F6102${cvc3}9F3602${track}9000`],
      );
    const { same, setAside } = compareAccounts(stripe("00000012", "1234", "0007"), stripe("00000099", "4321", "0008"));
    expect({ same, names: setAside.names }).toEqual({ same: true, names: ["9F6A", "9F61", "9F36"] });
  });
});

describe("decisions", () => {
  const withRules = (tvr: string, says_: string, date: string): Account =>
    account([
      ...exchanges(TAP),
      rule("kernel", "c2.taa", says_, { tvr, asks: "ARQC" }),
      rule("issuer", "issuer.expiry", "The token is within its validity.", { date }),
    ]);
  const one = withRules("0000008000", "An action code asks to go online.", "260615");

  test("what they say, their bits, and dates set aside", () => {
    const result = compareAccounts(one, withRules("0040008000", "An action code asks to decline.", "260616"));
    expect(result.differences.map((difference) => difference.says)).toEqual([
      'c2.taa: "An action code asks to go online." in a, "An action code asks to decline." in b',
      "c2.taa: tvr byte 2 bit 7: application expired, only in b",
    ]);
    expect(result.differences.map(({ path }) => path)).toEqual([
      "c2.taa/decision/says",
      "c2.taa/decision/tvr/byte 2 bit 7",
    ]);
    expect(result.setAside).toEqual({ count: 1, names: ["date"] });
  });

  test("one that was not made", () => {
    const without = account([...exchanges(TAP), rule("issuer", "issuer.expiry", "The token is within its validity.")]);
    expect(says(one, without)).toEqual(["c2.taa: only in a (An action code asks to go online.)"]);
  });

  test("of an issuer are not compared with a card on a reader, for which there is none to ask", () => {
    const asked = account([
      ...exchanges(TAP),
      rule("issuer", "issuer.expiry", "The token is within its validity."),
      rule("terminal", "terminal.outcome", "Approved.", { outcome: "approved", kernel: "online-request" }),
    ]);
    const onReader = (kernel: string): Account =>
      account([
        ...exchanges(TAP),
        rule("terminal", "terminal.outcome", "Nobody was asked.", { outcome: "online-request", kernel }),
      ]);
    expect(compareAccounts(asked, onReader("online-request"))).toMatchObject({
      same: true,
      notes: ["issuer: only asked in a"],
    });
    expect(says(asked, onReader("declined"))).toEqual([
      "terminal.outcome: kernel is online-request in a, declined in b",
    ]);
  });

  test("are not compared with a trace that has none", () => {
    expect(compareAccounts(one, base)).toMatchObject({ same: true, notes: ["decisions: only recorded in a"] });
  });
});

describe("taps", () => {
  const two = (...second: readonly Typed[]): Account => account(exchanges([...TAP, ...second]));

  test("several in a trace go together by number", () => {
    const expired = others(RECORD_1, changed(RECORD_1, ["301231", "281231"]));
    expect(says(two(...TAP), two(...expired))).toEqual([
      `tap 2: ${READ_1}: 5F24 Application Expiration Date is 301231 (2030-12-31) in a, 281231 (2028-12-31) in b`,
    ]);
  });

  test("one more is told, and the others are compared", () => {
    expect(says(two(...TAP), base)).toEqual(["2 taps in a, 1 tap in b; those that both have are compared"]);
  });

  test("begin where the terminal says so, or where the field comes on", () => {
    const begin = rule("terminal", "terminal.begin", "A payment begins on shop.");
    const field = { layer: "field", at: 0, on: true } as const;
    const tap = exchanges(TAP);
    expect(account([begin, field, ...tap, begin, field, ...tap]).taps.map(({ steps }) => steps.length)).toEqual([7, 7]);
    expect(account([field, ...tap, field, ...tap]).taps.map(({ steps }) => steps.length)).toEqual([6, 6]);
  });
});

describe("answers in parts", () => {
  test("GET RESPONSE after 61xx, and the right Le after 6Cxx, are one command each", () => {
    const parts = tapOf(
      PPSE,
      [SELECT[0], "6121"],
      ["00C0000021", SELECT[1]],
      GPO,
      ["00B2010C01", "6C0D"],
      ["00B2010C0D", RECORD_1[1]],
      RECORD_2,
      GENERATE_AC,
    );
    expect(says(base, parts)).toEqual([
      "SELECT A0000000041010: took 5.00 ms in a, 15.0 ms in b",
      `${READ_1}: Le is 256 in a, 13 in b`,
      `${READ_1}: took 5.00 ms in a, 15.0 ms in b`,
    ]);
  });
});

describe("account data", () => {
  const pan = (digits: string): Account => tapOf(SELECT, ["00B2010C00", `700A5A08${digits}9000`]);

  test("that differ only where they are masked are told without being shown", () => {
    const told = says(pan("5413330000000019"), pan("5413330089600019"));
    expect(told).toEqual([
      `${READ_1}: 5A Application PAN differs in what is masked; what is shown, 541333CCCCCC0019 (541333******0019), is the same`,
    ]);
    expect(JSON.stringify(compareAccounts(pan("5413330000000019"), pan("5413330089600019")))).not.toContain(
      "0089600019",
    );
  });

  test("of a masked trace are compared as masked", () => {
    const masked = account(exchanges([SELECT, ["00B2010C00", "700A5A08541333CCCCCC00199000"]]), undefined, true);
    expect(compareAccounts(masked, pan("5413330089600019"))).toMatchObject({
      same: true,
      notes: ["account data: masked in a, so compared as far as the mask shows them"],
    });
    expect(says(masked, pan("5413330089600044"))).toHaveLength(1);
  });
});

test("a long list of differences is cut, and the rest counted", () => {
  const many = (sw: string): Account =>
    tapOf(...Array.from({ length: 20 }, (_, i): Typed => [`00B2${(i + 1).toString(16).padStart(2, "0")}0C00`, sw]));
  const result = compareAccounts(many("6A83"), many("6A82"), { most: 5 });
  expect(result).toMatchObject({ same: false, more: 15 });
  expect(result.differences).toHaveLength(5);
});
