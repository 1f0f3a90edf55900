import { createCipheriv } from "node:crypto";
import { expect, test } from "vitest";
import { aesCheckValue, aesKey } from "../../../src/crypto/aes.js";
import { keyCheckValue } from "../../../src/crypto/des.js";
import { diversified } from "../../../src/protocols/gp/diversify.js";
import { hex, unhex } from "../../../src/util/bytes.js";

const DATA = unhex("D9B1DE5D0362DEDCE4FB");

// GlobalPlatformPro, TestSCP03.testKDF3: the encryption key.
test("KDF3 of a 256-bit master key", () => {
  const master = unhex("8C72C72CF908411653018807950D82FBAD947562F0828A0B10B8B9606ABF3BCD");
  const keys = diversified({ kind: "aes", enc: master, mac: master, dek: master }, "kdf3", DATA);
  expect(hex(keys.enc)).toBe("9AAC5D0B3601F89438A0D9D0B6B256CFB47E6462DFA5228D3420C4AC7C224781");
});

// GlobalPlatformPro, TestPlaintextKeys: check values of the three keys, from master keys that count up from 40.
test.each([
  ["emv", 16, ["C33013", "6F4CA6", "BB8179"]],
  ["visa2", 16, ["2BE598", "58DA38", "3C328E"]],
  ["kdf3", 16, ["E79C05", "D1BD77", "3FDE8C"]],
  ["kdf3", 24, ["1DE8EA", "47C00C", "C04D76"]],
  ["kdf3", 32, ["2972D2", "036F94", "5D57B8"]],
] as const)("%s with a master key of %i bytes", (method, bytes, checks) => {
  const master = Uint8Array.from({ length: bytes }, (_, i) => 0x40 + i);
  const kind = method === "kdf3" ? "aes" : "des";
  const keys = diversified({ kind, enc: master, mac: master, dek: master }, method, unhex("00010203040506070809"));
  const check = (key: Uint8Array): Uint8Array => (kind === "aes" ? aesCheckValue(aesKey(key)) : keyCheckValue(key));
  expect([keys.enc, keys.mac, keys.dek].map((key) => hex(check(key)))).toEqual(checks);
});

/** OpenSSL's triple DES over blocks put together here by hand. */
const openssl = (blocks: string): string =>
  createCipheriv("des-ede3-ecb", Buffer.from("404142434445464748494A4B4C4D4E4F4041424344454647", "hex"), null)
    .setAutoPadding(false)
    .update(Buffer.from(blocks, "hex"))
    .toString("hex")
    .toUpperCase();

test.each([
  ["emv", "0362DEDCE4FBF0010362DEDCE4FB0F01", "0362DEDCE4FBF0030362DEDCE4FB0F03"],
  ["visa2", "D9B10362DEDCF001D9B10362DEDC0F01", "D9B10362DEDCF003D9B10362DEDC0F03"],
] as const)("%s: the six bytes that each method takes, then F0 or 0F and the purpose", (method, enc, dek) => {
  const master = unhex("404142434445464748494A4B4C4D4E4F");
  const keys = diversified({ kind: "des", enc: master, mac: master, dek: master }, method, DATA);
  expect([hex(keys.enc), hex(keys.dek)]).toEqual([openssl(enc), openssl(dek)]);
});

test("none leaves the keys as they are, and diversification data has ten bytes", () => {
  const master = unhex("404142434445464748494A4B4C4D4E4F");
  const set = { kind: "des", enc: master, mac: master, dek: master } as const;
  expect(diversified(set, "none", DATA)).toEqual(set);
  expect(() => diversified(set, "emv", DATA.subarray(1))).toThrow(
    expect.objectContaining({ code: "gp/bad-parameter" }),
  );
});
