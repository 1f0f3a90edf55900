import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Nvm } from "../../../emulator/se/nvm.js";
import { ObjectStore } from "../../../emulator/se/store.js";
import { ascii, hex, unhex } from "../../../src/util/bytes.js";
import { isTapbenchError } from "../../../src/util/errors.js";

const code = (name: string): unknown => expect.objectContaining({ code: `emulator/${name}` });
const SIZE = 5_888;
/** Header, journal, directory, table of bad pages, two spare pages. */
const OWN = 64 + 1_024 + 2_048 + 64 + 128;
const newNvm = (size = SIZE): Nvm => new Nvm(size, 64);
/** Everything in it, counters as their values are not told apart from objects. */
const contents = (store: ObjectStore): Record<string, string> =>
  Object.fromEntries([...store.ids].toSorted((a, b) => a - b).map((id) => [id, hex(store.get(id)!)]));

describe("objects", () => {
  test("are put, replaced and removed, and are there after reopening", () => {
    const nvm = newNvm();
    const store = new ObjectStore(nvm);
    store.put(1, ascii("one"));
    store.put(0x10002, ascii("two"));
    store.put(1, ascii("a longer one"));
    store.put(3, new Uint8Array(0));
    store.remove(0x10002);
    store.remove(99);
    const expected = { 1: "61206C6F6E676572206F6E65", 3: "" };
    expect(contents(store)).toEqual(expected);
    expect(contents(new ObjectStore(nvm))).toEqual(expected);
    expect(store.get(0x10002)).toBeUndefined();
  });

  test("several change at once, one of them removed; the last of several values for one object counts", () => {
    const nvm = newNvm();
    const store = new ObjectStore(nvm);
    store.put(1, ascii("a"));
    store.putAll([
      [1, undefined],
      [2, ascii("b")],
      [3, ascii("x")],
      [3, ascii("c")],
      [77, undefined],
    ]);
    expect(contents(new ObjectStore(nvm))).toEqual({ 2: "62", 3: "63" });
    const again = new ObjectStore(nvm);
    again.remove(3);
    expect(contents(new ObjectStore(nvm))).toEqual({ 2: "62" });
  });

  test("the same array is given until the object changes", () => {
    const store = new ObjectStore(newNvm());
    store.put(1, ascii("a"));
    store.put(2, ascii("b"));
    const one = store.get(1);
    store.put(2, ascii("c"));
    expect(store.get(1)).toBe(one);
    store.put(1, ascii("a"));
    expect(store.get(1)).not.toBe(one);
    store.setCounter(5, 1);
    const counter = hex(store.get(5)!);
    store.writeCounter(5, 2);
    expect(hex(store.get(5)!)).not.toBe(counter);
  });

  test("a memory that holds something else is refused", () => {
    const nvm = newNvm();
    nvm.write(0, unhex("12340200FFFFFFFF00"));
    expect(() => new ObjectStore(nvm)).toThrow(code("store-damaged"));
    const later = newNvm();
    later.write(0, unhex("544203FFFFFFFFFF00"));
    expect(() => new ObjectStore(later)).toThrow(code("store-damaged"));
  });
});

