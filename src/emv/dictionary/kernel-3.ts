import type { TagTable } from "./row.js";

/** Kernel 3, Visa style: what card and reader exchange. */
export const KERNEL_3: TagTable = {
  source: "EMV Contactless Book C-3, Annex A",
  scope: "c3",
  rows: [
    [0x9f5a, "Application Program Identifier", "b", 1, 16, "A5 BF0C"],
    [0x9f5d, "Available Offline Spending Amount", "n", 6, 6, "77"],
    [0x9f66, "Terminal Transaction Qualifiers", "b", 4, 4],
    [0x9f69, "Card Authentication Related Data", "b", 5, 16, "70 77"],
    [0x9f6c, "Card Transaction Qualifiers", "b", 2, 2, "77"],
    [0x9f6e, "Form Factor Indicator", "b", 4, 4, "77"],
    [0x9f7c, "Customer Exclusive Data", "b", 0, 32, "77"],
  ],
};

/** Data that the issuer of a Visa style card personalises, and may read and update. */
export const VISA_CARD: TagTable = {
  source: "Visa Integrated Circuit Card Specification (VIS), data element tables",
  scope: "c3",
  rows: [
    [0x9f51, "Application Currency Code (internal)", "n", 2, 2],
    [0x9f52, "Application Default Action", "b", 2, 6],
    [0x9f53, "Consecutive Transaction Limit (International)", "b", 1, 1],
    [0x9f54, "Cumulative Total Transaction Amount Limit", "n", 6, 6],
    [0x9f55, "Geographic Indicator", "b", 1, 1],
    [0x9f56, "Issuer Authentication Indicator", "b", 1, 1],
    [0x9f57, "Issuer Country Code (internal)", "n", 2, 2],
    [0x9f58, "Consecutive Transaction Lower Limit", "b", 1, 1],
    [0x9f59, "Consecutive Transaction Upper Limit", "b", 1, 1],
    [0x9f5b, "Issuer Script Results", "b", 5, 255],
    [0x9f5c, "Cumulative Total Transaction Amount Upper Limit", "n", 6, 6],
    [0x9f5e, "Consecutive Transaction International Upper Limit", "b", 1, 1],
    [0x9f68, "Card Additional Processes", "b", 4, 4],
    [0x9f6b, "Card CVM Limit", "n", 6, 6],
    [0x9f72, "Consecutive Transaction Limit (International - Country)", "b", 1, 1],
    [0x9f73, "Currency Conversion Parameters", "b", 5, 5],
    [0x9f77, "VLP Funds Limit", "n", 6, 6],
    [0x9f78, "VLP Single Transaction Limit", "n", 6, 6],
    [0x9f79, "VLP Available Funds", "n", 6, 6],
  ],
};
