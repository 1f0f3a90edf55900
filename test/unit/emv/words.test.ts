import { describe, expect, test } from "vitest";
import { applicationName, providerOf } from "../../../src/emv/dictionary/aids.js";
import { wordsOf } from "../../../src/emv/dictionary/bits/said.js";
import { unhex } from "../../../src/util/bytes.js";

const words = (tag: number, value: string, scope?: string) => wordsOf(tag, unhex(value), scope);

/** Expectations written by hand from the tables named with each. */
describe("what bits say", () => {
  test.each([
    // EMV 4.4 Book 3, Annex C5
    [
      0x95,
      "8000048000",
      undefined,
      [
        "offline data authentication was not performed",
        "online PIN or other online CVM captured",
        "transaction exceeds the floor limit",
      ],
    ],
    [0x95, "0000000000", undefined, []],
    [
      0x95,
      "0040200800",
      undefined,
      ["application expired", "PIN try limit exceeded", "merchant forced the transaction online"],
    ],
    // Book C-2 Annex A: relay resistance in byte 5
    [
      0x95,
      "000000000E",
      "c2",
      ["relay resistance threshold exceeded", "relay resistance time limits exceeded", "relay resistance performed"],
    ],
    [0x95, "0000000001", "c2", ["relay resistance not supported"]],
    // EMV 4.4 Book 3, Annex C6
    [
      0x9b,
      "E800",
      undefined,
      [
        "offline data authentication was performed",
        "cardholder verification was performed",
        "card risk management was performed",
        "terminal risk management was performed",
      ],
    ],
    // EMV 4.4 Book 3, Annex C1; Book C-2 for byte 2
    [
      0x82,
      "5980",
      "c2",
      [
        "SDA supported",
        "cardholder verification supported",
        "terminal risk management to be performed",
        "CDA supported",
        "EMV mode supported",
      ],
    ],
    [
      0x82,
      "1940",
      "c3",
      [
        "cardholder verification supported",
        "terminal risk management to be performed",
        "CDA supported",
        "mobile phone",
      ],
    ],
    // EMV 4.4 Book 3, Annex C2
    [
      0x9f07,
      "FF00",
      undefined,
      [
        "domestic cash",
        "international cash",
        "domestic goods",
        "international goods",
        "domestic services",
        "international services",
        "at ATMs",
        "at terminals other than ATMs",
      ],
    ],
    // EMV 4.4 Book 3, table 15
    [0x9f27, "80", undefined, ["ARQC: go online"]],
    [0x9f27, "02", undefined, ["AAC: declined", "PIN try limit exceeded"]],
    // EMV Contactless Book A, table 5-4
    [
      0x9f66,
      "36000080",
      "c3",
      [
        "EMV mode supported",
        "EMV contact chip supported",
        "online PIN supported",
        "signature supported",
        "fDDA version 01 supported",
      ],
    ],
    [
      0x9f66,
      "2000C000",
      "c7",
      ["EMV mode supported", "issuer update processing supported", "consumer device CVM supported"],
    ],
    // Book C-3 Annex A
    [0x9f6c, "1000", "c3", ["switch interface if offline data authentication fails and the reader has a contact chip"]],
    [0x9f6c, "0080", "c3", ["consumer device CVM performed"]],
    [
      0x9f6e,
      "24820000",
      "c3",
      [
        "version 1",
        "worn on the wrist",
        "passcode capable",
        "biometric cardholder verification capable",
        "contactless by ISO/IEC 14443",
      ],
    ],
    // EMV 4.4 Book 4, Annex A1 and A2
    [0x9f35, "22", undefined, ["of a merchant", "attended, offline with online capability"]],
    [
      0x9f33,
      "604808",
      undefined,
      [
        "input: magnetic stripe",
        "input: chip with contacts",
        "CVM: enciphered PIN checked online",
        "CVM: no CVM required",
        "security: CDA",
      ],
    ],
    [0xdf8118, "60", undefined, ["enciphered PIN checked online", "signature"]],
    // Book C-2 Annex A
    [
      0xdf811b,
      "B0",
      undefined,
      [
        "magnetic stripe mode not supported",
        "on-device cardholder verification supported",
        "relay resistance protocol supported",
      ],
    ],
    [
      0xdf8129,
      "10F0F00038F0FF00",
      undefined,
      [
        "approved",
        "start not applicable",
        "online response data not applicable",
        "no CVM",
        "data record present",
        "discretionary data present",
        "receipt",
        "alternate interface preference not applicable",
      ],
    ],
    [
      0xdf8115,
      "000300698521",
      undefined,
      ["L1: ok", "L2: status bytes", "L3: ok", "message: try again", "status word 6985"],
    ],
    [
      0x9f6e,
      "02763030303500",
      "c2",
      ["country 0276, identifier 3030", "device type 05: wristband", "proprietary data 00"],
    ],
    [0x9f6e, "0276800300", "c2", ["country 0276, identifier 8003", "proprietary data 00"]],
    // Book C-4, table 4-4
    [
      0x9f6e,
      "D8E04003",
      "c4",
      [
        "contact mode supported",
        "magnetic stripe mode supported",
        "partial online mode supported",
        "mobile supported",
        "mobile CVM supported",
        "online PIN supported",
        "signature supported",
        "CVM required",
        "kernel version 2.7",
      ],
    ],
    // EMV 4.4 Book 4, Annex A6
    [0x8a, "5A33", undefined, ["Z3: unable to go online, declined offline"]],
  ])("%#: %s", (tag, value, scope, expected) => {
    expect(words(tag, value, scope)).toEqual(expected);
  });

  test("set bits without a meaning are told by their place", () => {
    expect(words(0x9b, "0001")).toEqual(["byte 2 bit 1 (reserved or not known)"]);
    expect(words(0x9f6c, "0101", "c3")).toEqual([
      "not valid for contactless ATM transactions",
      "byte 2 bit 1 (reserved or not known)",
    ]);
  });

  test("another kernel's bits are not told", () => {
    expect(words(0x9f66, "0E70", "c2")).toBeUndefined();
    expect(words(0x9f6c, "0001")).toBeUndefined();
  });
});

