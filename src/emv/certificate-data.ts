import { bytes, literal, prefixed, restBut, u8 } from "../codec/fields.js";
import { message, type MessageValue } from "../codec/message.js";

/*
 * What stands inside the certificates and signatures of RSA cards, once recovered with the signer's public key (EMV 4.3 Book 2,
 * clauses 5 and 6). Every one starts with 6A and its format and ends with a SHA-1 hash and BC.
 */

/** Hash and trailer at the end of each. */
export const HASH_BYTES = 20;
const TAIL = HASH_BYTES + 1;
/** Bytes of a signer's modulus that an issuer's, a card's key and the other data leave no room in. */
export const ISSUER_OVERHEAD = 36;
export const ICC_OVERHEAD = 42;
export const STATIC_OVERHEAD = 26;
export const DYNAMIC_OVERHEAD = 25;
const MAX = 496;

export const IssuerCertificate = message("emv.IssuerCertificate", "EMV 4.3 Book 2 table 6 (5.3) and 13 (6.3)", {
  start: [literal("6A02"), "header 6A, format 02"],
  issuerIdentifier: [bytes(4), "leftmost 3 to 8 digits of the PAN, filled with F"],
  expiry: [bytes(2), "MMYY, good until the end of that month"],
  serial: [bytes(3), "certificate serial number"],
  hashAlgorithm: [u8, "01 SHA-1"],
  keyAlgorithm: [u8, "01 RSA"],
  keyLength: [u8, "length of the issuer's modulus in bytes"],
  exponentLength: [u8, "length of the issuer's exponent in bytes"],
  key: [restBut(TAIL, MAX), "the modulus filled with BB, or its first part"],
  hash: [bytes(HASH_BYTES), "SHA-1 from the format to the key, then remainder and exponent"],
  end: [literal("BC"), "trailer"],
});

export const IccCertificate = message("emv.IccCertificate", "EMV 4.3 Book 2 table 14 (6.4)", {
  start: [literal("6A04"), "header 6A, format 04"],
  pan: [bytes(10), "PAN, filled with F"],
  expiry: [bytes(2), "MMYY, good until the end of that month"],
  serial: [bytes(3), "certificate serial number"],
  hashAlgorithm: [u8, "01 SHA-1"],
  keyAlgorithm: [u8, "01 RSA"],
  keyLength: [u8, "length of the card's modulus in bytes"],
  exponentLength: [u8, "length of the card's exponent in bytes"],
  key: [restBut(TAIL, MAX), "the modulus filled with BB, or its first part"],
  hash: [bytes(HASH_BYTES), "SHA-1 from the format to the key, then remainder, exponent and static data"],
  end: [literal("BC"), "trailer"],
});

export const SignedStaticData = message("emv.SignedStaticData", "EMV 4.3 Book 2 table 7 (5.4)", {
  start: [literal("6A03"), "header 6A, format 03"],
  hashAlgorithm: [u8, "01 SHA-1"],
  authenticationCode: [bytes(2), "data authentication code (9F45)"],
  padding: [restBut(TAIL, MAX), "BB"],
  hash: [bytes(HASH_BYTES), "SHA-1 from the format to the padding, then static data"],
  end: [literal("BC"), "trailer"],
});

export const SignedDynamicData = message("emv.SignedDynamicData", "EMV 4.3 Book 2 table 17 (6.5.2), 22 (6.6.2)", {
  start: [literal("6A05"), "header 6A, format 05"],
  hashAlgorithm: [u8, "01 SHA-1"],
  dynamicData: [prefixed(u8, MAX), "the card's dynamic data"],
  padding: [restBut(TAIL, MAX), "BB"],
  hash: [bytes(HASH_BYTES), "SHA-1 from the format to the padding, then the terminal's data"],
  end: [literal("BC"), "trailer"],
});

/** The card's dynamic data when a cryptogram is signed with it (CDA). Relay resistance data may follow (kernel 2). */
export const CdaDynamicData = message("emv.CdaDynamicData", "EMV 4.3 Book 2 table 19 (6.6.1)", {
  number: [prefixed(u8, 8), "ICC dynamic number (9F4C), 2 to 8 bytes"],
  cid: [u8, "cryptogram information data (9F27)"],
  cryptogram: [bytes(8), "TC or ARQC"],
  transactionHash: [bytes(HASH_BYTES), "transaction data hash code"],
  more: [restBut(0, 64), "relay resistance data, when it was performed"],
});

export type IssuerCertificateData = MessageValue<typeof IssuerCertificate>;
export type IccCertificateData = MessageValue<typeof IccCertificate>;
export type CdaDynamic = MessageValue<typeof CdaDynamicData>;
