import { describe, expect, test } from "vitest";
import { Nvm, type NvmCells, type PowerCut } from "../../emulator/se/nvm.js";
import { ObjectStore } from "../../emulator/se/store.js";
import { hex } from "../../src/util/bytes.js";
import { isTapbenchError } from "../../src/util/errors.js";

/*
 * The power goes before every operation of a change, and inside it with every number of bytes that makes a difference; what was not written yet is
 * as it was, erased, or random. Whatever was interrupted is there as before or as after, and the store goes on.
 */

const SIZE = 12_288;
const PAGE = 64;
const cells = (writeBytes: number, eraseBytes: number): NvmCells => ({
  writeBytes,
  eraseBytes,
  endurance: 1_000_000,
  seed: 1,
});
/** EEPROM by the byte, by the word, and a memory that erases half or whole pages. */
const KINDS = [cells(1, 1), cells(4, 4), cells(4, 32), cells(8, 64)] as const;

/** 1: 100 bytes, 2: 300, 3: 20; counters 10 and 11 at 5 and 255. */
function filled(kind: NvmCells): Nvm {
  const nvm = new Nvm(SIZE, PAGE, undefined, kind);
  const store = new ObjectStore(nvm);
  store.put(1, new Uint8Array(100).fill(0x11));
  store.put(2, new Uint8Array(300).fill(0x22));
  store.put(3, new Uint8Array(20).fill(0x33));
  store.setCounter(10, 5);
  store.setCounter(11, 255);
  return nvm;
}

type Seen = Record<string, string | number>;
const COUNTERS = [10, 11, 12];
const seen = (store: ObjectStore): Seen =>
  Object.fromEntries(
    [...store.ids]
      .toSorted((a, b) => a - b)
      .map((id) => [id, COUNTERS.includes(id) ? store.counter(id) : hex(store.get(id)!)]),
  );

const SCRIPTS: readonly (readonly [name: string, act: (store: ObjectStore) => void])[] = [
  ["a new object", (store) => store.put(4, new Uint8Array(150).fill(0x44))],
  ["an empty object", (store) => store.put(4, new Uint8Array(0))],
  ["a longer object in place of another", (store) => store.put(3, new Uint8Array(200).fill(0x55))],
  ["a shorter object in place of another", (store) => store.put(2, new Uint8Array(3).fill(0x66))],
  ["an object removed", (store) => store.remove(2)],
  [
    "several at once: new, changed, removed",
    (store) =>
      store.putAll([
        [1, new Uint8Array(90).fill(0x77)],
        [2, undefined],
        [3, new Uint8Array(70).fill(0x88)],
        [4, new Uint8Array(10).fill(0x99)],
        [5, new Uint8Array(130).fill(0xaa)],
      ]),
  ],
  ["a counter up by one", (store) => store.writeCounter(10, 6)],
  ["a counter into its second byte", (store) => store.writeCounter(11, 256)],
  ["a new counter", (store) => store.setCounter(12, 0)],
  ["a counter set anew", (store) => store.setCounter(10, 0)],
];

/** Runs it with the power cut there; true when the cut came. */
function cutAt(nvm: Nvm, cut: PowerCut, act: () => void): boolean {
  nvm.planCut(cut);
  try {
    act();
    return false;
  } catch (error) {
    if (!isTapbenchError(error, "emulator/power-lost")) throw error;
    return true;
  } finally {
    nvm.planCut(undefined);
    nvm.powerUp();
  }
}

function operationsOf(nvm: Nvm, act: () => void): number {
  const before = nvm.operations;
  act();
  return nvm.operations - before;
}

/** Before every operation, and inside with every number of words up to a page, then with the rest erased or random. */
function cutsOf(count: number, { writeBytes }: NvmCells): PowerCut[] {
  return Array.from({ length: count }, (_, i) => i + 1).flatMap((operation): PowerCut[] => [
    { before: operation },
    ...Array.from({ length: PAGE / writeBytes + 1 }, (_, words) => ({ inside: operation, kept: words * writeBytes })),
    ...[0, 3, 8, 21].map((kept) => ({ inside: operation, kept, rest: "erased" as const })),
    ...Array.from({ length: 12 }, (_, kept) => ({ inside: operation, kept, rest: { noise: kept } })),
  ]);
}

