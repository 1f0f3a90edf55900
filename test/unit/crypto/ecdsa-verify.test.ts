import { p256, p384 } from "@noble/curves/nist.js";
import { describe, expect, test } from "vitest";
import { generateSigningKey, readSigningKey, readVerifyingKey } from "../../../src/crypto/signing.js";
import { unhex } from "../../../src/util/bytes.js";
import { seededRandom } from "../../../src/util/random.js";

const random = seededRandom("ecdsa-verify");

/** What @noble/curves says of the same. */
function noble(curve: typeof p256, digest: Uint8Array, signature: Uint8Array, point: Uint8Array): boolean {
  try {
    return curve.verify(signature, digest, point, { prehash: false, format: "der", lowS: false });
  } catch {
    return false;
  }
}

describe.each([
  ["ecdsa-p256", p256, 32],
  ["ecdsa-p384", p384, 48],
] as const)("%s", (kind, curve, bytes) => {
  const key = readSigningKey(generateSigningKey(kind, random));
  const point = key.der.subarray(key.der.length - 1 - 2 * bytes);
  const { Fn } = curve.Point;
  const der = (r: bigint, s: bigint): Uint8Array => new curve.Signature(r, s).toBytes("der");

  test("good signatures hold, of either sign of s; changed ones do not", () => {
    for (let i = 0; i < 20; i++) {
      const digest = random.bytes(bytes);
      const signature = key.sign(digest, random);
      const { r, s } = curve.Signature.fromBytes(signature, "der");
      expect(key.verify(digest, signature)).toBe(true);
      expect(key.verify(digest, der(r, Fn.neg(s)))).toBe(true);
      expect(key.verify(random.bytes(bytes), signature)).toBe(false);
      expect(key.verify(digest, der(Fn.add(r, 1n), s))).toBe(false);
      expect(key.verify(digest, der(s, r))).toBe(false);
      const broken = signature.slice();
      broken[random.below(broken.length)]! ^= 1 << random.below(8);
      expect(key.verify(digest, broken)).toBe(noble(curve, digest, broken, point));
    }
  });

  test("digests at the edges, and of other lengths, are taken as noble takes them", () => {
    const edges = [
      new Uint8Array(bytes),
      new Uint8Array(bytes).fill(0xff),
      Fn.toBytes(Fn.ORDER - 1n),
      random.bytes(64),
      random.bytes(20),
    ];
    for (const digest of edges) {
      const signature = curve.sign(digest, Fn.toBytes(7n), { prehash: false, format: "der", lowS: false });
      const own = readVerifyingKey(pemOf(curve, key.pem, Fn.toBytes(7n), bytes));
      expect(own.verify(digest, signature)).toBe(true);
      expect(own.verify(digest, signature)).toBe(
        noble(curve, digest, signature, curve.getPublicKey(Fn.toBytes(7n), false)),
      );
    }
  });

  test.each(["", "00", "3006020101020101FF", "3006020100020101", "3006020101020100", "3003020101", "30060201010201"])(
    "%s is no signature",
    (signature) => {
      expect(key.verify(new Uint8Array(bytes).fill(1), unhex(signature))).toBe(false);
    },
  );

  test("r and s of the order or more are none", () => {
    const digest = random.bytes(bytes);
    const order = unhex(Fn.ORDER.toString(16).padStart(2 * bytes, "0"));
    const part = (value: Uint8Array): Uint8Array => Uint8Array.of(0x02, value.length + 1, 0x00, ...value);
    const both = Uint8Array.of(...part(order), 0x02, 0x01, 0x01);
    expect(key.verify(digest, Uint8Array.of(0x30, both.length, ...both))).toBe(false);
  });
});

/** The same kind of key, with another point. */
function pemOf(curve: typeof p256, pem: string, secret: Uint8Array, bytes: number): string {
  const der = Uint8Array.from(atob(pem.replace(/-----[^-]+-----|\s/g, "")), (char) => char.charCodeAt(0));
  der.set(curve.getPublicKey(secret, false), der.length - 1 - 2 * bytes);
  return `-----BEGIN PUBLIC KEY-----\n${btoa(String.fromCharCode(...der))}\n-----END PUBLIC KEY-----\n`;
}
