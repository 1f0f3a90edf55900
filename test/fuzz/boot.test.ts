import { expect, test } from "vitest";
import type { FlashSnapshot } from "../../emulator/boot/flash.js";
import { seededRandom, type Random } from "../../src/util/random.js";
import { BootBench } from "../support/boot-bench.js";

// Flash content that no boot loader left: damaged trailers, notes, headers, whole sectors exchanged. Nothing unsigned runs, and nothing but a result comes back.

const MODES = ["move", "scratch", "offset", "overwrite", "direct-xip", "direct-xip-revert"] as const;
const RUNS = 150;

/** One to six changes, most of them where the trailers are. */
function damaged(state: FlashSnapshot, random: Random): FlashSnapshot {
  const sectors = state.sectors.map((sector) => sector.slice());
  for (let i = 0; i <= random.below(6); i++) {
    const sector = sectors[[7, 15, 0, 8, 9, 16][random.below(6)]!]!;
    const at = [4096 - 1 - random.below(64), 976 + random.below(200), random.below(40), random.below(4096)][
      random.below(4)
    ]!;
    if (random.below(8) === 0) sector.set(sectors[random.below(sectors.length)]!);
    else if (random.below(3) === 0) sector.set(random.bytes(4096 - at), at);
    else sector[at] = random.below(2) === 0 ? random.below(256) : 0xff;
  }
  return { ...state, sectors };
}

test.each(MODES)("damaged flash, %s", (mode) => {
  const bench = new BootBench({ mode });
  const tried = bench.boot(bench.asked(false)).after;
  const starts = [bench.fresh().snapshot(), bench.asked(false), bench.asked(true), tried];
  const ran = { old: 0, next: 0, nothing: 0 };
  for (let i = 0; i < RUNS; i++) {
    const random = seededRandom(`damaged ${mode} ${i}`);
    let state = damaged(starts[i % starts.length]!, random);
    for (let boots = 0; boots < 3; boots++) {
      const { runs, after } = bench.boot(state);
      ran[runs]++;
      state = after;
    }
  }
  expect(ran.old + ran.next).toBeGreaterThan(20);
  expect(ran.nothing).toBeGreaterThan(0);
});
