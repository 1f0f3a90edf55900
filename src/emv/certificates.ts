import { toCompressed } from "../codec/bcd.js";
import { type Tlv } from "../codec/tlv.js";
import { sha1 } from "../crypto/hash.js";
import {
  exponentBytes,
  RSA_EXPONENTS,
  RSA_MODULUS_BYTES,
  rsaPublic,
  type RsaPrivate,
  type RsaPublicKey,
} from "../crypto/rsa.js";
import { concat, equalBytes, hex, NO_BYTES, readUint, roomFor } from "../util/bytes.js";
import { isTapbenchError } from "../util/errors.js";
import {
  CdaDynamicData,
  DYNAMIC_OVERHEAD,
  HASH_BYTES,
  ICC_OVERHEAD,
  IccCertificate,
  ISSUER_OVERHEAD,
  IssuerCertificate,
  SignedDynamicData,
  SignedStaticData,
  STATIC_OVERHEAD,
  type CdaDynamic,
  type IccCertificateData,
  type IssuerCertificateData,
} from "./certificate-data.js";
import { expiredAt } from "./certificate-dates.js";
import { emvError } from "./errors.js";

/** Why a certificate or a signature is not accepted. */
export type CertificateFault =
  | "length-mismatch" // it is not as long as the signer's modulus
  | "bad-signer-key" // the signer's key itself is out of bounds
  | "not-below-modulus" // no signature of this key
  | "wrong-trailer"
  | "wrong-header"
  | "wrong-format"
  | "wrong-hash-algorithm"
  | "wrong-hash"
  | "wrong-key-algorithm"
  | "wrong-key-length"
  | "wrong-exponent"
  | "missing-remainder"
  | "issuer-mismatch" // the issuer identifier does not begin the PAN
  | "pan-mismatch"
  | "wrong-expiry" // no month and year
  | "expired"
  | "revoked"
  | "wrong-dynamic-data";

export interface Failed<Reason extends string = CertificateFault> {
  readonly status: "failed";
  readonly reason: Reason;
}
export type Recovered<T> = ({ readonly status: "ok" } & T) | Failed;

const failed = (reason: CertificateFault): Failed => ({ status: "failed", reason });

const SHA1 = 0x01;
const RSA = 0x01;
const FILL = 0xbb;

// ---- issuing ----

/** What the hash covers: the block behind its header up to where the hash stands, and what is not inside. */
const hashOf = (block: Uint8Array, hashAt: number, ...covered: readonly Uint8Array[]): Uint8Array =>
  sha1(concat(block.subarray(1, hashAt), ...covered));

/** Puts the hash where it belongs and signs (EMV 4.3 Book 2 A2.1.2). */
function signed(signer: RsaPrivate, block: Uint8Array, covered: Uint8Array): Uint8Array {
  const hashAt = block.length - HASH_BYTES - 1;
  block.set(hashOf(block, hashAt, covered), hashAt);
  return signer.apply(block);
}

const NO_HASH = new Uint8Array(HASH_BYTES);
const ENDS = { start: NO_BYTES, end: NO_BYTES, hash: NO_HASH } as const;
const filled = (length: number): Uint8Array => roomFor(length).fill(FILL);

function roomIn(signer: RsaPrivate, overhead: number, wanted: number): number {
  const room = signer.publicKey.modulus.length - overhead;
  if (room < wanted)
    throw emvError("certificate-input", `the signing key has room for ${room} bytes, ${wanted} are needed`, {
      room,
      wanted,
    });
  return room;
}

/** What a certificate and the objects beside it say about a key: the first part of the modulus, and the rest. */
function splitKey(key: RsaPublicKey, room: number): { first: Uint8Array; remainder: Uint8Array } {
  if (key.modulus.length >= room)
    return { first: key.modulus.subarray(0, room), remainder: key.modulus.subarray(room) };
  return { first: concat(key.modulus, filled(room - key.modulus.length)), remainder: NO_BYTES };
}

const objectsOf = (values: readonly (readonly [tag: number, value: Uint8Array])[]): readonly Tlv[] =>
  values.filter(([, value]) => value.length > 0).map(([tag, value]) => ({ tag, value }));

