import { describe, expect, test } from "vitest";
import { compareWithGolden, goldenLines, readGolden, type GoldenOptions } from "../../../src/inspect/golden.js";
import type { Account } from "../../../src/inspect/diff/account.js";
import { isTapbenchError } from "../../../src/util/errors.js";
import {
  account,
  changed,
  exchanges,
  GENERATE_AC,
  GPO,
  PPSE,
  RECORD_1,
  RECORD_2,
  rule,
  SELECT,
  TAP,
  tapOf,
  type Typed,
} from "./diff/hand-tap.js";

const golden = (made: Account, options?: GoldenOptions): string => [...goldenLines(made, options)].join("");
const check = (text: string, made: Account): readonly string[] =>
  compareWithGolden(readGolden(text), made).differences.map(({ says }) => says);

test("is lines that can be reviewed: masked, volatile values left out", () => {
  const made = account([
    ...exchanges([
      SELECT,
      ["00B2010C00", "70105A0854133300000000195F24033012319000", 1.25],
      ["80CA9F3600", "9F360200079000"],
    ]),
    rule("issuer", "issuer.expiry", "Within its validity.", { expiry: "3012", date: "260615" }),
  ]);
  expect(golden(made, { tolerance: { relative: 0.05, absolute: 2_000_000 } }).split("\n")).toEqual([
    '{"format":"tapbench-golden","version":"1.0","tool":"tapbench 0.1.0","seed":"","profile":"","observed":{"times":"measured","frames":false},"decisions":true,"tolerance":"5%,2ms"}',
    '{"tap":1,"took":"25.000000 ms"}',
    '{"step":"SELECT A0000000041010","kind":"command","scope":"c2","took":"5.000000 ms"}',
    '{"command":"header","value":"00A40400"}',
    '{"command":"le","value":"256"}',
    '{"answer":"sw","value":"9000","is":"ok"}',
    '{"answer":"6F/84","value":"A0000000041010","is":"DF Name, Mastercard credit or debit"}',
    '{"answer":"6F/A5/50","value":"54455354494E47","is":"Application Label, \\"TESTING\\""}',
    '{"answer":"6F/A5/9F38","value":"9F66049F3704","is":"PDOL, 9F66:4 9F37:4"}',
    '{"answer":"order","value":"84 50 9F38"}',
    '{"step":"READ RECORD SFI 1 record 1","kind":"command","scope":"c2","took":"1.250000 ms"}',
    '{"command":"header","value":"00B2010C"}',
    '{"command":"le","value":"256"}',
    '{"answer":"sw","value":"9000","is":"ok"}',
    '{"answer":"70/5A","value":"541333CCCCCC0019","is":"Application PAN, 541333******0019"}',
    '{"answer":"70/5F24","value":"301231","is":"Application Expiration Date, 2030-12-31"}',
    '{"answer":"order","value":"5A 5F24"}',
    '{"step":"GET DATA 9F36","kind":"command","scope":"c2","took":"5.000000 ms"}',
    '{"command":"header","value":"80CA9F36"}',
    '{"command":"le","value":"256"}',
    '{"answer":"sw","value":"9000","is":"ok"}',
    '{"answer":"9F36","volatile":2,"is":"Application Transaction Counter"}',
    '{"step":"issuer.expiry","kind":"decision"}',
    '{"decision":"says","value":"Within its validity."}',
    '{"decision":"expiry","value":"3012"}',
    '{"decision":"date","volatile":6}',
    "",
  ]);
});

describe("a check", () => {
  const text = golden(tapOf(...TAP));
  const but = (from: Typed, to: Typed): Account => tapOf(...TAP.map((each) => (each === from ? to : each)));

  test("passes the same run, and one with other volatile values", () => {
    expect(check(text, tapOf(...TAP))).toEqual([]);
    expect(
      check(text, but(GENERATE_AC, changed(GENERATE_AC, ["11223344", "55667788"], ["9F36020001", "9F36020099"]))),
    ).toEqual([]);
  });

  test("tells what differs", () => {
    expect(check(text, but(RECORD_1, changed(RECORD_1, ["301231", "281231"])))).toEqual([
      "READ RECORD SFI 1 record 1: 5F24 Application Expiration Date is 301231 (2030-12-31) in the golden run, 281231 (2028-12-31) in this one",
    ]);
    expect(check(text, tapOf(PPSE, SELECT, GPO, RECORD_1, GENERATE_AC))[0]).toBe(
      "READ RECORD SFI 1 record 2: only in the golden run (9000)",
    );
    expect(check(text, but(RECORD_2, [RECORD_2[0], RECORD_2[1], 50]))).toEqual([
      "READ RECORD SFI 1 record 2: took 5.00 ms in the golden run, 50.0 ms in this one",
    ]);
  });

  test("compares times by the tolerance in the file, and not at all without times", () => {
    const slow = but(RECORD_2, [RECORD_2[0], RECORD_2[1], 8]);
    expect(check(text, slow)).toHaveLength(1);
    expect(check(golden(tapOf(...TAP), { tolerance: { relative: 0, absolute: 4_000_000 } }), slow)).toEqual([]);
    expect(check(golden(tapOf(...TAP), { times: false }), slow)).toEqual([]);
  });

  test("a line that a reviewer changed counts", () => {
    expect(check(text.replace('"70/5F24","value":"301231"', '"70/5F24","value":"321231"'), tapOf(...TAP))).toHaveLength(
      1,
    );
  });
});

describe("what is no golden file", () => {
  const HEADER =
    '{"format":"tapbench-golden","version":"1.0","tool":"","seed":"","profile":"","observed":{"times":"none","frames":false},"decisions":false}\n';
  test.each([
    ["nothing", "", "inspect/not-golden"],
    ["a trace", '{"format":"tapbench-trace","version":"1.1"}\n', "inspect/not-golden"],
    ["no JSON", "hello\n", "inspect/not-golden"],
    ["a later version", '{"format":"tapbench-golden","version":"2.0"}\n', "inspect/newer-golden"],
    ["no word on what was observed", '{"format":"tapbench-golden","version":"1.0"}\n', "inspect/bad-golden"],
    ["a bad tolerance", HEADER.replace("}\n", ',"tolerance":"5"}\n'), "inspect/bad-golden"],
    ["a fact before any tap", `${HEADER}{"answer":"sw","value":"9000"}\n`, "inspect/bad-golden"],
    ["a fact before any step", `${HEADER}{"tap":1}\n{"answer":"sw","value":"9000"}\n`, "inspect/bad-golden"],
    ["a step of no kind", `${HEADER}{"tap":1}\n{"step":"X","kind":"Y"}\n`, "inspect/bad-golden"],
    ["a time that is none", `${HEADER}{"tap":1,"took":"soon"}\n`, "inspect/bad-golden"],
    [
      "a fact without a value",
      `${HEADER}{"tap":1}\n{"step":"X","kind":"command"}\n{"answer":"sw"}\n`,
      "inspect/bad-golden",
    ],
    ["a line that was cut off", `${HEADER}{"tap":1}\n{"step":"X","ki`, "inspect/bad-golden"],
    ["a list", `${HEADER}[]\n`, "inspect/bad-golden"],
    ["a line without end", `${HEADER}{"tap":1,"x":"${"a".repeat(1 << 20)}"}\n`, "inspect/bad-golden"],
  ])("%s", (_, text, code) => {
    expect(() => readGolden(text)).toThrow(expect.toSatisfy((error: unknown) => isTapbenchError(error, code)) as Error);
  });
});