describe.each(KINDS)("a power cut, $writeBytes bytes written and $eraseBytes erased together, anywhere in", (kind) => {
  const base = filled(kind).snapshot();
  const copy = (from = base): Nvm => new Nvm(SIZE, PAGE, from, kind);
  const BEFORE = seen(new ObjectStore(copy()));

  test.each(SCRIPTS)("%s leaves the store as before or as after", (_, act) => {
    const whole = copy();
    const count = operationsOf(whole, () => act(new ObjectStore(whole)));
    const after = seen(new ObjectStore(whole));
    expect(after).not.toEqual(BEFORE);

    const found = new Set<string>();
    for (const cut of cutsOf(count, kind)) {
      const nvm = copy();
      expect(cutAt(nvm, cut, () => act(new ObjectStore(nvm)))).toBe(true);
      const store = new ObjectStore(nvm);
      const now = seen(store);
      expect([BEFORE, after], JSON.stringify(cut)).toContainEqual(now);
      found.add(JSON.stringify(now));
      store.put(99, new Uint8Array(400).fill(0xee));
      expect(seen(new ObjectStore(nvm)), JSON.stringify(cut)).toEqual({ ...now, 99: "EE".repeat(400) });
    }
    // a sweep that never sees both sides of the change proves nothing
    expect([...found].toSorted()).toEqual([JSON.stringify(BEFORE), JSON.stringify(after)].toSorted());
  });

  test("recovery, too: the power goes again while the store opens", () => {
    const act = SCRIPTS.find(([name]) => name.startsWith("several"))![1];
    const whole = copy();
    const count = operationsOf(whole, () => act(new ObjectStore(whole)));
    const after = seen(new ObjectStore(whole));
    let twice = 0;
    for (const first of cutsOf(count, kind)) {
      const once = copy();
      cutAt(once, first, () => act(new ObjectStore(once)));
      const torn = once.snapshot();
      const opening = copy(torn);
      const needed = operationsOf(opening, () => void new ObjectStore(opening));
      const expected = seen(new ObjectStore(opening));
      for (let operation = 1; operation <= needed; operation++)
        for (const second of [
          { before: operation },
          { inside: operation, kept: 0 },
          { inside: operation, kept: 5, rest: { noise: operation } },
        ]) {
          const nvm = copy(torn);
          expect(cutAt(nvm, second, () => void new ObjectStore(nvm))).toBe(true);
          const store = new ObjectStore(nvm);
          expect(seen(store)).toEqual(expected);
          expect(seen(store)).toEqual(after);
          store.put(99, Uint8Array.of(1));
          expect(seen(new ObjectStore(nvm))).toEqual({ ...after, 99: "01" });
          twice++;
        }
    }
    expect(twice).toBeGreaterThan(100);
  });

  test("formatting: an erased memory opens at the next try", () => {
    const erased = (): Nvm => new Nvm(SIZE, PAGE, undefined, kind);
    const fresh = erased();
    const count = operationsOf(fresh, () => void new ObjectStore(fresh));
    expect(count).toBe(2);
    for (const cut of cutsOf(count, kind)) {
      const nvm = erased();
      expect(cutAt(nvm, cut, () => void new ObjectStore(nvm))).toBe(true);
      const store = new ObjectStore(nvm);
      expect(store.ids).toEqual([]);
      store.put(1, Uint8Array.of(1));
      expect(seen(new ObjectStore(nvm))).toEqual({ 1: "01" });
    }
  });
});

test("a counter never shows less than a value that was returned as durable, cut after cut", () => {
  let nvm = filled(KINDS[1]);
  let durable = 5;
  for (let round = 0; round < 300; round++) {
    const store = new ObjectStore(nvm);
    const value = durable + 1 + (round % 3) * 100;
    const cuts: PowerCut[] = [{ inside: 1, kept: 4 * (round % 3), rest: { noise: round } }, { before: 2 }];
    const lost = cutAt(nvm, cuts[round % 2]!, () => store.writeCounter(10, value));
    const now = new ObjectStore(nvm).counter(10);
    if (!lost) expect(now).toBe(value);
    expect([durable, value]).toContain(now);
    durable = now;
    nvm = new Nvm(SIZE, PAGE, nvm.snapshot(), KINDS[1]);
  }
  expect(durable).toBeGreaterThan(100);
});
