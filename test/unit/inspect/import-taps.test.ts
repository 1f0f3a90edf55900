import { describe, expect, test } from "vitest";
import { wholeExchanges } from "../../../src/inspect/exchanges.js";
import { importTap, looksLikeTap } from "../../../src/inspect/import-taps.js";
import { hex, unhex } from "../../../src/util/bytes.js";

const tap = (...exchanges: readonly unknown[]): string => JSON.stringify({ name: "t", source: "typed in", exchanges });

describe("importTap", () => {
  test("reads commands and responses, and leaves other keys alone", () => {
    expect(importTap(tap({ c: "00 B2 01 14 00", r: "6A83", note: 1 }))).toEqual({
      name: "t",
      exchanges: [{ command: unhex("00B2011400"), response: unhex("6A83") }],
    });
  });

  test.each([
    ["", "inspect/bad-tap"],
    ["[]", "inspect/bad-tap"],
    ["null", "inspect/bad-tap"],
    ['{"exchanges":{}}', "inspect/bad-tap"],
    ['{"exchanges":[]}', "inspect/no-exchanges"],
    [tap(null), "inspect/bad-tap"],
    [tap({ c: "00B2011400" }), "inspect/bad-tap"],
    [tap({ c: "00B201", r: "9000" }), "inspect/bad-tap"],
    [tap({ c: "00B2011400", r: "90" }), "inspect/bad-tap"],
  ])("%s is %s", (text, code) => {
    expect(() => importTap(text)).toThrow(expect.objectContaining({ code }));
  });

  test("says which exchange is wrong, and where", () => {
    expect(() => importTap(tap({ c: "00B2011400", r: "9000" }, { c: "00B2011400", r: "90x0" }))).toThrow(
      expect.objectContaining({ code: "inspect/bad-tap", context: { exchange: 2, key: "r", offset: 2 } }),
    );
  });

  test("too many exchanges are refused before they are read", () => {
    const many = `{"exchanges":[${"1,".repeat(100_000)}1]}`;
    expect(() => importTap(many)).toThrow(
      expect.objectContaining({ code: "inspect/too-large", context: { exchanges: 100_001 } }),
    );
  });

  test("tells a tap from a trace", () => {
    expect(looksLikeTap(tap())).toBe(true);
    expect(looksLikeTap('{"format":"tapbench-trace","version":"1.0"}\n{"layer":"field"}')).toBe(false);
    expect(looksLikeTap("9F3602")).toBe(false);
  });
});

test("wholeExchanges joins GET RESPONSE and the right Le", () => {
  const pair = (command: string, response: string) => ({ command: unhex(command), response: unhex(response) });
  const whole = wholeExchanges([
    pair("00B2011400", "AABB6103"),
    pair("00C0000003", "CCDDEE6101"),
    pair("00C0000001", "FF9000"),
    pair("80CA9F3600", "6C05"),
    pair("80CA9F3605", "9F360200359000"),
    pair("00C0000000", "6D00"),
  ]);
  expect(whole.map(({ command, response }) => `${hex(command)} ${hex(response)}`)).toEqual([
    "00B2011400 AABBCCDDEEFF9000",
    "80CA9F3605 9F360200359000",
    "00C0000000 6D00",
  ]);
});
