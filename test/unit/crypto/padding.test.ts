import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sha1, sha256 } from "../../../src/crypto/hash.js";
import { pad, padOne, padZeros, unpadOne } from "../../../src/crypto/padding.js";
import { ascii, hex, unhex } from "../../../src/util/bytes.js";

describe("padding (ISO/IEC 9797-1, 6.1)", () => {
  it.each([
    ["", "0000000000000000", "8000000000000000"],
    ["01", "0100000000000000", "0180000000000000"],
    ["01020304050607", "0102030405060700", "0102030405060780"],
    ["0102030405060708", "0102030405060708", "01020304050607088000000000000000"],
  ])("fills '%s' by method 1 to %s and by method 2 to %s", (data, zeros, one) => {
    expect(hex(pad(unhex(data), 1))).toBe(zeros);
    expect(hex(pad(unhex(data), 2))).toBe(one);
  });

  it("method 2 can be taken off again, for every block size", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), fc.integer({ min: 1, max: 64 }), (data, block) => {
        const padded = padOne(data, block);
        expect(padded.length % block).toBe(0);
        expect(unpadOne(padded)).toEqual(data);
      }),
    );
  });

  it("says when there is nothing to take off", () => {
    expect(unpadOne(unhex("0102"))).toBeUndefined();
    expect(unpadOne(unhex("0000"))).toBeUndefined();
    expect(unpadOne(unhex(""))).toBeUndefined();
  });

  it("refuses blocks of no size", () => {
    expect(() => padZeros(new Uint8Array(1), 0)).toThrow(expect.objectContaining({ code: "crypto/block-length" }));
    expect(() => padOne(new Uint8Array(1), 65)).toThrow(expect.objectContaining({ code: "crypto/block-length" }));
  });
});

describe("hashes (FIPS 180-4, the example 'abc')", () => {
  it("are SHA-1 and SHA-256, in plain arrays", () => {
    expect(hex(sha1(ascii("abc")))).toBe("A9993E364706816ABA3E25717850C26C9CD0D89D");
    expect(hex(sha256(ascii("abc")))).toBe("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD");
    expect(Object.getPrototypeOf(sha1(ascii("abc")))).toBe(Uint8Array.prototype);
  });
});