/* Bytes of our own layout, put together by hand: numbers big-endian, CRC-32s from zlib. */
describe("the layout", () => {
  const crc = (text: string): string => crc32(unhex(text)).toString(16).padStart(8, "0").toUpperCase();

  test("header, then a journal's record for each change, the directory's entries, the heap", () => {
    const nvm = newNvm();
    const store = new ObjectStore(nvm);
    const area = (from: number, length: number): string => hex(nvm.read(from, length));
    expect(area(0, 16)).toBe("544202FFFFFFFFFF" + "00FFFFFFFFFFFFFF");
    expect(area(64, SIZE - 64)).toBe("FF".repeat(SIZE - 64));

    store.put(0x10002, unhex("AABBCC"));
    // number, granule 392 of 8 bytes (3,136), length
    const entry = "000100020188" + "0003";
    // sequence 1, CRC, one change: unit 0
    const first = (changes: string): string => `00000001${crc(`00000001${changes}`)}${changes}`;
    expect(area(64, 20)).toBe(first(`00010000${entry}`));
    expect(area(1_088, 16)).toBe(`${entry}FFFFFFFFFFFFFFFF`);
    expect(area(3_136, 8)).toBe("AABBCCFFFFFFFFFF");

    store.setCounter(5, 0x0102);
    // the top bit says that it is a counter; two cells of value and inverted CRC
    expect(area(128, 10)).toMatch(/^00000002.{8}0001$/);
    expect(area(1_096, 8)).toBe("80000005" + "0189" + "0010");
    const inverted = (~crc32(unhex("00000102")) >>> 0).toString(16).padStart(8, "0").toUpperCase();
    expect(area(3_144, 16)).toBe(`00000102${inverted}FFFFFFFFFFFFFFFF`);
    store.writeCounter(5, 0x0103);
    expect(area(3_144, 12)).toBe(`00000102${inverted}00000103`);

    store.remove(0x10002);
    expect(area(1_088, 8)).toBe("FF".repeat(8));
    expect(area(192, 4)).toBe("00000003");
  });

  test("the journal goes round: its pages are written as often as each other", () => {
    const nvm = newNvm();
    const store = new ObjectStore(nvm);
    for (let round = 0; round < 160; round++) store.put(round % 2, Uint8Array.of(round));
    expect(Array.from({ length: 16 }, (_, page) => nvm.cyclesOf(1 + page))).toEqual(Array<number>(16).fill(10));
    expect(new ObjectStore(nvm).get(1)).toEqual(Uint8Array.of(159));
  });
});

describe("a store without room", () => {
  test("refuses what does not fit, changes nothing, and takes what fits", () => {
    const nvm = newNvm();
    const store = new ObjectStore(nvm);
    store.put(1, new Uint8Array(1_500).fill(1));
    store.put(2, ascii("small"));
    const before = { contents: contents(store), operations: nvm.operations };
    expect(() => store.put(3, new Uint8Array(1_200))).toThrow(code("store-full"));
    expect(() => store.put(1, new Uint8Array(1_100))).toThrow(code("store-full")); // old and new do not fit together
    expect(() =>
      store.putAll([
        [2, ascii("other")],
        [4, new Uint8Array(1_200)],
      ]),
    ).toThrow(code("store-full"));
    expect({ contents: contents(store), operations: nvm.operations }).toEqual(before);
    store.put(3, new Uint8Array(1_000));
    expect(store.get(3)).toHaveLength(1_000);
  });

  test("holds 256 objects and says so at the next", () => {
    const nvm = newNvm();
    const store = new ObjectStore(nvm);
    for (let id = 0; id < 256; id++) store.put(id, Uint8Array.of(id));
    expect(() => store.put(256, Uint8Array.of(1))).toThrow(code("store-full"));
    store.remove(7);
    store.put(256, Uint8Array.of(9));
    expect(Object.keys(contents(new ObjectStore(nvm)))).toHaveLength(256);
  });

  test("changes at most 85 objects at once", () => {
    const store = new ObjectStore(newNvm());
    const batch = (count: number) => Array.from({ length: count }, (_, id) => [id, Uint8Array.of(id)] as const);
    expect(() => store.putAll(batch(86))).toThrow(code("store-full"));
    expect(store.ids).toEqual([]);
    store.putAll(batch(85));
    expect(store.ids).toHaveLength(85);
  });

  test("an object has at most 65,535 bytes", () => {
    const store = new ObjectStore(newNvm(204_800));
    expect(() => store.put(1, new Uint8Array(65_536))).toThrow(code("store-full"));
    expect(store.ids).toEqual([]);
    store.put(1, new Uint8Array(65_535));
    expect(store.get(1)).toHaveLength(65_535);
  });

  test("replacing over and over leaks nothing", () => {
    const nvm = newNvm();
    const store = new ObjectStore(nvm);
    const sizes = [10, 700, 3, 250, 600, 1];
    for (let round = 0; round < 500; round++) {
      const id = round % 3;
      store.put(id, new Uint8Array(sizes[round % sizes.length]! + id).fill(round & 0xff));
    }
    for (const id of [0, 1, 2]) store.remove(id);
    expect(store.free).toBe(SIZE - OWN);
    store.put(9, new Uint8Array(SIZE - OWN));
    expect(contents(new ObjectStore(nvm))).toEqual({ 9: "00".repeat(SIZE - OWN) });
  });
});

