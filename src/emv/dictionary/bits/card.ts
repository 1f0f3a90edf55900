import type { BitTable } from "./table.js";

/** Application Interchange Profile: byte 1 means the same everywhere; byte 2 is a kernel's. */
export const AIP: BitTable = {
  source: "EMV 4.4 Book 3, Annex C1",
  bytes: 2,
  rows: [
    [1, 0x80, "XDA supported"],
    [1, 0x40, "SDA supported"],
    [1, 0x20, "DDA supported"],
    [1, 0x10, "cardholder verification supported"],
    [1, 0x08, "terminal risk management to be performed"],
    [1, 0x04, "issuer authentication supported"],
    [1, 0x02, "on-device cardholder verification supported"],
    [1, 0x01, "CDA supported"],
  ],
};

export const AIP_KERNEL_2: BitTable = {
  source: "EMV 4.4 Book 3, Annex C1; byte 2: EMV Contactless Book C-2, Annex A",
  bytes: 2,
  rows: [...AIP.rows, [2, 0x80, "EMV mode supported"], [2, 0x01, "relay resistance protocol supported"]],
};

export const AIP_KERNEL_3: BitTable = {
  source: "EMV 4.4 Book 3, Annex C1; byte 2: EMV Contactless Book C-3, Annex A",
  bytes: 2,
  rows: [...AIP.rows, [2, 0x80, "magnetic stripe mode supported (no longer used)"], [2, 0x40, "mobile phone"]],
};

export const AUC: BitTable = {
  source: "EMV 4.4 Book 3, Annex C2",
  bytes: 2,
  rows: [
    [1, 0x80, "domestic cash"],
    [1, 0x40, "international cash"],
    [1, 0x20, "domestic goods"],
    [1, 0x10, "international goods"],
    [1, 0x08, "domestic services"],
    [1, 0x04, "international services"],
    [1, 0x02, "at ATMs"],
    [1, 0x01, "at terminals other than ATMs"],
    [2, 0x80, "domestic cashback"],
    [2, 0x40, "international cashback"],
  ],
};

export const CID: BitTable = {
  source: "EMV 4.4 Book 3, table 15",
  bytes: 1,
  rows: [
    [1, 0xc0, "AAC: declined", 0x00],
    [1, 0xc0, "TC: approved offline", 0x40],
    [1, 0xc0, "ARQC: go online", 0x80],
    [1, 0xc0, "reserved type of cryptogram", 0xc0],
    [1, 0x08, "an advice is required"],
    [1, 0x07, "service not allowed", 0x01],
    [1, 0x07, "PIN try limit exceeded", 0x02],
    [1, 0x07, "issuer authentication failed", 0x03],
  ],
};

export const PRIORITY: BitTable = {
  source: "EMV 4.4 Book 1, 12.2.3",
  bytes: 1,
  rows: [
    [1, 0x80, "the cardholder has to confirm"],
    [1, 0x0f, "no priority", 0x00],
    ...Array.from({ length: 15 }, (_, i) => [1, 0x0f, `priority ${i + 1}`, i + 1] as const),
  ],
};

/** Terminal Transaction Qualifiers of kernels 3, 6 and 7. */
export const TTQ: BitTable = {
  source: "EMV Contactless Book A, table 5-4",
  bytes: 4,
  rows: [
    [1, 0x80, "magnetic stripe mode supported"],
    [1, 0x20, "EMV mode supported"],
    [1, 0x10, "EMV contact chip supported"],
    [1, 0x08, "offline-only reader"],
    [1, 0x04, "online PIN supported"],
    [1, 0x02, "signature supported"],
    [1, 0x01, "offline data authentication for online authorisations supported"],
    [2, 0x80, "online cryptogram required"],
    [2, 0x40, "CVM required"],
    [2, 0x20, "offline PIN supported (contact chip)"],
    [3, 0x80, "issuer update processing supported"],
    [3, 0x40, "consumer device CVM supported"],
    [4, 0x80, "fDDA version 01 supported"],
  ],
};

export const TTQ_KERNEL_6: BitTable = {
  source: "EMV Contactless Book A, table 5-4; byte 3 bit 4: Book C-6, Annex D",
  bytes: 4,
  rows: [...TTQ.rows, [3, 0x08, "consumer device CVM required"]],
};

