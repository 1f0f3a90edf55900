import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildDol, dolLength, parseDol, splitDol, type DolFormat } from "../../../src/codec/dol.js";
import { tagHex } from "../../../src/codec/tlv.js";
import { hex, unhex } from "../../../src/util/bytes.js";

const failing = (code: string): unknown => expect.objectContaining({ code });
const entries = (text: string): unknown => parseDol(unhex(text)).map(({ tag, length }) => [tagHex(tag), length]);
const format = (tag: number): DolFormat => (tag === 0x9f02 ? "n" : tag === 0x5a ? "cn" : "other");
const build = (list: string, tag: number, value: string): string =>
  hex(buildDol(parseDol(unhex(list)), (asked) => (asked === tag ? unhex(value) : undefined), format));

test("a list is tags and lengths, without values", () => {
  expect(entries("9F02069F37049A03DF810C01")).toEqual([
    ["9F02", 6],
    ["9F37", 4],
    ["9A", 3],
    ["DF810C", 1],
  ]);
  expect(entries("")).toEqual([]);
  expect(dolLength(parseDol(unhex("9F02069F3704")))).toBe(10);
});

test.each([
  ["9F", "codec/truncated"],
  ["9F02", "codec/truncated"],
  ["9F02069F37", "codec/truncated"],
  ["9F818181810104", "codec/bad-tag"],
  ["9C01".repeat(129), "codec/too-many"],
  ["9CFF".repeat(17), "codec/too-long"],
])("%s is %s", (text, code) => {
  expect(() => parseDol(unhex(text))).toThrow(failing(code));
});

describe("building", () => {
  // EMV 4.3 Book 3, 5.4: how each format is cut and padded.
  test.each([
    ["numeric, too short", "9F0206", 0x9f02, "1250", "000000001250"],
    ["numeric, too long", "9F0203", 0x9f02, "000123456789", "456789"],
    ["compressed, too short", "5A0A", 0x5a, "5413330089600044", "5413330089600044FFFF"],
    ["compressed, too long", "5A03", 0x5a, "5413330089600044", "541333"],
    ["another, too short", "9F3706", 0x9f37, "DEADBEEF", "DEADBEEF0000"],
    ["another, too long", "9F3702", 0x9f37, "DEADBEEF", "DEAD"],
    ["unknown", "9F1C03", 0x9f37, "DEADBEEF", "000000"],
    ["constructed", "7003", 0x70, "9C0100", "000000"],
    ["of no length", "9F3700", 0x9f37, "DEADBEEF", ""],
  ])("%s", (_, list, tag, value, data) => {
    expect(build(list, tag, value)).toBe(data);
  });
});

test("what was built is split again", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(0x9c, 0x9f02, 0x5a, 0x9f37), fc.uint8Array({ maxLength: 12 })), {
        maxLength: 4,
      }),
      (parts) => {
        const unique = [...new Map(parts)];
        const list = unique.map(([tag, value]) => ({ tag, length: value.length }));
        const data = buildDol(list, (tag) => new Map<number, Uint8Array>(unique).get(tag), format);
        expect([...splitDol(list, data)].map(([tag, value]) => [tag, hex(value)])).toEqual(
          unique.map(([tag, value]) => [tag, hex(value)]),
        );
      },
    ),
  );
});

test("data of another length than the list's are refused", () => {
  const list = parseDol(unhex("9F3704"));
  for (const data of ["", "DEADBE", "DEADBEEF00"])
    expect(() => splitDol(list, unhex(data))).toThrow(failing("codec/bad-length"));
});
