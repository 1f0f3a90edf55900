import { expect, test } from "vitest";
import { rateMeter } from "../../../../src/device/firmware/rate.js";
import { SECOND } from "../../../../src/util/time.js";

function metering() {
  let now = 0;
  const meter = rateMeter(() => now);
  return (at: number, done: number) => {
    now = at * SECOND;
    const { rate, left } = meter(done, 100_000);
    return [rate, left === undefined ? undefined : left / SECOND];
  };
}

test("nothing to tell at first, then bytes a second over the last five", () => {
  const at = metering();
  expect(at(0, 0)).toEqual([undefined, undefined]);
  expect(at(1, 1000)).toEqual([1000, 99]);
  for (let second = 2; second < 20; second++) at(second, 1000 * second);
  expect(at(20, 20_000)).toEqual([1000, 80]);
  // Ten times as fast from here on: after five seconds only that counts.
  for (let second = 21; second < 25; second++) at(second, 20_000 + 10_000 * (second - 20));
  expect(at(25, 70_000)).toEqual([10_000, 3]);
});

test("what begins again is measured anew", () => {
  const at = metering();
  at(0, 0);
  at(1, 50_000);
  expect(at(2, 1000)).toEqual([undefined, undefined]);
  expect(at(3, 3000)).toEqual([2000, 48.5]);
});
