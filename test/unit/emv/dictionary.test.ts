import { describe, expect, test } from "vitest";
import { isConstructed, tagHex } from "../../../src/codec/tlv.js";
import { dictionary, tagRow, tagRows } from "../../../src/emv/dictionary/lookup.js";
import type { TagRow } from "../../../src/emv/dictionary/row.js";
import { dolFormat } from "../../../src/emv/tags.js";

const told = (row: TagRow | undefined) =>
  row && [row.name, row.format, ...row.length, row.templates.map(tagHex).join(" ")];

describe("rows as the books have them", () => {
  // EMV 4.4 Book 3, Annex A1 and A2 (names shortened; lengths in bytes).
  test.each([
    [0x82, ["Application Interchange Profile", "b", 2, 2, "77 80"]],
    [0x95, ["Terminal Verification Results", "b", 5, 5, ""]],
    [0x9a, ["Transaction Date", "n", 3, 3, ""]],
    [0x5f34, ["Application PAN Sequence Number", "n", 1, 1, "70 77"]],
    [0x9f02, ["Amount, Authorised (Numeric)", "n", 6, 6, ""]],
    [0x9f0a, ["Application Selection Registered Proprietary Data", "b", 0, 255, "73 BF0C"]],
    [0x9f0c, ["Issuer Identification Number Extended", "n", 3, 4, "BF0C 73"]],
    [0x9f19, ["Token Requestor ID", "n", 6, 6, "70 77"]],
    [0x9f24, ["Payment Account Reference", "an", 29, 29, "70 77"]],
    [0x9f25, ["Last 4 Digits of PAN", "n", 2, 2, "70 77"]],
    [0x9f26, ["Application Cryptogram", "b", 8, 8, "77 80"]],
    [0x9f4d, ["Log Entry", "b", 2, 2, "BF0C 73"]],
    [0xbf0c, ["FCI Issuer Discretionary Data", "template", 0, 222, "A5"]],
  ])("%#: EMV", (tag, row) => {
    expect(told(tagRow(tag))).toEqual(row);
  });

  // Book C-2 Annex A; C-3 Annex A; C-4 tables 4-2, 4-4; C-5; C-8 Annex A; PBOC 3.0.
  test.each([
    ["c2", 0x9f6e, ["Third Party Data", "b", 5, 32, "BF0C 70"]],
    ["c3", 0x9f6e, ["Form Factor Indicator", "b", 4, 4, "77"]],
    ["c4", 0x9f6e, ["Enhanced Contactless Reader Capabilities", "b", 4, 4, ""]],
    ["gp", 0x9f6e, ["Application Production Life Cycle Data", "b", 0, 255, "A5"]],
    ["c2", 0x9f66, ["PUNATC (Track2)", "b", 2, 2, "70"]],
    ["c3", 0x9f66, ["Terminal Transaction Qualifiers", "b", 4, 4, ""]],
    ["c2", 0x9f6c, ["Mag-stripe Application Version Number (card)", "b", 2, 2, "70"]],
    ["c7", 0x9f6c, ["Card Transaction Qualifiers", "b", 2, 2, "77"]],
    ["c2", 0x9f5d, ["Application Capabilities Information", "b", 3, 3, "BF0C"]],
    ["c3", 0x9f5d, ["Available Offline Spending Amount", "n", 6, 6, "77"]],
    ["c2", 0x9f7c, ["Merchant Custom Data", "b", 20, 20, ""]],
    ["c3", 0x9f7c, ["Customer Exclusive Data", "b", 0, 32, "77"]],
    ["c2", 0xdf8129, ["Outcome Parameter Set", "b", 8, 8, ""]],
    ["c2", 0xdf8306, ["Measured Relay Resistance Processing Time", "b", 2, 2, ""]],
    ["c2", 0xff8106, ["Discretionary Data", "template", 0, 1024, ""]],
    ["c4", 0x9f71, ["Mobile CVM Results", "b", 3, 3, "77"]],
    ["c5", 0x9f53, ["Terminal Interchange Profile", "b", 3, 3, ""]],
    ["c7", 0x9f79, ["Electronic Cash Balance", "n", 6, 6, ""]],
    ["c8", 0x9f8103, ["Card Key Data", "b", 64, 132, "77"]],
    ["c8", 0x9f811a, ["Data Envelope 10", "b", 0, 243, ""]],
    ["gp", 0x9f7f, ["Card Production Life Cycle Data", "b", 42, 42, ""]],
  ])("%s %#", (scope, tag, row) => {
    expect(told(tagRow(tag, scope))).toEqual(row);
  });

  // ISO/IEC 7816-4, file control parameters; GlobalPlatform Card Specification 2.3.1, table 11-36 and Annex H; EMV 4.4 Book 3, Annex A2.
  test.each([
    [0x62, 0x82, "File Descriptor"],
    [0x62, 0x8a, "Life Cycle Status"],
    [0x6f, 0x84, "DF Name"],
    [0xe3, 0x9f70, "Life Cycle State"],
    [0xe3, 0xc5, "Privileges"],
    [0x66, 0x73, "Card Recognition Data"],
    [0x61, 0x73, "Directory Discretionary Template"],
    [0xbf4c, 0xdf50, "Facial Try Counter"],
    [0xbf4d, 0xdf50, "Preferred Facial Attempts"],
    [0xbf4e, 0xdf50, "Enciphered Biometric Key Seed"],
  ])("inside %#", (parent, tag, name) => {
    expect(tagRow(tag, undefined, parent)?.name).toBe(name);
  });
});