function checked(value: Uint8Array, length: number, what: string): Uint8Array {
  if (value.length !== length)
    throw emvError("certificate-input", `${what} has ${length} bytes, not ${value.length}`, {
      what,
      length: value.length,
    });
  return value;
}

export interface IssuerCertificateInput {
  readonly caIndex: number;
  /** Leftmost 3 to 8 digits of the PANs. */
  readonly issuerIdentifier: string;
  /** MMYY in BCD. */
  readonly expiry: Uint8Array;
  /** 3 bytes. */
  readonly serial: Uint8Array;
  readonly publicKey: RsaPublicKey;
}

/** Certifies an issuer's key: tags 8F, 90, 92 where it takes one, 9F32 (EMV 4.3 Book 2 5.1). @throws `emv/certificate-input` */
export function issueIssuerCertificate(ca: RsaPrivate, input: IssuerCertificateInput): readonly Tlv[] {
  if (!/^[0-9]{3,8}$/.test(input.issuerIdentifier))
    throw emvError("certificate-input", "an issuer identifier has 3 to 8 digits", {
      digits: input.issuerIdentifier.length,
    });
  const { first, remainder } = splitKey(input.publicKey, roomIn(ca, ISSUER_OVERHEAD, 1));
  const exponent = exponentBytes(input.publicKey.exponent);
  const block = IssuerCertificate.encode({
    ...ENDS,
    issuerIdentifier: toCompressed(input.issuerIdentifier, 4),
    expiry: checked(input.expiry, 2, "an expiry date"),
    serial: checked(input.serial, 3, "a serial number"),
    hashAlgorithm: SHA1,
    keyAlgorithm: RSA,
    keyLength: input.publicKey.modulus.length,
    exponentLength: exponent.length,
    key: first,
  });
  return objectsOf([
    [0x8f, Uint8Array.of(input.caIndex)],
    [0x90, signed(ca, block, concat(remainder, exponent))],
    [0x92, remainder],
    [0x9f32, exponent],
  ]);
}

export interface IccCertificateInput {
  readonly pan: string;
  /** MMYY in BCD. */
  readonly expiry: Uint8Array;
  /** 3 bytes. */
  readonly serial: Uint8Array;
  readonly publicKey: RsaPublicKey;
  /** What the card's records sign with it; `staticDataToAuthenticate` puts it together. */
  readonly staticData: Uint8Array;
}

/** Certifies a card's key: tags 9F46, 9F48 where it takes one, 9F47 (EMV 4.3 Book 2 6.1). @throws `emv/certificate-input` */
export function issueIccCertificate(issuer: RsaPrivate, input: IccCertificateInput): readonly Tlv[] {
  if (!/^[0-9]{1,19}$/.test(input.pan))
    throw emvError("certificate-input", "a PAN has 1 to 19 digits", { digits: input.pan.length });
  const { first, remainder } = splitKey(input.publicKey, roomIn(issuer, ICC_OVERHEAD, 1));
  const exponent = exponentBytes(input.publicKey.exponent);
  const block = IccCertificate.encode({
    ...ENDS,
    pan: toCompressed(input.pan, 10),
    expiry: checked(input.expiry, 2, "an expiry date"),
    serial: checked(input.serial, 3, "a serial number"),
    hashAlgorithm: SHA1,
    keyAlgorithm: RSA,
    keyLength: input.publicKey.modulus.length,
    exponentLength: exponent.length,
    key: first,
  });
  return objectsOf([
    [0x9f46, signed(issuer, block, concat(remainder, exponent, input.staticData))],
    [0x9f48, remainder],
    [0x9f47, exponent],
  ]);
}

/** Signed static application data, tag 93 (EMV 4.3 Book 2 5.1). @param authenticationCode 2 bytes, 9F45 @throws `emv/certificate-input` */
export function signStaticData(issuer: RsaPrivate, authenticationCode: Uint8Array, staticData: Uint8Array): Uint8Array {
  const block = SignedStaticData.encode({
    ...ENDS,
    hashAlgorithm: SHA1,
    authenticationCode: checked(authenticationCode, 2, "a data authentication code"),
    padding: filled(roomIn(issuer, STATIC_OVERHEAD, 0)),
  });
  return signed(issuer, block, staticData);
}

