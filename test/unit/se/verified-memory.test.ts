import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Nvm, type NvmCells } from "../../../emulator/se/nvm.js";
import { ObjectStore } from "../../../emulator/se/store.js";
import { VerifiedMemory } from "../../../emulator/se/verified-memory.js";
import { hex } from "../../../src/util/bytes.js";
import { isTapbenchError } from "../../../src/util/errors.js";

const code = (name: string): unknown => expect.objectContaining({ code: `emulator/${name}` });
const SIZE = 6_144;
const PAGE = 64;
const CELLS: NvmCells = { writeBytes: 4, eraseBytes: 4, endurance: 100, seed: 1 };
const fresh = (cells = CELLS): Nvm => new Nvm(SIZE, PAGE, undefined, cells);

/** Writes one page until it is replaced so often; the value that it has then. */
function wearOut(memory: VerifiedMemory, offset: number, spares: number): number {
  for (let value = 0; value < 10_000; value++) {
    memory.write(offset, Uint8Array.of(value >> 8, value));
    if (memory.spares <= spares) return value;
  }
  throw new Error("the page does not wear out");
}

describe("a worn page", () => {
  test("is replaced by a spare one with everything in it, and stays so after reopening", () => {
    const nvm = fresh();
    const memory = new VerifiedMemory(nvm);
    // 96 pages: two spare ones and a page for the table
    expect([memory.size, memory.spares]).toEqual([SIZE - 3 * PAGE, 2]);
    memory.write(128, new Uint8Array(PAGE).fill(0xaa));
    memory.write(192, new Uint8Array(PAGE).fill(0xbb));
    const value = wearOut(memory, 130, 1);
    expect(value).toBeGreaterThan(90);
    const expected = `AAAA${value.toString(16).padStart(4, "0").toUpperCase()}${"AA".repeat(60)}${"BB".repeat(64)}`;
    expect(hex(memory.read(128, 128))).toBe(expected);
    const again = new VerifiedMemory(new Nvm(SIZE, PAGE, nvm.snapshot(), CELLS));
    expect(again.spares).toBe(1);
    expect(hex(again.read(128, 128))).toBe(expected);
    expect(hex(again.read(130, 1))).toBe(expected.slice(4, 6));
  });

  test("without a spare one is a fault, and what it held before can be read", () => {
    const memory = new VerifiedMemory(fresh());
    memory.write(0, new Uint8Array(PAGE).fill(0xcc));
    expect(() => {
      for (let value = 0; value < 1_000; value++) memory.write(4, Uint8Array.of(value >> 8, value));
    }).toThrow(code("memory-worn"));
    expect(memory.spares).toBe(0);
    expect(hex(memory.read(8, 56))).toBe("CC".repeat(56));
  });

  test("whose replacement is cut off leaves nothing but the unit that was written in doubt", () => {
    const start = fresh();
    const memory = new VerifiedMemory(start);
    memory.write(64, new Uint8Array(PAGE).fill(0xdd));
    let last = start.snapshot();
    let value = 0;
    for (; memory.spares === 2; value++) {
      last = start.snapshot();
      memory.write(72, Uint8Array.of(value, value, value, value));
    }
    const needed = start.operations - last.operations;
    expect(needed).toBe(3); // the page, its spare, the table
    const attempt = [1, 2, 3].flatMap((n) => [
      { before: n },
      { inside: n, kept: 0, rest: { noise: n } },
      { inside: n, kept: 7, rest: { noise: n } },
    ]);
    for (const cut of attempt) {
      const nvm = new Nvm(SIZE, PAGE, last, CELLS);
      nvm.planCut(cut);
      const bytes = new Uint8Array(4).fill(value - 1);
      expect(() => new VerifiedMemory(nvm).write(72, bytes)).toThrow(code("power-lost"));
      nvm.powerUp();
      const after = new VerifiedMemory(nvm);
      expect(hex(after.read(64, 8)) + hex(after.read(76, 52)), JSON.stringify(cut)).toBe("DD".repeat(60));
      after.write(72, bytes);
      expect(hex(after.read(72, 4))).toBe(hex(bytes));
    }
  });
});

describe("a store on a memory that wears out", () => {
  /** Puts and counts until the memory fails; everything is as it was put until then, and can be read afterwards. */
  function live(seed: number, eraseBytes: number): { rounds: number; replaced: number } {
    const cells = { ...CELLS, seed, eraseBytes };
    const nvm = new Nvm(8_192, PAGE, undefined, cells);
    const spares = new VerifiedMemory(nvm).spares;
    let store = new ObjectStore(nvm);
    store.setCounter(9, 0);
    const model = new Map<number, string>();
    const contents = (): Map<number, string> =>
      new Map(store.ids.filter((id) => id !== 9).map((id) => [id, hex(store.get(id)!)]));
    for (let round = 1; ; round++) {
      const id = round % 3;
      const bytes = new Uint8Array(10 + ((round * 37) % 90)).fill(round);
      try {
        store.put(id, bytes);
        model.set(id, hex(bytes));
        store.writeCounter(9, round);
      } catch (error) {
        if (!isTapbenchError(error, "emulator/memory-worn")) throw error;
        store = new ObjectStore(nvm);
        const before = model.get(id);
        const now = contents();
        expect([before, hex(bytes)]).toContain(now.get(id));
        expect([...now].filter(([other]) => other !== id)).toEqual([...model].filter(([other]) => other !== id));
        expect([round - 1, round]).toContain(store.counter(9));
        return { rounds: round, replaced: spares - new VerifiedMemory(nvm).spares };
      }
      if (round % 7 === 0) store = new ObjectStore(nvm);
      expect(contents()).toEqual(
        new Map([...model].toSorted(([a], [b]) => [...store.ids].indexOf(a) - [...store.ids].indexOf(b))),
      );
      expect(store.counter(9)).toBe(round);
    }
  }

  test.each([1, 2, 3, 4, 5, 6])("never holds anything else than was put, and says when it cannot (seed %i)", (seed) => {
    for (const eraseBytes of [4, 64]) {
      const { rounds, replaced } = live(seed, eraseBytes);
      expect(rounds).toBeGreaterThan(90);
      expect(replaced).toBe(2);
    }
  });

  test("cut at any operation while pages are replaced, holds every object as before or as after", () => {
    fc.assert(
      fc.property(
        fc.nat(1_000),
        fc.array(fc.tuple(fc.nat(4), fc.nat(64), fc.nat(99)), { maxLength: 40 }),
        (seed, cuts) => {
          const cells = { ...CELLS, seed, endurance: 20 };
          const nvm = new Nvm(16_384, PAGE, undefined, cells);
          let store = new ObjectStore(nvm);
          let durable = hex(new Uint8Array(20));
          store.put(1, new Uint8Array(20));
          store.put(2, new Uint8Array(30).fill(0x22));
          for (const [operation, kept, noise] of cuts) {
            const bytes = new Uint8Array(20).fill(noise);
            nvm.planCut({ inside: operation + 1, kept, rest: { noise } });
            try {
              store.put(1, bytes);
              durable = hex(bytes);
            } catch (error) {
              if (isTapbenchError(error, "emulator/memory-worn")) return;
              if (!isTapbenchError(error, "emulator/power-lost")) throw error;
            }
            nvm.planCut(undefined);
            nvm.powerUp();
            store = new ObjectStore(nvm);
            const now = hex(store.get(1)!);
            expect([durable, hex(bytes)]).toContain(now);
            durable = now;
            expect(hex(store.get(2)!)).toBe("22".repeat(30));
          }
        },
      ),
      { numRuns: 150, seed: 5 },
    );
  });
});
