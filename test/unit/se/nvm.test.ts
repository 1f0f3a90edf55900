import { describe, expect, test } from "vitest";
import { Nvm, type PowerCut } from "../../../emulator/se/nvm.js";
import { hex, unhex } from "../../../src/util/bytes.js";

const code = (name: string): unknown => expect.objectContaining({ code: `emulator/${name}` });
const memory = (): Nvm => new Nvm(32, 8);

describe("non-volatile memory", () => {
  test("is erased at first, and holds what is written, across pages", () => {
    const nvm = memory();
    expect(hex(nvm.read(6, 4))).toBe("FFFFFFFF");
    nvm.write(5, unhex("0102030405060708090A0B0C"));
    expect(hex(nvm.read(0, 32))).toBe(`FFFFFFFFFF0102030405060708090A0B0C${"FF".repeat(15)}`);
    expect(hex(nvm.read(7, 2))).toBe("0304");
    expect(nvm.read(32, 0)).toHaveLength(0);
  });

  test("counts an operation for each page that a write touches, none for reading or writing nothing", () => {
    const nvm = memory();
    const counts: number[] = [];
    for (const [offset, length] of [
      [0, 8],
      [7, 2],
      [5, 12],
      [8, 0],
      [31, 1],
    ] as const) {
      const before = nvm.operations;
      nvm.write(offset, new Uint8Array(length));
      counts.push(nvm.operations - before);
    }
    nvm.read(0, 32);
    expect(counts).toEqual([1, 2, 3, 0, 1]);
    expect(nvm.operations).toBe(7);
  });

  test("what is read is a copy", () => {
    const nvm = memory();
    nvm.read(0, 4).fill(0);
    nvm.read(6, 4).fill(0);
    expect(hex(nvm.read(0, 10))).toBe("FF".repeat(10));
  });

  test.each([
    ["reading behind the end", (nvm: Nvm) => nvm.read(30, 3)],
    ["reading before the start", (nvm: Nvm) => nvm.read(-1, 1)],
    ["reading a negative length", (nvm: Nvm) => nvm.read(4, -1)],
    ["writing behind the end", (nvm: Nvm) => nvm.write(31, new Uint8Array(2))],
    ["writing before the start", (nvm: Nvm) => nvm.write(-1, new Uint8Array(1))],
    ["a size that is not whole pages", () => new Nvm(30, 8)],
    ["no page at all", () => new Nvm(0, 8)],
  ])("%s is refused and changes nothing", (_, act) => {
    const nvm = memory();
    expect(() => act(nvm)).toThrow(code("nvm-range"));
    expect(nvm.operations).toBe(0);
    expect(hex(nvm.read(0, 32))).toBe("FF".repeat(32));
  });
});

describe("a power cut", () => {
  const BYTES = unhex("0102030405060708090A0B0C0D0E0F10");
  test.each([
    [1, "", 0],
    [2, "010203", 1],
    [3, "0102030405060708090A0B", 2],
  ])("before operation %i of three leaves '%s'", (before, written, operations) => {
    const nvm = memory();
    nvm.planCut({ before });
    expect(() => nvm.write(5, BYTES)).toThrow(code("power-lost"));
    nvm.powerUp();
    expect(hex(nvm.read(5, 16))).toBe(written.padEnd(32, "F"));
    expect(nvm.operations).toBe(operations);
  });

  test.each([
    [1, 0, ""],
    [1, 2, "0102"],
    [1, 9, "010203"],
    [2, 0, "010203"],
    [2, 5, "0102030405060708"],
    [3, 1, "0102030405060708090A0B0C"],
  ])("inside operation %i with %i bytes kept leaves '%s'", (inside, kept, written) => {
    const nvm = memory();
    nvm.planCut({ inside, kept });
    expect(() => nvm.write(5, BYTES)).toThrow(code("power-lost"));
    nvm.powerUp();
    expect(hex(nvm.read(5, 16))).toBe(written.padEnd(32, "F"));
    expect(nvm.operations).toBe(inside);
  });

  test("the memory is dead until power returns, and works again then", () => {
    const nvm = memory();
    nvm.planCut({ before: 1 });
    expect(() => nvm.write(0, unhex("AA"))).toThrow(code("power-lost"));
    expect(() => nvm.write(0, unhex("AA"))).toThrow(code("power-lost"));
    expect(() => nvm.read(0, 1)).toThrow(code("power-lost"));
    nvm.powerUp();
    nvm.write(0, unhex("BB"));
    expect(hex(nvm.read(0, 1))).toBe("BB");
  });

  test("operations of a plan count from when it is made, and a plan can be taken back", () => {
    const nvm = memory();
    nvm.write(0, unhex("01"));
    nvm.planCut({ before: 2 });
    nvm.write(0, unhex("02"));
    nvm.planCut(undefined);
    nvm.write(0, unhex("03"));
    expect(hex(nvm.read(0, 1))).toBe("03");
  });
});

