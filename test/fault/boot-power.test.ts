import { describe, expect, test } from "vitest";
import type { FlashSnapshot } from "../../emulator/boot/flash.js";
import type { BootMode } from "../../emulator/boot/layout.js";
import { openPairs } from "../../emulator/boot/layout.js";
import { pendingSwap } from "../../emulator/boot/requests.js";
import { seededRandom } from "../../src/util/random.js";
import { BootBench, cutsAt, type Booted } from "../support/boot-bench.js";

/*
 * The power goes before every flash operation of an upgrade or a revert, with half of it done, and with any of its bits done. Whatever is left, the next
 * boots start the old image or the next one, whole, and come to rest.
 */

const MODES = ["move", "scratch", "offset", "overwrite"] as const satisfies readonly BootMode[];

/** Boots until nothing changes any more; what ran each time. The bench throws for anything that is neither image. */
function settle(
  bench: BootBench,
  from: FlashSnapshot,
): { readonly ran: readonly Booted["runs"][]; readonly rest: FlashSnapshot } {
  const ran: Booted["runs"][] = [];
  let state = from;
  for (let i = 0; i < 6; i++) {
    const { runs, after, operations } = bench.boot(state);
    ran.push(runs);
    state = after;
    if (operations === 0) return { ran, rest: state };
  }
  throw new Error(`no rest after ${ran.join(", ")}`);
}

/** For people; the assertions stand beside it. */
function tell({ from, ...row }: Readonly<Record<string, string | number>> & { readonly from: number }): void {
  if (process.env["TAPBENCH_TABLES"] === undefined) return;
  process.stdout.write(`${JSON.stringify({ ...row, ms: Math.round(performance.now() - from) })}\n`);
}

/** One cut everywhere; what the boot after it started. */
function sweep(bench: BootBench, what: string, start: FlashSnapshot): Readonly<Record<string, number>> {
  const from = performance.now();
  const first = { old: 0, next: 0, nothing: 0 };
  let states = 0;
  for (const left of bench.cuts(start, `${bench.configuration.mode} ${what}`)) {
    states++;
    const { ran } = settle(bench, left);
    first[ran[0]!] += 1;
    expect(ran).not.toContain("nothing");
  }
  const { operations } = bench.boot(start);
  tell({ mode: bench.configuration.mode, what, operations, states, ...first, from });
  return first;
}

describe.each(MODES)("by %s", (mode) => {
  const bench = new BootBench({ mode });
  const tested = (): FlashSnapshot => bench.boot(bench.asked(false)).after;

  test("undisturbed", () => {
    const [first, second] = [bench.boot(bench.asked(false)), bench.boot(bench.asked(true))];
    expect([first.runs, second.runs]).toEqual(["next", "next"]);
    expect(bench.boot(second.after)).toMatchObject({ runs: "next", operations: 0 });
    const again = bench.boot(first.after);
    expect(again.runs).toBe(mode === "overwrite" ? "next" : "old");
    expect(bench.boot(again.after)).toMatchObject({ runs: again.runs, operations: 0 });
    expect(bench.boot(bench.confirmed(first.after))).toMatchObject({ runs: "next", operations: 0 });
  });

  test("one cut in an upgrade for a try, everywhere", () => {
    const { old } = sweep(bench, "test", bench.asked(false));
    // A request is kept until it is done, so the upgrade always comes to its end. With the last flag in, the one try is over, though nothing ran.
    expect(old).toBe(mode === "overwrite" ? 0 : 1);
  });

  test("one cut in an upgrade for good, everywhere", () => {
    expect(sweep(bench, "perm", bench.asked(true)).old).toBe(0);
  });

  if (mode !== "overwrite")
    test("one cut in a revert, everywhere", () => {
      // One cut never makes it forget that the image on trial was not confirmed.
      expect(sweep(bench, "revert", tested())).toMatchObject({ next: 0, nothing: 0 });
    });

  test("what cuts leave can be had without cutting, too", () => {
    const digests = (states: Iterable<FlashSnapshot>): readonly string[] => [...states].map((one) => bench.digest(one));
    expect(digests(bench.leftovers(bench.asked(false), "same"))).toEqual(
      digests(bench.cuts(bench.asked(false), "same")),
    );
  });

  if (mode !== "overwrite")
    test("all pairs of cuts: one in the upgrade, one in the revert after it", () => {
      const from = performance.now();
      const done = bench.count.asked;
      const reverts = new Map<string, { readonly start: FlashSnapshot; times: number }>();
      let pairs = 0;
      let upgrades = 0;
      let lost = 0;
      for (const left of bench.leftovers(bench.asked(false), "pair, first")) {
        upgrades++;
        const { after } = bench.boot(left);
        const digest = bench.digest(after);
        const same = reverts.get(digest) ?? { start: after, times: 0 };
        same.times++;
        reverts.set(digest, same);
      }
      // Most cuts leave the same behind; the second cut is swept once for each that differs, and counts for all of them.
      for (const { start, times } of reverts.values())
        for (const left of bench.leftovers(start, "pair, second")) {
          pairs += times;
          const { ran } = settle(bench, left);
          expect(ran).not.toContain("nothing");
          if (ran.at(-1) !== "old") lost += times;
        }
      expect(reverts.size).toBeGreaterThan(0);
      expect(pairs).toBeGreaterThan(20_000);
      expect(lost).toBe(0);
      tell({
        mode,
        what: "pairs of cuts",
        upgrades,
        distinct: reverts.size,
        pairs,
        lost,
        boots: bench.count.asked - done,
        from,
      });
    });
});