/**
 * Signed dynamic application data, tag 9F4B, as a card makes it (EMV 4.3 Book 2 6.5.1).
 * @param dynamicData for DDA the ICC dynamic number behind its length
 * @param terminalData what the terminal sent by the DDOL; for kernel 3, unpredictable number, 9F02, 5F2A, 9F69
 * @throws `emv/certificate-input` when the card's key is too short
 */
export function signDynamicData(card: RsaPrivate, dynamicData: Uint8Array, terminalData: Uint8Array): Uint8Array {
  const room = roomIn(card, DYNAMIC_OVERHEAD, dynamicData.length);
  const block = SignedDynamicData.encode({
    ...ENDS,
    hashAlgorithm: SHA1,
    dynamicData,
    padding: filled(room - dynamicData.length),
  });
  return signed(card, block, terminalData);
}

/** Signed dynamic application data that carries a cryptogram (CDA), tag 9F4B (EMV 4.3 Book 2 6.6.1). @param un 9F37, 4 bytes */
export const signCda = (card: RsaPrivate, data: CdaDynamic, un: Uint8Array): Uint8Array =>
  signDynamicData(card, CdaDynamicData.encode(data), un);

// ---- recovering ----

/** Recovers a block with the signer's key and checks header, format, hash and trailer, in EMV's order. */
function recover(
  signer: RsaPublicKey,
  signature: Uint8Array,
  format: number,
  covered: readonly Uint8Array[],
  remainder?: Uint8Array,
): Recovered<{ block: Uint8Array }> {
  if (signature.length !== signer.modulus.length) return failed("length-mismatch");
  let block: Uint8Array;
  try {
    block = rsaPublic(signer, signature);
  } catch (error) {
    if (isTapbenchError(error, "crypto/rsa-block")) return failed("not-below-modulus");
    if (isTapbenchError(error)) return failed("bad-signer-key");
    throw error;
  }
  if (block[block.length - 1] !== 0xbc) return failed("wrong-trailer");
  if (block[0] !== 0x6a) return failed("wrong-header");
  if (block[1] !== format) return failed("wrong-format");
  const algorithmAt = format === 0x02 ? 11 : format === 0x04 ? 17 : 2;
  if (block[algorithmAt] !== SHA1) return failed("wrong-hash-algorithm");
  const room = block.length - (format === 0x02 ? ISSUER_OVERHEAD : ICC_OVERHEAD);
  // asked before the hash, which cannot be right then: the answer says more
  if (remainder?.length === 0 && block[algorithmAt + 2]! > room) return failed("missing-remainder");
  const hashAt = block.length - HASH_BYTES - 1;
  if (!equalBytes(hashOf(block, hashAt, ...covered), block.subarray(hashAt, -1))) return failed("wrong-hash");
  return { status: "ok", block };
}

interface CertifiedKey {
  readonly keyAlgorithm: number;
  readonly keyLength: number;
  readonly exponentLength: number;
  readonly key: Uint8Array;
}

function joinKey(
  certified: CertifiedKey,
  remainder: Uint8Array,
  exponent: Uint8Array,
): Recovered<{ publicKey: RsaPublicKey }> {
  const { keyAlgorithm, keyLength, exponentLength, key } = certified;
  if (keyAlgorithm !== RSA) return failed("wrong-key-algorithm");
  const inside = Math.min(keyLength, key.length);
  if (remainder.length !== keyLength - inside || keyLength < RSA_MODULUS_BYTES.min) return failed("wrong-key-length");
  const modulus = remainder.length === 0 ? key.subarray(0, inside) : concat(key.subarray(0, inside), remainder);
  if (modulus[0] === 0) return failed("wrong-key-length");
  if (exponent.length !== exponentLength || exponentLength > 3) return failed("wrong-exponent");
  const value = readUint(exponent);
  if (!RSA_EXPONENTS.includes(value)) return failed("wrong-exponent");
  return { status: "ok", publicKey: { modulus, exponent: value } };
}

/** Hex digits without the Fs at their end. */
export function withoutFill(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits[end - 1] === "F") end--;
  return digits.slice(0, end);
}

/** Digits before the F padding; anything else stays in, and then matches no PAN. */
const digitsOf = (compressed: Uint8Array): string => withoutFill(hex(compressed));

