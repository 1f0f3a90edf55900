import { hex, printable } from "../../../util/bytes.js";
import * as card from "./card.js";
import { cvmList, cvmResults } from "./cvm.js";
import { issuerApplicationData } from "./iad.js";
import * as c2 from "./kernel-2.js";
import { saidBy, type BitTable } from "./table.js";
import * as terminal from "./terminal.js";

/** Tables by tag; where kernels differ the scope's own comes first. `*`: whatever the scope. */
const TABLES: ReadonlyMap<number, Readonly<Partial<Record<string, BitTable>>>> = new Map<
  number,
  Readonly<Partial<Record<string, BitTable>>>
>([
  [0x5f57, { "*": terminal.ACCOUNT_TYPE }],
  [0x82, { c2: card.AIP_KERNEL_2, c3: card.AIP_KERNEL_3, "*": card.AIP }],
  [0x87, { "*": card.PRIORITY }],
  [0x95, { c2: terminal.TVR_KERNEL_2, "*": terminal.TVR }],
  [0x9b, { "*": terminal.TSI }],
  [0x9c, { "*": terminal.TRANSACTION_TYPE }],
  [0x9f07, { "*": card.AUC }],
  [0x9f0d, { c2: terminal.TVR_KERNEL_2, "*": terminal.TVR }],
  [0x9f0e, { c2: terminal.TVR_KERNEL_2, "*": terminal.TVR }],
  [0x9f0f, { c2: terminal.TVR_KERNEL_2, "*": terminal.TVR }],
  [0x9f1d, { c2: terminal.RISK_MANAGEMENT_DATA, c8: terminal.RISK_MANAGEMENT_DATA }],
  [0x9f27, { "*": card.CID }],
  [0x9f33, { "*": terminal.TERMINAL_CAPABILITIES }],
  [0x9f35, { "*": terminal.TERMINAL_TYPE }],
  [0x9f39, { "*": terminal.POS_ENTRY_MODE }],
  [0x9f40, { "*": terminal.ADDITIONAL_CAPABILITIES }],
  [0x9f52, { c5: card.JCB_MODES }],
  [0x9f53, { c5: card.JCB_PROFILE }],
  [0x9f5d, { c2: c2.APPLICATION_CAPABILITIES }],
  [0x9f66, { c3: card.TTQ, c6: card.TTQ_KERNEL_6, c7: card.TTQ }],
  [0x9f6c, { c3: card.CTQ, c7: card.CTQ }],
  [0x9f6d, { c4: card.AMEX_READER }],
  [0x9f6e, { c3: card.FORM_FACTOR, c4: card.AMEX_READER_ENHANCED }],
  [0x9f7e, { c2: c2.MOBILE_SUPPORT }],
  [0xdf4b, { c2: c2.HOLDER_INTERACTION }],
  [0xdf8116, { "*": c2.UI_REQUEST }],
  [0xdf8117, { "*": terminal.CARD_INPUT }],
  [0xdf8118, { "*": terminal.CVM_CAPABILITY }],
  [0xdf8119, { "*": terminal.CVM_CAPABILITY }],
  [0xdf811b, { "*": c2.KERNEL_CONFIGURATION }],
  [0xdf811e, { "*": c2.MAGSTRIPE_CVM }],
  [0xdf811f, { "*": terminal.SECURITY_CAPABILITY }],
  [0xdf8120, { "*": terminal.TVR_KERNEL_2 }],
  [0xdf8121, { "*": terminal.TVR_KERNEL_2 }],
  [0xdf8122, { "*": terminal.TVR_KERNEL_2 }],
  [0xdf8128, { "*": c2.IDS_STATUS }],
  [0xdf812c, { "*": c2.MAGSTRIPE_CVM }],
  [0x9f8104, { "*": terminal.TVR }],
  [0x9f8206, { "*": terminal.CARD_INPUT }],
  [0x9f8207, { "*": terminal.CVM_CAPABILITY }],
  [0x9f8208, { "*": terminal.CVM_CAPABILITY }],
  [0x9f820b, { "*": terminal.TVR }],
  [0x9f820c, { "*": terminal.TVR }],
]);

