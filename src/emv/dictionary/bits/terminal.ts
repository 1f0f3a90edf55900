import type { BitTable } from "./table.js";

/** Terminal Verification Results, and the action codes, which have the same bits. */
export const TVR: BitTable = {
  source: "EMV 4.4 Book 3, Annex C5; byte 5 bits 4 to 1: EMV Contactless Book C-2, Annex A",
  bytes: 5,
  rows: [
    [1, 0x80, "offline data authentication was not performed"],
    [1, 0x40, "SDA failed"],
    [1, 0x20, "card data missing"],
    [1, 0x10, "card is on the exception file"],
    [1, 0x08, "DDA failed"],
    [1, 0x04, "CDA failed"],
    [1, 0x02, "SDA selected"],
    [1, 0x01, "XDA selected"],
    [2, 0x80, "card and terminal have different application versions"],
    [2, 0x40, "application expired"],
    [2, 0x20, "application not yet effective"],
    [2, 0x10, "service not allowed for the card product"],
    [2, 0x08, "new card"],
    [2, 0x02, "biometric verification performed and successful"],
    [2, 0x01, "biometric template format not supported"],
    [3, 0x80, "cardholder verification was not successful"],
    [3, 0x40, "CVM not recognised"],
    [3, 0x20, "PIN try limit exceeded"],
    [3, 0x10, "PIN required, but the PIN pad is missing or broken"],
    [3, 0x08, "PIN required, but not entered"],
    [3, 0x04, "online PIN or other online CVM captured"],
    [3, 0x02, "biometric capture device is missing or broken"],
    [3, 0x01, "biometric entry was bypassed"],
    [4, 0x80, "transaction exceeds the floor limit"],
    [4, 0x40, "lower consecutive offline limit exceeded"],
    [4, 0x20, "upper consecutive offline limit exceeded"],
    [4, 0x10, "selected at random for online processing"],
    [4, 0x08, "merchant forced the transaction online"],
    [4, 0x04, "biometric try limit exceeded"],
    [4, 0x02, "biometric type not supported"],
    [4, 0x01, "XDA signature verification failed"],
    [5, 0x80, "default TDOL used"],
    [5, 0x40, "issuer authentication failed"],
    [5, 0x20, "script failed before the final GENERATE AC"],
    [5, 0x10, "script failed after the final GENERATE AC"],
  ],
};

/** The bits of byte 5 that Book C-2 gives to relay resistance; in other kernels they are reserved, or about elliptic curve keys. */
export const TVR_KERNEL_2: BitTable = {
  ...TVR,
  rows: [
    ...TVR.rows,
    [5, 0x08, "relay resistance threshold exceeded"],
    [5, 0x04, "relay resistance time limits exceeded"],
    [5, 0x03, "relay resistance not supported", 0x01],
    [5, 0x03, "relay resistance performed", 0x02],
  ],
};

export const TSI: BitTable = {
  source: "EMV 4.4 Book 3, Annex C6",
  bytes: 2,
  rows: [
    [1, 0x80, "offline data authentication was performed"],
    [1, 0x40, "cardholder verification was performed"],
    [1, 0x20, "card risk management was performed"],
    [1, 0x10, "issuer authentication was performed"],
    [1, 0x08, "terminal risk management was performed"],
    [1, 0x04, "script processing was performed"],
  ],
};

const INPUT = [
  [1, 0x80, "manual key entry"],
  [1, 0x40, "magnetic stripe"],
  [1, 0x20, "chip with contacts"],
] as const;
const CVMS = [
  [1, 0x80, "plaintext PIN checked by the card"],
  [1, 0x40, "enciphered PIN checked online"],
  [1, 0x20, "signature"],
  [1, 0x10, "enciphered PIN checked by the card (RSA)"],
  [1, 0x08, "no CVM required"],
  [1, 0x04, "online biometric"],
  [1, 0x02, "offline biometric"],
  [1, 0x01, "enciphered PIN checked by the card (ECC)"],
] as const;
const SECURITY = [
  [1, 0x80, "SDA"],
  [1, 0x40, "DDA"],
  [1, 0x20, "card capture"],
  [1, 0x08, "CDA"],
  [1, 0x04, "XDA"],
] as const;

export const CARD_INPUT: BitTable = { source: "EMV 4.4 Book 4, Annex A2", bytes: 1, rows: INPUT };
export const CVM_CAPABILITY: BitTable = { source: "EMV 4.4 Book 4, Annex A2", bytes: 1, rows: CVMS };
export const SECURITY_CAPABILITY: BitTable = { source: "EMV 4.4 Book 4, Annex A2", bytes: 1, rows: SECURITY };

const GROUPS = [
  ["input", INPUT],
  ["CVM", CVMS],
  ["security", SECURITY],
] as const;

/** 9F33: the three above, one behind the other. */
export const TERMINAL_CAPABILITIES: BitTable = {
  source: "EMV 4.4 Book 4, Annex A2",
  bytes: 3,
  rows: GROUPS.flatMap(([group, rows], i) => rows.map(([, mask, says]) => [i + 1, mask, `${group}: ${says}`] as const)),
};

