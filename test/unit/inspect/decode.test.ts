import { describe, expect, test } from "vitest";
import { exchangeLine, commandName, responseName } from "../../../src/inspect/apdu-text.js";
import { decodeBytes, decodeHex, renderDecoded } from "../../../src/inspect/decode.js";
import { ansi } from "../../../src/inspect/paint.js";
import { renderTree, tlvTree } from "../../../src/inspect/tree.js";
import { NO_BYTES, unhex } from "../../../src/util/bytes.js";

const lines = (text: string, scope?: string): string[] =>
  renderTree(tlvTree(unhex(text), scope === undefined ? {} : { scope }));

describe("the tree", () => {
  test("names, values, meanings, two spaces a level", () => {
    expect(lines("6F1A840E325041592E5359532E4444463031A5088701015F2D02656E")).toEqual([
      "6F  FCI Template",
      "  84  DF Name  325041592E5359532E4444463031  = 2PAY.SYS.DDF01",
      "  A5  FCI Proprietary Template",
      "    87  Application Priority Indicator  01  = priority 1",
      '    5F2D  Language Preference  656E  = "en"',
    ]);
  });

  test.each([
    ["9A03260615", "2026-06-15"],
    ["9A03991231", "1999-12-31"],
    ["5F2403261200", "2026-12"],
    ["9F2103235959", "23:59:59"],
    ["9F0206000000001250", "1250 in minor units"],
    ["5F2A020978", "ISO 4217 number 978"],
    ["9F36020035", "53"],
    ["9F270180", "ARQC: go online"],
    ["9F270140", "TC: approved offline"],
    ["9F270100", "AAC: declined"],
    ["8C0B9F02069F37049A039F3501", "9F02:6 9F37:4 9A:3 9F35:1"],
    ["94080801010010010301", "SFI 1 records 1-1, SFI 2 records 1-3 (1 authenticated)"],
    ["5A085413330089600044", "541333******0044"],
    ["5A08541333CCCCCC0044", "541333******0044"],
    ["57115413330089600044D14122010123409172", "PAN 541333******0044, expires 12/14, service code 201"],
    ["500F505043204D43442030342076322030", '"PPC MCD 04 v2 0"'],
  ])("%s means %s", (text, meaning) => {
    expect(tlvTree(unhex(text)).nodes[0]!.meaning).toBe(meaning);
  });

  test.each([
    "9A03261315",
    "9A03FFFFFF",
    "9A021234",
    "9F0206FFFFFFFFFFFF",
    "5F2A01",
    "94030801",
    "57049999FFFF",
    "8C019F",
  ])("%s has no meaning to tell", (text) => {
    expect(tlvTree(unhex(text)).nodes[0]?.meaning).toBeUndefined();
  });

  test("names tags on which kernels disagree only by the kernel that is asked for", () => {
    expect(lines("9F660436204000")).toEqual(["9F66  36204000"]);
    expect(lines("9F660436204000", "c3")).toEqual([
      "9F66  Terminal Transaction Qualifiers  36204000",
      "    - EMV mode supported",
      "    - EMV contact chip supported",
      "    - online PIN supported",
      "    - signature supported",
      "    - offline PIN supported (contact chip)",
      "    - consumer device CVM supported",
    ]);
    expect(lines("9F66020E70", "c2")).toEqual(["9F66  PUNATC (Track2)  0E70"]);
    expect(tlvTree(unhex("9F66020E70"), { scope: "c2" }).scope).toBe("c2");
  });

  test("shows what could be read of damaged bytes, and where it ends", () => {
    const tree = tlvTree(unhex("6F1C8407A0000000041010A511500F5050"));
    expect(renderTree(tree)).toEqual([
      "6F  FCI Template  (cut off)",
      "  84  DF Name  A0000000041010  = Mastercard credit or debit",
      "  A5  FCI Proprietary Template  (cut off)",
      "    50  Application Label  5050  (cut off)",
      expect.stringContaining("[codec/truncated]"),
    ]);
    expect(tree.problem).toMatchObject({ code: "codec/truncated", context: { tag: "6F", offset: 2 } });
  });

  test("an empty value says so; an unknown tag has no name", () => {
    expect(lines("9C00DF7F01AA")).toEqual(["9C  Transaction Type  (empty)", "DF7F  AA"]);
  });

  test("colours only what it is told to", () => {
    expect(renderTree(tlvTree(unhex("9C0100")), ansi)).toEqual([
      "\u001b[36m9C\u001b[0m  \u001b[1mTransaction Type\u001b[0m  \u001b[0m00\u001b[0m  \u001b[32m= goods and services\u001b[0m",
    ]);
  });
});

