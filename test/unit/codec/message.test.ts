import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  bitFields,
  bytes,
  enumeration,
  group,
  literal,
  many,
  optional,
  prefixed,
  rest,
  restBut,
  u16be,
  u16le,
  u24be,
  u32be,
  u32le,
  u8,
  when,
  type Kind,
} from "../../../src/codec/fields.js";
import { message } from "../../../src/codec/message.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { seededRandom } from "../../../src/util/random.js";

const failing = (code: string, context?: object): unknown =>
  expect.objectContaining({ code, ...(context && { context: expect.objectContaining(context) as object }) });
/** A message of one field. */
const one = <T>(kind: Kind<T>) => message("test.One", "nowhere", { value: [kind as Kind<never>, "the value"] });
const encoded = <T>(kind: Kind<T>, value: T): string => hex(one(kind).encode({ value } as never));
const decoded = <T>(kind: Kind<T>, text: string): unknown =>
  (one(kind).decode(unhex(text)) as { value?: unknown }).value;

describe("integers", () => {
  test.each([
    [u8, 0x12, "12"],
    [u16be, 0x1234, "1234"],
    [u16le, 0x1234, "3412"],
    [u24be, 0x123456, "123456"],
    [u32be, 0xfedcba98, "FEDCBA98"],
    [u32le, 0xfedcba98, "98BADCFE"],
  ] as const)("$type", (kind, value, text) => {
    expect(encoded(kind, value)).toBe(text);
    expect(decoded(kind, text)).toBe(value);
    expect(() => decoded(kind, text.slice(2))).toThrow(failing("codec/truncated"));
    expect(() => decoded(kind, `${text}00`)).toThrow(
      failing("codec/trailing", { name: "test.One", offset: text.length / 2 }),
    );
    for (const bad of [-1, 2 ** (text.length * 4), 0.5, Number.NaN])
      expect(() => encoded(kind, bad)).toThrow(failing("codec/bad-value"));
  });

  test("show both notations", () => {
    expect(u16be.render(978)).toBe("978 (03D2)");
  });
});

describe("bytes", () => {
  test("of a fixed length", () => {
    expect(encoded(bytes(3), unhex("010203"))).toBe("010203");
    expect(decoded(bytes(3), "010203")).toEqual(unhex("010203"));
    expect(() => encoded(bytes(3), unhex("0102"))).toThrow(failing("codec/bad-length", { length: 3, got: 2 }));
    expect(() => decoded(bytes(3), "0102")).toThrow(failing("codec/truncated", { offset: 0, expected: 3 }));
    expect([bytes(1).type, bytes(2).type]).toEqual(["1 byte", "2 bytes"]);
  });

  test("behind their length", () => {
    expect(encoded(prefixed(u8, 4), unhex("AABB"))).toBe("02AABB");
    expect(encoded(prefixed(u16le, 300), new Uint8Array(256)).slice(0, 4)).toBe("0001");
    expect(decoded(prefixed(u8, 4), "00")).toEqual(unhex(""));
    expect(() => decoded(prefixed(u8, 4), "0500")).toThrow(failing("codec/too-long", { length: 5, max: 4 }));
    expect(() => decoded(prefixed(u8, 4), "03AABB")).toThrow(failing("codec/truncated"));
    expect(() => encoded(prefixed(u8, 4), new Uint8Array(5))).toThrow(failing("codec/too-long"));
  });

  test("up to the end, or up to a tail", () => {
    expect(decoded(rest, "AABBCC")).toEqual(unhex("AABBCC"));
    expect(decoded(rest, "")).toEqual(unhex(""));
    const withTail = message("test.Tail", "nowhere", { data: [restBut(2), "data"], check: [u16be, "check"] });
    expect(withTail.decode(unhex("AABB0102"))).toEqual({ data: unhex("AABB"), check: 0x0102 });
    expect(hex(withTail.encode({ data: unhex("AA"), check: 1 }))).toBe("AA0001");
    expect(() => withTail.decode(unhex("01"))).toThrow(failing("codec/truncated"));
    expect(() => decoded(restBut(0, 2), "AABBCC")).toThrow(failing("codec/too-long"));
    expect(() => encoded(restBut(0, 2), unhex("AABBCC"))).toThrow(failing("codec/too-long"));
  });

  test("that must be these", () => {
    expect(decoded(literal("E0"), "E0")).toEqual(unhex("E0"));
    expect(encoded(literal("E050"), unhex(""))).toBe("E050"); // what is written does not depend on the value
    expect(() => decoded(literal("E0"), "E1")).toThrow(failing("codec/bad-value", { offset: 0, expected: "E0" }));
    expect(() => decoded(literal("E050"), "E0")).toThrow(failing("codec/truncated"));
  });
});