/** Card Transaction Qualifiers of kernels 3 and 7. */
export const CTQ: BitTable = {
  source: "EMV Contactless Book C-3, Annex A; Book C-7, Annex A",
  bytes: 2,
  rows: [
    [1, 0x80, "online PIN required"],
    [1, 0x40, "signature required"],
    [1, 0x20, "go online if offline data authentication fails and the reader can"],
    [1, 0x10, "switch interface if offline data authentication fails and the reader has a contact chip"],
    [1, 0x08, "go online if the application has expired"],
    [1, 0x04, "switch interface for cash"],
    [1, 0x02, "switch interface for cashback"],
    [1, 0x01, "not valid for contactless ATM transactions"],
    [2, 0x80, "consumer device CVM performed"],
    [2, 0x40, "card supports issuer update processing at the point of sale"],
  ],
};

/** 9F6E of Visa style cards: what the device is. */
export const FORM_FACTOR: BitTable = {
  source: "EMV Contactless Book C-3, Annex A (Form Factor Indicator)",
  bytes: 4,
  rows: [
    [1, 0xe0, "version 1", 0x20],
    [1, 0x1f, "card", 0x00],
    [1, 0x1f, "mini card", 0x01],
    [1, 0x1f, "not a card", 0x02],
    [1, 0x1f, "mobile phone", 0x03],
    [1, 0x1f, "worn on the wrist", 0x04],
    [2, 0x80, "passcode capable"],
    [2, 0x40, "signature panel"],
    [2, 0x20, "hologram"],
    [2, 0x10, "CVV2"],
    [2, 0x08, "two-way messaging"],
    [2, 0x04, "cloud based payment credentials"],
    [2, 0x02, "biometric cardholder verification capable"],
    [4, 0x0f, "contactless by ISO/IEC 14443", 0x00],
  ],
};

/** 9F6D and 9F6E of American Express style readers. */
export const AMEX_READER: BitTable = {
  source: "EMV Contactless Book C-4, table 4-2",
  bytes: 1,
  rows: [
    [1, 0xc8, "deprecated", 0x00],
    [1, 0xc8, "magnetic stripe mode, CVM not required", 0x40],
    [1, 0xc8, "magnetic stripe mode, CVM required", 0x48],
    [1, 0xc8, "EMV and magnetic stripe mode (deprecated)", 0x80],
    [1, 0xc8, "EMV and magnetic stripe mode, CVM not required", 0xc0],
    [1, 0xc8, "EMV and magnetic stripe mode, CVM required", 0xc8],
  ],
};

export const AMEX_READER_ENHANCED: BitTable = {
  source: "EMV Contactless Book C-4, table 4-4",
  bytes: 4,
  rows: [
    [1, 0x80, "contact mode supported"],
    [1, 0x40, "magnetic stripe mode supported"],
    [1, 0x20, "full online mode supported (no longer used)"],
    [1, 0x10, "partial online mode supported"],
    [1, 0x08, "mobile supported"],
    [1, 0x04, "try another interface after a decline"],
    [2, 0x80, "mobile CVM supported"],
    [2, 0x40, "online PIN supported"],
    [2, 0x20, "signature supported"],
    [2, 0x10, "plaintext offline PIN supported"],
    [3, 0x80, "reader is offline only"],
    [3, 0x40, "CVM required"],
    [4, 0x80, "terminal exempt from checks for no CVM"],
    [4, 0x40, "delayed authorisation"],
    [4, 0x20, "transit"],
    [4, 0x07, "kernel version 2.2 or 2.3", 0x01],
    [4, 0x07, "kernel version 2.4 to 2.6", 0x02],
    [4, 0x07, "kernel version 2.7", 0x03],
  ],
};

/** 9F52 and 9F53 of JCB style readers. */
export const JCB_MODES: BitTable = {
  source: "EMV Contactless Book C-5 (Terminal Compatibility Indicator)",
  bytes: 1,
  rows: [
    [1, 0x02, "EMV mode supported"],
    [1, 0x01, "magnetic stripe mode supported"],
  ],
};

export const JCB_PROFILE: BitTable = {
  source: "EMV Contactless Book C-5 (Terminal Interchange Profile)",
  bytes: 3,
  rows: [
    [1, 0x80, "CVM required by the reader"],
    [1, 0x40, "signature supported"],
    [1, 0x20, "online PIN supported"],
    [1, 0x10, "on-device CVM supported"],
    [1, 0x04, "transit reader"],
    [1, 0x02, "EMV contact chip supported"],
    [1, 0x01, "offline PIN supported (contact chip)"],
    [2, 0x80, "issuer update supported"],
  ],
};
