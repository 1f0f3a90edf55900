import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  findTlv,
  isConstructed,
  leaves,
  parseTlv,
  readTag,
  tagHex,
  tlv,
  valueOf,
  type Tlv,
} from "../../../src/codec/tlv.js";
import { concat, hex, unhex } from "../../../src/util/bytes.js";

const failing = (code: string, context?: object): unknown =>
  expect.objectContaining({ code, ...(context && { context: expect.objectContaining(context) as object }) });
const shape = (objects: readonly Tlv[]): unknown =>
  objects.map(({ tag, value, children }) => (children ? [tagHex(tag), shape(children)] : [tagHex(tag), hex(value)]));

describe("parsing", () => {
  test.each([
    ["", []],
    ["9C01FF", [["9C", "FF"]]],
    ["9F0200", [["9F02", ""]]],
    ["DF810C0102", [["DF810C", "02"]]],
    ["9F8F8F010100", [["9F8F8F01", "00"]]],
    [
      "700A9F3602003557035413FF",
      [
        [
          "70",
          [
            ["9F36", "0035"],
            ["57", "5413FF"],
          ],
        ],
      ],
    ],
    ["7000", [["70", []]]],
    ["9C8101FF", [["9C", "FF"]]],
    ["9C8400000001FF", [["9C", "FF"]]],
    ["9C80", [["9C", ""]]],
  ])("%s", (text, expected) => {
    expect(shape(parseTlv(unhex(text)))).toEqual(expected);
  });

  test("padding of zeros before, between and after objects, at every level", () => {
    expect(shape(parseTlv(unhex("00009C01FF000070060000 9F370100 0000".replaceAll(" ", ""))))).toEqual([
      ["9C", "FF"],
      ["70", [["9F37", "00"]]],
    ]);
    expect(parseTlv(unhex("000000"))).toEqual([]);
  });

  test("FF is a tag like any other: kernel 2's FF8105", () => {
    expect(shape(parseTlv(unhex("FF8105049C0101 00".replaceAll(" ", ""))))).toEqual([["FF8105", [["9C", "01"]]]]);
  });

  test("values are views of the bytes, so that their place is known", () => {
    const bytes = unhex("70039C0155");
    const [record] = parseTlv(bytes);
    expect(record!.children![0]!.value.byteOffset - bytes.byteOffset).toBe(4);
  });

  test.each([
    ["9F", "codec/truncated", { tag: "9F", offset: 0 }],
    ["9C", "codec/truncated", { tag: "9C", offset: 1 }],
    ["9C8200", "codec/truncated", { tag: "9C", offset: 2 }],
    ["9C0200", "codec/truncated", { tag: "9C", offset: 2 }],
    ["70039C02FF00", "codec/truncated", { tag: "9C", offset: 4 }],
    ["9C850000000001FF", "codec/bad-length", { tag: "9C", offset: 1 }],
    ["9F818283840100", "codec/bad-tag", { offset: 0 }],
  ])("%s is %s", (text, code, context) => {
    expect(() => parseTlv(unhex(text))).toThrow(failing(code, context));
  });

  test("a length of four gigabytes asks for nothing", () => {
    expect(() => parseTlv(unhex("9C84FFFFFFFF00"))).toThrow(failing("codec/truncated"));
  });

  test("depth, count and size are bounded", () => {
    const nested = (levels: number): Uint8Array => {
      let bytes = new Uint8Array();
      for (let i = 0; i < levels; i++) bytes = Uint8Array.from(tlv(0x70, bytes));
      return bytes;
    };
    expect(parseTlv(nested(16))).toHaveLength(1);
    expect(() => parseTlv(nested(18))).toThrow(failing("codec/too-deep"));
    expect(() => parseTlv(unhex("9C00".repeat(5)), { count: 4 })).toThrow(failing("codec/too-many"));
    expect(parseTlv(unhex("9C00".repeat(4)), { count: 4 })).toHaveLength(4);
    expect(() => parseTlv(new Uint8Array(9), { bytes: 8 })).toThrow(failing("codec/too-long"));
  });
});

