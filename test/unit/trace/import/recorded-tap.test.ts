import { describe, expect, test } from "vitest";
import { importTap, recordedTap } from "../../../../src/trace/import/recorded-tap.js";
import { ascii, unhex } from "../../../../src/util/bytes.js";

const tap = (...exchanges: readonly unknown[]): string => JSON.stringify({ name: "t", source: "typed in", exchanges });

const recognises = (text: string): boolean => recordedTap.recognises(ascii(text));

describe("importTap", () => {
  test("reads commands and responses, and leaves other keys alone", () => {
    expect(importTap(tap({ c: "00 B2 01 14 00", r: "6A83", note: 1 }))).toEqual({
      name: "t",
      exchanges: [{ command: unhex("00B2011400"), response: unhex("6A83") }],
    });
  });

  test.each([
    ["", "trace/bad-tap"],
    ["[]", "trace/bad-tap"],
    ["null", "trace/bad-tap"],
    ['{"exchanges":{}}', "trace/bad-tap"],
    ['{"exchanges":[]}', "trace/no-exchanges"],
    [tap(null), "trace/bad-tap"],
    [tap({ c: "00B2011400" }), "trace/bad-tap"],
    [tap({ c: "00B201", r: "9000" }), "trace/bad-tap"],
    [tap({ c: "00B2011400", r: "90" }), "trace/bad-tap"],
  ])("%s is %s", (text, code) => {
    expect(() => importTap(text)).toThrow(expect.objectContaining({ code }));
  });

  test("says which exchange is wrong, and where", () => {
    expect(() => importTap(tap({ c: "00B2011400", r: "9000" }, { c: "00B2011400", r: "90x0" }))).toThrow(
      expect.objectContaining({ code: "trace/bad-tap", context: { exchange: 2, key: "r", offset: 2 } }),
    );
  });

  test("too many exchanges are refused before they are read", () => {
    const many = `{"exchanges":[${"1,".repeat(100_000)}1]}`;
    expect(() => importTap(many)).toThrow(
      expect.objectContaining({ code: "trace/too-large", context: { exchanges: 100_001 } }),
    );
  });

  test("tells a tap from a trace", () => {
    expect(recognises(tap())).toBe(true);
    expect(recognises('{"format":"tapbench-trace","version":"1.0"}\n{"layer":"field"}')).toBe(false);
    expect(recognises("9F3602")).toBe(false);
  });
});