describe("names and bits", () => {
  const kind = enumeration(u8, { off: 0, on: 1, blinking: 0x80 });

  test("a number with a name", () => {
    expect(decoded(kind, "80")).toBe("blinking");
    expect(encoded(kind, "on")).toBe("01");
    expect(() => decoded(kind, "02")).toThrow(failing("codec/bad-value", { offset: 0, value: 2 }));
    expect(() => encoded(kind as Kind<string>, "dim")).toThrow(failing("codec/bad-value", { name: "dim" }));
    expect(kind.type).toBe("u8: 0 off, 1 on, 128 blinking");
  });

  const rats = bitFields(u8, { cid: [0, 4], fsdi: [4, 4] });
  const flags = bitFields(u16be, { first: [0, 1], last: [15, 1], middle: [6, 3] }, true);

  test("parts of a number", () => {
    expect(decoded(rats, "81")).toEqual({ cid: 1, fsdi: 8 });
    expect(encoded(rats, { cid: 1, fsdi: 8 })).toBe("81");
    expect(encoded(flags, { first: 1, last: 1, middle: 5 })).toBe("8141");
    expect(() => decoded(flags, "0002")).toThrow(failing("codec/bad-value", { offset: 0 }));
    expect(() => encoded(rats, { cid: 16, fsdi: 0 })).toThrow(failing("codec/bad-value", { name: "cid" }));
    expect(flags.type).toBe("u16be bits: b1 first, b16 last, b9-b7 middle");
    expect(rats.render({ cid: 1, fsdi: 8 })).toBe("cid 1, fsdi 8");
  });
});

describe("lists and optional fields", () => {
  test("as many as there are, up to a bound", () => {
    const kind = many(prefixed(u8, 3), 3);
    expect(encoded(kind, [unhex("AA"), unhex("")])).toBe("01AA00");
    expect(decoded(kind, "01AA00")).toEqual([unhex("AA"), unhex("")]);
    expect(decoded(kind, "")).toEqual([]);
    expect(() => decoded(kind, "00000000")).toThrow(failing("codec/too-many", { max: 3 }));
    expect(() => encoded(kind, [unhex(""), unhex(""), unhex(""), unhex("")])).toThrow(failing("codec/too-many"));
  });

  test("entries without bytes would never end", () => {
    expect(() => decoded(many(bytes(0), 100), "00")).toThrow(failing("codec/bad-length"));
  });

  test("an optional tail", () => {
    const kind = message("test.Tail", "nowhere", { a: [u8, "a"], b: [optional(u8), "b"] });
    expect(kind.decode(unhex("01"))).toEqual({ a: 1 });
    expect(kind.decode(unhex("0102"))).toEqual({ a: 1, b: 2 });
    expect(hex(kind.encode({ a: 1 }))).toBe("01");
    expect(hex(kind.encode({ a: 1, b: 2 }))).toBe("0102");
  });

  test("a field that depends on one before it", () => {
    const kind = message("test.When", "nowhere", {
      flag: [u8, "flag"],
      extra: [when("the flag is set", ({ flag }) => flag === 1, u16be), "extra"],
      end: [u8, "end"],
    });
    expect(kind.decode(unhex("0103E8FF"))).toEqual({ flag: 1, extra: 1000, end: 255 });
    expect(kind.decode(unhex("00FF"))).toEqual({ flag: 0, end: 255 });
    expect(hex(kind.encode({ flag: 1, extra: 1000, end: 255 }))).toBe("0103E8FF");
    expect(() => kind.encode({ flag: 0, extra: 1000, end: 255 })).toThrow(failing("codec/bad-value"));
    expect(() => kind.encode({ flag: 1, end: 255 })).toThrow(failing("codec/bad-value"));
  });
});

