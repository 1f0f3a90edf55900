import { hex } from "../../util/bytes.js";
import type { Scope } from "./row.js";

/** Registered application providers, or starts of proprietary identifiers: who stands behind an application. */
export interface Provider {
  /** Hex; an AID that starts with it is this provider's. */
  readonly start: string;
  readonly name: string;
  /** Whose meaning its tags have. Kernels: EMV Contactless Book B, table 3-6. */
  readonly scope?: Scope;
}

type ProviderRow = readonly [start: string, name: string, scope?: Scope];

/*
 * Sources: the ISO/IEC 7816-5 registrations as public lists of application identifiers carry them (emvco.com registered identifiers,
 * eftlab's and Wikipedia's lists, Proxmark3's and devnied's tables).
 */
const PROVIDERS: readonly ProviderRow[] = [
  ["A000000003000000", "GlobalPlatform issuer security domain (Visa OpenPlatform)", "gp"],
  ["A000000151", "GlobalPlatform", "gp"],
  ["A000000003", "Visa", "c3"],
  ["A000000098", "Visa USA", "c3"],
  ["A000000004", "Mastercard", "c2"],
  ["A000000005", "Mastercard (Switch, Solo)", "c2"],
  ["B012345678", "Mastercard test (Maestro)", "c2"],
  ["A000000024", "Midland (Self Service)"],
  ["A000000025", "American Express", "c4"],
  ["A000000029", "LINK"],
  ["A000000042", "Cartes Bancaires (CB)"],
  ["A000000065", "JCB", "c5"],
  ["A000000069", "Moneo"],
  ["A000000077", "Oberthur (Visa AEPN)"],
  ["A000000121", "Dankort"],
  ["A000000141", "CoGeBan (PagoBancomat)"],
  ["A000000152", "Discover, Diners Club", "c6"],
  ["A000000154", "Banrisul"],
  ["A000000172", "Bankers Association of Taiwan"],
  ["A000000185", "UK Post Office account"],
  ["A000000228", "SPAN, mada (Saudi Arabia)"],
  ["A000000277", "Interac", "interac"],
  ["A000000315", "Currence (PIN, Chipknip)"],
  ["A000000324", "Discover ZIP", "c6"],
  ["A000000333", "UnionPay", "c7"],
  ["A000000359", "EAPS (girocard Europe)"],
  ["A000000371", "Verve (InterSwitch)"],
  ["A000000384", "eftpos (Australia)"],
  ["A000000432", "PRO100 (Universal Electronic Card)"],
  ["A000000439", "Exchange Network (ATM Canada, USA)"],
  ["A000000454", "eTranzact"],
  ["A000000476", "Google"],
  ["A000000524", "RuPay"],
  ["A000000632", "China T-Union (transport)"],
  ["A000000658", "Mir"],
  ["A000000672", "TROY"],
  ["A000000732", "Meeza"],
  ["A000000770", "Indian Oil (XTRAPOWER)"],
  ["D27600002545", "German GeldKarte, girocard"],
  ["D276000025", "German GeldKarte, girocard"],
  ["D410000003", "T-Money (Korea)"],
  ["D528005021", "Netherlands, national registration"],
  ["D578000002", "BankAxept"],
  ["D804000001", "PROSTIR"],
  ["F000000003", "Bradesco"],
  ["315041592E5359532E4444463031", "PSE (1PAY.SYS.DDF01)"],
  ["325041592E5359532E4444463031", "PPSE (2PAY.SYS.DDF01)"],
];

/** Applications that are known by their whole AID, or by all of it but an ending. */
const APPLICATIONS: readonly (readonly [aid: string, name: string])[] = [
  ["A0000000031010", "Visa credit or debit"],
  ["A0000000032010", "Visa Electron"],
  ["A0000000032020", "V PAY"],
  ["A0000000033010", "Visa Interlink"],
  ["A0000000038010", "Visa Plus"],
  ["A0000000038002", "Visa Dynamic Passcode Authentication"],
  ["A0000000980840", "Visa common debit (USA)"],
  ["A0000000980848", "Visa common debit (USA)"],
  ["A0000000041010", "Mastercard credit or debit"],
  ["A0000000042203", "Mastercard common debit (USA)"],
  ["A0000000043060", "Maestro"],
  ["A0000000046000", "Cirrus"],
  ["A0000000048002", "Mastercard Chip Authentication Program"],
  ["A0000000050001", "Maestro UK (Switch)"],
  ["A0000000050002", "Solo"],
  ["A00000002501", "American Express credit or debit"],
  ["A0000000421010", "CB credit or debit"],
  ["A0000000422010", "CB debit"],
  ["A0000000651010", "JCB credit or debit"],
  ["A0000001211010", "Dankort"],
  ["A0000001410001", "PagoBancomat"],
  ["A0000001523010", "Discover credit or debit"],
  ["A0000001524010", "Discover common debit (USA)"],
  ["A0000002281010", "mada"],
  ["A0000002771010", "Interac debit"],
  ["A0000003241010", "Discover ZIP"],
  ["A000000333010101", "UnionPay debit"],
  ["A000000333010102", "UnionPay credit"],
  ["A000000333010103", "UnionPay quasi-credit"],
  ["A000000333010106", "UnionPay electronic cash"],
  ["A000000333010108", "UnionPay common debit (USA)"],
  ["A0000003591010028001", "girocard (EAPS)"],
  ["A0000003710001", "Verve"],
  ["A00000038410", "eftpos savings"],
  ["A00000038420", "eftpos cheque"],
  ["A0000005241010", "RuPay"],
  ["A000000632010105", "T-Union electronic purse"],
  ["A000000632010106", "T-Union electronic cash"],
  ["A0000006581010", "Mir credit"],
  ["A0000006582010", "Mir debit"],
  ["A0000006723010", "TROY credit"],
  ["A0000006723020", "TROY debit"],
  ["A000000732100123", "Meeza"],
  ["A000000151000000", "issuer security domain"],
  ["A00000015143525300", "contactless registry service"],
  ["D27600002545500100", "GeldKarte"],
  ["D27600002545500200", "GeldKarte"],
  ["D5780000021010", "BankAxept"],
];

const longest = <R extends readonly [string, ...unknown[]]>(rows: readonly R[], name: string): R | undefined => {
  let best: R | undefined;
  for (const row of rows) if (name.startsWith(row[0]) && row[0].length > (best?.[0].length ?? 0)) best = row;
  return best;
};

/** Who stands behind an application; undefined for providers that are not in the table. */
export function providerOf(aid: Uint8Array): Provider | undefined {
  const row = longest(PROVIDERS, hex(aid));
  return row && { start: row[0], name: row[1], ...(row[2] && { scope: row[2] }) };
}

/** What an application is called: the product where it is well known, else its provider. */
export function applicationName(aid: Uint8Array): string | undefined {
  return longest(APPLICATIONS, hex(aid))?.[1] ?? providerOf(aid)?.name;
}
