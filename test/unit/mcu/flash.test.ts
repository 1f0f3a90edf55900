import { describe, expect, test } from "vitest";
import { Flash, flashArea } from "../../../emulator/boot/flash.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { seededRandom } from "../../../src/util/random.js";

const code = (name: string): unknown => expect.objectContaining({ code: `emulator/${name}` });
const newFlash = (): Flash => new Flash({ size: 64, sectorBytes: 16, writeBytes: 4 });

describe("NOR flash", () => {
  test("programming clears bits, erasing sets a sector's", () => {
    const flash = newFlash();
    expect(hex(flash.read(0, 4))).toBe("FFFFFFFF");
    flash.program(4, unhex("F0F0F0F0"));
    flash.program(4, unhex("00F0F0F0")); // fewer bits still
    expect(hex(flash.read(0, 12))).toBe("FFFFFFFF00F0F0F0FFFFFFFF");
    expect(() => flash.program(4, unhex("0FF0F0F0"))).toThrow(code("flash-not-erased"));
    flash.erase(0, 16);
    flash.program(4, unhex("0FF0F0F0"));
    expect(hex(flash.read(4, 4))).toBe("0FF0F0F0");
  });

  test("blocks and sectors are whole, and inside", () => {
    const flash = newFlash();
    expect(() => flash.program(2, unhex("00000000"))).toThrow(code("flash-alignment"));
    expect(() => flash.program(0, unhex("0000"))).toThrow(code("flash-alignment"));
    expect(() => flash.erase(0, 8)).toThrow(code("flash-alignment"));
    expect(() => flash.read(60, 5)).toThrow(code("flash-range"));
    expect(() => flash.program(64, unhex("00000000"))).toThrow(code("flash-range"));
    expect(() => new Flash({ size: 60, sectorBytes: 16, writeBytes: 4 })).toThrow(code("flash-range"));
  });

  test("a program is one operation a sector, an erase one a sector", () => {
    const flash = newFlash();
    flash.program(12, unhex("0000000000000000"));
    expect(flash.operations).toBe(2);
    flash.erase(0, 64);
    expect(flash.operations).toBe(6);
  });

  test("power is cut before an operation, in the middle of it, or with some of its bytes done", () => {
    const flash = newFlash();
    flash.planCut({ before: 2 });
    flash.program(0, unhex("00000000"));
    expect(() => flash.program(4, unhex("00000000"))).toThrow(code("power-lost"));
    expect(flash.dead).toBe(true);
    expect(() => flash.read(0, 4)).toThrow(code("power-lost"));
    flash.powerUp();
    expect(hex(flash.read(0, 8))).toBe("00000000FFFFFFFF");

    flash.planCut({ inside: 1, kept: 3 });
    expect(() => flash.program(4, unhex("11223344"))).toThrow(code("power-lost"));
    flash.powerUp();
    expect(hex(flash.read(4, 4))).toBe("112233FF");

    flash.planCut({ inside: 1, kept: 5 });
    expect(() => flash.erase(0, 16)).toThrow(code("power-lost"));
    flash.powerUp();
    expect(hex(flash.read(0, 8))).toBe("FFFFFFFFFF2233FF");

    flash.planCut({ inside: 1, torn: seededRandom("torn") });
    expect(() => flash.program(16, new Uint8Array(16))).toThrow(code("power-lost"));
    flash.powerUp();
    const torn = [...flash.read(16, 16)];
    expect(torn.every((byte) => byte === 0 || byte === 0xff)).toBe(true);
    expect(torn).toContain(0);
    expect(torn).toContain(0xff);
  });

  test("a snapshot is not changed by what comes after, and another flash can be it", () => {
    const flash = newFlash();
    flash.program(0, unhex("01020304"));
    const snapshot = flash.snapshot();
    flash.erase(0, 16);
    const other = new Flash(flash, snapshot);
    other.program(4, unhex("00000000"));
    expect([hex(flash.read(0, 4)), hex(other.read(0, 8))]).toEqual(["FFFFFFFF", "0102030400000000"]);
    flash.restore(snapshot);
    expect([hex(flash.read(0, 8)), flash.operations]).toEqual(["01020304FFFFFFFF", 1]);
    expect(() => new Flash({ size: 32, sectorBytes: 16, writeBytes: 4 }, snapshot)).toThrow(code("snapshot-mismatch"));
  });

  test("a partition stays inside itself", () => {
    const flash = newFlash();
    const area = flashArea(flash, 16, 32);
    area.program(0, unhex("0A0B0C0D"));
    expect(hex(flash.read(16, 4))).toBe("0A0B0C0D");
    expect(() => area.read(30, 4)).toThrow(code("flash-range"));
    expect(() => area.program(-4, unhex("00000000"))).toThrow(code("flash-range"));
    area.erase(16, 16);
    expect(() => flashArea(flash, 8, 16)).toThrow(code("flash-range"));
    expect(() => flashArea(flash, 48, 32)).toThrow(code("flash-range"));
  });
});
