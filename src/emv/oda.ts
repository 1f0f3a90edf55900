import { parseTlv, tagHex, valueOf as tlvValue, findTlv, type Tlv } from "../codec/tlv.js";
import { sha1 } from "../crypto/hash.js";
import { exponentBytes, type RsaPublicKey } from "../crypto/rsa.js";
import { concat, equalBytes, hex, NO_BYTES } from "../util/bytes.js";
import { isTapbenchError } from "../util/errors.js";
import {
  CdaDynamicData,
  type CdaDynamic,
  type IccCertificateData,
  type IssuerCertificateData,
} from "./certificate-data.js";
import {
  recoverDynamicData,
  recoverIccCertificate,
  recoverIssuerCertificate,
  recoverStaticData,
  withoutFill,
  type CertificateFault,
} from "./certificates.js";

/** A certification authority's public key. */
export interface CaPublicKey extends RsaPublicKey {
  /** 5 bytes. */
  readonly rid: Uint8Array;
  /** As in tag 8F. */
  readonly index: number;
  /** Last day, YYMMDD in BCD. */
  readonly expiry?: Uint8Array;
}

/** Where a terminal finds its CA keys. */
export type CaKeys = (rid: Uint8Array, index: number) => CaPublicKey | undefined;

/** A lookup in a list of keys. Test keys sometimes share a live one's index: the key that is listed first is found. */
export const caKeysOf = (keys: readonly CaPublicKey[]): CaKeys => {
  const byIndex = new Map<number, CaPublicKey[]>();
  for (const key of keys) {
    const alike = byIndex.get(key.index);
    if (alike) alike.push(key);
    else byIndex.set(key.index, [key]);
  }
  return (rid, index) => byIndex.get(index)?.find((key) => equalBytes(key.rid, rid));
};

/** Check sum of a CA key, 20 bytes: SHA-1 of RID, index, modulus, exponent (EMV 4.3 Book 2 11.2.2). */
export const caKeyHash = (key: CaPublicKey): Uint8Array =>
  sha1(concat(key.rid, Uint8Array.of(key.index), key.modulus, exponentBytes(key.exponent)));

/** Reasons beside those that lie in a certificate. */
export type OdaFault =
  | CertificateFault
  | "ca-expired"
  | "bad-record"
  | "bad-tag-list"
  | "bad-response"
  | "cid-mismatch"
  | "wrong-transaction-hash";

/**
 * One link of the chain. `missing` names what is not there: `ca-key` (the terminal has no such key, which says nothing about the card),
 * or a tag that the card did not give. `not-evaluated`: a link before it did not hold.
 */
export type Link<T = unknown> =
  | ({ readonly status: "ok" } & T)
  | { readonly status: "failed"; readonly reason: OdaFault }
  | { readonly status: "missing"; readonly what: string }
  | { readonly status: "not-evaluated" };

const failed = (reason: OdaFault) => ({ status: "failed", reason }) as const;
const missing = (what: string | number) =>
  ({ status: "missing", what: typeof what === "string" ? what : tagHex(what) }) as const;
const NOT_EVALUATED = { status: "not-evaluated" } as const;

/** A record that takes part in offline data authentication, as READ RECORD answered it. */
export interface SignedRecord {
  readonly sfi: number;
  readonly data: Uint8Array;
}

/**
 * The static data to authenticate (EMV 4.3 Book 3 10.3): records of SFI 1 to 10 without their template's tag and length, others whole;
 * then the AIP, where the tag list (9F4A) asks for it. The tag list may ask for nothing else.
 */
export function staticDataToAuthenticate(
  records: readonly SignedRecord[],
  tagList?: Uint8Array,
  aip?: Uint8Array,
): Link<{ readonly data: Uint8Array }> {
  const parts: Uint8Array[] = [];
  for (const { sfi, data } of records) {
    const inner = sfi <= 10 ? templateValue(data) : data;
    if (!inner) return failed("bad-record");
    parts.push(inner);
  }
  if (tagList !== undefined && tagList.length > 0) {
    if (tagList.length !== 1 || tagList[0] !== 0x82) return failed("bad-tag-list");
    if (!aip) return missing(0x82);
    parts.push(aip);
  }
  return { status: "ok", data: concat(...parts) };
}

/** Value of a record that is one template 70 and nothing else. */
function templateValue(record: Uint8Array): Uint8Array | undefined {
  if (record[0] !== 0x70) return undefined;
  const first = record[1] ?? 0xff;
  const header = first < 0x80 ? 2 : first === 0x81 ? 3 : first === 0x82 ? 4 : 0;
  if (header === 0 || record.length < header) return undefined;
  const length = header === 2 ? first : header === 3 ? record[2]! : (record[2]! << 8) | record[3]!;
  return record.length === header + length ? record.subarray(header) : undefined;
}

