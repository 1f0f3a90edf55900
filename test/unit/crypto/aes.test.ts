import { createCipheriv, createDecipheriv } from "node:crypto";
import { describe, expect, test } from "vitest";
import { aesCheckValue, aesKey } from "../../../src/crypto/aes.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { seededRandom } from "../../../src/util/random.js";

describe("AES", () => {
  // FIPS 197 (2001), appendix C: one plaintext under keys of each length.
  test.each([
    ["000102030405060708090A0B0C0D0E0F", "69C4E0D86A7B0430D8CDB78070B4C55A"],
    ["000102030405060708090A0B0C0D0E0F1011121314151617", "DDA97CA4864CDFE06EAF70A0EC0D7191"],
    ["000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F", "8EA2B7CA516745BFEAFC49904B496089"],
  ])("FIPS 197 appendix C with key %s", (key, expected) => {
    expect(hex(aesKey(unhex(key)).encrypt(unhex("00112233445566778899AABBCCDDEEFF")))).toBe(expected);
  });

  // RFC 4493, section 4: AES-CMAC of 0, 16, 40 and 64 bytes.
  const MESSAGE =
    "6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E5130C81C46A35CE411E5FBC1191A0A52EFF69F2445DF4F9B17AD2B417BE66C3710";
  test.each([
    [0, "BB1D6929E95937287FA37D129B756746"],
    [16, "070A16B46B4D4144F79BDD9DD04A287C"],
    [40, "DFA66747DE9AE63030CA32611497C827"],
    [64, "51F0BEBF7E3B9D92FC49741779363CFE"],
  ])("RFC 4493 CMAC over %d bytes, in one part and in many", (length, expected) => {
    const key = aesKey(unhex("2B7E151628AED2A6ABF7158809CF4F3C"));
    const message = unhex(MESSAGE).subarray(0, length);
    expect(hex(key.cmac(message))).toBe(expected);
    for (let cut = 0; cut <= length; cut += 7)
      expect(hex(key.cmac(message.subarray(0, cut), message.subarray(cut)))).toBe(expected);
  });

  // Python's cryptography 48 (OpenSSL), CMAC of the bytes 00 01 02 ... FF 00 ... under the same key.
  test.each([
    [95, "F4D2162FDAF86A41619FC32E724EC66B"],
    [96, "D4196D83D64F6E58E135A44DAC6BC919"],
    [112, "12259FFAA85CE2843731F655A0AF3C94"],
    [113, "C2A12709C8F396A488370D7F5B2863A0"],
    [256, "C76F5A233E9B129D0EA10BD1C349E7F7"],
    [261, "5ED1F0697D84E693F1181BA8EDBF5E53"],
  ])("CMAC over %d bytes, in one part and in many", (length, expected) => {
    const key = aesKey(unhex("2B7E151628AED2A6ABF7158809CF4F3C"));
    const message = Uint8Array.from({ length }, (_, i) => i);
    expect(hex(key.cmac(message))).toBe(expected);
    for (let cut = 0; cut <= length; cut += 7)
      expect(hex(key.cmac(message.subarray(0, cut), message.subarray(cut)))).toBe(expected);
  });

  test.each([16, 24, 32])("CBC is OpenSSL's both ways, keys of %d bytes", (length) => {
    const random = seededRandom(`cbc ${length}`);
    const key = random.bytes(length);
    const kept = aesKey(key);
    // Short and long messages mixed: those of one key must not know of each other.
    for (const blocks of [1, 2, 5, 6, 15, 1, 64, 7, 5, 6]) {
      const iv = random.bytes(16);
      const clear = random.bytes(16 * blocks);
      const cipher = createCipheriv(`aes-${length * 8}-cbc`, key, iv).setAutoPadding(false);
      const expected = new Uint8Array(Buffer.concat([cipher.update(clear), cipher.final()]));
      const encrypted = kept.encryptCbc(clear, iv);
      expect(encrypted).toEqual(expected);
      const back = createDecipheriv(`aes-${length * 8}-cbc`, key, iv).setAutoPadding(false);
      const decrypted = kept.decryptCbc(expected, iv);
      expect(decrypted).toEqual(new Uint8Array(Buffer.concat([back.update(expected), back.final()])));
      // The caller may do with them what it likes.
      encrypted.fill(0);
      decrypted.fill(0);
    }
  });

  // osmocom pysim, tests/unittests/test_globalplatform.py, SCP03_KCV_Test.
  test.each([
    ["000102030405060708090A0B0C0D0E0F", "C35280"],
    ["101112131415161718191A1B1C1D1E1F", "013808"],
    ["202122232425262728292A2B2C2D2E2F", "840DE5"],
  ])("check value of %s", (key, expected) => {
    expect(hex(aesCheckValue(aesKey(unhex(key))))).toBe(expected);
  });

  test("refuses keys, blocks and vectors of other lengths, and keeps the key to itself", () => {
    expect(() => aesKey(new Uint8Array(15))).toThrow(expect.objectContaining({ code: "crypto/key-length" }));
    const key = aesKey(new Uint8Array(16));
    expect(() => key.encrypt(new Uint8Array(15))).toThrow(expect.objectContaining({ code: "crypto/block-length" }));
    expect(() => key.decryptCbc(new Uint8Array(16), new Uint8Array(8))).toThrow(
      expect.objectContaining({ code: "crypto/block-length" }),
    );
    expect(JSON.stringify(key)).toBe('{"length":16}');
  });
});