// EMV 4.4 Book 3, 10.5 and Annex C3; Book 4, Annex A4
describe("cardholder verification", () => {
  test("a list, rule by rule", () => {
    expect(words(0x8e, "00000000000000004103020341031E031F03")).toEqual([
      "X 0, Y 0",
      "plaintext PIN checked by the card, if the terminal supports it; if that fails, the next rule",
      "enciphered PIN checked online, if the terminal supports it; if that fails, verification has failed",
      "plaintext PIN checked by the card, if the terminal supports it; if that fails, the next rule",
      "signature, if the terminal supports it; if that fails, verification has failed",
      "no CVM required, if the terminal supports it; if that fails, verification has failed",
    ]);
    expect(words(0x8e, "000003E800000000420600004290")).toEqual([
      "X 1000, Y 0",
      "enciphered PIN checked online, if in the application currency and under X; if that fails, the next rule",
      "fail CVM processing, always; if that fails, verification has failed",
      "enciphered PIN checked online, under a condition of the payment system; if that fails, the next rule",
    ]);
    expect(words(0x9f68, "00000000000000005E0342031F03", "c2")).toHaveLength(4);
  });

  test.each(["", "00", "00000000000000", "000000000000000041"])("%s is no list", (value) => {
    expect(words(0x8e, value)).toBeUndefined();
  });

  test.each([
    ["1E0300", "signature, if the terminal supports it: unknown"],
    ["020300", "enciphered PIN checked online, if the terminal supports it: unknown"],
    ["1F0002", "no CVM required, always: successful"],
    ["3F0001", "no CVM performed, always: failed"],
  ])("result %s", (value, says) => {
    expect(words(0x9f34, value)).toEqual([says]);
  });
});