/** The table for a tag's bits, as a scope means them; undefined: it is no field of bits. */
export function bitTable(tag: number, scope?: string): BitTable | undefined {
  const tables = TABLES.get(tag);
  return (scope === undefined ? undefined : tables?.[scope]) ?? tables?.["*"];
}

/** Error Indication: three layers and a message by table, the status word between them as it is. */
function errorIndication(value: Uint8Array): string[] | undefined {
  if (value.length !== 6) return undefined;
  const said = saidBy(c2.ERROR_INDICATION, value);
  const sw = hex(value.subarray(3, 5));
  return sw === "0000" ? said : [...said, `status word ${sw}`];
}

/** Outcome parameter set: by table, then the time without field in units of 100 ms, and the removal time-out. */
function outcome(value: Uint8Array): string[] | undefined {
  if (value.length !== 8) return undefined;
  const [off, removal] = [value[6]!, value[7]!];
  return [
    ...saidBy(c2.OUTCOME, value),
    ...(off === 0xff ? [] : [`field off for ${off * 100} ms`]),
    ...(removal === 0 ? [] : [`removal time-out ${removal * 100} ms`]),
  ];
}

/** Third party data: country, identifier, and what the device is, where bit 8 of the identifier is not set. EMV Contactless Book C-2, Annex A. */
function thirdPartyData(value: Uint8Array): string[] | undefined {
  if (value.length < 5) return undefined;
  const said = [`country ${hex(value.subarray(0, 2))}, identifier ${hex(value.subarray(2, 4))}`];
  const hasDevice = (value[2]! & 0x80) === 0 && value.length >= 6;
  if (hasDevice) {
    const type = printable(value.subarray(4, 6));
    said.push(`device type ${type}: ${c2.DEVICE_TYPES.get(type) ?? "not known"}`);
  }
  const rest = value.subarray(hasDevice ? 6 : 4);
  return rest.length > 0 ? [...said, `proprietary data ${hex(rest)}`] : said;
}

/** EMV 4.4 Book 4, Annex A6: what a terminal puts in place of an issuer's answer. */
const RESPONSE_CODES: ReadonlyMap<string, string> = new Map([
  ["00", "approved"],
  ["05", "declined"],
  ["51", "declined, not enough funds"],
  ["55", "wrong PIN"],
  ["Y1", "approved offline"],
  ["Z1", "declined offline"],
  ["Y3", "unable to go online, approved offline"],
  ["Z3", "unable to go online, declined offline"],
]);

type Reading = (value: Uint8Array, scope?: string) => string[] | undefined;

const responseCode: Reading = (value) => {
  const says = RESPONSE_CODES.get(printable(value));
  return says === undefined ? undefined : [`${printable(value)}: ${says}`];
};

/** Values that are more than bits. */
const READINGS: ReadonlyMap<number, Reading> = new Map<number, Reading>([
  [0x8a, responseCode],
  [0x8e, cvmList],
  [0x9f10, issuerApplicationData],
  [0x9f34, cvmResults],
  [0x9f68, (value, scope) => (scope === "c2" ? cvmList(value) : undefined)],
  [0x9f6e, (value, scope) => (scope === "c2" ? thirdPartyData(value) : undefined)],
  [0xdf8115, errorIndication],
  [0xdf8129, outcome],
  [0x9f8210, outcome],
  [0x9f8204, errorIndication],
]);

/**
 * What the parts of a value say, a line each: set bits of TVR, CTQ and the like, the rules of a CVM list, the fields of issuer application
 * data. An empty list: no bit is set. Undefined: nothing is known about it in that scope, or the value is not as it should be.
 */
export function wordsOf(tag: number, value: Uint8Array, scope?: string): string[] | undefined {
  const said = READINGS.get(tag)?.(value, scope);
  if (said) return said;
  const tables = TABLES.get(tag);
  const table = (scope === undefined ? undefined : tables?.[scope]) ?? tables?.["*"];
  return table && value.length > 0 ? saidBy(table, value) : undefined;
}