describe("counters", () => {
  test("count in one operation, and keep their value", () => {
    const nvm = newNvm();
    const store = new ObjectStore(nvm);
    store.setCounter(1, 0);
    const values: number[] = [];
    for (const value of [1, 2, 255, 256, 257, 65_534, 65_535]) {
      const before = nvm.operations;
      store.writeCounter(1, value);
      expect(nvm.operations - before).toBe(1);
      values.push(new ObjectStore(nvm).counter(1));
    }
    expect(values).toEqual([1, 2, 255, 256, 257, 65_534, 65_535]);
  });

  test("never go back by writing, only by being set", () => {
    const nvm = newNvm();
    const store = new ObjectStore(nvm);
    store.setCounter(1, 7);
    store.writeCounter(1, 3);
    expect(new ObjectStore(nvm).counter(1)).toBe(7);
    store.setCounter(1, 3);
    expect(new ObjectStore(nvm).counter(1)).toBe(3);
  });

  test("one that is not there, or is an object, is refused", () => {
    const store = new ObjectStore(newNvm());
    store.put(2, ascii("object"));
    expect(() => store.counter(1)).toThrow(code("store-damaged"));
    expect(() => store.writeCounter(2, 1)).toThrow(code("store-damaged"));
    store.put(3, new Uint8Array(8));
    expect(() => store.counter(3)).toThrow(code("store-damaged"));
  });
});

type Change = readonly [id: number, length: number | undefined];
type Op =
  | { readonly kind: "put"; readonly changes: readonly Change[] }
  | { readonly kind: "reopen" }
  | { readonly kind: "cut"; readonly at: number; readonly kept: number; readonly changes: readonly Change[] };

const change: fc.Arbitrary<Change> = fc.tuple(fc.nat(6), fc.option(fc.nat(200), { nil: undefined }));
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("put" as const), changes: fc.array(change, { maxLength: 5 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("cut" as const),
      at: fc.integer({ min: 1, max: 14 }),
      kept: fc.nat(64),
      changes: fc.array(change, { minLength: 1, maxLength: 5 }),
    }),
  },
);

test("random scripts with random cuts behave like a map in which every batch happens or does not", () => {
  fc.assert(
    fc.property(fc.array(op, { maxLength: 30 }), (script) => {
      const nvm = newNvm();
      let store = new ObjectStore(nvm);
      let model = new Map<number, string>();
      let fill = 0;
      for (const step of script) {
        if (step.kind === "reopen") {
          store = new ObjectStore(nvm);
          continue;
        }
        const changes = step.changes.map(
          ([id, length]) => [id, length === undefined ? undefined : new Uint8Array(length).fill(++fill)] as const,
        );
        const after = new Map(model);
        for (const [id, bytes] of changes)
          if (bytes) after.set(id, hex(bytes));
          else after.delete(id);
        const seen = (): string => JSON.stringify(contents(store));
        const shown = (map: Map<number, string>): string =>
          JSON.stringify(Object.fromEntries([...map].toSorted(([a], [b]) => a - b)));
        if (step.kind === "cut") nvm.planCut({ inside: step.at, kept: step.kept });
        let lost = false;
        try {
          store.putAll(changes);
        } catch (error) {
          if (!isTapbenchError(error, "emulator/power-lost")) throw error;
          lost = true;
        }
        nvm.planCut(undefined);
        nvm.powerUp();
        if (lost) {
          store = new ObjectStore(nvm);
          expect([shown(model), shown(after)]).toContain(seen());
          if (seen() === shown(after)) model = after;
        } else {
          model = after;
          expect(seen()).toBe(shown(model));
        }
      }
      store = new ObjectStore(nvm);
      expect(new Map([...store.ids].map((id) => [id, hex(store.get(id)!)]))).toEqual(model);
    }),
    { numRuns: 150, seed: 7 },
  );
});
