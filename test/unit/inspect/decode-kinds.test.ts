import { describe, expect, test } from "vitest";
import { recoverSignature } from "../../../src/inspect/certificate-fields.js";
import { decodeBytes, decodeHex, decodePair, renderDecoded, type Decoded } from "../../../src/inspect/decode.js";
import { decodeAtr } from "../../../src/protocols/iso7816/atr.js";
import { unhex } from "../../../src/util/bytes.js";

const fields = ({ fields: list }: Decoded): (string | undefined)[][] =>
  (list ?? []).map(({ name, value, says }) => [name, value, says]);

describe("what it is", () => {
  test.each([
    ["00A4040007A000000004101000", "command"],
    ["80A8000002830000", "command"],
    ["80AE8000", "command"],
    ["00C0000010", "command"],
    ["8016 5980 0801010010010101180102002001020028010100", "tlv"],
    ["6A82", "response"],
    ["9F36020035", "tlv"],
    ["3B8F8001804F0CA000000306030001000000006A", "atr"],
    ["0578807002", "ats"],
    ["067577810280", "ats"],
    ["5413330089600044D14122010123409172", "track"],
    [";5413330089600044=14122010123409172?", "track"],
    ["%B5413330056003511^CUST IMP MC 351/^14121010677505000?", "track"],
    ["00A40400 > 6A82", "pair"],
    ["5F2D05656E", "tlv"],
  ])("%s is %s", (text, kind) => {
    expect(decodeHex(text).kind).toBe(kind);
  });

  test("what it is said to be wins, and what cannot be read as that says so", () => {
    expect(decodeHex("6A82", { as: "tlv" })).toMatchObject({
      kind: "tlv",
      tree: { problem: { code: "codec/truncated" } },
    });
    expect(decodeHex("1234", { as: "track" }).tree.problem?.code).toBe("inspect/not-that-kind");
    expect(decodeHex("3B8F80", { as: "atr" }).tree.problem).toMatchObject({
      code: "iso7816/bad-atr",
      context: { offset: 3 },
    });
    expect(decodeHex("00A404", { as: "command" }).tree.problem?.code).toBe("iso7816/short-command");
    expect(decodeHex("9C0100", { as: "dol" }).tree.problem?.code).toBe("inspect/not-that-kind");
    expect(() => decodePair(unhex("00A40400"), new Uint8Array())).toThrow(
      expect.objectContaining({ code: "inspect/nothing-to-decode" }),
    );
  });
});

describe("commands", () => {
  test("a pair: the selected application names the tags of its answer", () => {
    const pair = decodeHex("00A4040007A000000004101000 > 6F0E8407A0000000041010A5039F51009000");
    expect(renderDecoded(pair)).toEqual([
      "SELECT A0000000041010",
      "  CLA INS  00A4  = interindustry",
      "  P1 P2    0400",
      "  data     A0000000041010  = 7 bytes: Mastercard credit or debit",
      "  Le       as much as there is",
      "6F  FCI Template",
      "  84  DF Name  A0000000041010  = Mastercard credit or debit",
      "  A5  FCI Proprietary Template",
      "    9F51  DRDOL  (empty)",
      "9000  ok",
      "tags named by kernel c2",
    ]);
  });

  // EMV 4.4 Book 3, 5.4: values one after the other, cut apart by hand.
  test("processing options by the list that the card gave", () => {
    const command = "80A800000C830A36000080000000001250 00";
    const { tree, title } = decodeHex(command, { as: "command", scope: "c3", dol: unhex("9F38069F66049F0206") });
    expect(title).toBe("GET PROCESSING OPTIONS");
    expect(tree.nodes.map(({ tag, value }) => [tag, value])).toEqual([
      ["9F66", "36000080"],
      ["9F02", "000000001250"],
    ]);
    expect(tree.nodes[1]!.meaning).toBe("1250 in minor units");
    expect(decodeHex(command, { as: "command" }).tree.nodes[0]).toMatchObject({ tag: "83", name: "Command Template" });
  });

  test("data of a list: too little, too much, with and without the list's tag", () => {
    const list = { dol: unhex("9A039F2103") };
    expect(decodeHex("260615235959", list).tree.nodes.map(({ meaning }) => meaning)).toEqual([
      "2026-06-15",
      "23:59:59",
    ]);
    const short = decodeHex("26061523", list);
    expect(short.tree.nodes.map(({ value, cut }) => [value, cut])).toEqual([
      ["260615", undefined],
      ["23", true],
    ]);
    expect(short.tree.problem).toMatchObject({
      code: "inspect/dol-mismatch",
      context: { wanted: 6, length: 4, offset: 4 },
    });
    expect(decodeHex("26061523595900", list).tree.problem?.context).toMatchObject({ offset: 6 });
    expect(decodeHex("2606", { dol: unhex("9A") }).tree.problem?.code).toBe("codec/truncated");
  });
});