export interface ChainInput {
  /** 5 bytes, the start of the AID. */
  readonly rid: Uint8Array;
  /** What the card gave, by tag: 8F 90 92 9F32, 9F46 9F48 9F47, 5A (or 57), 82, 9F4A. */
  readonly valueOf: (tag: number) => Uint8Array | undefined;
  /** Records that the AFL marks, in its order. */
  readonly records: readonly SignedRecord[];
  /** Transaction date, YYMMDD in BCD (9A). */
  readonly date: Uint8Array;
  readonly caKeys: CaKeys;
  /** The terminal's list of issuer certificates that are no longer good. */
  readonly revoked?: (rid: Uint8Array, index: number, serial: Uint8Array) => boolean;
}

export interface Chain {
  readonly issuer: Link<{
    readonly ca: CaPublicKey;
    readonly certificate: IssuerCertificateData;
    readonly publicKey: RsaPublicKey;
  }>;
  readonly staticData: Link<{ readonly data: Uint8Array }>;
  readonly card: Link<{ readonly certificate: IccCertificateData; readonly publicKey: RsaPublicKey }>;
}

/** Digits of 5A, or of 57 up to its separator. */
function panOf(valueOf: ChainInput["valueOf"]): string | undefined {
  const pan = valueOf(0x5a);
  if (pan) return withoutFill(hex(pan));
  const track2 = valueOf(0x57);
  return track2 && hex(track2).split(/[DF]/)[0];
}

/**
 * From the CA's key to the issuer's and to the card's (EMV 4.3 Book 2 5.2 to 5.3, 6.2 to 6.4).
 * @throws only `emv/certificate-input`, for a `date` that is none
 */
export function verifyChain(input: ChainInput): Chain {
  const staticData = staticDataToAuthenticate(input.records, input.valueOf(0x9f4a), input.valueOf(0x82));
  const pan = panOf(input.valueOf);
  const issuer = pan === undefined ? missing(0x5a) : verifyIssuer(input, pan);
  const card =
    issuer.status !== "ok" || staticData.status !== "ok" || pan === undefined
      ? NOT_EVALUATED
      : verifyCard(input, pan, issuer.publicKey, staticData.data);
  return { issuer, staticData, card };
}

function verifyIssuer({ rid, valueOf, date, caKeys, revoked }: ChainInput, pan: string): Chain["issuer"] {
  const index = valueOf(0x8f)?.[0];
  if (index === undefined) return missing(0x8f);
  const ca = caKeys(rid, index);
  if (!ca) return missing("ca-key");
  if (ca.expiry && laterThan(date, ca.expiry)) return failed("ca-expired");
  const certificate = valueOf(0x90);
  if (!certificate) return missing(0x90);
  const exponent = valueOf(0x9f32);
  if (!exponent) return missing(0x9f32);
  const recovered = recoverIssuerCertificate(ca, {
    certificate,
    remainder: valueOf(0x92),
    exponent,
    pan,
    date,
    revoked: revoked && ((serial) => revoked(rid, index, serial)),
  });
  if (recovered.status !== "ok") return recovered.reason === "missing-remainder" ? missing(0x92) : recovered;
  const { certificate: data, publicKey } = recovered;
  return { status: "ok", certificate: data, publicKey, ca };
}

function verifyCard(
  { valueOf, date }: ChainInput,
  pan: string,
  issuer: RsaPublicKey,
  staticData: Uint8Array,
): Chain["card"] {
  const certificate = valueOf(0x9f46);
  if (!certificate) return missing(0x9f46);
  const exponent = valueOf(0x9f47);
  if (!exponent) return missing(0x9f47);
  const recovered = recoverIccCertificate(issuer, {
    certificate,
    remainder: valueOf(0x9f48),
    exponent,
    staticData,
    pan,
    date,
  });
  return recovered.status === "failed" && recovered.reason === "missing-remainder" ? missing(0x9f48) : recovered;
}

/** Whether one YYMMDD comes after another: years from 50 on belong to the century before. */
function laterThan(date: Uint8Array, last: Uint8Array): boolean {
  const order = (value: Uint8Array): number =>
    ((value[0]! < 0x50 ? 0x100 : 0) << 16) | (value[0]! << 16) | (value[1]! << 8) | value[2]!;
  return order(date) > order(last);
}

/** Static data authentication: tag 93 by the issuer's key (EMV 4.3 Book 2 5.4). */
export function verifySda(
  chain: Chain,
  signature: Uint8Array | undefined,
): Link<{ readonly authenticationCode: Uint8Array }> {
  if (chain.issuer.status !== "ok" || chain.staticData.status !== "ok") return NOT_EVALUATED;
  if (!signature) return missing(0x93);
  return recoverStaticData(chain.issuer.publicKey, signature, chain.staticData.data);
}

