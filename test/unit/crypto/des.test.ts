import { createCipheriv, createDecipheriv } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { desKey, keyCheckValue, oddParity, retailMac, tripleDes } from "../../../src/crypto/des.js";
import { padOne, padZeros } from "../../../src/crypto/padding.js";
import { ascii, concat, hex, unhex } from "../../../src/util/bytes.js";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const blocks = fc.integer({ min: 0, max: 8 }).chain((count) => bytes(8 * count));
const keys = fc.constantFrom(8, 16, 24).chain(bytes);

/** OpenSSL has no single DES of its own, so the witness spells every key out to three parts. */
const spelledOut = (key: Uint8Array): Uint8Array =>
  key.length === 8 ? concat(key, key, key) : key.length === 16 ? concat(key, key.subarray(0, 8)) : key;

function witness(
  mode: "ecb" | "cbc",
  direction: "encrypt" | "decrypt",
  key: Uint8Array,
  data: Uint8Array,
  iv?: Uint8Array,
): string {
  const make = direction === "encrypt" ? createCipheriv : createDecipheriv;
  const cipher = make(`des-ede3-${mode}`, spelledOut(key), iv ?? null);
  cipher.setAutoPadding(false);
  return hex(concat(cipher.update(data), cipher.final()));
}

describe("the block function", () => {
  it("is DES: the worked example of the key 133457799BBCDFF1 (J. O. Grabbe, The DES Algorithm Illustrated)", () => {
    expect(hex(desKey(unhex("133457799BBCDFF1")).encrypt(unhex("0123456789ABCDEF")))).toBe("85E813540F0AB405");
  });

  it("is TDEA with three keys (NIST SP 800-67, appendix B.1)", () => {
    const key = desKey(unhex("0123456789ABCDEF 23456789ABCDEF01 456789ABCDEF0123"));
    const plain = ascii("The qufck brown fox jump");
    const cipher = unhex("A826FD8CE53B855F CCE21C8112256FE6 68D5C05DD9B6B900");
    expect(hex(key.encrypt(plain))).toBe(hex(cipher));
    expect(hex(key.decrypt(cipher))).toBe(hex(plain));
  });

  it("agrees with OpenSSL for every key length, mode and direction", () => {
    fc.assert(
      fc.property(keys, blocks, bytes(8), (key, data, iv) => {
        const prepared = desKey(key);
        expect(hex(prepared.encrypt(data))).toBe(witness("ecb", "encrypt", key, data));
        expect(hex(prepared.decrypt(data))).toBe(witness("ecb", "decrypt", key, data));
        expect(hex(prepared.encryptCbc(data, iv))).toBe(witness("cbc", "encrypt", key, data, iv));
        expect(hex(prepared.decryptCbc(data, iv))).toBe(witness("cbc", "decrypt", key, data, iv));
      }),
    );
  });
});

describe("a kept key", () => {
  const key = tripleDes(unhex("0123456789ABCDEFFEDCBA9876543210"));

  it("gives the same again, and leaves what it was given alone", () => {
    const data = unhex("00112233445566778899AABBCCDDEEFF");
    const iv = unhex("0102030405060708");
    const first = key.encryptCbc(data, iv);
    expect(key.encryptCbc(data, iv)).toEqual(first);
    expect(key.decryptCbc(first, iv)).toEqual(data);
    key.mac(data, iv);
    expect(hex(data)).toBe("00112233445566778899AABBCCDDEEFF");
    expect(hex(iv)).toBe("0102030405060708");
  });

  it("does not follow changes to the array it was made from, nor show the key", () => {
    const source = unhex("0123456789ABCDEFFEDCBA9876543210");
    const made = tripleDes(source);
    source.fill(0);
    made.bytes().fill(0);
    expect(hex(made.bytes())).toBe("0123456789ABCDEFFEDCBA9876543210");
    expect(made.encrypt(new Uint8Array(8))).toEqual(key.encrypt(new Uint8Array(8)));
    expect(JSON.stringify(made)).toBe('{"length":16}');
  });

  it("answers in plain arrays, not in Buffers", () => {
    for (const out of [
      key.encrypt(new Uint8Array(8)),
      key.decryptCbc(Buffer.alloc(8)),
      key.mac(Buffer.alloc(8)),
      keyCheckValue(key),
    ])
      expect(Object.getPrototypeOf(out)).toBe(Uint8Array.prototype);
  });

  it("takes whole blocks only", () => {
    for (const call of [
      () => key.encrypt(new Uint8Array(9)),
      () => key.encryptCbc(new Uint8Array(8), new Uint8Array(7)),
      () => key.mac(new Uint8Array(0)),
    ])
      expect(call).toThrow(expect.objectContaining({ code: "crypto/block-length" }));
  });

  it("has 8, 16 or 24 bytes, and as triple DES more than 8", () => {
    for (const call of [
      () => desKey(new Uint8Array(15)),
      () => tripleDes(new Uint8Array(8)),
      () => retailMac(new Uint8Array(24), new Uint8Array(8)),
    ])
      expect(call).toThrow(expect.objectContaining({ code: "crypto/key-length" }));
  });
});

describe("the retail MAC", () => {
  it("is what ICAO Doc 9303-11, appendix D.3, computes over E.IFD", () => {
    const key = unhex("7962D9ECE03D1ACD4C76089DCE131543");
    const data = unhex("72C29C2371CC9BDB65B779B8E8D37B29ECC154AA56A8799FAE2F498F76ED92F2");
    expect(hex(retailMac(key, padOne(data)))).toBe("5F1448EEA8AD90A7");
  });

  it("is CBC under the left half, and decryption and encryption of the last block (ISO/IEC 9797-1, algorithm 3)", () => {
    fc.assert(
      fc.property(bytes(16), fc.uint8Array({ maxLength: 40 }), bytes(8), (key, data, iv) => {
        const padded = padZeros(data);
        const chained = unhex(witness("cbc", "encrypt", key.subarray(0, 8), padded, iv)).subarray(-8);
        const back = unhex(witness("ecb", "decrypt", key.subarray(8), chained));
        expect(hex(retailMac(key, padded, iv))).toBe(witness("ecb", "encrypt", key.subarray(0, 8), back));
      }),
    );
  });

  it("is a plain CBC-MAC under a single-length key (algorithm 1)", () => {
    const key = unhex("0123456789ABCDEF");
    const data = unhex("4E6F77206973207468652074696D6520666F7220616C6C20"); // "Now is the time for all ", FIPS 113
    expect(hex(desKey(key).mac(data))).toBe("70A30640CC76DD8B"); // ISO/IEC 9797-1:1999, annex B
  });
});

describe("parity and check value", () => {
  it("makes the number of ones in every byte odd, and changes nothing else", () => {
    expect(hex(oddParity(unhex("0001FEFF8081")))).toBe("0101FEFE8080");
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    for (const [i, byte] of oddParity(all).entries()) {
      expect(byte & 0xfe).toBe(i & 0xfe);
      expect([...byte.toString(2)].filter((bit) => bit === "1").length % 2).toBe(1);
    }
  });

  it("is the start of an encrypted zero block: the published one of GlobalPlatform's 404142 key", () => {
    expect(hex(keyCheckValue(unhex("404142434445464748494A4B4C4D4E4F")))).toBe("8BAF47");
  });
});
