import { performance } from "node:perf_hooks";
import type { PowerCut } from "../../emulator/se/nvm.js";
import { openBench } from "../../src/bench/bench.js";
import { median } from "./measure.js";

const WARM_UP = 10;

/**
 * Milliseconds to cut the power of an offline payment at every memory operation, before it and inside it with random bits behind a half, each time
 * from the same snapshot, and to pay afterwards with a higher counter. Median.
 */
export async function measurePowerCuts(seconds: number): Promise<{ sweepMillis: number; cutsPerSweep: number }> {
  const bench = await openBench({ seed: "bench" });
  const device = await bench.open("emu:band-s1?seed=1");
  await bench.provision(device, "k2-offline");
  const tap = await bench.prepareTap(device, { amount: 1n, terminal: "supermarket" });
  const { emulated } = device;
  const { element } = emulated;
  const fresh = emulated.snapshot();
  const first = element.nvm.operations;
  const whole = tap();
  if (whole.outcome !== "approved") throw new Error(`the payment ended ${whole.outcome}`);
  const operations = element.nvm.operations - first;
  const cuts = Array.from({ length: operations }, (_, i) => i + 1).flatMap((n): PowerCut[] => [
    { before: n },
    { inside: n, kept: 2, rest: { noise: n } },
  ]);
  const sweep = (): void => {
    for (const cut of cuts) {
      emulated.restore(fresh);
      element.nvm.planCut(cut);
      const torn = tap();
      const next = tap();
      if (torn.outcome !== "try-again" || next.outcome !== "approved" || next.details.atc! < whole.details.atc!)
        throw new Error(`cut at ${JSON.stringify(cut)}: ${torn.outcome}, then ${next.outcome}`);
    }
  };
  const millis: number[] = [];
  const end = performance.now() + seconds * 1000;
  for (let round = -(seconds < 1 ? 1 : WARM_UP); round <= 0 || performance.now() < end; round++) {
    const start = performance.now();
    sweep();
    if (round >= 0) millis.push(performance.now() - start);
  }
  return { sweepMillis: median(millis), cutsPerSweep: cuts.length };
}
