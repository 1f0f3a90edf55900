import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { tlv } from "../../../src/codec/tlv.js";
import { toCompressed } from "../../../src/codec/bcd.js";
import { encodeRecord } from "../../../src/trace/record.js";
import { maskRecords, pansIn, requireTestData } from "../../../src/trace/mask.js";
import { maskPan } from "../../../src/trace/sensitive.js";
import { ascii, concat, hex, unhex } from "../../../src/util/bytes.js";
import type { ApduRecord, RuleRecord, TraceRecord } from "../../../src/util/tracer.js";

const PAN = "5413330089600044";
const apdu = (command: string, response: string | Uint8Array, via: ApduRecord["via"] = "contactless"): ApduRecord => ({
  layer: "apdu",
  at: 1,
  took: 2,
  command: unhex(command),
  response: typeof response === "string" ? unhex(response) : response,
  via,
});
const maskedApdu = (...records: readonly ApduRecord[]): { command: string; response: string }[] =>
  maskRecords(records).map((record) => ({
    command: hex((record as ApduRecord).command),
    response: hex((record as ApduRecord).response),
  }));
const response = (command: string, answer: string): string => maskedApdu(apdu(command, answer))[0]!.response;
const READ = "00B2011400";

describe("what stands in a command's place and is none, as in a log whose directions are mixed up", () => {
  test.each([
    ["a record", "701A5A0854133300896000445F24031412315F340101", `701A${"CC".repeat(20)}`],
    ["a number", "5413330089600044", "5413CCCCCCCCCCCC"],
    ["lengths that do not fit", "0054133300896000449000", `0054${"CC".repeat(9)}`],
    ["an instruction that nobody knows", "80330000085413330089600044", `8033000008${"CC".repeat(8)}`],
  ])("%s", (_, command, expected) => {
    expect(maskedApdu(apdu(command, "9000"))[0]!.command).toBe(expected);
  });

  test("short data, and the commands that are known, stay", () => {
    for (const command of ["8033000003112233", "80A8000002830000", "00A4040007A000000004101000", "FFCA000000"])
      expect(maskedApdu(apdu(command, "9000"))[0]!.command).toBe(command);
  });
});

describe("values in answers", () => {
  test.each([
    ["5A", "5A085413330089600044", "5A08541333CCCCCC0044"],
    ["5A of an odd length", "5A08374245001741007F", "5A08374245CCCCC1007F"],
    ["57", "57115413330089600044D14122010123409172", "5711541333CCCCCC0044DCCCCCCCCCCCCCCCCC"],
    ["57 with padding", "5713374245001741007D181270213101234500000F", "5713374245CCCCC1007DCCCCCCCCCCCCCCCCCCCCCF"],
    ["9F6B", "9F6B115413330056003511D1412101067750500F", "9F6B11541333CCCCCC3511DCCCCCCCCCCCCCCCCF"],
    ["57 that is no track", "5704FFFFFFFF", "5704CCCCCCCC"],
    ["5F20", "5F200C455445432F50415950415353", `5F200C${"2A".repeat(12)}`],
    ["9F1F", "9F1F0431323334", "9F1F042A2A2A2A"],
    ["9F46, from which the PAN can be computed", "9F4604DEADBEEF", "9F4604CCCCCCCC"],
  ])("%s", (_, value, masked) => {
    expect(response(READ, `${value}9000`)).toBe(`${masked}9000`);
  });

  test("56 keeps its carets, the first six and the last four", () => {
    const track = ascii("B5413330056003511^CUST IMP MC 351/^141210106775050 0");
    expect(response(READ, `${hex(tlv(0x56, track))}9000`)).toBe(
      `${hex(tlv(0x56, ascii(`B541333******3511^${"*".repeat(16)}^${"*".repeat(17)}`)))}9000`,
    );
  });

  test("in templates, however deep, and twice", () => {
    const inner = tlv(0x70, tlv(0x61, tlv(0x5a, toCompressed(PAN))), tlv(0x57, unhex(`${PAN}D2212201`)));
    const out = response(READ, `${hex(inner)}9000`);
    expect(out).not.toContain("0089");
    expect(out).toHaveLength(inner.length * 2 + 4);
  });

  test("what is not account data stays as it is", () => {
    const answer = "6F1C8407A0000000041010A511500F505043204D434420303420763220309000";
    expect(response("00A4040007A000000004101000", answer)).toBe(answer);
  });

  test.each([
    // Digits of the AID and its label, up to the D of a letter: 0000000250104035005416D657269.
    ["a directory", "00A404000E325041592E5359532E444446303100", "6F18A516BF0C1361114F08A0000000250104035005416D657269"],
    ["a payment account reference", READ, `70209F241D${hex(ascii("TB01PR12345678M12345678901234"))}`],
  ])("what only looks like track 2 data stays: %s", (_, command, answer) => {
    expect(response(command, `${answer}9000`)).toBe(`${answer}9000`);
  });

  test("track 2 data in an object that nobody knows do not", () => {
    expect(response(READ, "7014DF0110015413330089600044D22122019000000F9000")).not.toContain("0089");
  });

  test.each([
    ["cut in the PAN", "700A5A08541333008960"],
    ["with a wrong length", "70FF5A085413330089600044"],
    ["garbage behind it", "5A085413330089600044FFFF5413330089600044"],
    ["nested too deep", `${"6142".repeat(20)}5A085413330089600044`],
    ["swallowed by a wrong length before it", "70405050F45A085413330089600044"],
  ])("damaged data do not leak: %s", (_, data) => {
    expect(response(READ, `${data}9000`)).not.toMatch(/0089/);
  });

  test("a PAN outside its tags is found where it is known from inside", () => {
    const [, other] = maskedApdu(apdu(READ, `5A08${PAN}9000`), apdu("80CA9F7F00", `DF01090${PAN}09000`));
    expect(other!.response).toBe("DF01090541333CCCCCC004409000");
  });

  test("a PAN in text is found, too", () => {
    const [, other] = maskedApdu(
      apdu(READ, `5A08${PAN}9000`),
      apdu("80CA9F7F00", concat(ascii(`x${PAN}y`), unhex("9000"))),
    );
    expect(Buffer.from(other!.response, "hex").toString("latin1").slice(0, 18)).toBe("x541333******0044y");
  });
});