describe("issuer application data", () => {
  // M/Chip: key index, CVN, CVR of 6 bytes, DAC, counters
  test("M/Chip format, 18 bytes", () => {
    expect(words(0x9f10, "0110A00003220000000000000000000000FF", "c2")).toEqual([
      "M/Chip format, key index 01",
      "CVN 10: Mastercard session key",
      "CVR A00003220000: first cryptogram ARQC, offline PIN not performed, domestic transaction, PIN tries left: 3",
      "DAC or ICC dynamic number 0000",
      "counters 00000000000000FF",
    ]);
  });

  // 9F10 of the M/Chip CDA tap of binaryfoo/emv-bertlv: TC with CDA, date check passed, domestic or international not said
  test("M/Chip format of a recorded tap", () => {
    const said = words(0x9f10, "0110904009248400000000000000000029FF", "c2")!;
    expect(said[2]).toContain("first cryptogram TC");
    expect(said[2]).toContain("CDA in the first GENERATE AC");
  });

  // VIS: length 06, key index, CVN, CVR with its length 03
  test("Visa format 0 and 1", () => {
    expect(words(0x9f10, "06010A03A4B800", "c3")).toEqual([
      "Visa format 0, key index 01",
      "CVN 0A",
      "CVR 03A4B800: first cryptogram ARQC, offline PIN performed, last online transaction not completed, velocity counters exceeded, new card, issuer authentication failed on the last online transaction",
    ]);
    expect(words(0x9f10, "06011203A0000200", "c3")).toEqual([
      "Visa format 1, key index 01",
      "CVN 12",
      "CVR 03A00002: first cryptogram ARQC, DDA performed",
      "issuer discretionary data 00",
    ]);
  });

  test("Visa format 2: a device's", () => {
    expect(words(0x9f10, `1F220182A4000000${"00".repeat(24)}`, "c3")?.slice(0, 3)).toEqual([
      "Visa format 2, key index 01",
      "CVN 22",
      "CVR 82A4000000: verified by finger, by the operating system of the device, first cryptogram ARQC, CDCVM successful",
    ]);
  });

  // PBOC 3.0: length 07, key index, CVN, CVR, algorithm
  test("UnionPay format", () => {
    expect(words(0x9f10, "07010103A0000001", "c7")).toEqual([
      "UnionPay format, key index 01",
      "CVN 01",
      "CVR 03A00000: first cryptogram ARQC",
      "algorithm 01",
    ]);
  });

  // EMV 4.4 Book 3, Annex C9: 0F, CCI, DKI, CVR of 5 bytes, counters of 8; 0F, 15 of the issuer
  test("common core definitions", () => {
    expect(words(0x9f10, `0FA501A03000000000000000000000000F${"11".repeat(15)}`)).toEqual([
      "common core definitions, identifier A5, key index 01",
      "CVR A030000000: first cryptogram ARQC, PIN tries left: 3",
      "counters 0000000000000000",
      `issuer discretionary data ${"11".repeat(15)}`,
    ]);
  });

  test.each(["", "01", "FF00FF00FF00", `0F${"00".repeat(31)}`])("%s is in no format that is known", (value) => {
    expect(words(0x9f10, value)).toBeUndefined();
  });
});

// Registered application provider identifiers: EMV Contactless Book B, table 3-6, and public lists of AIDs
test.each([
  ["A0000000041010", "Mastercard credit or debit", "c2"],
  ["A00000000410101213", "Mastercard credit or debit", "c2"],
  ["A0000000043060", "Maestro", "c2"],
  ["A0000000031010", "Visa credit or debit", "c3"],
  ["A000000003000000", "GlobalPlatform issuer security domain (Visa OpenPlatform)", "gp"],
  ["A000000151000000", "issuer security domain", "gp"],
  ["A000000025010403", "American Express credit or debit", "c4"],
  ["A0000000651010", "JCB credit or debit", "c5"],
  ["A0000001523010", "Discover credit or debit", "c6"],
  ["A000000333010101", "UnionPay debit", "c7"],
  ["A0000002771010", "Interac debit", "interac"],
  ["A0000000421010", "CB credit or debit", undefined],
  ["325041592E5359532E4444463031", "PPSE (2PAY.SYS.DDF01)", undefined],
  ["F012345678", undefined, undefined],
])("%s is %s", (aid, name, scope) => {
  expect([applicationName(unhex(aid)), providerOf(unhex(aid))?.scope]).toEqual([name, scope]);
});