export interface IssuerCertificateObjects {
  /** Tag 90. */
  readonly certificate: Uint8Array;
  /** Tag 92. */
  readonly remainder?: Uint8Array | undefined;
  /** Tag 9F32. */
  readonly exponent: Uint8Array;
  readonly pan: string;
  /** YYMMDD in BCD, as tag 9A. */
  readonly date: Uint8Array;
  readonly revoked?: ((serial: Uint8Array) => boolean) | undefined;
}

/**
 * The issuer's key out of its certificate (EMV 4.3 Book 2 5.3, 6.3).
 * @throws only `emv/certificate-input`, for a `date` that is none
 */
export function recoverIssuerCertificate(
  ca: RsaPublicKey,
  { certificate, remainder = NO_BYTES, exponent, pan, date, revoked }: IssuerCertificateObjects,
): Recovered<{ certificate: IssuerCertificateData; publicKey: RsaPublicKey }> {
  const recovered = recover(ca, certificate, 0x02, [remainder, exponent], remainder);
  if (recovered.status !== "ok") return recovered;
  const data = IssuerCertificate.decode(recovered.block);
  const identifier = digitsOf(data.issuerIdentifier);
  if (identifier.length < 3 || !pan.startsWith(identifier)) return failed("issuer-mismatch");
  const late = expiredAt(data.expiry, date);
  if (late) return failed(late);
  if (revoked?.(data.serial)) return failed("revoked");
  const joined = joinKey(data, remainder, exponent);
  return joined.status === "ok" ? { status: "ok", certificate: data, publicKey: joined.publicKey } : joined;
}

export interface IccCertificateObjects {
  /** Tag 9F46. */
  readonly certificate: Uint8Array;
  /** Tag 9F48. */
  readonly remainder?: Uint8Array | undefined;
  /** Tag 9F47. */
  readonly exponent: Uint8Array;
  readonly staticData: Uint8Array;
  readonly pan: string;
  /** YYMMDD in BCD, as tag 9A. */
  readonly date: Uint8Array;
}

/** The card's key out of its certificate (EMV 4.3 Book 2 6.4). @throws only `emv/certificate-input`, for a `date` that is none */
export function recoverIccCertificate(
  issuer: RsaPublicKey,
  { certificate, remainder = NO_BYTES, exponent, staticData, pan, date }: IccCertificateObjects,
): Recovered<{ certificate: IccCertificateData; publicKey: RsaPublicKey }> {
  const recovered = recover(issuer, certificate, 0x04, [remainder, exponent, staticData], remainder);
  if (recovered.status !== "ok") return recovered;
  const data = IccCertificate.decode(recovered.block);
  if (digitsOf(data.pan) !== pan) return failed("pan-mismatch");
  const late = expiredAt(data.expiry, date);
  if (late) return failed(late);
  const joined = joinKey(data, remainder, exponent);
  return joined.status === "ok" ? { status: "ok", certificate: data, publicKey: joined.publicKey } : joined;
}

/** The data authentication code (9F45) out of signed static data (EMV 4.3 Book 2 5.4). */
export function recoverStaticData(
  issuer: RsaPublicKey,
  signature: Uint8Array,
  staticData: Uint8Array,
): Recovered<{ authenticationCode: Uint8Array }> {
  const recovered = recover(issuer, signature, 0x03, [staticData]);
  if (recovered.status !== "ok") return recovered;
  return { status: "ok", authenticationCode: SignedStaticData.decode(recovered.block).authenticationCode };
}

/** The card's dynamic data out of a dynamic signature (EMV 4.3 Book 2 6.5.2, 6.6.2). */
export function recoverDynamicData(
  card: RsaPublicKey,
  signature: Uint8Array,
  terminalData: Uint8Array,
): Recovered<{ dynamicData: Uint8Array }> {
  const recovered = recover(card, signature, 0x05, [terminalData]);
  if (recovered.status !== "ok") return recovered;
  const { block } = recovered;
  const length = block[3]!;
  if (length > block.length - DYNAMIC_OVERHEAD) return failed("wrong-dynamic-data");
  return { status: "ok", dynamicData: block.subarray(4, 4 + length) };
}
