import {
  createECDH,
  createPrivateKey,
  createPublicKey,
  sign,
  verify,
  type JsonWebKey,
  type KeyObject,
} from "node:crypto";
import { p256, p384 } from "@noble/curves/nist.js";
import { concat, unhex } from "../util/bytes.js";
import type { Random } from "../util/random.js";
import { cryptoError } from "./errors.js";
import { generateRsa } from "./rsa-generate.js";
import { rsaFromCrt, rsaKeyObject, rsaPrivate, rsaPublic, toBigInt, type RsaPublicKey } from "./rsa.js";
import { pssEncode, pssVerify } from "./rsa-pss.js";

/** Kinds of keys that sign firmware. */
export const SIGNING_KINDS = ["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-2048", "rsa-3072"] as const;
export type SigningKind = (typeof SIGNING_KINDS)[number];

/** Checks signatures over a digest; Ed25519 takes it as its message, and takes whole images, too. */
export interface VerifyingKey {
  readonly kind: SigningKind;
  /** DER: SubjectPublicKeyInfo, of RSA the PKCS #1 RSAPublicKey. */
  readonly der: Uint8Array;
  readonly verify: (digest: Uint8Array, signature: Uint8Array) => boolean;
  /** PEM, SubjectPublicKeyInfo. */
  readonly pem: string;
}

/** Its private half beside it. */
export interface SigningKey extends VerifyingKey {
  /** `random` draws the salt of RSA-PSS; the others are deterministic (RFC 6979, RFC 8032). */
  readonly sign: (digest: Uint8Array, random: Random) => Uint8Array;
}

interface Curve {
  readonly kind: "ecdsa-p256" | "ecdsa-p384";
  readonly algorithm: typeof p256;
  /** OpenSSL's. */
  readonly name: string;
}
const CURVES: Readonly<Record<string, Curve>> = {
  "P-256": { kind: "ecdsa-p256", algorithm: p256, name: "prime256v1" },
  "P-384": { kind: "ecdsa-p384", algorithm: p384, name: "secp384r1" },
};
const RSA_KINDS: Readonly<Record<number, SigningKind>> = { 256: "rsa-2048", 384: "rsa-3072" };
/** Digests come as they are; signatures as firmware tools write them. */
const AS_GIVEN = { prehash: false, format: "der", lowS: false } as const;
const SALT = 32;

const base64url = (text: string | undefined): Uint8Array => new Uint8Array(Buffer.from(text ?? "", "base64url"));
const plain = (buffer: Buffer): Uint8Array => new Uint8Array(buffer);

/** @throws `crypto/unusable-key` */
export const readVerifyingKey = (pem: string): VerifyingKey => verifying(parsed(pem, createPublicKey));

/** @throws `crypto/unusable-key` also for a public key */
export const readSigningKey = (pem: string): SigningKey => signing(parsed(pem, createPrivateKey));

/** PEM, PKCS #8. */
export function generateSigningKey(kind: SigningKind, random: Random): string {
  return privateKey(kind, random).export({ type: "pkcs8", format: "pem" }) as string;
}

function parsed(pem: string, read: (pem: string) => KeyObject): KeyObject {
  try {
    return read(pem);
  } catch (cause) {
    // OpenSSL's own words say nothing to people, and nothing of the file may get into the error.
    throw unusable(
      `it is no ${read === createPrivateKey ? "private" : "public"} key in PEM without a password`,
      {},
      cause instanceof Error ? cause.name : undefined,
    );
  }
}

const unusable = (why: string, context: Readonly<Record<string, unknown>> = {}, cause?: unknown): Error =>
  cryptoError("unusable-key", `this key cannot be used: ${why}; keys are ${SIGNING_KINDS.join(", ")}`, context, cause);

function verifying(key: KeyObject): VerifyingKey {
  const pem = key.export({ type: "spki", format: "pem" }) as string;
  const der = plain(key.export({ type: "spki", format: "der" }));
  const jwk = key.export({ format: "jwk" });
  if (jwk.kty === "RSA") {
    const modulus = base64url(jwk.n);
    const kind = RSA_KINDS[modulus.length];
    if (!kind) throw unusable(`its modulus has ${modulus.length * 8} bits`);
    const publicKey: RsaPublicKey = { modulus, exponent: Number(toBigInt(base64url(jwk.e))) };
    return {
      kind,
      der: plain(key.export({ type: "pkcs1", format: "der" })),
      pem,
      verify: (digest, signature) => {
        const fits = signature.length === modulus.length && below(signature, modulus);
        return fits && pssVerify(digest, rsaPublic(publicKey, signature));
      },
    };
  }
  const curve = CURVES[jwk.crv ?? ""];
  if (curve) {
    const point = concat(Uint8Array.of(0x04), base64url(jwk.x), base64url(jwk.y));
    return { kind: curve.kind, der, pem, verify: (digest, signature) => ecdsaHolds(curve, signature, digest, point) };
  }
  if (jwk.crv === "Ed25519")
    return { kind: "ed25519", der, pem, verify: (message, signature) => verify(null, message, key, signature) };
  throw unusable(`its kind is ${jwk.crv ?? jwk.kty ?? "unknown"}`);
}