describe("looking up", () => {
  test("what kernels disagree on has no name without a kernel", () => {
    for (const tag of [0x9f66, 0x9f6e, 0x9f6c, 0x9f5d, 0x9f6b, 0x9f69])
      expect(tagRow(tag), tagHex(tag)).toBeUndefined();
  });

  test("what only one has is named, unless anybody may use the tag", () => {
    expect(tagRow(0xdf8115)?.name).toBe("Error Indication");
    expect(tagRow(0x9f2c)?.scope).toBe("c8");
    expect(tagRow(0xdf60)).toBeUndefined();
    expect(tagRow(0xdf60, "c2")?.name).toBe("DS Input (Card)");
    expect(tagRow(0xc1)).toBeUndefined();
  });

  test("another kernel's meaning does not count", () => {
    expect(tagRow(0xdf8115, "c3")).toBeUndefined();
    expect(tagRow(0x9f26, "c3")?.name).toBe("Application Cryptogram");
  });

  test("DOLs pad by the format: EMV 4.4 Book 3, 5.4", () => {
    expect([0x9f02, 0x9a, 0x5a, 0x95, 0x9f6a, 0xdead].map((tag) => dolFormat(tag))).toEqual([
      "n",
      "n",
      "cn",
      "other",
      "n",
      "other",
    ]);
    expect([dolFormat(0x9f5d, "c2"), dolFormat(0x9f5d, "c3")]).toEqual(["other", "n"]);
  });
});

describe("the whole dictionary", () => {
  const rows = [...dictionary()];

  test("covers what it should", () => {
    expect(rows.length).toBeGreaterThan(440);
    const count = (scope: string | undefined): number => rows.filter((row) => row.scope === scope).length;
    expect(count(undefined)).toBeGreaterThan(200);
    expect(count("c2")).toBeGreaterThan(100);
    expect(count("c8")).toBeGreaterThan(55);
  });

  test("every row has a name, a document as its source, and a length that is one", () => {
    for (const row of rows) {
      expect(row.name.trim(), tagHex(row.tag)).toMatch(/^.{2,70}$/);
      expect(row.source, tagHex(row.tag)).toMatch(/EMV|ISO\/IEC|GlobalPlatform|VIS|PBOC|Interac|ETSI/);
      expect(row.length[0], tagHex(row.tag)).toBeGreaterThanOrEqual(0);
      expect(row.length[0], tagHex(row.tag)).toBeLessThanOrEqual(row.length[1]);
    }
  });

  test("a tag means one thing in one place", () => {
    const places = rows.flatMap((row) =>
      row.inside
        ? row.templates.map((template) => `${tagHex(row.tag)} inside ${tagHex(template)}`)
        : [`${tagHex(row.tag)} in ${row.scope ?? "general"}`],
    );
    expect(places.filter((place, i) => places.indexOf(place) !== i)).toEqual([]);
  });

  test("templates are constructed tags, and nothing else is but what holds parts without tags", () => {
    for (const { tag, format } of rows)
      expect([tagHex(tag), format === "template"]).toEqual([tagHex(tag), isConstructed(tag)]);
    // 9F31 holds templates, and 80 values, though their own tags are primitive ones (EMV 4.4 Book 3, Annex A).
    const holders = new Set(rows.flatMap(({ templates }) => templates));
    expect(
      [...holders]
        .filter((tag) => !isConstructed(tag))
        .map(tagHex)
        .toSorted(),
    ).toEqual(["80", "9F31"]);
  });

  test("templates that are named are in the dictionary", () => {
    for (const template of new Set(rows.flatMap(({ templates }) => templates)))
      expect(tagRows(template).length, tagHex(template)).toBeGreaterThan(0);
  });
});
