import { describe, expect, test } from "vitest";
import { BootBench } from "../support/boot-bench.js";

/*
 * Slots of 128 KiB, an image of 15 sectors over one of 10: as large as MCUboot's own simulator has them. `npm run soak` cuts at every operation, the tests
 * at some.
 */

const SOAK = process.env["TAPBENCH_SOAK"] !== undefined;
/** Of the states that cuts leave, how many are left out between two. */
const EVERY = SOAK ? 1 : 60;

/** Operations of an upgrade, as counted in MCUboot's simulator. */
const OPERATIONS = [
  ["move", 276],
  ["scratch", 280],
  ["offset", 167],
  ["overwrite", 162],
] as const;

describe.each(OPERATIONS)("by %s", (mode, operations) => {
  const bench = new BootBench({ mode, sectors: 32, payloads: [10 * 4096 - 900, 15 * 4096 - 900] });

  test("as many operations as MCUboot needs", () => {
    expect(bench.boot(bench.asked(false))).toMatchObject({ runs: "next", operations });
  });

  test("soak: cuts in upgrade and revert", { timeout: SOAK ? 600_000 : 60_000 }, () => {
    const tried = bench.boot(bench.asked(false)).after;
    const starts = [bench.asked(false), bench.asked(true), ...(mode === "overwrite" ? [] : [tried])];
    let states = 0;
    const from = performance.now();
    for (const [i, start] of starts.entries()) {
      let n = 0;
      for (const left of bench.leftovers(start, `full size ${mode} ${i}`)) {
        if (n++ % EVERY > 0) continue;
        states++;
        const { runs, after } = bench.boot(left);
        expect(runs).not.toBe("nothing");
        expect(bench.boot(after).runs).not.toBe("nothing");
      }
    }
    expect(states).toBeGreaterThan(SOAK ? 500 : 8);
    if (process.env["TAPBENCH_TABLES"] !== undefined)
      process.stdout.write(
        `${JSON.stringify({ mode, operations, states, ms: Math.round(performance.now() - from) })}\n`,
      );
  });
});
