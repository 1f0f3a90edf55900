import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { RealTime } from "../../../emulator/faces/real-time.js";
import { Sim } from "../../../emulator/sim/sim.js";
import { MS, US } from "../../../src/util/time.js";

/** A device that answers 200 us after it was asked; how long after `count` questions, each asked when the answer is there, real time has come. */
function asked(count: number, time: RealTime, sim: Sim): number {
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    let answered = false;
    time.catchUp();
    sim.at(sim.now + 200 * US, () => (answered = true));
    time.catchUp();
    for (let waits = 0; !answered && waits < 10; waits++) vi.advanceTimersToNextTimer();
    if (!answered) throw new Error("never answered");
  }
  return performance.now() - start;
}

describe("virtual time beside real time", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
  afterEach(() => void vi.useRealTimers());

  test("without a pace nobody waits for what is shorter than a timer, however often", () => {
    const sim = new Sim();
    expect(asked(1000, new RealTime(sim, { paced: false }), sim)).toBe(0);
    expect(sim.now).toBe(200 * MS);
  });

  test("with a pace it takes its time, rounded to timers", () => {
    const sim = new Sim();
    const took = asked(1000, new RealTime(sim), sim);
    expect(took).toBeGreaterThanOrEqual(199);
    expect(took).toBeLessThanOrEqual(400);
  });

  test.each([true, false])("waits for what takes longer, paced: %s", (paced) => {
    const sim = new Sim();
    const time = new RealTime(sim, { paced });
    let at: number | undefined;
    sim.at(50 * MS, () => (at = performance.now()));
    const start = performance.now();
    time.catchUp();
    vi.advanceTimersByTime(200);
    expect(at! - start).toBeGreaterThanOrEqual(49);
    expect(at! - start).toBeLessThanOrEqual(51);
    expect(sim.now).toBe(50 * MS);
    time.stop();
  });

  test.each([true, false])("nobody waits for time that was computed, paced: %s", (paced) => {
    const sim = new Sim();
    const time = new RealTime(sim, { paced });
    sim.runUntil(3000 * MS);
    let told = false;
    sim.at(sim.now + 10 * MS, () => (told = true));
    time.catchUp();
    vi.advanceTimersByTime(12);
    expect(told).toBe(true);
  });
});