describe("writing", () => {
  test.each([
    [0x9c, 1, "9C01"],
    [0x9f02, 127, "9F027F"],
    [0x70, 128, "708180"],
    [0x70, 255, "7081FF"],
    [0x70, 256, "70820100"],
    [0xdf810c, 65_536, "DF810C83010000"],
  ])("%i with %i bytes begins %s", (tag, length, head) => {
    const bytes = tlv(tag, new Uint8Array(length));
    expect(hex(bytes.subarray(0, head.length / 2))).toBe(head);
    expect(bytes).toHaveLength(head.length / 2 + length);
  });

  test("several parts make one value", () => {
    expect(hex(tlv(0x70, unhex("9C01"), unhex("00")))).toBe("70039C0100");
  });

  test("what was written is read", () => {
    const tag = fc.constantFrom(0x57, 0x9c, 0x9f02, 0x5f20, 0xdf810c, 0x70, 0xbf0c);
    const { tree } = fc.letrec<{ tree: Branch[] }>((tie) => ({
      tree: fc.array(
        fc.record({ tag, value: fc.oneof({ maxDepth: 4 }, fc.uint8Array({ maxLength: 200 }), tie("tree")) }),
        { maxLength: 4 },
      ),
    }));
    fc.assert(
      fc.property(tree, (branches) => {
        const bytes = write(branches);
        expect(shape(parseTlv(bytes))).toEqual(expected(branches));
      }),
    );
  });
});

interface Branch {
  readonly tag: number;
  readonly value: Uint8Array | readonly Branch[];
}
const isBranch = (value: Branch["value"]): value is readonly Branch[] => !(value instanceof Uint8Array);
/** Constructed tags take what they are given as objects; primitive ones as bytes. */
const inner = ({ tag, value }: Branch): Uint8Array =>
  isBranch(value) ? write(value) : isConstructed(tag) ? new Uint8Array() : value;
const write = (branches: readonly Branch[]): Uint8Array =>
  concat(...branches.map((branch) => tlv(branch.tag, inner(branch))));
const expected = (branches: readonly Branch[]): unknown =>
  branches.map((branch) =>
    isConstructed(branch.tag)
      ? [tagHex(branch.tag), isBranch(branch.value) ? expected(branch.value) : []]
      : [tagHex(branch.tag), hex(inner(branch))],
  );

describe("finding", () => {
  const objects = parseTlv(unhex("6F108401AA A50B 500150 BF0C05 6103 4F01BB 9000".replaceAll(" ", "")));

  test("by path", () => {
    expect(hex(findTlv(objects, 0x6f, 0xa5, 0xbf0c, 0x61, 0x4f)!.value)).toBe("BB");
    expect(findTlv(objects, 0x6f, 0x4f)).toBeUndefined();
    expect(hex(valueOf(objects, 0x6f, 0x84))).toBe("AA");
    expect(valueOf(objects, 0x77)).toHaveLength(0);
  });

  test("leaves, depth first", () => {
    expect([...leaves(objects)].map(({ tag }) => tagHex(tag))).toEqual(["84", "50", "4F", "90"]);
  });
});

describe("tags", () => {
  test.each([
    [0x57, "57"],
    [0x9f02, "9F02"],
    [0x06, "06"],
    [0xdf810c, "DF810C"],
    [0x9f8f8f01, "9F8F8F01"],
  ])("%i is %s", (tag, text) => {
    expect(tagHex(tag)).toBe(text);
    expect(readTag(unhex(text), 0)).toEqual({ tag, next: text.length / 2 });
  });

  test("bit 6 of the first byte says constructed", () => {
    expect([0x70, 0xbf0c, 0xff8105, 0xa5].map(isConstructed)).toEqual([true, true, true, true]);
    expect([0x57, 0x9f02, 0xdf810c, 0x80].map(isConstructed)).toEqual([false, false, false, false]);
  });
});
