import type { DolFormat } from "../codec/dol.js";

/** How a value is written: numeric, compressed numeric, binary, letters and digits, or it holds other objects. */
export type TagFormat = "n" | "cn" | "b" | "an" | "ans" | "template";

export interface TagInfo {
  readonly tag: number;
  readonly name: string;
  readonly format: TagFormat;
  /** Shortest and longest value in bytes. */
  readonly length: readonly [min: number, max: number];
  /** Where it is defined. */
  readonly source: string;
  /** Kernels that give this tag this meaning; absent: all. */
  readonly scope?: readonly string[];
}

type Row = readonly [
  tag: number,
  name: string,
  format: TagFormat,
  min: number,
  max: number,
  source: string,
  scope?: readonly string[],
];

const B3 = "EMV 4.3 Book 3 Annex A";
const B1 = "EMV 4.3 Book 1 12.2";
const BB = "EMV Contactless Book B";
const C2 = "EMV Contactless Book C-2 Annex A";
const C3 = "EMV Contactless Book C-3 Annex A";
const ISO = "ISO/IEC 7816-4";

const ROWS: readonly Row[] = [
  [0x42, "Issuer Identification Number", "n", 3, 3, B3],
  [0x4f, "Application Identifier (ADF Name)", "b", 5, 16, B1],
  [0x50, "Application Label", "ans", 1, 16, B1],
  [0x56, "Track 1 Data", "ans", 0, 76, C2, ["c2"]],
  [0x57, "Track 2 Equivalent Data", "b", 0, 19, B3],
  [0x5a, "Application PAN", "cn", 0, 10, B3],
  [0x5f20, "Cardholder Name", "ans", 2, 26, B3],
  [0x5f24, "Application Expiration Date", "n", 3, 3, B3],
  [0x5f25, "Application Effective Date", "n", 3, 3, B3],
  [0x5f28, "Issuer Country Code", "n", 2, 2, B3],
  [0x5f2a, "Transaction Currency Code", "n", 2, 2, B3],
  [0x5f2d, "Language Preference", "an", 2, 8, B3],
  [0x5f30, "Service Code", "n", 2, 2, B3],
  [0x5f34, "Application PAN Sequence Number", "n", 1, 1, B3],
  [0x5f36, "Transaction Currency Exponent", "n", 1, 1, B3],
  [0x5f50, "Issuer URL", "ans", 0, 255, B3],
  [0x5f53, "IBAN", "b", 0, 34, B3],
  [0x5f54, "Bank Identifier Code", "b", 8, 11, B3],
  [0x5f55, "Issuer Country Code (alpha2)", "an", 2, 2, B3],
  [0x5f56, "Issuer Country Code (alpha3)", "an", 3, 3, B3],
  [0x61, "Application Template", "template", 0, 252, B1],
  [0x6f, "FCI Template", "template", 0, 252, B1],
  [0x70, "READ RECORD Response Template", "template", 0, 252, B3],
  [0x71, "Issuer Script Template 1", "template", 0, 252, B3],
  [0x72, "Issuer Script Template 2", "template", 0, 252, B3],
  [0x73, "Directory Discretionary Template", "template", 0, 252, B1],
  [0x77, "Response Message Template Format 2", "template", 0, 252, B3],
  [0x80, "Response Message Template Format 1", "b", 0, 253, B3],
  [0x81, "Amount, Authorised (Binary)", "b", 4, 4, B3],
  [0x82, "Application Interchange Profile", "b", 2, 2, B3],
  [0x83, "Command Template", "b", 0, 252, B3],
  [0x84, "DF Name", "b", 5, 16, B1],
  [0x86, "Issuer Script Command", "b", 0, 261, B3],
  [0x87, "Application Priority Indicator", "b", 1, 1, B1],
  [0x88, "Short File Identifier", "b", 1, 1, B1],
  [0x89, "Authorisation Code", "ans", 6, 6, B3],
  [0x8a, "Authorisation Response Code", "an", 2, 2, B3],
  [0x8c, "CDOL1", "b", 0, 252, B3],
  [0x8d, "CDOL2", "b", 0, 252, B3],
  [0x8e, "CVM List", "b", 0, 252, B3],
  [0x8f, "CA Public Key Index", "b", 1, 1, B3],
  [0x90, "Issuer Public Key Certificate", "b", 0, 248, B3],
  [0x91, "Issuer Authentication Data", "b", 8, 16, B3],
  [0x92, "Issuer Public Key Remainder", "b", 0, 248, B3],
  [0x93, "Signed Static Application Data", "b", 0, 248, B3],
  [0x94, "Application File Locator", "b", 0, 252, B3],
  [0x95, "Terminal Verification Results", "b", 5, 5, B3],
  [0x97, "TDOL", "b", 0, 252, B3],
  [0x98, "Transaction Certificate Hash Value", "b", 20, 20, B3],
  [0x99, "Transaction PIN Data", "b", 0, 252, B3],
  [0x9a, "Transaction Date", "n", 3, 3, B3],
  [0x9b, "Transaction Status Information", "b", 2, 2, B3],
  [0x9c, "Transaction Type", "n", 1, 1, B3],
  [0x9d, "Directory Definition File Name", "b", 5, 16, B1],
  [0x9f01, "Acquirer Identifier", "n", 6, 6, B3],
  [0x9f02, "Amount, Authorised (Numeric)", "n", 6, 6, B3],
  [0x9f03, "Amount, Other (Numeric)", "n", 6, 6, B3],
  [0x9f04, "Amount, Other (Binary)", "b", 4, 4, B3],
  [0x9f05, "Application Discretionary Data", "b", 1, 32, B3],
  [0x9f06, "Application Identifier (terminal)", "b", 5, 16, B3],
  [0x9f07, "Application Usage Control", "b", 2, 2, B3],
  [0x9f08, "Application Version Number (card)", "b", 2, 2, B3],
  [0x9f09, "Application Version Number (terminal)", "b", 2, 2, B3],
  [0x9f0b, "Cardholder Name Extended", "ans", 27, 45, B3],
  [0x9f0d, "Issuer Action Code - Default", "b", 5, 5, B3],
  [0x9f0e, "Issuer Action Code - Denial", "b", 5, 5, B3],
  [0x9f0f, "Issuer Action Code - Online", "b", 5, 5, B3],
  [0x9f10, "Issuer Application Data", "b", 0, 32, B3],
  [0x9f11, "Issuer Code Table Index", "n", 1, 1, B3],
  [0x9f12, "Application Preferred Name", "ans", 1, 16, B1],
  [0x9f13, "Last Online ATC Register", "b", 2, 2, B3],
  [0x9f14, "Lower Consecutive Offline Limit", "b", 1, 1, B3],
  [0x9f15, "Merchant Category Code", "n", 2, 2, B3],
  [0x9f16, "Merchant Identifier", "ans", 15, 15, B3],
  [0x9f17, "PIN Try Counter", "b", 1, 1, B3],
  [0x9f18, "Issuer Script Identifier", "b", 4, 4, B3],
  [0x9f19, "Token Requestor ID", "n", 6, 6, "EMV Payment Tokenisation 2.0"],
  [0x9f1a, "Terminal Country Code", "n", 2, 2, B3],
  [0x9f1b, "Terminal Floor Limit", "b", 4, 4, B3],
  [0x9f1c, "Terminal Identification", "an", 8, 8, B3],
  [0x9f1d, "Terminal Risk Management Data", "b", 1, 8, B3],
  [0x9f1e, "Interface Device Serial Number", "an", 8, 8, B3],
  [0x9f1f, "Track 1 Discretionary Data", "ans", 0, 255, B3],
  [0x9f20, "Track 2 Discretionary Data", "cn", 0, 255, B3],
  [0x9f21, "Transaction Time", "n", 3, 3, B3],
  [0x9f22, "CA Public Key Index (terminal)", "b", 1, 1, B3],
  [0x9f23, "Upper Consecutive Offline Limit", "b", 1, 1, B3],
  [0x9f24, "Payment Account Reference", "an", 29, 29, "EMV Payment Tokenisation 2.0"],
  [0x9f26, "Application Cryptogram", "b", 8, 8, B3],
  [0x9f27, "Cryptogram Information Data", "b", 1, 1, B3],
  [0x9f28, "Kernel capabilities (proprietary)", "b", 0, 255, "seen in recorded taps"],
  [0x9f2a, "Kernel Identifier", "b", 1, 8, BB],
  [0x9f2d, "ICC PIN Encipherment Public Key Certificate", "b", 0, 248, B3],
  [0x9f2e, "ICC PIN Encipherment Public Key Exponent", "b", 1, 3, B3],
  [0x9f2f, "ICC PIN Encipherment Public Key Remainder", "b", 0, 248, B3],
  [0x9f32, "Issuer Public Key Exponent", "b", 1, 3, B3],
  [0x9f33, "Terminal Capabilities", "b", 3, 3, B3],
  [0x9f34, "CVM Results", "b", 3, 3, B3],
  [0x9f35, "Terminal Type", "n", 1, 1, B3],
  [0x9f36, "Application Transaction Counter", "b", 2, 2, B3],
  [0x9f37, "Unpredictable Number", "b", 4, 4, B3],
  [0x9f38, "PDOL", "b", 0, 252, B3],
  [0x9f39, "POS Entry Mode", "n", 1, 1, B3],
  [0x9f3a, "Amount, Reference Currency", "b", 4, 4, B3],
  [0x9f3b, "Application Reference Currency", "n", 2, 8, B3],
  [0x9f3c, "Transaction Reference Currency Code", "n", 2, 2, B3],
  [0x9f3d, "Transaction Reference Currency Exponent", "n", 1, 1, B3],
  [0x9f40, "Additional Terminal Capabilities", "b", 5, 5, B3],
  [0x9f41, "Transaction Sequence Counter", "n", 2, 4, B3],
  [0x9f42, "Application Currency Code", "n", 2, 2, B3],
  [0x9f43, "Application Reference Currency Exponent", "n", 1, 4, B3],
  [0x9f44, "Application Currency Exponent", "n", 1, 1, B3],
  [0x9f45, "Data Authentication Code", "b", 2, 2, B3],
  [0x9f46, "ICC Public Key Certificate", "b", 0, 248, B3],
  [0x9f47, "ICC Public Key Exponent", "b", 1, 3, B3],
  [0x9f48, "ICC Public Key Remainder", "b", 0, 248, B3],
  [0x9f49, "DDOL", "b", 0, 252, B3],
  [0x9f4a, "Static Data Authentication Tag List", "b", 0, 252, B3],
  [0x9f4b, "Signed Dynamic Application Data", "b", 0, 248, B3],
  [0x9f4c, "ICC Dynamic Number", "b", 2, 8, B3],
  [0x9f4d, "Log Entry", "b", 2, 2, B3],
  [0x9f4e, "Merchant Name and Location", "ans", 0, 255, B3],
  [0x9f4f, "Log Format", "b", 0, 252, B3],
  [0x9f50, "Offline Accumulator Balance", "n", 6, 6, C2, ["c2"]],
  [0x9f51, "DRDOL", "b", 0, 250, C2, ["c2"]],
  [0x9f53, "Transaction Category Code", "an", 1, 1, C2, ["c2"]],
  [0x9f5d, "Application Capabilities Information", "b", 3, 3, C2, ["c2"]],
  [0x9f5d, "Available Offline Spending Amount", "n", 6, 6, C3, ["c3", "c7"]],
  [0x9f60, "CVC3 (Track1)", "b", 2, 2, C2, ["c2"]],
  [0x9f61, "CVC3 (Track2)", "b", 2, 2, C2, ["c2"]],
  [0x9f62, "PCVC3 (Track1)", "b", 6, 6, C2, ["c2"]],
  [0x9f63, "PUNATC (Track1)", "b", 6, 6, C2, ["c2"]],
  [0x9f64, "NATC (Track1)", "b", 1, 1, C2, ["c2"]],
  [0x9f65, "PCVC3 (Track2)", "b", 2, 2, C2, ["c2"]],
  [0x9f66, "PUNATC (Track2)", "b", 2, 2, C2, ["c2"]],
  [0x9f66, "Terminal Transaction Qualifiers", "b", 4, 4, C3, ["c3", "c7"]],
  [0x9f67, "NATC (Track2)", "b", 1, 1, C2, ["c2"]],
  [0x9f68, "Mag-stripe CVM List", "b", 0, 252, C2, ["c2"]],
  [0x9f69, "UDOL", "b", 0, 250, C2, ["c2"]],
  [0x9f69, "Card Authentication Related Data", "b", 5, 16, C3, ["c3"]],
  [0x9f6a, "Unpredictable Number (Numeric)", "n", 4, 4, C2, ["c2"]],
  [0x9f6b, "Track 2 Data", "b", 0, 19, C2, ["c2"]],
  [0x9f6c, "Mag-stripe Application Version Number (card)", "b", 2, 2, C2, ["c2"]],
  [0x9f6c, "Card Transaction Qualifiers", "b", 2, 2, C3, ["c3", "c7"]],
  [0x9f6d, "Mag-stripe Application Version Number (reader)", "b", 2, 2, C2, ["c2"]],
  [0x9f6e, "Third Party Data", "b", 5, 32, C2, ["c2"]],
  [0x9f6e, "Form Factor Indicator", "b", 4, 4, C3, ["c3"]],
  [0x9f7c, "Merchant Custom Data", "b", 20, 20, C2, ["c2"]],
  [0x9f7e, "Mobile Support Indicator", "b", 1, 1, C2, ["c2"]],
  [0xa5, "FCI Proprietary Template", "template", 0, 252, B1],
  [0xbf0c, "FCI Issuer Discretionary Data", "template", 0, 222, B1],
  [0xdf8104, "Balance Read Before Gen AC", "n", 6, 6, C2, ["c2"]],
  [0xdf8105, "Balance Read After Gen AC", "n", 6, 6, C2, ["c2"]],
  [0xdf810c, "Kernel ID", "b", 1, 1, C2, ["c2"]],
  [0xdf8115, "Error Indication", "b", 6, 6, C2, ["c2"]],
  [0xdf8116, "User Interface Request Data", "b", 22, 22, C2, ["c2"]],
  [0xdf8117, "Card Data Input Capability", "b", 1, 1, C2, ["c2"]],
  [0xdf8118, "CVM Capability - CVM Required", "b", 1, 1, C2, ["c2"]],
  [0xdf8119, "CVM Capability - No CVM Required", "b", 1, 1, C2, ["c2"]],
  [0xdf811b, "Kernel Configuration", "b", 1, 1, C2, ["c2"]],
  [0xdf811f, "Security Capability", "b", 1, 1, C2, ["c2"]],
  [0xdf8120, "Terminal Action Code - Default", "b", 5, 5, C2, ["c2"]],
  [0xdf8121, "Terminal Action Code - Denial", "b", 5, 5, C2, ["c2"]],
  [0xdf8122, "Terminal Action Code - Online", "b", 5, 5, C2, ["c2"]],
  [0xdf8123, "Reader Contactless Floor Limit", "n", 6, 6, C2, ["c2"]],
  [0xdf8124, "Reader Contactless Transaction Limit (No On-device CVM)", "n", 6, 6, C2, ["c2"]],
  [0xdf8125, "Reader Contactless Transaction Limit (On-device CVM)", "n", 6, 6, C2, ["c2"]],
  [0xdf8126, "Reader CVM Required Limit", "n", 6, 6, C2, ["c2"]],
  [0xdf8129, "Outcome Parameter Set", "b", 8, 8, C2, ["c2"]],
  [0xdf812d, "Message Hold Time", "n", 3, 3, C2, ["c2"]],
  [0xff8105, "Data Record", "template", 0, 1024, C2, ["c2"]],
  [0xff8106, "Discretionary Data", "template", 0, 1024, C2, ["c2"]],
  [0x62, "FCP Template", "template", 0, 252, ISO],
];

export const TAGS: readonly TagInfo[] = ROWS.map(([tag, name, format, min, max, source, scope]) => ({
  tag,
  name,
  format,
  length: [min, max],
  source,
  ...(scope && { scope }),
}));

const byTag = new Map<number, TagInfo[]>();
for (const info of TAGS) byTag.set(info.tag, [...(byTag.get(info.tag) ?? []), info]);

/** What a tag means in a kernel. Where kernels disagree and none is given, nothing is said rather than guessed. */
export function tagInfo(tag: number, kernel?: string): TagInfo | undefined {
  const rows = byTag.get(tag);
  if (!rows) return undefined;
  if (kernel === undefined) return rows.length === 1 ? rows[0] : undefined;
  return rows.find((row) => row.scope?.includes(kernel)) ?? rows.find((row) => !row.scope);
}

/** Which way a DOL cuts and pads the tag's value. */
export function dolFormat(tag: number): DolFormat {
  const format = byTag.get(tag)?.[0]?.format;
  return format === "n" || format === "cn" ? format : "other";
}

/** Data objects by tag: what a kernel has collected, what a terminal is set up with. */
export type DataObjects = ReadonlyMap<number, Uint8Array>;