describe("cells", () => {
  /** Words of 4 bytes, erased by 8, in pages of 16. */
  const CELLS = { writeBytes: 4, eraseBytes: 8, endurance: 100, seed: 7 };
  const filled = (): Nvm => {
    const nvm = new Nvm(32, 16, undefined, CELLS);
    nvm.write(0, new Uint8Array(32).fill(0x11));
    return nvm;
  };
  const torn = (cut: PowerCut): string => {
    const nvm = filled();
    nvm.planCut(cut);
    expect(() => nvm.write(18, new Uint8Array(5))).toThrow(code("power-lost"));
    nvm.powerUp();
    return hex(nvm.read(0, 32));
  };
  const UNTOUCHED = "11".repeat(16);

  test.each([
    [0, "1111111111111111"],
    [1, "1111111111111111"],
    [2, "1111000011111111"],
    [4, "1111000011111111"],
    [5, "1111000000000011"],
  ])("a cut behind %i bytes keeps whole words, the last as far as it was to be written", (kept, unit) => {
    expect(torn({ inside: 1, kept })).toBe(UNTOUCHED + unit.padEnd(16, "1") + "11".repeat(8));
  });

  test("a cut between erasing and programming leaves the whole unit erased, and no other", () => {
    expect(torn({ inside: 1, kept: 0, rest: "erased" })).toBe(`${UNTOUCHED}${"FF".repeat(8)}${"11".repeat(8)}`);
    expect(torn({ inside: 1, kept: 2, rest: "erased" })).toBe(`${UNTOUCHED}FFFF0000FFFFFFFF${"11".repeat(8)}`);
  });

  test("random bits are those of their seed, in the unit that was erased only", () => {
    const one = torn({ inside: 1, kept: 2, rest: { noise: 1 } });
    expect(one).toBe(torn({ inside: 1, kept: 2, rest: { noise: 1 } }));
    expect(one).not.toBe(torn({ inside: 1, kept: 2, rest: { noise: 2 } }));
    expect(one).toMatch(new RegExp(`^${UNTOUCHED}....0000........${"11".repeat(8)}$`));
  });

  test("pages count what they have been through, also what a cut spoiled; a snapshot keeps the count", () => {
    const nvm = filled();
    nvm.write(0, unhex("00"));
    nvm.planCut({ inside: 1, kept: 0 });
    expect(() => nvm.write(14, unhex("00000000"))).toThrow(code("power-lost"));
    nvm.powerUp();
    expect([nvm.cyclesOf(0), nvm.cyclesOf(1)]).toEqual([3, 1]);
    const snapshot = nvm.snapshot();
    nvm.write(0, unhex("01"));
    const copy = new Nvm(32, 16, snapshot, CELLS);
    copy.write(16, unhex("02"));
    expect([nvm.cyclesOf(0), copy.cyclesOf(0), nvm.cyclesOf(1), copy.cyclesOf(1)]).toEqual([4, 3, 1, 2]);
  });

  /** Pages of a larger memory that do not take a write after so many. */
  const failing = (seed: number, writes: number): number[] => {
    const nvm = new Nvm(64 * 16, 16, undefined, { ...CELLS, seed });
    for (let round = 0; round < writes; round++) nvm.write(0, new Uint8Array(1024).fill(round));
    return Array.from({ length: 64 }, (_, page) => page).filter(
      (page) => !nvm.holds(page * 16, new Uint8Array(16).fill(writes - 1)),
    );
  };

  test("a page takes every write of its endurance, and from then on no longer all as they are meant", () => {
    expect(failing(7, 100)).toEqual([]);
    const worn = failing(7, 101);
    expect(worn.length).toBeGreaterThan(20);
    expect(failing(7, 101)).toEqual(worn);
    expect(failing(8, 101)).not.toEqual(worn);
    expect(failing(7, 250)).toHaveLength(64);
  });

  test("which is the snapshot's, whatever memory takes it up", () => {
    const worn = new Nvm(16, 16, undefined, { ...CELLS, seed: 3 });
    for (let round = 0; round < 150; round++) worn.write(0, new Uint8Array(16).fill(round));
    const copy = new Nvm(16, 16, worn.snapshot(), { ...CELLS, seed: 4 });
    worn.write(0, new Uint8Array(16));
    copy.write(0, new Uint8Array(16));
    expect(hex(copy.read(0, 16))).toBe(hex(worn.read(0, 16)));
  });

  test.each([
    [16, { ...CELLS, eraseBytes: 12 }],
    [16, { ...CELLS, eraseBytes: 32 }],
    [16, { ...CELLS, writeBytes: 16 }],
  ])("units that do not divide each other are refused", (page, cells) => {
    expect(() => new Nvm(32, page, undefined, cells)).toThrow(code("nvm-range"));
  });
});

describe("snapshots", () => {
  test("share nothing that is written later, in either direction", () => {
    const nvm = memory();
    nvm.write(0, unhex("0101"));
    const snapshot = nvm.snapshot();
    nvm.write(1, unhex("02"));
    const copy = new Nvm(32, 8, snapshot);
    expect(hex(copy.read(0, 2))).toBe("0101");
    copy.write(0, unhex("03"));
    expect(hex(nvm.read(0, 2))).toBe("0102");
    expect(hex(copy.read(0, 2))).toBe("0301");
    expect(hex(new Nvm(32, 8, snapshot).read(0, 2))).toBe("0101");
  });

  test("are not changed by a write that a cut tears", () => {
    const nvm = memory();
    const snapshot = nvm.snapshot();
    nvm.planCut({ inside: 1, kept: 1 });
    expect(() => nvm.write(0, unhex("0000"))).toThrow(code("power-lost"));
    expect(hex(new Nvm(32, 8, snapshot).read(0, 2))).toBe("FFFF");
  });

  test("carry the count of operations", () => {
    const nvm = memory();
    nvm.write(0, new Uint8Array(32));
    expect(new Nvm(32, 8, nvm.snapshot()).operations).toBe(4);
  });

  test.each([
    [40, 8],
    [32, 16],
  ])("of another memory than %i bytes in pages of %i are refused", (size, page) => {
    expect(() => new Nvm(size, page, memory().snapshot())).toThrow(code("snapshot-mismatch"));
  });
});
