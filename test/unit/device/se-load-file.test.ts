import { describe, expect, test } from "vitest";
import { isArchive, unpacked } from "../../../src/bench/archive.js";
import { fromBlock, fromCap } from "../../../src/device/se/load-file.js";
import { hex, unhex } from "../../../src/util/bytes.js";

/*
 * A CAP file made by hand (Java Card Virtual Machine Specification 3, 6.4 and 6.6: header and applet component) and packed by Python's zipfile, some of
 * it stored and some deflated, out of order, with a manifest and a Debug component.
 */
const CAP = Buffer.from(
  "UEsDBBQAAAAIAAAAIVzaDahwHQAAALgBAAAUAAAATUVUQS1JTkYvTUFOSUZFU1QuTUbzTczLTEstLtENSy0qzszPs1Iw1DPg8h0VHeSiAFBLAwQUAAAACAAAACFcm4ePshMAAAARAAAAHwAAAGNvbS9leGFtcGxlL2phdmFjYXJkL0FwcGxldC5jYXBjZuBj5FrAwMCQxMzIw8jIwAEAUEsDBBQAAAAAAAAAIVx68EO4FgAAABYAAAAfAAAAY29tL2V4YW1wbGUvamF2YWNhcmQvSGVhZGVyLmNhcAEAE97K/+0BAgQAAQmgAAAAYgMBDAFQSwMEFAAAAAAAAAAhXJdoc/8HAAAABwAAACIAAABjb20vZXhhbXBsZS9qYXZhY2FyZC9EaXJlY3RvcnkuY2FwAgAEAAAAAFBLAwQUAAAAAAAAACFc5VGJcgQAAAAEAAAAHgAAAGNvbS9leGFtcGxlL2phdmFjYXJkL0RlYnVnLmNhcAwAAQBQSwECFAMUAAAACAAAACFc2g2ocB0AAAC4AQAAFAAAAAAAAAAAAAAAgAEAAAAATUVUQS1JTkYvTUFOSUZFU1QuTUZQSwECFAMUAAAACAAAACFcm4ePshMAAAARAAAAHwAAAAAAAAAAAAAAgAFPAAAAY29tL2V4YW1wbGUvamF2YWNhcmQvQXBwbGV0LmNhcFBLAQIUAxQAAAAAAAAAIVx68EO4FgAAABYAAAAfAAAAAAAAAAAAAACAAZ8AAABjb20vZXhhbXBsZS9qYXZhY2FyZC9IZWFkZXIuY2FwUEsBAhQDFAAAAAAAAAAhXJdoc/8HAAAABwAAACIAAAAAAAAAAAAAAIAB8gAAAGNvbS9leGFtcGxlL2phdmFjYXJkL0RpcmVjdG9yeS5jYXBQSwECFAMUAAAAAAAAACFc5VGJcgQAAAAEAAAAHgAAAAAAAAAAAAAAgAE5AQAAY29tL2V4YW1wbGUvamF2YWNhcmQvRGVidWcuY2FwUEsFBgAAAAAFAAUAeAEAAHkBAAAAAA==",
  "base64",
);
const HEADER = "010013DECAFFED010204000109A00000006203010C01";
const BLOCK = `${HEADER}0200040000000003000E010AA00000006203010C01010008`;

describe("load files", () => {
  test("a CAP file: its components in order, without Debug", () => {
    expect(isArchive(CAP)).toBe(true);
    const file = fromCap(unpacked(CAP));
    expect(hex(file.block)).toBe(BLOCK);
    expect(hex(file.aid!)).toBe("A00000006203010C01");
    expect(file.modules.map(hex)).toEqual(["A00000006203010C0101"]);
  });
  test("components as they are", () => {
    expect(isArchive(unhex(BLOCK))).toBe(false);
    expect(hex(fromBlock(unhex(BLOCK)).aid!)).toBe("A00000006203010C01");
  });
  test("of anything else nothing is known", () => {
    expect(fromBlock(unhex("C0FFEE"))).toEqual({ block: unhex("C0FFEE"), modules: [] });
    expect(fromBlock(unhex("010013DECA")).aid).toBeUndefined();
    expect(() => fromBlock(new Uint8Array(0))).toThrow(expect.objectContaining({ code: "se/bad-load-file" }));
    expect(() => fromCap(new Map())).toThrow(expect.objectContaining({ code: "se/bad-load-file" }));
  });
});

describe("archives", () => {
  test("every cut and every changed byte is read or refused, never anything else", () => {
    let read = 0;
    for (let length = 0; length < CAP.length; length++) read += outcome(CAP.subarray(0, length));
    expect(read).toBe(0);
    for (let at = 0; at < CAP.length; at++) {
      const changed = Uint8Array.from(CAP);
      changed[at]! ^= 0xff;
      read += outcome(changed);
    }
    // Dates, names, checksums and the manifest do not matter.
    expect(read).toBeGreaterThan(100);
    expect(read).toBeLessThan(CAP.length);
  });
  test("what unpacks to more than it says is refused", () => {
    const bomb = Uint8Array.from(CAP);
    const entry = CAP.indexOf(Buffer.from("PK\u0001\u0002"));
    bomb.set([1, 0, 0, 0], entry + 24);
    expect(() => unpacked(bomb)).toThrow(expect.objectContaining({ code: "bench/bad-archive" }));
  });
});

function outcome(bytes: Uint8Array): number {
  try {
    unpacked(bytes);
    return 1;
  } catch (error) {
    expect(error).toMatchObject({ code: "bench/bad-archive" });
    return 0;
  }
}