describe("decode", () => {
  test.each([
    ["9F36020035", "tlv", undefined],
    ["9F360200359000", "response", "9000"],
    ["9000", "response", "9000"],
    ["6A82", "response", "6A82"],
    ["6310", "response", "6310"],
    ["9F3602 6281", "tlv", undefined],
    ["9F36020035 6283", "response", "6283"],
    ["70 03 9C01 00", "tlv", undefined],
  ])("%s is %s", (text, kind, sw) => {
    const decoded = decodeHex(text);
    expect(decoded.kind).toBe(kind);
    expect(decoded.sw?.value).toBe(sw);
    expect(decoded.tree.problem).toBeUndefined();
  });

  test("hex as people paste it", () => {
    for (const text of ["9F:36:02:00:35", "0x9F36020035", " 9f 36 02\n00 35 ", "9F-36-02-00-35"])
      expect(decodeHex(text).tree.nodes).toHaveLength(1);
  });

  test("bytes that are neither come as far as they go", () => {
    const { kind, tree } = decodeHex("5F2D05656E");
    expect(kind).toBe("tlv");
    expect(JSON.parse(JSON.stringify(tree.nodes))).toEqual([
      { tag: "5F2D", name: "Language Preference", length: 2, value: "656E", cut: true },
    ]);
    expect(tree.problem?.context).toMatchObject({ tag: "5F2D", offset: 3 });
  });

  test("nothing, and no hex, have their codes", () => {
    expect(() => decodeBytes(NO_BYTES)).toThrow(expect.objectContaining({ code: "inspect/nothing-to-decode" }));
    expect(() => decodeHex("9F3x")).toThrow(expect.objectContaining({ code: "util/not-hex", context: { offset: 3 } }));
    expect(() => decodeHex("9F3")).toThrow(expect.objectContaining({ code: "util/not-hex" }));
  });

  test("text ends with the status word and the kernel that named the tags", () => {
    expect(renderDecoded(decodeHex("9C01006985", { scope: "c2" }))).toEqual([
      "9C  Transaction Type  00  = goods and services",
      "6985  conditions of use not satisfied",
      "tags named by kernel c2",
    ]);
  });
});

describe("an exchange in a line", () => {
  test.each([
    ["00A404000E325041592E5359532E444446303100", "SELECT 2PAY.SYS.DDF01"],
    ["00A4040007A000000004101000", "SELECT A0000000041010"],
    ["00A4040207A000000004101000", "SELECT A0000000041010 (next)"],
    ["00A40400", "SELECT the default application"],
    ["80A8000002830000", "GET PROCESSING OPTIONS"],
    ["00B2011400", "READ RECORD SFI 2 record 1"],
    ["80AE500000", "GENERATE AC TC with CDA"],
    ["80AE800000", "GENERATE AC ARQC"],
    ["80CA9F3600", "GET DATA 9F36"],
    ["80CA005A00", "GET DATA 5A"],
    ["802A8E80040000000000", "COMPUTE CRYPTOGRAPHIC CHECKSUM"],
    ["80EA0000041122334400", "EXCHANGE RELAY RESISTANCE DATA"],
    ["80E2800001AA", "STORE DATA block 0, the last"],
    ["84E2000501AA", "STORE DATA block 5, secured"],
    ["00FF0000", "command 00FF0000"],
    ["00A4", "malformed command"],
  ])("%s is %s", (command, name) => {
    expect(commandName(unhex(command))).toBe(name);
  });

  test.each([
    ["9000", "9000 ok"],
    ["9F360200359000", "9000 ok, 5 bytes"],
    ["AA6A82", "6A82 file or application not found, 1 byte"],
    ["90", "no status word (1 byte)"],
  ])("%s is %s", (response, name) => {
    expect(responseName(unhex(response))).toBe(name);
  });

  test("together", () => {
    expect(exchangeLine({ command: unhex("00B2011400"), response: unhex("6A83") })).toBe(
      "READ RECORD SFI 2 record 1 -> 6A83 record not found",
    );
  });
});
