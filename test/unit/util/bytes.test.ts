import { describe, expect, test } from "vitest";
import {
  ascii,
  concat,
  equalBytes,
  hex,
  printable,
  readUint,
  u16be,
  u32be,
  unhex,
  xor,
} from "../../../src/util/bytes.js";
import { errorTable, isTapbenchError, TapbenchError } from "../../../src/util/errors.js";
import { carrierCycles, formatNanos, MS, SECOND, US } from "../../../src/util/time.js";

const failing = (code: string, context?: object): unknown =>
  expect.objectContaining({ code, ...(context && { context }) });

describe("bytes", () => {
  test("concat copies", () => {
    const part = unhex("01");
    const whole = concat(part, unhex(""), unhex("0203"));
    part[0] = 9;
    expect(hex(whole)).toBe("010203");
    expect(concat()).toHaveLength(0);
  });

  test("equalBytes and xor", () => {
    expect(equalBytes(unhex("0102"), unhex("0102"))).toBe(true);
    expect(equalBytes(unhex("0102"), unhex("0103"))).toBe(false);
    expect(equalBytes(unhex("01"), unhex("0102"))).toBe(false);
    expect(hex(xor(unhex("FF00AA"), unhex("0F0FAA")))).toBe("F00F00");
    expect(() => xor(unhex("00"), unhex(""))).toThrow(failing("util/length", { a: 1, b: 0 }));
  });

  test("numbers, big end first", () => {
    expect(hex(u16be(0x1234))).toBe("1234");
    expect(hex(u32be(0xfedcba98))).toBe("FEDCBA98");
    expect(readUint(unhex("FFFFFFFFFFFF"))).toBe(2 ** 48 - 1);
    expect(readUint(unhex(""))).toBe(0);
    expect(() => readUint(new Uint8Array(7))).toThrow(failing("util/length", { length: 7 }));
  });

  test("hex, both ways, of views too", () => {
    const view = unhex("AABBCCDD").subarray(1, 3);
    expect(hex(view)).toBe("BBCC");
    expect(unhex(" aa\nBB\t0c ")).toEqual(Uint8Array.of(0xaa, 0xbb, 0x0c));
    expect(() => unhex("123")).toThrow(failing("util/not-hex", { digits: 3 }));
    expect(() => unhex("12G4")).toThrow(failing("util/not-hex", { offset: 2 }));
  });

  test("text", () => {
    expect(hex(ascii("2PAY"))).toBe("32504159");
    expect(printable(unhex("41007F42FF"))).toBe("A..B.");
  });
});

describe("errors", () => {
  const tableError = errorTable("folder", ["one", "two"]);

  test("carry code, context and cause, and a table lists its codes", () => {
    const cause = new Error("below");
    const error = tableError("two", "Say what to do.", { offset: 3 }, cause);
    expect(error).toBeInstanceOf(TapbenchError);
    expect(error).toMatchObject({
      name: "TapbenchError",
      code: "folder/two",
      message: "Say what to do.",
      context: { offset: 3 },
      cause,
    });
    expect(tableError("one", "x")).not.toHaveProperty("cause");
    expect(tableError.codes).toEqual(["folder/one", "folder/two"]);
  });

  test("are told from others, and from each other", () => {
    const error: unknown = tableError("one", "x");
    expect(isTapbenchError(error)).toBe(true);
    expect(isTapbenchError(error, "folder/one")).toBe(true);
    expect(isTapbenchError(error, "folder/two")).toBe(false);
    expect(isTapbenchError(new Error("x"))).toBe(false);
    expect(isTapbenchError({ code: "folder/one" })).toBe(false);
  });
});

describe("time", () => {
  test("carrier cycles are rounded to nanoseconds", () => {
    // 1/13.56 MHz is 73.746 ns; a bit at 106 kbit/s is 128 of them, 9.439 us.
    expect(carrierCycles(1)).toBe(74);
    expect(carrierCycles(128)).toBe(9440);
    expect(carrierCycles(1172)).toBe(86_431);
    expect(carrierCycles(13_560_000)).toBe(SECOND);
  });

  test.each([
    [0, "0 ns"],
    [999, "999 ns"],
    [1 * US, "1.00 us"],
    [86_431, "86.4 us"],
    [5.134 * MS, "5.13 ms"],
    [123_456_789, "123.5 ms"],
    [2 * SECOND, "2.000 s"],
  ])("%i is %s", (time, text) => {
    expect(formatNanos(time)).toBe(text);
  });
});
