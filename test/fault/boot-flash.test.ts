import { describe, expect, test } from "vitest";
import type { FlashOperation, FlashSnapshot } from "../../emulator/boot/flash.js";
import { openPairs } from "../../emulator/boot/layout.js";
import { SWAP_TYPES, type SlotTrailer } from "../../emulator/boot/slot-trailer.js";
import { seededRandom } from "../../src/util/random.js";
import { BootBench } from "../support/boot-bench.js";

// Flash that fails, and trailers that something else left: what runs is the old image or the next one, or nothing.

const MODES = ["move", "scratch", "offset", "overwrite"] as const;
const SECTOR = 4096;

describe.each(MODES)("by %s", (mode) => {
  const bench = new BootBench({ mode });

  test("every sector bad, one at a time: never anything but an image that was signed", () => {
    const ran: Record<string, number> = { old: 0, next: 0, nothing: 0 };
    for (let bad = 0; bad < 17; bad++)
      for (const permanent of [false, true]) {
        let state = bench.asked(permanent);
        for (let i = 0; i < 3; i++) {
          const flash = bench.flashOf(state);
          flash.faults = { badSectors: new Set([bad]) };
          ran[bench.bootOn(flash)]! += 1;
          state = flash.snapshot();
        }
      }
    // A sector that both images need may leave neither whole: then nothing runs, and the serial line is left.
    expect(ran["next"]).toBeGreaterThan(20);
    expect(ran["nothing"]).toBeLessThan(45);
    tell(mode, "a bad sector", ran);
  });

  test("a sector that is worn out while images go in and out", () => {
    const flash = bench.fresh();
    flash.faults = { endurance: 30 };
    let last = "old";
    for (let round = 0; round < 40 && last !== "nothing"; round++) {
      try {
        bench.upload(flash, round % 2 === 0 ? bench.images.next : bench.images.old, true);
      } catch {
        break; // the firmware learns that its upload failed
      }
      last = bench.bootOn(flash);
    }
    expect(Math.max(...flash.wear)).toBe(30);
  });

  if (mode !== "overwrite")
    test("no note can be written: the upgrade comes to its end all the same", () => {
      const { primary } = openPairs(bench.fresh(), bench.configuration)[0]!;
      const { status, entries } = primary.trailer.layout;
      const end = bench.configuration.images[0]!.primary.size;
      const isNote = ({ kind, offset }: FlashOperation): boolean =>
        kind === "program" && offset >= end - status && offset < end - status + entries * 8;
      for (const [rate, permanent] of [
        [1, true],
        [2, true],
        [2, false],
        [5, false],
      ] as const) {
        const random = seededRandom(`notes ${rate}`);
        const flash = bench.flashOf(bench.asked(permanent));
        flash.faults = { fails: (operation) => isNote(operation) && random.below(rate) === 0 };
        expect(bench.bootOn(flash)).toBe("next");
        flash.faults = undefined;
        expect(bench.bootOn(flash)).toBe(permanent ? "next" : "old");
      }
    });

  test("trailers that something left, in every combination of their fields", () => {
    const states = ["unset", "good", "bad"] as const;
    const ran: Record<string, number> = { old: 0, next: 0, nothing: 0 };
    const start = bench.fresh();
    start.program(mode === "offset" ? 9 * SECTOR : 8 * SECTOR, filled(bench.images.next));
    const before = start.snapshot();
    for (let code = 0; code < 3 ** 6; code++) {
      const of = (place: number) => states[Math.floor(code / 3 ** place) % 3]!;
      const flash = bench.flashOf(before);
      const { primary, secondary } = openPairs(flash, bench.configuration)[0]!;
      leave(primary.trailer, of(0), of(1), of(2), code);
      leave(secondary.trailer, of(3), of(4), of(5), code);
      let state: FlashSnapshot = flash.snapshot();
      for (let i = 0; i < 3; i++) {
        const { runs, after } = bench.boot(state);
        ran[runs]! += 1;
        state = after;
      }
    }
    expect(ran["nothing"]).toBe(0);
    tell(mode, "trailers left", ran);
    expect(ran["old"]).toBeGreaterThan(200);
    expect(ran["next"]).toBeGreaterThan(200);
  });

  test("a request for an image that is not there", () => {
    const flash = bench.fresh();
    const { secondary } = openPairs(flash, bench.configuration)[0]!;
    secondary.trailer.writeMagic();
    expect(bench.bootOn(flash)).toBe("old");
    expect(secondary.trailer.read().magic).toBe(mode === "overwrite" ? "good" : "unset");
  });
});

/** For people. */
function tell(mode: string, what: string, ran: Readonly<Record<string, number>>): void {
  if (process.env["TAPBENCH_TABLES"] !== undefined) process.stdout.write(`${JSON.stringify({ mode, what, ...ran })}\n`);
}

type State = "unset" | "good" | "bad";

/** Notes of an earlier swap stay where the flag says that it is done. */
function leave(trailer: SlotTrailer, magic: State, imageOk: State, copyDone: State, code: number): void {
  const { area, layout } = trailer;
  const garbage = (before: number): void => area.program(area.size - before, new Uint8Array(8).fill(0x5a));
  if (magic === "good") trailer.writeMagic();
  if (magic === "bad") garbage(layout.magic);
  if (imageOk === "good") trailer.writeImageOk();
  if (imageOk === "bad") garbage(layout.imageOk);
  if (copyDone === "good") {
    trailer.writeCopyDone();
    trailer.writeSwapInfo(SWAP_TYPES[code % 4]!, 0);
    trailer.writeSwapSize(13_500);
    for (let entry = 0; entry < code % 9; entry++) trailer.writeNote(entry, 1);
  }
  if (copyDone === "bad") garbage(layout.copyDone);
}

const filled = (image: Uint8Array): Uint8Array => {
  const out = new Uint8Array(Math.ceil(image.length / 8) * 8).fill(0xff);
  out.set(image);
  return out;
};