describe("long answers and commands", () => {
  test("a PAN that GET RESPONSE cuts in two", () => {
    const data = `700A5A08${PAN}`;
    const [first, second] = maskedApdu(
      apdu(READ, `${data.slice(0, 12)}6106`),
      apdu("00C0000006", `${data.slice(12)}9000`),
    );
    expect(first!.response.slice(0, -4) + second!.response.slice(0, -4)).toBe("700A5A08541333CCCCCC0044");
  });

  const storeData = (p1: string, block: string, data: string): ApduRecord =>
    apdu(`80E2${p1}${block}${(data.length / 2).toString(16).padStart(2, "0")}${data}`, "9000", "wired");

  test("personalisation: PANs are masked, keys never appear, check values stay", () => {
    const record = hex(tlv(0x70, tlv(0x5a, toCompressed(PAN))));
    const dgis =
      `01010C${record}` +
      `800010${"AB".repeat(16)}` +
      `820108${"CD".repeat(8)}` +
      `810104${"EF".repeat(4)}` +
      "900003112233";
    const [out] = maskedApdu(storeData("80", "00", dgis));
    expect(out!.command.slice(10)).toBe(
      `01010C700A5A08541333CCCCCC0044` +
        `800010${"CC".repeat(16)}` +
        `820108${"CC".repeat(8)}` +
        `810104${"CC".repeat(4)}` +
        "900003112233",
    );
  });

  test("a grouping that is spread over two STORE DATA commands", () => {
    const dgi = `800010${"0123456789ABCDEF".repeat(2)}`;
    const out = maskedApdu(storeData("00", "00", dgi.slice(0, 12)), storeData("80", "01", dgi.slice(12)));
    expect(out.map(({ command }) => command.slice(10)).join("")).toBe(`800010${"CC".repeat(16)}`);
  });

  test("a grouping with a long length, and a MAC behind it", () => {
    const dgi = `8000FF0010${"AB".repeat(16)}1122334455667788`;
    const [out] = maskedApdu(apdu(`84E280001D${dgi}`, "9000", "wired"));
    expect(out!.command.slice(10)).toBe(`8000FF0010${"CC".repeat(16)}1122334455667788`);
  });

  test("enciphered personalisation data go whole", () => {
    const [out] = maskedApdu(storeData("80", "00", "FEDCBA98765432100123456789ABCDEF"));
    expect(out!.command.slice(10)).toBe("CC".repeat(16));
  });

  test.each([
    ["PUT KEY", "80D8008104DEADBEEF", "80D8008104CCCCCCCC"],
    ["VERIFY", "0020008008241234FFFFFFFFFF", "0020008008CCCCCCCCCCCCCCCC"],
  ])("%s", (_, command, masked) => {
    expect(maskedApdu(apdu(command, "9000"))[0]!.command).toBe(masked);
    expect((maskRecords([apdu(command, "9000")], { keepAccount: true })[0] as ApduRecord).command).toEqual(
      unhex(masked),
    );
  });

  test("with test data shown, account data stay and keys go", () => {
    const record = hex(tlv(0x70, tlv(0x5a, toCompressed(PAN))));
    const shown = maskRecords([storeData("80", "00", `01010C${record}800002ABCD`)], {
      keepAccount: true,
    })[0] as ApduRecord;
    expect(hex(shown.command)).toBe(`80E280001401010C${record}800002CCCC`);
  });
});

