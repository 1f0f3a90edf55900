import {
  createCipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type JsonWebKey,
  type KeyObject,
} from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import { concat } from "../util/bytes.js";
import type { Random } from "../util/random.js";
import { cryptoError } from "./errors.js";

/** Kinds of keys that content is encrypted for. */
export type AgreementKind = "ec256" | "x25519";

/** Somebody's public key for key agreement. */
export interface AgreementKey {
  readonly kind: AgreementKind;
  readonly key: KeyObject;
}

const CURVES: Readonly<Record<string, AgreementKind>> = { "P-256": "ec256", X25519: "x25519" };
const plain = (bytes: ArrayBuffer | Buffer): Uint8Array => new Uint8Array(bytes);
const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

/** @throws `crypto/unusable-key` */
export const readAgreementKey = (pem: string): AgreementKey => agreementKey(pem, createPublicKey);

/** The private half. @throws `crypto/unusable-key` */
export const readAgreementSecret = (pem: string): AgreementKey => agreementKey(pem, createPrivateKey);

function agreementKey(pem: string, read: (pem: string) => KeyObject): AgreementKey {
  let key: KeyObject | undefined;
  try {
    key = read(pem);
  } catch (error) {
    // What OpenSSL says may quote the file.
    if (!(error instanceof Error)) throw error;
  }
  const kind = key && CURVES[key.export({ format: "jwk" }).crv ?? ""];
  if (key && kind) return { kind, key };
  throw cryptoError("unusable-key", "this key cannot encrypt: it takes a P-256 or an X25519 key in PEM", {});
}

/** The shared secret of a fresh key pair and `to`; `ephemeral` is the pair's public half as it is sent: the point uncompressed, or 32 bytes. */
export function agreeWithNew(to: AgreementKey, random: Random): { ephemeral: Uint8Array; secret: Uint8Array } {
  const own = freshKey(to.kind, random);
  const ephemeral = publicBytes(to.kind, createPublicKey(own));
  return { ephemeral, secret: plain(diffieHellman({ privateKey: own, publicKey: to.key })) };
}

/** The same secret on the other side. @throws `crypto/unusable-key` where `ephemeral` is no point */
export function agreeWith(own: AgreementKey, ephemeral: Uint8Array): Uint8Array {
  try {
    return plain(diffieHellman({ privateKey: own.key, publicKey: publicFrom(own.kind, ephemeral) }));
  } catch (cause) {
    throw cryptoError("unusable-key", "the sender's key is no point of the curve", { length: ephemeral.length }, cause);
  }
}

const COORDINATE = 32;

function publicBytes(kind: AgreementKind, key: KeyObject): Uint8Array {
  const { x, y } = key.export({ format: "jwk" });
  const part = (text: string | undefined): Uint8Array => plain(Buffer.from(text ?? "", "base64url"));
  return kind === "x25519" ? part(x) : concat(Uint8Array.of(0x04), part(x), part(y));
}

function publicFrom(kind: AgreementKind, bytes: Uint8Array): KeyObject {
  const jwk: JsonWebKey =
    kind === "x25519"
      ? { kty: "OKP", crv: "X25519", x: base64url(bytes) }
      : {
          kty: "EC",
          crv: "P-256",
          x: base64url(bytes.subarray(1, 1 + COORDINATE)),
          y: base64url(bytes.subarray(1 + COORDINATE)),
        };
  return createPublicKey({ format: "jwk", key: jwk });
}

function freshKey(kind: AgreementKind, random: Random): KeyObject {
  if (kind === "x25519") {
    const head = Buffer.from("302e020100300506032b656e04220420", "hex"); // PKCS #8 in front of the 32 bytes (RFC 8410 7)
    return createPrivateKey({ key: Buffer.concat([head, random.bytes(32)]), format: "der", type: "pkcs8" });
  }
  const secret = p256.utils.randomSecretKey(random.bytes(48));
  const point = p256.getPublicKey(secret, false);
  const { kty, crv, x, y } = publicFrom(kind, point).export({ format: "jwk" });
  return createPrivateKey({ format: "jwk", key: { kty, crv, x, y, d: base64url(secret) } as JsonWebKey });
}

export type Sha2 = "sha256" | "sha512";

/** HKDF without salt (RFC 5869). */
export const hkdf = (hash: Sha2, secret: Uint8Array, info: Uint8Array, length: number): Uint8Array =>
  plain(hkdfSync(hash, secret, new Uint8Array(0), info, length));

/** RFC 2104. */
export const hmac = (hash: Sha2, key: Uint8Array, data: Uint8Array): Uint8Array =>
  plain(createHmac(hash, key).update(data).digest());

const NO_COUNTER = new Uint8Array(16);

/** AES-CTR from counter zero, there and back; 16 or 32 bytes of key (NIST SP 800-38A 6.5). */
export const aesCtr = (key: Uint8Array, data: Uint8Array): Uint8Array =>
  plain(createCipheriv(key.length === 16 ? "aes-128-ctr" : "aes-256-ctr", key, NO_COUNTER).update(data));

/** The same for a part of the data that begins at byte `at` of it. */
export function aesCtrAt(key: Uint8Array, data: Uint8Array, at: number): Uint8Array {
  const counter = new Uint8Array(16);
  new DataView(counter.buffer).setUint32(12, Math.floor(at / 16));
  const cipher = createCipheriv(key.length === 16 ? "aes-128-ctr" : "aes-256-ctr", key, counter);
  cipher.update(new Uint8Array(at % 16));
  return plain(cipher.update(data));
}
