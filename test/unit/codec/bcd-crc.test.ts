import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromBcd, fromCompressed, toBcd, toCompressed } from "../../../src/codec/bcd.js";
import { crc16, crc32, crcA, crcB } from "../../../src/codec/crc.js";
import { hex, unhex } from "../../../src/util/bytes.js";

const failing = (code: string): unknown => expect.objectContaining({ code });
/** CRC_A and CRC_B are sent low byte first. */
const sent = (crc: number): string => hex(Uint8Array.of(crc & 0xff, crc >> 8));

describe("CRC_A", () => {
  // ISO/IEC 14443-3 Annex B; WUPA-like frames from public captures: RATS E0 50 is sent with BC A5, HLTA 50 00 with 57 CD.
  test.each([
    ["0000", "A01E"],
    ["1234", "26CF"],
    ["E050", "BCA5"],
    ["5000", "57CD"],
  ])("%s is sent %s", (data, crc) => {
    expect(sent(crcA(unhex(data)))).toBe(crc);
  });

  test("of the first bytes only", () => {
    expect(crcA(unhex("1234FFFF"), 2)).toBe(0xcf26);
  });

  test("over a frame with its CRC is zero", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (data) => {
        const crc = crcA(data);
        expect(crcA(Uint8Array.of(...data, crc & 0xff, crc >> 8))).toBe(0);
      }),
    );
  });
});

describe("CRC_B", () => {
  // ISO/IEC 14443-3 Annex B.
  test.each([
    ["000000", "CCC6"],
    ["0FAAFF", "FCD1"],
    ["0A123456", "2CF6"],
  ])("%s is sent %s", (data, crc) => {
    expect(sent(crcB(unhex(data)))).toBe(crc);
  });
});

test("CRC-16/XMODEM of the usual check string", () => {
  expect(crc16(new TextEncoder().encode("123456789"))).toBe(0x31c3);
  expect(crc16(new Uint8Array())).toBe(0);
});

test("CRC-32 of the usual check string, whole and in parts", () => {
  const bytes = new TextEncoder().encode("123456789");
  expect(crc32(bytes)).toBe(0xcbf43926);
  expect(crc32(bytes.subarray(4), crc32(bytes.subarray(0, 4)))).toBe(0xcbf43926);
  expect(crc32(new Uint8Array())).toBe(0);
});

describe("numeric", () => {
  test.each([
    ["1250", 6, "000000001250"],
    [978, 2, "0978"],
    [0n, 1, "00"],
    ["", 2, "0000"],
    [999_999_999_999n, 6, "999999999999"],
  ] as const)("%s in %i bytes is %s", (digits, size, packed) => {
    expect(hex(toBcd(digits, size))).toBe(packed);
  });

  test("keeps leading zeros when read", () => {
    expect(fromBcd(unhex("000000001250"))).toBe("000000001250");
    expect(fromBcd(unhex(""))).toBe("");
  });

  test("does not overflow, and takes digits only", () => {
    expect(() => toBcd("1000000000000", 6)).toThrow(failing("codec/too-long"));
    for (const digits of ["12A", "-1", "1.5", " 1", "1e3", "٣"])
      expect(() => toBcd(digits, 6)).toThrow(failing("codec/bad-digit"));
    for (const packed of ["0A", "A0", "00F0"]) expect(() => fromBcd(unhex(packed))).toThrow(failing("codec/bad-digit"));
  });
});

describe("compressed numeric", () => {
  test.each([
    ["5413330089600044", undefined, "5413330089600044"],
    ["374245001741007", undefined, "374245001741007F"],
    ["374245001741007", 10, "374245001741007FFFFF"],
    ["", 2, "FFFF"],
  ] as const)("%s in %s bytes is %s", (digits, size, packed) => {
    const bytes = size === undefined ? toCompressed(digits) : toCompressed(digits, size);
    expect(hex(bytes)).toBe(packed);
    expect(fromCompressed(bytes)).toBe(digits);
  });

  test("refuses what is neither digits nor padding behind them", () => {
    for (const packed of ["1F2F", "12C4", "F1"])
      expect(() => fromCompressed(unhex(packed))).toThrow(failing("codec/bad-digit"));
    expect(() => toCompressed("12F")).toThrow(failing("codec/bad-digit"));
    expect(() => toCompressed("123", 1)).toThrow(failing("codec/too-long"));
  });
});

test("what was packed comes back", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9]{0,19}$/), (digits) => {
      expect(fromCompressed(toCompressed(digits, 10))).toBe(digits);
      expect(fromBcd(toBcd(digits, 10))).toBe(digits.padStart(20, "0"));
    }),
  );
});
