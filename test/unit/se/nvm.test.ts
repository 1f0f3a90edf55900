import { describe, expect, test } from "vitest";
import { Nvm } from "../../../emulator/se/nvm.js";
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
