import { expect, test } from "vitest";
import { percentile, summary } from "../../../src/inspect/statistics.js";

// Nearest rank, worked by hand: rank = ceil(percent / 100 * count). The five values are the usual textbook example of this definition.
test.each([
  [5, 15],
  [20, 15],
  [20.1, 20],
  [30, 20],
  [40, 20],
  [50, 35],
  [95, 50],
  [100, 50],
])("percentile %d of 15 20 35 40 50 is %d", (percent, value) => {
  expect(percentile([15, 20, 35, 40, 50], percent)).toBe(value);
});

test.each([
  [1, 1],
  [7, 7],
  [50, 50],
  [95, 95],
  [99, 99],
])("of 1 to 100, the %dth is %d", (percent, value) => {
  expect(
    percentile(
      Array.from({ length: 100 }, (_, i) => i + 1),
      percent,
    ),
  ).toBe(value);
});

test("a summary sorts by number", () => {
  expect(summary([100, 9, 20])).toEqual({ count: 3, min: 9, p50: 20, p95: 100, max: 100 });
  expect(summary([7])).toEqual({ count: 1, min: 7, p50: 7, p95: 7, max: 7 });
  expect(summary([])).toBeUndefined();
});