const Sample = message("test.Sample", "made up for this test", {
  start: [literal("5A"), "start byte"],
  kind: [enumeration(u8, { short: 1, long: 2 }), "which form"],
  flags: [bitFields(u8, { urgent: [7, 1], level: [0, 3] }), "flags"],
  id: [u16le, "identifier"],
  name: [prefixed(u8, 16), "name"],
  extra: [when("it is long", ({ kind }) => kind === "long", u32be), "extra"],
  tail: [rest, "tail"],
});

describe("a declared message", () => {
  const value = {
    start: unhex("5A"),
    kind: "long",
    flags: { urgent: 1, level: 3 },
    id: 0x0102,
    name: unhex("414243"),
    extra: 7,
    tail: unhex("FF"),
  } as const;

  test("is these bytes", () => {
    expect(hex(Sample.encode(value))).toBe("5A" + "02" + "83" + "0201" + "03414243" + "00000007" + "FF");
    expect(Sample.decode(unhex("5A0283020103414243 00000007FF"))).toEqual(value);
  });

  test("is shown and documented from the same declaration", () => {
    expect(Sample.render(value).map(({ field, text }) => `${field}: ${text}`)).toEqual([
      "start: 5A",
      "kind: long",
      "flags: urgent 1, level 3",
      "id: 258 (0102)",
      "name: 414243",
      "extra: 7 (00000007)",
      "tail: FF",
    ]);
    expect(Sample.table[3]).toEqual({ field: "id", type: "u16le", description: "identifier" });
    expect(Sample.render({ ...value, kind: "short" })[5]!.description).toBe("extra");
  });

  test("invents samples that are legal, and reads what it wrote", () => {
    fc.assert(
      fc.property(fc.string(), (seed) => {
        const sample = Sample.sample(seededRandom(seed));
        expect(Sample.decode(Sample.encode(sample))).toEqual(sample);
      }),
    );
  });
});

describe("a group of fields", () => {
  const Entry = group({
    kind: [enumeration(u8, { a: 1, b: 2 }), "kind"],
    name: [prefixed(u8, 4), "name"],
    more: [when("it is a b", ({ kind }) => kind === "b", u16be), "more"],
  });
  const List = message("test.LIST", "test", { count: [u8, "count"], entries: [many(Entry, 3), "entries"] });

  test("is one value, as an entry of a list too", () => {
    const value = {
      count: 2,
      entries: [
        { kind: "a", name: unhex("41") },
        { kind: "b", name: unhex(""), more: 0x0102 },
      ],
    } as const;
    expect(hex(List.encode(value))).toBe("02" + "010141" + "02000102");
    expect(List.decode(unhex("0201014102000102"))).toEqual(value);
    expect(List.render(value)[1]!.text).toBe("[kind a, name 41, more -, kind b, name , more 258 (0102)]");
  });

  test("says what it consists of", () => {
    expect(Entry.type).toBe(
      "kind (u8: 1 a, 2 b), name (u8 length, then bytes (at most 4)), more (u16be, when it is a b)",
    );
  });

  test.each([
    ["a part that is missing", "020101", "truncated"],
    ["a kind that is none", "02030141", "bad-value"],
    ["a name that is too long", "020105" + "41".repeat(5), "too-long"],
    ["one entry too many", "02" + "0100".repeat(4), "too-many"],
  ])("%s is refused", (_, bytes, code) => {
    expect(() => List.decode(unhex(bytes))).toThrow(expect.objectContaining({ code: `codec/${code}` }) as Error);
  });
});
