import type { TagTable } from "./row.js";

/** Kernel 4, American Express style. */
export const KERNEL_4: TagTable = {
  source: "EMV Contactless Book C-4",
  scope: "c4",
  rows: [
    [0x9f5a, "Membership Product Identifier", "an", 8, 8, "70"],
    [0x9f5b, "Product Membership Number", "an", 1, 32, "70"],
    [0x9f6d, "Contactless Reader Capabilities", "b", 1, 1, undefined, "EMV Contactless Book C-4, table 4-2"],
    [0x9f6e, "Enhanced Contactless Reader Capabilities", "b", 4, 4, undefined, "EMV Contactless Book C-4, table 4-4"],
    [0x9f70, "Card Interface and Payment Capabilities", "b", 2, 2, "70"],
    [0x9f71, "Mobile CVM Results", "b", 3, 3, "77"],
  ],
};

/** Kernel 5, JCB style. */
export const KERNEL_5: TagTable = {
  source: "EMV Contactless Book C-5",
  scope: "c5",
  rows: [
    [0x9f50, "Cardholder Verification Status", "b", 1, 1, "77"],
    [0x9f52, "Terminal Compatibility Indicator", "b", 1, 1],
    [0x9f53, "Terminal Interchange Profile", "b", 3, 3],
    [0x9f5c, "Magstripe Data Object List", "b", 0, 252],
    [0x9f60, "Issuer Update Parameter", "b", 1, 1],
  ],
};

/** Kernel 6, Discover style. */
export const KERNEL_6: TagTable = {
  source: "EMV Contactless Book C-6",
  scope: "c6",
  rows: [[0x9f66, "Terminal Transaction Qualifiers", "b", 4, 4, undefined, "EMV Contactless Book C-6, Annex D"]],
};

/** Kernel 7, UnionPay style: what card and reader exchange. */
export const KERNEL_7: TagTable = {
  source: "EMV Contactless Book C-7, Annex A",
  scope: "c7",
  rows: [
    [0x9f5d, "Available Offline Spending Amount", "n", 6, 6, "77"],
    [0x9f63, "Card Product Identification", "b", 16, 16, "70"],
    [0x9f66, "Terminal Transaction Qualifiers", "b", 4, 4, undefined, "EMV Contactless Book C-7, table 3-1"],
    [0x9f69, "Card Authentication Related Data", "b", 5, 16, "70 77"],
    [0x9f6c, "Card Transaction Qualifiers", "b", 2, 2, "77"],
  ],
};

/** Data of UnionPay style cards and their electronic cash. */
export const PBOC_CARD: TagTable = {
  source: "PBOC 3.0 (JR/T 0025), data element tables",
  scope: "c7",
  rows: [
    [0x9f51, "Application Currency Code (internal)", "n", 2, 2],
    [0x9f52, "Application Default Action", "b", 2, 6],
    [0x9f53, "Consecutive Transaction Limit (International - Currency)", "b", 1, 1],
    [0x9f54, "Cumulative Total Transaction Amount Limit", "n", 6, 6],
    [0x9f56, "Issuer Authentication Indicator", "b", 1, 1],
    [0x9f57, "Issuer Country Code (internal)", "n", 2, 2],
    [0x9f58, "Consecutive Transaction Lower Limit", "b", 1, 1],
    [0x9f59, "Consecutive Transaction Upper Limit", "b", 1, 1],
    [0x9f5c, "Cumulative Total Transaction Amount Upper Limit", "n", 6, 6],
    [0x9f61, "Cardholder Certificate Number", "ans", 0, 40, "70"],
    [0x9f62, "Cardholder Certificate Type", "b", 1, 1, "70"],
    [0x9f68, "Card Additional Processes", "b", 4, 4],
    [0x9f6b, "Card CVM Limit", "n", 6, 6],
    [0x9f6d, "Electronic Cash Reset Threshold", "n", 6, 6],
    [0x9f72, "Consecutive Transaction Limit (International - Country)", "b", 1, 1],
    [0x9f73, "Currency Conversion Factor", "b", 4, 4],
    [0x9f74, "Electronic Cash Issuer Authorisation Code", "an", 6, 6, "70"],
    [0x9f75, "Cumulative Total Transaction Amount Limit (Dual Currency)", "n", 6, 6],
    [0x9f76, "Secondary Application Currency Code", "n", 2, 2],
    [0x9f77, "Electronic Cash Balance Limit", "n", 6, 6],
    [0x9f78, "Electronic Cash Single Transaction Limit", "n", 6, 6],
    [0x9f79, "Electronic Cash Balance", "n", 6, 6],
    [0x9f7a, "Electronic Cash Terminal Support Indicator", "n", 1, 1],
    [0x9f7b, "Electronic Cash Terminal Transaction Limit", "n", 6, 6],
    [0xdf4d, "Load Log Entry", "b", 2, 2, "BF0C"],
    [0xdf4f, "Load Log Format", "b", 0, 252],
    [0xdf69, "SM Algorithm Support Indicator", "b", 1, 1],
  ],
};

/** Interac Flash. There is no book of the kernel; terminal makers document its settings. */
export const INTERAC: TagTable = {
  source: "Interac Flash kernel settings, as terminal makers publish them",
  scope: "interac",
  rows: [
    [0x9f58, "Merchant Type Indicator", "n", 1, 1],
    [0x9f59, "Terminal Transaction Information", "b", 3, 3],
    [0x9f5a, "Terminal Transaction Type", "n", 1, 1],
    [0x9f5d, "Terminal Contactless Receipt Required Limit", "n", 6, 6],
    [0x9f5e, "Terminal Option Status", "b", 2, 2],
    [0x9f5f, "Reader Contactless Floor Limit", "n", 6, 6],
  ],
};
