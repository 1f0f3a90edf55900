import { constants, createPublicKey, publicDecrypt } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { generateRsa } from "../../../src/crypto/rsa-generate.js";
import {
  exponentBytes,
  fromBigInt,
  inverse,
  rsaFromCrt,
  rsaPrivate,
  rsaPublic,
  toBigInt,
  type RsaPublicKey,
} from "../../../src/crypto/rsa.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { seededRandom } from "../../../src/util/random.js";

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

/** The same operation by OpenSSL. */
function witness(key: RsaPublicKey, block: Uint8Array): string {
  const imported = createPublicKey({
    format: "jwk",
    key: { kty: "RSA", n: base64url(key.modulus), e: base64url(exponentBytes(key.exponent)) },
  });
  return hex(publicDecrypt({ key: imported, padding: constants.RSA_NO_PADDING }, block));
}

const bitLength = (bytes: Uint8Array): number => toBigInt(bytes).toString(2).length;

describe("generated keys", () => {
  it.each([
    [512, 3],
    [1024, 65537],
    [1152, 3],
    [1408, 3],
    [1984, 3],
  ])("%i bits, exponent %i: exactly that long, and both halves of the pair undo each other", (bits, exponent) => {
    const random = seededRandom(`rsa/${bits}/${exponent}`);
    const key = generateRsa(bits, exponent, random);
    expect(bitLength(key.modulus)).toBe(bits);
    expect(bitLength(key.p)).toBe(bits / 2);
    expect(toBigInt(key.p) > toBigInt(key.q)).toBe(true);
    const handle = rsaPrivate(key);
    const block = random.bytes(bits / 8);
    block[0] = 0x6a;
    const signature = handle.apply(block);
    expect(hex(rsaPublic(key, signature))).toBe(hex(block));
    expect(hex(handle.apply(rsaPublic(key, block)))).toBe(hex(block));
  });

  it("depend on the seed alone", () => {
    const one = generateRsa(768, 3, seededRandom("a"));
    expect(generateRsa(768, 3, seededRandom("a"))).toEqual(one);
    expect(generateRsa(768, 3, seededRandom("b")).modulus).not.toEqual(one.modulus);
    expect(hex(one.modulus.subarray(0, 16))).toMatchInlineSnapshot(`"AA9944BA9700F5B5FB1CE6E2909A29B0"`);
  });

  it("are refused for lengths and exponents that EMV does not use", () => {
    expect(() => generateRsa(1000, 3, seededRandom("x"))).toThrow(
      expect.objectContaining({ code: "crypto/rsa-modulus" }),
    );
    expect(() => generateRsa(256, 3, seededRandom("x"))).toThrow(
      expect.objectContaining({ code: "crypto/rsa-modulus" }),
    );
    expect(() => generateRsa(512, 5, seededRandom("x"))).toThrow(
      expect.objectContaining({ code: "crypto/rsa-exponent" }),
    );
  });
});

describe("the public operation", () => {
  const three = generateRsa(1024, 3, seededRandom("public/3"));
  const f4 = generateRsa(1024, 65537, seededRandom("public/65537"));

  it("agrees with OpenSSL", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 128, maxLength: 128 }), fc.constantFrom(three, f4), (block, key) => {
        block[0]! &= 0x7f; // below any modulus of that length
        expect(hex(rsaPublic(key, block))).toBe(witness(key, block));
      }),
      { numRuns: 40 },
    );
  });

  it("keeps leading zeros", () => {
    const two = new Uint8Array(128);
    two[127] = 2;
    expect(hex(rsaPublic(three, two))).toBe("08".padStart(256, "0"));
  });

  it("takes blocks below the modulus and as long as it", () => {
    expect(() => rsaPublic(three, new Uint8Array(127))).toThrow(expect.objectContaining({ code: "crypto/rsa-block" }));
    expect(() => rsaPublic(three, three.modulus)).toThrow(expect.objectContaining({ code: "crypto/rsa-block" }));
    expect(() => rsaPrivate(three).apply(three.modulus)).toThrow(expect.objectContaining({ code: "crypto/rsa-block" }));
  });

  it("takes keys in bounds only", () => {
    const bad: readonly [RsaPublicKey, string][] = [
      [{ modulus: new Uint8Array(63).fill(1), exponent: 3 }, "crypto/rsa-modulus"],
      [{ modulus: new Uint8Array(497).fill(1), exponent: 3 }, "crypto/rsa-modulus"],
      [{ modulus: new Uint8Array(128), exponent: 3 }, "crypto/rsa-modulus"],
      [{ modulus: three.modulus, exponent: 2 }, "crypto/rsa-exponent"],
    ];
    for (const [key, code] of bad)
      expect(() => rsaPublic(key, new Uint8Array(128))).toThrow(expect.objectContaining({ code }));
  });
});

describe("private keys", () => {
  const key = generateRsa(768, 3, seededRandom("private"));

  it("come together from the five components a card is given", () => {
    const { p, q, dp, dq, qInv } = key;
    expect(rsaFromCrt({ p, q, dp, dq, qInv })).toEqual(key);
  });

  it("are refused when a component belongs to another key, and the error holds none of it", () => {
    for (const part of ["p", "q", "dp", "dq", "qInv"] as const) {
      const wrong = { ...key, [part]: fromBigInt(toBigInt(key[part]) - 2n, key[part].length) };
      for (const call of [() => rsaPrivate(wrong), () => rsaFromCrt(wrong)]) {
        let caught: unknown;
        try {
          call();
        } catch (error) {
          caught = error;
        }
        expect(caught).toMatchObject({ code: "crypto/rsa-key" });
        const { context } = caught as { context: Record<string, unknown> };
        expect(Object.values(context).every((value) => typeof value === "number")).toBe(true);
      }
    }
  });

  it("are refused when components are degenerate", () => {
    const none = new Uint8Array(48);
    const one = Uint8Array.of(1);
    expect(() => rsaFromCrt({ ...key, p: none })).toThrow(expect.objectContaining({ code: "crypto/rsa-key" }));
    expect(() => rsaFromCrt({ ...key, dp: none })).toThrow(expect.objectContaining({ code: "crypto/rsa-key" }));
    expect(() => rsaPrivate({ ...key, p: one, q: key.modulus })).toThrow(
      expect.objectContaining({ code: "crypto/rsa-key" }),
    );
  });
});

describe("integers", () => {
  it("go to bytes and back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(fromBigInt(toBigInt(bytes), bytes.length)).toEqual(bytes);
      }),
    );
  });

  it("have inverses where they share no divisor", () => {
    expect(inverse(3n, 11n)).toBe(4n);
    expect(inverse(-8n, 11n)).toBe(4n);
    expect(() => inverse(6n, 9n)).toThrow(expect.objectContaining({ code: "crypto/rsa-key" }));
  });

  it("are written as short as exponents are", () => {
    expect(hex(exponentBytes(3))).toBe("03");
    expect(exponentBytes(65537)).toEqual(unhex("010001"));
  });
});
