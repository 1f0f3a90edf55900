import { sha256, sha384, sha512 } from "../../crypto/hash.js";
import type { SigningKind, VerifyingKey } from "../../crypto/signing.js";
import { equalBytes } from "../../util/bytes.js";
import { FLAGS, type Image, type ImageTlv } from "./image.js";
import { TLV, UNPROTECTED } from "./tlv.js";

/** Hashes by the TLV that holds them. */
export const HASHES: ReadonlyMap<number, { readonly name: string; readonly of: (bytes: Uint8Array) => Uint8Array }> =
  new Map([
    [TLV.sha256, { name: "SHA-256", of: sha256 }],
    [TLV.sha384, { name: "SHA-384", of: sha384 }],
    [TLV.sha512, { name: "SHA-512", of: sha512 }],
  ]);

/** The TLV that a signature of each kind stands in. */
export const SIGNATURE_TLV: Readonly<Record<SigningKind, number>> = {
  "rsa-2048": TLV.rsa2048,
  "rsa-3072": TLV.rsa3072,
  "ecdsa-p256": TLV.ecdsa,
  "ecdsa-p384": TLV.ecdsa,
  ed25519: TLV.ed25519,
};

/** Why an image is not to be run, in the order of looking. */
export type Objection =
  | "unknown-unprotected-tlv"
  | "no-hash"
  | "several-hashes"
  | "wrong-hash"
  | "no-key"
  | "unknown-key"
  | "no-signature"
  | "wrong-signature"
  | "non-bootable"
  | "compressed";

export interface ImageVerdict {
  /** What speaks against it; nothing: it is whole, and signed with a trusted key. */
  readonly objections: readonly { readonly why: Objection; readonly says: string }[];
  /** Of what hash and signature cover. */
  readonly digest: Uint8Array | undefined;
  readonly hash: string | undefined;
  /** The key whose signature holds. */
  readonly key: VerifyingKey | undefined;
}

export interface Trust {
  /** Keys of which one must have signed; none: only the hash is looked at. */
  readonly keys: readonly VerifyingKey[];
  /** How the image may name its key: boot loaders are built for one way. Default: by hash. */
  readonly named?: "hash" | "either";
}

const SAYS: Readonly<Record<Objection, string>> = {
  "unknown-unprotected-tlv": "something stands outside the protected TLVs that does not belong there",
  "no-hash": "it holds no hash of itself",
  "several-hashes": "it holds hashes of several kinds",
  "wrong-hash": "its hash is not that of its bytes: it was damaged or changed after it was signed",
  "no-key": "it does not say which key signed it",
  "unknown-key": "it was signed with a key that is not trusted here",
  "no-signature": "it holds no signature",
  "wrong-signature": "its signature does not hold",
  "non-bootable": "it is marked as not to be started",
  compressed: "it is compressed, and this boot loader does not decompress",
};

/**
 * Judges an image as the boot loader does (bootutil, image_validate.c): its hash, then the signature of a trusted key. An encrypted image is
 * judged decrypted.
 */
export function judgeImage(image: Image, trust: Trust): ImageVerdict {
  const found = new Set<Objection>();
  const { tlvs, covered } = image;
  if (tlvs.some((one) => !one.protected && !UNPROTECTED.has(one.type))) found.add("unknown-unprotected-tlv");
  if ((image.header.flags & FLAGS.nonBootable) !== 0) found.add("non-bootable");
  if ((image.header.flags & (FLAGS.lzma1 | FLAGS.lzma2)) !== 0) found.add("compressed");

  const hashes = tlvs.filter(({ type }) => HASHES.has(type));
  const kinds = new Set(hashes.map(({ type }) => type));
  if (kinds.size === 0) found.add("no-hash");
  if (kinds.size > 1) found.add("several-hashes");
  const hash = kinds.size === 1 ? HASHES.get(hashes[0]!.type) : undefined;
  const digest = hash?.of(covered);
  if (digest && !hashes.every(({ value }) => equalBytes(value, digest))) found.add("wrong-hash");

  const signature = hash && digest && trust.keys.length > 0 ? signer(image, trust, hash.of, digest) : undefined;
  if (typeof signature === "string") found.add(signature);
  return {
    objections: [...found].map((why) => ({ why, says: SAYS[why] })),
    digest,
    hash: hash?.name,
    key: typeof signature === "string" ? undefined : signature,
  };
}

/** The trusted key whose signature holds; each signature follows the TLV that names its key. */
function signer(
  { tlvs, covered }: Image,
  { keys, named = "hash" }: Trust,
  hash: (bytes: Uint8Array) => Uint8Array,
  digest: Uint8Array,
): VerifyingKey | Objection {
  const names = (key: VerifyingKey, { type, value }: ImageTlv): boolean =>
    type === TLV.keyHash ? equalBytes(value, hash(key.der)) : named === "either" && equalBytes(value, key.der);
  const message = tlvs.some(({ type }) => type === TLV.pureSignature) ? covered : digest;
  const signatures: ReadonlySet<number> = new Set(Object.values(SIGNATURE_TLV));
  let key: VerifyingKey | undefined;
  let worst: Objection = "no-signature";
  let said = false;
  for (const tlv of tlvs) {
    if (tlv.type === TLV.keyHash || tlv.type === TLV.publicKey) {
      key = keys.find((one) => names(one, tlv));
      said = true;
    }
    if (!signatures.has(tlv.type)) continue;
    if (key && tlv.type === SIGNATURE_TLV[key.kind]) {
      if ((message === digest || key.kind === "ed25519") && key.verify(message, tlv.value)) return key;
      worst = "wrong-signature";
    } else if (worst !== "wrong-signature") worst = said ? "unknown-key" : "no-key";
    key = undefined;
  }
  return worst;
}
