import { generateRsa } from "../crypto/rsa-generate.js";
import { rsaPrivate, type RsaPrivate, type RsaPrivateKey, type RsaPublicKey } from "../crypto/rsa.js";
import type { Tlv } from "../codec/tlv.js";
import type { Random } from "../util/random.js";
import { issueIccCertificate, issueIssuerCertificate } from "./certificates.js";
import type { CaKeys, CaPublicKey } from "./oda.js";
import { caKeysOf } from "./oda.js";

/** December 2049: as far as two digits of a year reach in this century. */
const FAR_AWAY = Uint8Array.of(0x12, 0x49);

export interface TestCaOptions {
  readonly random: Random;
  /** 5 bytes. */
  readonly rid: Uint8Array;
  readonly index: number;
  /** Length of the CA's modulus; 1984 unless given. */
  readonly caBits?: number;
  /** 3 unless given. */
  readonly exponent?: number;
}

export interface TestKeyOptions {
  /** Length of the modulus; 1408 unless given. */
  readonly bits?: number;
  /** 3 unless given. */
  readonly exponent?: number;
  /** MMYY in BCD; 1249 unless given. */
  readonly expiry?: Uint8Array;
  /** 3 bytes; 000001 unless given. */
  readonly serial?: Uint8Array;
}

/** A card's key and its certificate: tags 9F46, 9F48 where it takes one, 9F47. */
export interface TestCard {
  readonly key: RsaPrivateKey;
  readonly objects: readonly Tlv[];
}

export interface TestIssuer {
  readonly key: RsaPrivateKey;
  /** The key, ready to sign. */
  readonly signer: RsaPrivate;
  /** Tags 8F, 90, 92 where it takes one, 9F32. */
  readonly objects: readonly Tlv[];
  /** A key for the card with that PAN; the same PAN, the same key. `staticData`: what the card's records sign. */
  card(options: TestKeyOptions & { readonly pan: string; readonly staticData: Uint8Array }): TestCard;
  /** Certifies a key that is there already, for a card whose records change. */
  certify(
    publicKey: RsaPublicKey,
    options: Omit<TestKeyOptions, "bits" | "exponent"> & { readonly pan: string; readonly staticData: Uint8Array },
  ): readonly Tlv[];
}

/** A CA whose keys follow from a seed. It certifies test cards and nothing else. */
export interface TestCa {
  readonly publicKey: CaPublicKey;
  /** What a terminal that trusts this CA asks. */
  readonly keys: CaKeys;
  /** An issuer with a key of its own for these leftmost 3 to 8 digits of PANs. */
  issuer(options: TestKeyOptions & { readonly issuerIdentifier: string }): TestIssuer;
}

/** Makes the CA; a key of 1984 bits takes a tenth of a second or so. */
export function createTestCa({ random, rid, index, caBits = 1984, exponent = 3 }: TestCaOptions): TestCa {
  const key = generateRsa(caBits, exponent, random.fork("ca"));
  const signer = rsaPrivate(key);
  const publicKey: CaPublicKey = { rid, index, modulus: key.modulus, exponent };
  return {
    publicKey,
    keys: caKeysOf([publicKey]),
    issuer: (options) => createIssuer(signer, index, random.fork(`issuer/${options.issuerIdentifier}`), options),
  };
}

function createIssuer(
  ca: RsaPrivate,
  caIndex: number,
  random: Random,
  options: TestKeyOptions & { readonly issuerIdentifier: string },
): TestIssuer {
  const key = generateRsa(options.bits ?? 1408, options.exponent ?? 3, random.fork("key"));
  const signer = rsaPrivate(key);
  const objects = issueIssuerCertificate(ca, {
    caIndex,
    issuerIdentifier: options.issuerIdentifier,
    expiry: options.expiry ?? FAR_AWAY,
    serial: options.serial ?? Uint8Array.of(0, 0, 1),
    publicKey: key,
  });
  const certify: TestIssuer["certify"] = (
    publicKey,
    { pan, staticData, expiry = FAR_AWAY, serial = Uint8Array.of(0, 0, 1) },
  ) => issueIccCertificate(signer, { pan, expiry, serial, publicKey, staticData });
  return {
    key,
    signer,
    objects,
    certify,
    card(card) {
      const cardKey = generateRsa(card.bits ?? 1408, card.exponent ?? 3, random.fork(`card/${card.pan}`));
      return { key: cardKey, objects: certify(cardKey, card) };
    },
  };
}
