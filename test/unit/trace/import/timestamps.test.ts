import { describe, expect, test } from "vitest";
import { stampReader } from "../../../../src/trace/import/timestamps.js";

const MS = 1_000_000;

/** Nanoseconds from the first line to the second, and what is left of the second. */
function between(first: string, second: string): readonly [number, string] | undefined {
  const stampOf = stampReader();
  const a = stampOf(first);
  const b = stampOf(second);
  return a && b && [b.at - a.at, second.slice(b.end)];
}

describe("times in front of lines", () => {
  test.each([
    ["[12:34:56.789] x", "[12:34:57.001] > 00", 212 * MS, "> 00"],
    ["12:34:56,789 x", "12:34:56,790\t> 00", MS, "> 00"],
    ["12:34:56 x", "12:34:58 - > 00", 2000 * MS, "> 00"],
    ["2026-03-01T12:30:00.100Z x", "2026-03-01T12:30:00.121Z > 00", 21 * MS, "> 00"],
    ["2026-02-28 23:59:59.999 x", "2026-03-01 00:00:00.001 > 00", 2 * MS, "> 00"],
    ["2026-03-01T12:30:00.100+01:00 x", "2026-03-01T12:30:00.100001+01:00 > 00", 1000, "> 00"],
    ["01.03.2026 12:30:00.5 x", "01.03.2026 12:30:01.5 > 00", 1000 * MS, "> 00"],
    ["2021:07:12-01:52:39.007\tx", "2021:07:12-01:52:39.017\tNxpNciX", 10 * MS, "NxpNciX"],
    ["07-13 19:21:48.192   920 D x", "07-13 19:21:48.201   920 D y", 9 * MS, "920 D y"],
    ["3:564:942 - x", "3:569:811 - y", 4_869_000, "y"],
    ["[    1.234567] x", "[    1.234667] y", 100_000, "y"],
    ["1771234567.123456 x", "1771234567.223456 y", 100 * MS, "y"],
    ["1500 ms x", "[1502ms] y", 2 * MS, "y"],
    ["+15us x", "+20.5us y", 5500, "y"],
    ["23:59:59.900 x", "00:00:00.100 y", 200 * MS, "y"], // past midnight
    ["12:00:05.000 x", "12:00:04.000 y", -1000 * MS, "y"],
  ])("%s, then %s", (first, second, apart, rest) => {
    expect(between(first, second)).toEqual([apart, rest]);
  });

  test.each(["00 A4 04 00", "00A40400 < 9000", "12:34 x", "> 00A4", "99:99:99 x", "6F1C8407", "0000 00 A4 04", ""])(
    "%s has none",
    (line) => {
      expect(stampReader()(line)).toBeUndefined();
    },
  );
});
