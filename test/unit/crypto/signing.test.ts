import { constants, createHash, sign, verify } from "node:crypto";
import { describe, expect, test } from "vitest";
import { generateSigningKey, readSigningKey, readVerifyingKey, SIGNING_KINDS } from "../../../src/crypto/signing.js";
import { ascii, hex } from "../../../src/util/bytes.js";
import { seededRandom } from "../../../src/util/random.js";

const DATA = ascii("a band's firmware");

// OpenSSL, by way of node:crypto, is the other side.
describe.each(SIGNING_KINDS)("%s", (kind) => {
  const pem = generateSigningKey(kind, seededRandom(kind));
  const key = readSigningKey(pem);
  const hash = kind === "ecdsa-p384" ? "sha384" : "sha256";
  const digest = new Uint8Array(createHash(hash).update(DATA).digest());
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  const asOpenSsl = (of: string) => (kind.startsWith("rsa") ? { key: of, ...pss } : of);

  test("what it signs, OpenSSL verifies", () => {
    const signature = key.sign(digest, seededRandom("salt"));
    const [algorithm, message] = kind === "ed25519" ? [null, digest] : [hash, DATA];
    expect(verify(algorithm, message, asOpenSsl(key.pem), signature)).toBe(true);
  });

  test("what OpenSSL signs, it verifies; and nothing else", () => {
    const [algorithm, message] = kind === "ed25519" ? [null, digest] : [hash, DATA];
    const signature = new Uint8Array(sign(algorithm, message, asOpenSsl(pem)));
    const own = readVerifyingKey(key.pem);
    expect(own.kind).toBe(kind);
    expect(own.verify(digest, signature)).toBe(true);
    for (let at = 0; at < signature.length; at += 7) {
      const changed = signature.slice();
      changed[at]! ^= 0x10;
      expect(own.verify(digest, changed)).toBe(false);
    }
    for (const length of [0, 1, signature.length - 1])
      expect(own.verify(digest, signature.subarray(0, length))).toBe(false);
    expect(
      own.verify(
        digest.map((byte) => byte ^ 1),
        signature,
      ),
    ).toBe(false);
  });

  test("the same seed, the same key and the same signature", () => {
    expect(generateSigningKey(kind, seededRandom(kind))).toBe(pem);
    const twice = [1, 2].map(() => hex(readSigningKey(pem).sign(digest, seededRandom("salt"))));
    expect(twice[0]).toBe(twice[1]);
  });
});

test.each([
  ["nothing", ""],
  ["text", "-----BEGIN PRIVATE KEY-----\nhello\n-----END PRIVATE KEY-----\n"],
  [
    "a key of another kind",
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEAhSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n-----END PUBLIC KEY-----\n",
  ],
])("%s is no key", (_, pem) => {
  // The last is RFC 8410 10.1's neighbour of X25519: a good key that cannot sign; the bytes are those of RFC 7748 6.1, Alice's public key.
  for (const read of [readSigningKey, readVerifyingKey])
    expect(() => read(pem)).toThrow(expect.objectContaining({ code: "crypto/unusable-key" }));
});