describe("rules", () => {
  const rule = (says: string, data?: RuleRecord["data"]): RuleRecord => ({
    layer: "terminal",
    at: 1,
    rule: "r",
    says,
    ...(data && { data }),
  });
  const masked = (record: RuleRecord, ...others: readonly TraceRecord[]): RuleRecord =>
    maskRecords([record, ...others])[0] as RuleRecord;

  test("PANs in sentences and values, known later or by their check digit", () => {
    const known = "5413330089600099"; // no valid check digit: only the APDU behind it tells that it is one
    const out = masked(
      rule(`PAN ${known} and 4111111111111111.`, {
        pan: known,
        track: `${PAN}D2212201123`,
        amount: "000000001250",
        count: 3,
      }),
      apdu(READ, `5A08${known}9000`),
    );
    expect(out.says).toBe("PAN 541333******0099 and 411111******1111.");
    expect(out.data).toEqual({
      pan: "541333******0099",
      track: "541333******0044D*",
      amount: "000000001250",
      count: 3,
    });
  });

  test("numbers that are no PANs stay", () => {
    expect(masked(rule("Counter 1234567890123 of 9F36.", { un: "12345678" })).says).toBe(
      "Counter 1234567890123 of 9F36.",
    );
  });
});

describe("the whole", () => {
  test("records, order and lengths stay; only bytes change", () => {
    const records: TraceRecord[] = [
      { layer: "field", at: 0, on: true },
      apdu(READ, `5A08${PAN}9000`),
      { layer: "kernel", at: 3, rule: "r", says: "s" },
    ];
    const out = maskRecords(records);
    expect(out.map(({ layer }) => layer)).toEqual(["field", "apdu", "kernel"]);
    expect(out[0]).toBe(records[0]);
    expect((records[1] as ApduRecord).response).toEqual(unhex(`5A08${PAN}9000`)); // the original is not touched
  });

  test("no PAN, wherever it is put, comes through", () => {
    const pan = fc.stringMatching(/^[1-9][0-9]{14,17}$/);
    const filler = fc.uint8Array({ maxLength: 40 });
    fc.assert(
      fc.property(pan, filler, filler, fc.nat({ max: 30 }), (digits, before, after, cut) => {
        const track = unhex(`${digits}D2212201${"F".repeat(digits.length % 2)}`);
        const data = concat(tlv(0x70, tlv(0x9f7c, before), tlv(0x5a, toCompressed(digits)), tlv(0x57, track)), after);
        const at = Math.min(cut, data.length);
        const records = [
          apdu(READ, concat(data.subarray(0, at), unhex("6110"))),
          apdu("00C0000000", concat(data.subarray(at), unhex("9000"))),
        ];
        const bytes = maskedApdu(...records)
          .map((out) => out.response.slice(0, -4))
          .join("");
        expect(bytes).not.toContain(digits);
        expect(bytes).toHaveLength(data.length * 2);
      }),
    );
  });

  test("masking twice is masking once", () => {
    const records = [apdu(READ, `70145A08${PAN}5708${PAN}9F3601019000`)];
    const once = maskRecords(records);
    expect(maskRecords(once).map(encodeRecord)).toEqual(once.map(encodeRecord));
  });
});

describe("requireTestData", () => {
  const records = [apdu(READ, `5A08${PAN}9000`), apdu("80E2800009FE0101", "9000", "wired")];

  test("finds every PAN", () => {
    expect([...pansIn(records)]).toEqual([PAN]);
    expect([...pansIn([apdu(`80E280000D01010A5A08${PAN}`, "9000", "wired")])]).toEqual([PAN]);
  });

  test("asks about each", () => {
    expect(() => requireTestData(records, () => true)).not.toThrow();
    expect(() => requireTestData(records, (pan) => pan !== PAN)).toThrow(
      expect.objectContaining({ code: "trace/not-test-data" }),
    );
  });

  test.each([
    [PAN, "541333******0044"],
    ["374245001741007", "374245*****1007"],
    ["1234567890", "**********"],
    ["", ""],
  ])("maskPan(%s)", (pan, shown) => {
    expect(maskPan(pan)).toBe(shown);
  });
});