export const ADDITIONAL_CAPABILITIES: BitTable = {
  source: "EMV 4.4 Book 4, Annex A3",
  bytes: 5,
  rows: [
    [1, 0x80, "cash"],
    [1, 0x40, "goods"],
    [1, 0x20, "services"],
    [1, 0x10, "cashback"],
    [1, 0x08, "inquiry"],
    [1, 0x04, "transfer"],
    [1, 0x02, "payment"],
    [1, 0x01, "administrative"],
    [2, 0x80, "cash deposit"],
    [3, 0x80, "numeric keys"],
    [3, 0x40, "alphabetic and special keys"],
    [3, 0x20, "command keys"],
    [3, 0x10, "function keys"],
    [4, 0x80, "printer for the attendant"],
    [4, 0x40, "printer for the cardholder"],
    [4, 0x20, "display for the attendant"],
    [4, 0x10, "display for the cardholder"],
    [4, 0x02, "code table 10"],
    [4, 0x01, "code table 9"],
    [5, 0x80, "code table 8"],
    [5, 0x40, "code table 7"],
    [5, 0x20, "code table 6"],
    [5, 0x10, "code table 5"],
    [5, 0x08, "code table 4"],
    [5, 0x04, "code table 3"],
    [5, 0x02, "code table 2"],
    [5, 0x01, "code table 1"],
  ],
};

export const TERMINAL_TYPE: BitTable = {
  source: "EMV 4.4 Book 4, Annex A1",
  bytes: 1,
  rows: [
    [1, 0xf0, "of a financial institution", 0x10],
    [1, 0xf0, "of a merchant", 0x20],
    [1, 0xf0, "of a cardholder", 0x30],
    [1, 0x0f, "attended, online only", 0x01],
    [1, 0x0f, "attended, offline with online capability", 0x02],
    [1, 0x0f, "attended, offline only", 0x03],
    [1, 0x0f, "unattended, online only", 0x04],
    [1, 0x0f, "unattended, offline with online capability", 0x05],
    [1, 0x0f, "unattended, offline only", 0x06],
  ],
};

/** Codes of POS entry modes, transaction types and account types: single values. */
export const POS_ENTRY_MODE: BitTable = {
  source: "ISO 8583:1987, 4.3.14, first two digits",
  bytes: 1,
  rows: [
    [1, 0xff, "unknown", 0x00],
    [1, 0xff, "keyed in", 0x01],
    [1, 0xff, "magnetic stripe, may be incomplete", 0x02],
    [1, 0xff, "optical code", 0x03],
    [1, 0xff, "chip", 0x05],
    [1, 0xff, "contactless, chip data", 0x07],
    [1, 0xff, "credential on file", 0x10],
    [1, 0xff, "magnetic stripe after a chip failure", 0x80],
    [1, 0xff, "magnetic stripe, whole", 0x90],
    [1, 0xff, "contactless, magnetic stripe data", 0x91],
    [1, 0xff, "chip, CVV not reliable", 0x95],
  ],
};

export const TRANSACTION_TYPE: BitTable = {
  source: "ISO 8583:1987, 4.3.8, first two digits of the processing code",
  bytes: 1,
  rows: [
    [1, 0xff, "goods and services", 0x00],
    [1, 0xff, "cash", 0x01],
    [1, 0xff, "goods and services with cashback", 0x09],
    [1, 0xff, "cash disbursement", 0x17],
    [1, 0xff, "refund", 0x20],
    [1, 0xff, "balance inquiry", 0x30],
  ],
};

export const ACCOUNT_TYPE: BitTable = {
  source: "EMV 4.4 Book 3, Annex G",
  bytes: 1,
  rows: [
    [1, 0xff, "default", 0x00],
    [1, 0xff, "savings", 0x10],
    [1, 0xff, "cheque or debit", 0x20],
    [1, 0xff, "credit", 0x30],
  ],
};

/** 9F1D as Mastercard style kernels and kernel 8 use it. */
export const RISK_MANAGEMENT_DATA: BitTable = {
  source: "EMV Contactless Book C-2, Annex A (Terminal Risk Management Data)",
  bytes: 8,
  rows: [
    [1, 0x80, "restart supported"],
    [1, 0x40, "contactless: enciphered PIN checked online"],
    [1, 0x20, "contactless: signature"],
    [1, 0x10, "contactless: enciphered PIN checked by the card"],
    [1, 0x08, "contactless: no CVM required"],
    [1, 0x04, "contactless: CDCVM"],
    [1, 0x02, "contactless: plaintext PIN checked by the card"],
    [1, 0x01, "present and hold supported"],
    [2, 0x80, "CVM limit exceeded"],
    [2, 0x40, "contact: enciphered PIN checked online"],
    [2, 0x20, "contact: signature"],
    [2, 0x10, "contact: enciphered PIN checked by the card"],
    [2, 0x08, "contact: no CVM required"],
    [2, 0x04, "contact: CDCVM"],
    [2, 0x02, "contact: plaintext PIN checked by the card"],
    [3, 0x80, "contactless magnetic stripe mode not supported"],
    [3, 0x40, "contactless EMV mode not supported"],
    [3, 0x20, "CDCVM without CDA supported"],
    [4, 0x80, "CDCVM bypass requested"],
    [4, 0x40, "exempt from strong customer authentication"],
  ],
};