function signing(key: KeyObject): SigningKey {
  const own = verifying(createPublicKey(key));
  const jwk = key.export({ format: "jwk" });
  if (jwk.kty === "RSA") {
    const { p, q, dp, dq, qi } = jwk;
    const raw = rsaFromCrt({
      p: base64url(p),
      q: base64url(q),
      dp: base64url(dp),
      dq: base64url(dq),
      qInv: base64url(qi),
    });
    const operation = rsaPrivate(raw);
    return {
      ...own,
      sign: (digest, random) => operation.apply(pssEncode(digest, random.bytes(SALT), raw.modulus.length)),
    };
  }
  const curve = CURVES[jwk.crv ?? ""];
  if (curve) {
    const secret = base64url(jwk.d);
    return { ...own, sign: (digest) => curve.algorithm.sign(digest, secret, AS_GIVEN) };
  }
  return { ...own, sign: (message) => plain(sign(null, message, key)) };
}

/**
 * ECDSA (FIPS 186-5 6.4.2) over a digest. OpenSSL only verifies what it has hashed itself, and noble takes 20 times as long; so the two multiplications are done by
 * OpenSSL's key agreement: u1 G + u2 Q = u2 (Q + (e / r) G), of which ECDH gives the x that is to be r.
 */
function ecdsaHolds({ algorithm, name }: Curve, signature: Uint8Array, digest: Uint8Array, key: Uint8Array): boolean {
  const { Point, Signature } = algorithm;
  const { Fn } = Point;
  let parsed: { readonly r: bigint; readonly s: bigint };
  try {
    parsed = Signature.fromBytes(signature, "der");
  } catch (error) {
    // noble throws where a signature is no DER; it is a wrong signature like any other.
    if (error instanceof Error) return false;
    throw error;
  }
  const { r, s } = parsed;
  if (!Fn.isValidNot0(r) || !Fn.isValidNot0(s)) return false;
  const ecdh = createECDH(name);
  const e = Fn.create(toBigInt(digest.subarray(0, Fn.BYTES)));
  let sum = Point.fromBytes(key);
  if (e !== 0n) {
    ecdh.setPrivateKey(Fn.toBytes(Fn.div(e, r)));
    sum = sum.add(Point.fromBytes(plain(ecdh.getPublicKey())));
  }
  if (sum.is0()) return false;
  ecdh.setPrivateKey(Fn.toBytes(Fn.div(r, s)));
  return Fn.create(toBigInt(plain(ecdh.computeSecret(sum.toBytes(false))))) === r;
}

function below(a: Uint8Array, b: Uint8Array): boolean {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at >= 0 && a[at]! < b[at]!;
}

/** PKCS #8 in front of the 32 bytes of an Ed25519 key (RFC 8410 7). */
const ED25519_HEAD = unhex("302E020100300506032B657004220420");

function privateKey(kind: SigningKind, random: Random): KeyObject {
  if (kind === "rsa-2048") return rsaKeyObject(generateRsa(2048, 65537, random));
  if (kind === "rsa-3072") return rsaKeyObject(generateRsa(3072, 65537, random));
  if (kind === "ed25519") {
    const key = Buffer.from(concat(ED25519_HEAD, random.bytes(32)));
    return createPrivateKey({ key, format: "der", type: "pkcs8" });
  }
  const [crv, { algorithm }] = Object.entries(CURVES).find(([, curve]) => curve.kind === kind)!;
  const { length } = algorithm.Point.Fn.toBytes(1n);
  const secret = algorithm.utils.randomSecretKey(random.bytes(length + length / 2));
  const point = algorithm.getPublicKey(secret, false);
  const [d, x, y] = [secret, point.subarray(1, 1 + length), point.subarray(1 + length)].map((part) =>
    Buffer.from(part).toString("base64url"),
  );
  return createPrivateKey({ format: "jwk", key: { kty: "EC", crv, d, x, y } as JsonWebKey });
}
