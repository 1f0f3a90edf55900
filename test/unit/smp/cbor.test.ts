import { describe, expect, test } from "vitest";
import { decodeCbor, encodeCbor, integer, numberOf, type CborValue } from "../../../src/codec/cbor.js";
import { hex, unhex } from "../../../src/util/bytes.js";

const code = (name: string): unknown => expect.objectContaining({ code: `codec/${name}` });

// RFC 8949, Appendix A: examples of encoded data items.
describe("as RFC 8949 appendix A has it", () => {
  test.each<[CborValue, string]>([
    [0, "00"],
    [23, "17"],
    [24, "1818"],
    [100, "1864"],
    [1000, "1903E8"],
    [1_000_000, "1A000F4240"],
    [integer(1_000_000_000_000), "1B000000E8D4A51000"],
    [18_446_744_073_709_551_615n, "1BFFFFFFFFFFFFFFFF"],
    [-1, "20"],
    [-100, "3863"],
    [-1000, "3903E7"],
    [false, "F4"],
    [true, "F5"],
    [null, "F6"],
    [unhex("01020304"), "4401020304"],
    ["", "60"],
    ["IETF", "6449455446"],
    ["\u00fc", "62C3BC"],
    ["\u6c34", "63E6B0B4"],
    [[], "80"],
    [[1, 2, 3], "83010203"],
    [{}, "A0"],
    [{ a: 1, b: [2, 3] }, "A26161016162820203"],
    [["a", { b: "c" }], "826161A161626163"],
  ])("example %#", (value, bytes) => {
    expect(hex(encodeCbor(value))).toBe(bytes);
    const decoded = decodeCbor(unhex(bytes));
    expect(typeof value === "bigint" ? BigInt(decoded as number | bigint) : decoded).toEqual(value);
  });

  test.each<[string, CborValue]>([
    ["9FFF", []],
    ["9F018202039F0405FFFF", [1, [2, 3], [4, 5]]],
    ["BF61610161629F0203FFFF", { a: 1, b: [2, 3] }],
    ["826161BF61626163FF", ["a", { b: "c" }]],
    ["F93C00", 1],
    ["FB3FF199999999999A", 1.1],
  ])("indefinite lengths and floats are taken: %s", (bytes, value) => {
    expect(decodeCbor(unhex(bytes))).toEqual(value);
  });
});

describe("untrusted input", () => {
  test("integers and lengths may be longer than they need to be", () => {
    expect(numberOf(decodeCbor(unhex("1B0000000000000001")))).toBe(1);
    expect(numberOf(decodeCbor(unhex("1BFFFFFFFFFFFFFFFF")))).toBeUndefined();
    expect(decodeCbor(unhex("B800"))).toEqual({});
    expect(decodeCbor(unhex("A1780161590001FF"))).toEqual({ a: unhex("FF") });
  });

  test.each([
    ["", "truncated"],
    ["18", "truncated"],
    ["44010203", "truncated"],
    ["5BFFFFFFFFFFFFFFFF00", "truncated"],
    ["9BFFFFFFFFFFFFFFFF00", "truncated"],
    ["BF6161", "truncated"],
    ["BF616101", "truncated"],
    ["0000", "trailing"],
    ["1C", "bad-value"],
    ["FF", "bad-length"],
    ["1F", "bad-length"],
    ["7F61616161FF", "bad-length"],
    ["5F4101FF", "bad-length"],
    ["9FFFFF", "trailing"],
    ["C11A514B67B0", "bad-tag"],
    ["D9D9F700", "bad-tag"],
    ["A10000", "bad-value"],
    ["A1410000", "bad-value"],
    ["BF00FF", "bad-value"],
    ["F8FF", "bad-value"],
    ["F0", "bad-value"],
    ["A2616101616102", "duplicate-key"],
    ["A261610178016102", "duplicate-key"],
    ["A1695F5F70726F746F5F5F00", "bad-value"],
    ["62C328", "bad-text"],
    ["63EDA080", "bad-text"],
    ["61FF", "bad-text"],
  ])("%s is %s", (bytes, name) => {
    expect(() => decodeCbor(unhex(bytes))).toThrow(code(name));
  });

  test("depth, count and length are bounded, also where nothing is behind the promise", () => {
    expect(decodeCbor(unhex("81".repeat(8) + "00"))).toEqual([[[[[[[[0]]]]]]]]);
    expect(() => decodeCbor(unhex("81".repeat(9) + "00"))).toThrow(code("too-deep"));
    expect(() => decodeCbor(unhex("9F".repeat(60_000)))).toThrow(code("too-deep"));
    expect(() => decodeCbor(unhex(`9B0000000000001000${"00".repeat(4096)}`))).toThrow(code("too-many"));
    expect(() => decodeCbor(new Uint8Array(65_536))).toThrow(code("too-long"));
    expect(() => decodeCbor(unhex("8101"), { bytes: 9, depth: 0, items: 9 })).toThrow(code("too-deep"));
  });

  test("a key twice is found among many, too", () => {
    const entries = (names: readonly string[]): string =>
      names.map((name) => `62${hex(new TextEncoder().encode(name))}00`).join("");
    const names = Array.from({ length: 40 }, (_, i) => String(i + 10));
    expect(Object.keys(decodeCbor(unhex(`B828${entries(names)}`)) as object)).toHaveLength(40);
    for (const twice of [0, 5, 11, 12, 13, 38])
      expect(() => decodeCbor(unhex(`B829${entries([...names, names[twice]!])}`))).toThrow(code("duplicate-key"));
  });
});