describe("answers to reset and to select", () => {
  // PC/SC Specification Part 3, 3.1.3.2.3.2: a MIFARE 1K card, as readers show it.
  test("a storage card behind a reader", () => {
    expect(fields(decodeHex("3B8F8001804F0CA000000306030001000000006A"))).toEqual([
      ["TS", "3B", "direct convention"],
      ["T0", "8F", "15 historical bytes"],
      ["TD1", "80", "T=0"],
      ["TD2", "01", "T=1"],
      ["historical", "804F0CA00000030603000100000000", undefined],
      ["TCK", "6A", "right"],
      ["PC/SC", undefined, expect.stringContaining("MIFARE Classic 1K, ISO/IEC 14443 A, part 3")],
    ]);
    const wrong = decodeHex("3B8F8001804F0CA000000306030001000000006B").fields!.find(({ name }) => name === "TCK");
    expect(wrong).toEqual({ name: "TCK", value: "6B", says: "wrong: the bytes give 6A", wrong: true });
  });

  // pcsc-tools, smartcard_list.txt: NXP JCOP v2.4.1
  test("a Java Card with T=1", () => {
    const atr = decodeAtr(unhex("3BF81300008131FE454A434F5076323431B7"));
    expect(atr).toMatchObject({ convention: "direct", protocols: [1], tck: { value: 0xb7, expected: 0xb7 } });
    expect(atr.interfaceBytes.map(([name]) => name)).toEqual(["TA1", "TB1", "TC1", "TD1", "TD2", "TA3", "TB3"]);
    const told = fields(decodeHex("3BF81300008131FE454A434F5076323431B7"));
    expect(told).toContainEqual(["TA1", "13", "F 372, D 4: 93 clock cycles a bit"]);
    expect(told).toContainEqual(["TA3", "FE", "T=1 information field size 254"]);
    expect(told).toContainEqual(["TB3", "45", "T=1 waiting times: block 4, character 5"]);
    expect(told).toContainEqual(["historical", "4A434F5076323431", '"JCOPv241"']);
  });

  // ISO/IEC 7816-4, 8.1.1: category 80, COMPACT-TLV
  test("historical bytes of a bank card", () => {
    expect(fields(decodeHex("3B6E000080318066B0840C016E0183009000")).slice(4)).toEqual([
      ["historical", "80318066B0840C016E0183009000", undefined],
      ["  card service data", "80", undefined],
      ["  pre-issuing data", "B0840C016E01", undefined],
      ["  status indicator", "009000", undefined],
    ]);
  });

  test.each([
    ["3B", 1],
    ["3B8F80", 3],
    ["3B02AA", 2],
    ["3B00AA", 2],
    ["3A00", 0],
    [`3B0F${"00".repeat(40)}`, 33],
  ])("%s is no ATR, from offset %i on", (text, offset) => {
    expect(() => decodeAtr(unhex(text))).toThrow(
      expect.objectContaining({ code: "iso7816/bad-atr", context: { offset } }),
    );
  });

  // MIFARE DESFire EV1 data sheet; ISO/IEC 14443-4 5.2: FSCI 5, all rates, FWI 8, SFGI 1, CID
  test("an ATS", () => {
    expect(fields(decodeHex("067577810280"))).toEqual([
      ["TL", "06", "6 bytes"],
      ["frame size", undefined, "64 bytes to the card"],
      ["bit rates", undefined, "to the card 106, 212, 424, 848; from the card 106, 212, 424, 848 kbit/s"],
      ["waiting time", undefined, "77.3 ms"],
      ["guard time", undefined, expect.stringMatching(/^60[0-9.]+ us$|^0\.60\d? ms$/)],
      ["CID", undefined, "supported"],
      ["historical", "80", undefined],
    ]);
  });
});

// ISO/IEC 7813; the test card of the recorded magnetic stripe tap of binaryfoo/emv-bertlv
describe("tracks", () => {
  test("track 1 and 2, part by part", () => {
    expect(fields(decodeHex("%B5413330056003511^CUST IMP MC 351/^14121010677505000?"))).toEqual([
      ["PAN", "5413330056003511", "16 digits, check digit right"],
      ["name", "CUST IMP MC 351/", undefined],
      ["expires", "1412", "2014-12"],
      ["service code", "101", "international; normal authorisation; no restrictions"],
      ["discretionary", "0677505000", undefined],
    ]);
    expect(fields(decodeHex("5413330056003512D1412201"))[0]).toEqual([
      "PAN",
      "5413330056003512",
      "16 digits, check digit wrong",
    ]);
  });
});

describe("signatures", () => {
  test("what another key signed is shown as it came out, and no hash is believed", () => {
    const key = { modulus: new Uint8Array(128).fill(0xff, 0, 127).fill(0xfd, 127), exponent: 3 };
    const found = recoverSignature(key, new Uint8Array(128).fill(0x11));
    expect(found).toMatchObject({ ok: false, title: "not recovered" });
    expect(found.fields[0]).toMatchObject({ wrong: true });
  });

  test("a block that is above the modulus has its code", () => {
    const key = { modulus: new Uint8Array(128).fill(0x81), exponent: 3 };
    expect(() => recoverSignature(key, new Uint8Array(128).fill(0xff))).toThrow(
      expect.objectContaining({ code: "crypto/rsa-block" }),
    );
  });
});

test("meanings of nodes come out of JSON as well", () => {
  expect(JSON.parse(JSON.stringify(decodeBytes(unhex("95058000048000")).tree.nodes))).toEqual([
    {
      tag: "95",
      name: "Terminal Verification Results",
      length: 5,
      value: "8000048000",
      parts: [
        "offline data authentication was not performed",
        "online PIN or other online CVM captured",
        "transaction exceeds the floor limit",
      ],
    },
  ]);
});