/**
 * Dynamic data authentication: tag 9F4B by the card's key (EMV 4.3 Book 2 6.5.2).
 * @param terminalData values of the DDOL; for kernel 3, unpredictable number, 9F02, 5F2A, 9F69
 * @returns the ICC dynamic number (9F4C) beside the dynamic data that holds it
 */
export function verifyDda(
  chain: Chain,
  signature: Uint8Array | undefined,
  terminalData: Uint8Array,
): Link<{ readonly dynamicData: Uint8Array; readonly iccDynamicNumber: Uint8Array }> {
  if (chain.card.status !== "ok") return NOT_EVALUATED;
  if (!signature) return missing(0x9f4b);
  const recovered = recoverDynamicData(chain.card.publicKey, signature, terminalData);
  if (recovered.status !== "ok") return recovered;
  const length = recovered.dynamicData[0] ?? 0;
  if (length < 2 || length > 8 || recovered.dynamicData.length <= length) return failed("wrong-dynamic-data");
  return { ...recovered, iccDynamicNumber: recovered.dynamicData.subarray(1, 1 + length) };
}

export interface CdaInput {
  /** Unpredictable number, 9F37. */
  readonly un: Uint8Array;
  /** Values that the terminal sent by the PDOL and by CDOL1 (and CDOL2, with a second GENERATE AC). */
  readonly pdolData: Uint8Array;
  readonly cdol1Data: Uint8Array;
  readonly cdol2Data?: Uint8Array;
  /** Value of template 77 in the answer to GENERATE AC. */
  readonly response: Uint8Array;
}

export interface CdaResult {
  readonly cid: number;
  /** 8 bytes. */
  readonly ac: Uint8Array;
  /** 9F4C, 2 to 8 bytes. */
  readonly iccDynamicNumber: Uint8Array;
  readonly transactionDataHash: Uint8Array;
  /** What followed in the signed data: relay resistance data. */
  readonly more: Uint8Array;
}

/**
 * Combined data authentication: the cryptogram comes out of tag 9F4B, by the card's key (EMV 4.3 Book 2 6.6.2).
 */
export function verifyCda(chain: Chain, input: CdaInput): Link<CdaResult> {
  if (chain.card.status !== "ok") return NOT_EVALUATED;
  const objects = objectsOf(input.response);
  if (!objects) return failed("bad-response");
  const signature = tlvValue(objects, 0x9f4b);
  if (signature.length === 0) return missing(0x9f4b);
  const cid = findTlv(objects, 0x9f27)?.value[0];
  if (cid === undefined) return missing(0x9f27);
  const recovered = recoverDynamicData(chain.card.publicKey, signature, input.un);
  if (recovered.status !== "ok") return recovered;
  const data = decodeCda(recovered.dynamicData);
  if (!data) return failed("wrong-dynamic-data");
  if (data.cid !== cid) return failed("cid-mismatch");
  const hash = transactionDataHash(
    input.pdolData,
    input.cdol1Data,
    input.cdol2Data ?? NO_BYTES,
    withoutSignature(input.response, objects),
  );
  if (!equalBytes(hash, data.transactionHash)) return failed("wrong-transaction-hash");
  return {
    status: "ok",
    cid,
    ac: data.cryptogram,
    iccDynamicNumber: data.number,
    transactionDataHash: hash,
    more: data.more,
  };
}

/** Hash over the terminal's data and the card's answer without 9F4B, all as sent, 20 bytes (EMV 4.3 Book 2 6.6.1). */
export const transactionDataHash = (...parts: readonly Uint8Array[]): Uint8Array => sha1(concat(...parts));

function objectsOf(response: Uint8Array): readonly Tlv[] | undefined {
  try {
    return parseTlv(response);
  } catch (error) {
    if (isTapbenchError(error)) return undefined;
    throw error;
  }
}

function decodeCda(dynamicData: Uint8Array): CdaDynamic | undefined {
  try {
    const data = CdaDynamicData.decode(dynamicData);
    return data.number.length < 2 ? undefined : data;
  } catch (error) {
    if (isTapbenchError(error)) return undefined;
    throw error;
  }
}

/** The answer's bytes as they came, but for 9F4B and padding between objects. */
function withoutSignature(response: Uint8Array, objects: readonly Tlv[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const { tag, value } of objects) {
    const end = value.byteOffset - response.byteOffset + value.length;
    while (response[from] === 0) from++;
    if (tag !== 0x9f4b) parts.push(response.subarray(from, end));
    from = end;
  }
  return concat(...parts);
}
