import { describe, expect, test } from "vitest";
import { reportCsv } from "../../../src/inspect/report-csv.js";
import type { ReportedTap } from "../../../src/inspect/reported-tap.js";
import { traceHeader } from "../../../src/trace/header.js";
import { apdu, tap, untimed } from "./reported.js";

const csv = (...taps: readonly ReportedTap[]): string => [...reportCsv(taps)].join("");
const HEADER =
  "tap,number,index,at_ns,took_ns,compute_ns,via,name,command,response,sw,meaning,frames,wtx,faulty_frames\r\n";

/** RFC 4180 2: fields between commas, quotes doubled inside quotes, lines that end in CRLF. */
function parse(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    rows.at(-1)!.push(quoted === undefined ? plain! : quoted.replaceAll('""', '"'));
    if (end === "\r\n") rows.push([]);
  }
  expect(rows.pop()).toEqual([]);
  return rows;
}

describe("exchanges as CSV", () => {
  test("a row an exchange, with what it took and what carried it", () => {
    expect(csv(tap())).toBe(
      `${HEADER}emu:band-s1,,1,1000,5000000,400000,contactless,READ RECORD SFI 2 record 1,00B2011400,70059F360200359000,9000,ok,5,1,1\r\n`,
    );
  });

  test("what was not observed is empty", () => {
    const header = traceHeader({ seed: "", profile: "", configuration: "", observed: untimed }, true);
    const bare = apdu("00B2011400", "6A", { at: 0, took: 0, via: "wired" });
    expect(parse(csv(tap({ header, records: [bare], repeat: { of: "x", number: 3 } })))[1]).toEqual(
      "emu:band-s1,3,1,,,,wired,READ RECORD SFI 2 record 1,00B2011400,6A,,,,,".split(","),
    );
  });

  test.each([
    ["=1+2", "'=1+2"],
    ["+1", "'+1"],
    ["-1", "'-1"],
    ["@SUM(A1)", "'@SUM(A1)"],
    ["\tx", "'\tx"],
    ["\rx", "'\rx"],
    ['say "hi", you\r\nthere', 'say "hi", you\r\nthere'],
    ["a=b", "a=b"],
  ])("%j is no formula, and comes back as %j", (name, expected) => {
    const rows = parse(csv(tap({ name })));
    expect(rows).toHaveLength(2);
    expect(rows[1]![0]).toBe(expected);
  });

  test("many taps have one header", () => {
    expect(parse(csv(tap(), tap()))).toHaveLength(3);
    expect(csv()).toBe(HEADER);
  });
});