/** Of the first cuts, how many are left out between two. */
const EVERY = process.env["TAPBENCH_SOAK"] === undefined ? 12 : 1;

describe.each(["move", "scratch", "offset"] as const)("by %s", (mode) => {
  const timeout = EVERY > 1 ? 60_000 : 600_000;
  test("soak: two cuts in a revert, the second in the boot that goes on with it", { timeout }, () => {
    const from = performance.now();
    const bench = new BootBench({ mode });
    const start = bench.boot(bench.asked(false)).after;
    const seen = new Map<string, Booted["runs"]>();
    for (const [i, first] of [...bench.leftovers(start, "twice")].entries()) {
      if (i % EVERY > 0) continue;
      for (const second of bench.leftovers(first, `twice ${i}`)) {
        const digest = bench.digest(second);
        if (seen.has(digest)) continue;
        const { ran } = settle(bench, second);
        expect(ran).not.toContain("nothing");
        seen.set(digest, ran.at(-1)!);
      }
    }
    const stayed = [...seen.values()].filter((last) => last === "next").length;
    // As MCUboot has it: a second cut while the trailers are written again can lose the request, and the image on trial stays. It is whole, too.
    expect(stayed / seen.size).toBeLessThan(0.05);
    tell({ mode, what: "two cuts in a revert; next: it is forgotten", states: seen.size, next: stayed, from });
  });
});

// 4 as on the reference band; above 8 every field of the trailer takes a unit of its own.
describe.each([1, 4, 16, 32])("flash that programs %i bytes at once", (align) => {
  test.each(MODES)("by %s: there, back, and one cut before each operation", (mode) => {
    const bench = new BootBench({ mode, align, rules: { maxSectors: 16 } });
    const start = bench.asked(false);
    const { operations, after } = bench.boot(start);
    expect(bench.boot(after).runs).toBe(mode === "overwrite" ? "next" : "old");
    for (let n = 1; n <= operations; n++) expect(bench.boot(bench.cut(start, { before: n })!).runs).toBe("next");
  });
});

describe("direct XIP with a way back", () => {
  test("one cut while an image is tried, and while it is taken back", () => {
    const bench = new BootBench({ mode: "direct-xip-revert" });
    const flash = bench.fresh();
    const { primary } = openPairs(flash, bench.configuration)[0]!;
    primary.trailer.writeMagic();
    primary.trailer.writeImageOk();
    bench.upload(flash, bench.images.next, false);
    const asked = flash.snapshot();
    const tried = bench.boot(asked);
    expect(tried.runs).toBe("next");
    expect(bench.boot(tried.after).runs).toBe("old");
    sweep(bench, "test", asked);
    expect(sweep(bench, "revert", tried.after).next).toBe(0);
  });
});

test("1,000 lives of random cuts, confirmations and further upgrades", () => {
  const from = performance.now();
  const count = { old: 0, next: 0, cuts: 0, uploads: 0 };
  const benches = MODES.map((mode) => new BootBench({ mode }));
  for (let life = 0; life < 1_000; life++) {
    const random = seededRandom(`life ${life}`);
    const bench = benches[life % benches.length]!;
    let state = bench.asked(random.below(2) === 1);
    for (let step = 0; step < 8; step++) {
      const cuts = cutsAt(1 + random.below(90), random);
      const left = random.below(3) > 0 ? bench.cut(state, cuts[random.below(cuts.length)]!) : undefined;
      if (left) {
        count.cuts++;
        state = left;
        continue;
      }
      const { runs, after } = bench.boot(state);
      expect(runs, `life ${life}, step ${step}`).not.toBe("nothing");
      count[runs as "old"]++;
      state = random.below(3) === 0 ? bench.confirmed(after) : after;
      if (random.below(3) === 0 && pendingSwap(bench.flashOf(state), bench.configuration) === "none") {
        const flash = bench.flashOf(state);
        bench.upload(flash, runs === "old" ? bench.images.next : bench.images.old, random.below(2) === 1);
        state = flash.snapshot();
        count.uploads++;
      }
    }
    expect(settle(bench, state).ran).not.toContain("nothing");
  }
  expect(count.cuts).toBeGreaterThan(1_000);
  expect(count.old).toBeGreaterThan(500);
  tell({ what: "1,000 lives", ...count, from });
});
