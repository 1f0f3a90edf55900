import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { monotonicClock } from "../../../src/transport/clock.js";
import { MS } from "../../../src/util/time.js";

describe("the machine's clock", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "hrtime"] }));
  afterEach(() => void vi.useRealTimers());

  test("wakes everybody at their time, whoever came first, and nobody who no longer waits", () => {
    const clock = monotonicClock();
    const told: [name: string, at: number][] = [];
    const wait = (name: string, millis: number) => clock.after(millis * MS, () => told.push([name, clock.now() / MS]));
    wait("long", 500);
    const first = wait("first", 20);
    wait("short", 30);
    wait("same", 30);
    first();
    vi.advanceTimersByTime(25);
    expect(told).toEqual([]);
    wait("later", 100);
    vi.advanceTimersByTime(1000);
    expect(told).toEqual([
      ["short", 30],
      ["same", 30],
      ["later", 125],
      ["long", 500],
    ]);
  });

  test("wakes those who start to wait when somebody wakes, and not those whom that makes give up", () => {
    const clock = monotonicClock();
    const told: string[] = [];
    const giveUp: (() => void)[] = [];
    clock.after(10 * MS, () => {
      told.push("one");
      giveUp[0]!();
      clock.after(0, () => told.push("at once"));
      clock.after(5 * MS, () => told.push("soon"));
    });
    giveUp.push(clock.after(10 * MS, () => told.push("two")));
    clock.after(12 * MS, () => told.push("three"));
    vi.advanceTimersByTime(40);
    expect(told).toEqual(["one", "at once", "three", "soon"]);
  });

  test("goes on for the others when what one does fails", () => {
    const clock = monotonicClock();
    const told: string[] = [];
    clock.after(10 * MS, () => {
      throw new Error("not my day");
    });
    clock.after(10 * MS, () => told.push("other"));
    expect(() => vi.advanceTimersByTime(10)).toThrow("not my day");
    vi.advanceTimersByTime(10);
    expect(told).toEqual(["other"]);
  });

  test("waits longer than a timer can", () => {
    const clock = monotonicClock();
    const month = 30 * 24 * 3_600_000;
    let told = 0;
    clock.after(month * MS, () => told++);
    vi.advanceTimersByTime(month - 1);
    expect(told).toBe(0);
    vi.advanceTimersByTime(1);
    expect(told).toBe(1);
  });
});

test("a clock that nobody waits for keeps no process alive, and one that somebody waits for does", () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const clock = monotonicClock();
  const before = timers();
  const [first, second] = [clock.after(1000 * MS, () => {}), clock.after(2000 * MS, () => {})];
  expect(timers()).toBe(before + 1);
  first();
  expect(timers()).toBe(before + 1);
  second();
  expect(timers()).toBe(before);
  const third = clock.after(3000 * MS, () => {});
  expect(timers()).toBe(before + 1);
  third();
  expect(timers()).toBe(before);
});
