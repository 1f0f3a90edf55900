import {
  aesCtr,
  agreeWith,
  agreeWithNew,
  hkdf,
  hmac,
  type AgreementKey,
  type Sha2,
} from "../../crypto/key-agreement.js";
import { ascii, concat, equalBytes } from "../../util/bytes.js";
import type { Random } from "../../util/random.js";
import { mcubootError } from "./errors.js";
import { FLAGS, parseImage, type Image } from "./image.js";
import { TLV } from "./tlv.js";

/*
 * The content key of an image stands in a TLV, wrapped for the device's key: ephemeral public key | HMAC | wrapped key (MCUboot,
 * docs/encrypted_images.md, ECIES).
 */

const INFO = ascii("MCUBoot_ECIES_v1");

interface Scheme {
  readonly kind: AgreementKey["kind"];
  readonly hash: Sha2;
  /** Bytes of the ephemeral key and of the HMAC. */
  readonly ephemeral: number;
  readonly mac: number;
}
const SCHEMES: ReadonlyMap<number, Scheme> = new Map([
  [TLV.encEc256, { kind: "ec256", hash: "sha256", ephemeral: 65, mac: 32 }],
  [TLV.encX25519, { kind: "x25519", hash: "sha256", ephemeral: 32, mac: 32 }],
  [TLV.encX25519Sha512, { kind: "x25519", hash: "sha512", ephemeral: 32, mac: 64 }],
]);

/** A content key as its TLV. */
export function wrapContentKey(
  content: Uint8Array,
  to: AgreementKey,
  random: Random,
  hash: Sha2 = "sha256",
): { readonly type: number; readonly value: Uint8Array } {
  const found = [...SCHEMES].find(([, scheme]) => scheme.kind === to.kind && scheme.hash === hash);
  if (!found) throw mcubootError("bad-argument", `content keys are not wrapped with ${to.kind} and ${hash}`, {});
  const [type, scheme] = found;
  const { ephemeral, secret } = agreeWithNew(to, random);
  const derived = hkdf(hash, secret, INFO, content.length + scheme.mac);
  const wrapped = aesCtr(derived.subarray(0, content.length), content);
  return { type, value: concat(ephemeral, hmac(hash, derived.subarray(content.length), wrapped), wrapped) };
}

/** The content key of an encrypted image. @throws `mcuboot/not-encrypted`; `mcuboot/bad-key` where it is not for this key */
export function contentKey(image: Image, own: AgreementKey): Uint8Array {
  const length = keyLength(image);
  for (const { type, value } of image.tlvs) {
    const scheme = SCHEMES.get(type);
    if (scheme?.kind !== own.kind || value.length !== scheme.ephemeral + scheme.mac + length) continue;
    const secret = agreeWith(own, value.subarray(0, scheme.ephemeral));
    const mac = value.subarray(scheme.ephemeral, scheme.ephemeral + scheme.mac);
    const wrapped = value.subarray(scheme.ephemeral + scheme.mac);
    const derived = hkdf(scheme.hash, secret, INFO, length + scheme.mac);
    if (equalBytes(hmac(scheme.hash, derived.subarray(length), wrapped), mac))
      return aesCtr(derived.subarray(0, length), wrapped);
  }
  throw mcubootError("bad-key", "the image is not encrypted for this key", { kind: own.kind });
}

export const isEncrypted = ({ header }: Image): boolean =>
  (header.flags & (FLAGS.encryptedAes128 | FLAGS.encryptedAes256)) !== 0;

function keyLength(image: Image): number {
  if (!isEncrypted(image)) throw mcubootError("not-encrypted", "the image is not encrypted", {});
  return (image.header.flags & FLAGS.encryptedAes256) !== 0 ? 32 : 16;
}

/** The same image with its payload in clear, everything else as it was; what hash and signature are over. */
export function decrypted(image: Image, own: AgreementKey): Image {
  const payload = aesCtr(contentKey(image, own), image.payload);
  const bytes = image.bytes.slice();
  bytes.set(payload, image.header.headerSize);
  return parseImage(bytes);
}
