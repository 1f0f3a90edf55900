import { describe, expect, test } from "vitest";
import { movesFor, placesFor, type Piece } from "../../../emulator/se/heap.js";
import { Nvm } from "../../../emulator/se/nvm.js";
import { ObjectStore } from "../../../emulator/se/store.js";

/* Pieces are drawn: a letter a granule of 8 bytes, a dot where nothing is. */

const GRANULE = 8;
const START = 64;
const areaOf = (drawing: string) => ({ from: START, to: START + drawing.length * GRANULE, granule: GRANULE, page: 32 });

function piecesOf(drawing: string): (Piece & { name: string })[] {
  return [...new Set(drawing.replaceAll(".", ""))]
    .map((name) => ({
      name,
      offset: START + drawing.indexOf(name) * GRANULE,
      length: (drawing.lastIndexOf(name) - drawing.indexOf(name) + 1) * GRANULE,
    }))
    .toSorted((a, b) => a.offset - b.offset);
}
const granuleAt = (offset: number): number => (offset - START) / GRANULE;

describe("a place", () => {
  test.each<[string, number[], number[] | undefined]>([
    ["......", [8], [0]],
    ["aa..b.", [8], [5]], // the smallest hole that is large enough
    ["a.b.cc", [8], [1]], // the lowest of those
    ["aa..b.", [9], [2]],
    ["aa..b.", [8, 16], [5, 2]],
    ["a..b...", [8, 16], [4, 5]], // together
    ["a..b.....", [16, 16, 8], [1, 4, 6]], // more than a page: each by itself
    ["aa..b.", [17], undefined],
    ["aa..b.", [8, 8, 8], [5, 2, 3]],
    ["aa..b.", [8, 8, 8, 8], undefined],
    ["aaaa", [0], [0]],
    ["aaaa", [0, 1], undefined],
  ])("in %s for %j bytes is %j", (drawing, lengths, places) => {
    expect(placesFor(piecesOf(drawing), areaOf(drawing), lengths)?.map(granuleAt)).toEqual(places);
  });
});

describe("moves", () => {
  test.each<[string, number[], [string, number][] | undefined]>([
    ["a.b.c.", [16], [["c", 1]]],
    ["a.b.cc", [16], [["b", 1]]],
    [
      ".a.b.c",
      [24],
      [
        ["c", 0],
        ["b", 2],
      ],
    ],
    ["..aa..bb", [32], [["b", 0]]],
    ["a.bb.cc.", [16], undefined], // a piece is not moved onto itself
    ["aaaaaa", [8], undefined],
  ])("in %s for %j bytes are %j", (drawing, lengths, moves) => {
    const found = movesFor(piecesOf(drawing), areaOf(drawing), lengths);
    expect(found?.map(({ piece, to }) => [piece.name, granuleAt(to)])).toEqual(moves);
  });
});

describe("a store in pieces", () => {
  /** Every second of as many objects as fit is removed. */
  function perforated(): { nvm: Nvm; store: ObjectStore; left: number[] } {
    const nvm = new Nvm(8_192, 64);
    const store = new ObjectStore(nvm);
    let count = 0;
    while (store.free >= 64) store.put(count++, new Uint8Array(64).fill(count));
    for (let id = 0; id < count; id += 2) store.remove(id);
    return { nvm, store, left: Array.from({ length: count }, (_, id) => id).filter((id) => id % 2 === 1) };
  }
  const intact = (store: ObjectStore, left: readonly number[]): void => {
    for (const id of left) expect(store.get(id)).toEqual(new Uint8Array(64).fill(id + 1));
  };

  test("moves objects until there is room in one piece", () => {
    const { nvm, store, left } = perforated();
    const { free } = store;
    store.put(1_000, new Uint8Array(1_500).fill(0xee));
    expect(store.free).toBe(free - 1_504);
    intact(store, left);
    const again = new ObjectStore(nvm);
    intact(again, left);
    expect(again.get(1_000)).toEqual(new Uint8Array(1_500).fill(0xee));
  });

  test("refuses what does not fit, and moves nothing for it", () => {
    const { nvm, store } = perforated();
    const { operations } = nvm;
    expect(() => store.put(1_000, new Uint8Array(store.free + 1))).toThrow(
      expect.objectContaining({ code: "emulator/store-full" }),
    );
    expect(nvm.operations).toBe(operations);
  });

  test("has every object, and the new one whole or not, wherever the power goes while they move", () => {
    const { nvm, left } = perforated();
    const base = nvm.snapshot();
    const act = (memory: Nvm): void => new ObjectStore(memory).put(1_000, new Uint8Array(900).fill(0xee));
    const whole = new Nvm(8_192, 64, base);
    act(whole);
    const operations = whole.operations - base.operations;
    expect(operations).toBeGreaterThan(30);
    for (let operation = 1; operation <= operations; operation++)
      for (const cut of [{ before: operation }, { inside: operation, kept: 5, rest: { noise: operation } }]) {
        const torn = new Nvm(8_192, 64, base);
        torn.planCut(cut);
        expect(() => act(torn)).toThrow();
        torn.powerUp();
        const store = new ObjectStore(torn);
        intact(store, left);
        expect([undefined, 900]).toContain(store.get(1_000)?.length);
        act(torn);
        expect(new ObjectStore(torn).get(1_000)).toEqual(new Uint8Array(900).fill(0xee));
      }
  });
});
