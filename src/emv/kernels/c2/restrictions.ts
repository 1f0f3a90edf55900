import { equalBytes, hex, NO_BYTES } from "../../../util/bytes.js";
import { AUC, CASH, isSet, setBit, TRANSACTION, TVR, type Bit } from "./bits.js";
import { given, terminalByte, type C2 } from "./state.js";

/** YYMMDD as a number that orders dates; two-digit years from 50 are of the last century (EMV 4.3 Book 4, 6.7.3). */
function dateOrder(date: Uint8Array): number {
  const [year = 0, month = 0, day = 0] = date;
  return ((year < 0x50 ? 0x100 + year : year) << 16) | (month << 8) | day;
}

/** Processing restrictions: application version, dates, application usage control (Book C-2 7.7; EMV 4.3 Book 3, 10.4). */
export function processingRestrictions(tap: C2): void {
  version(tap);
  dates(tap);
  usage(tap);
}

function version(tap: C2): void {
  const card = given(tap, 0x9f08);
  if (!card || equalBytes(card, tap.input.terminal.get(0x9f09) ?? card)) return;
  setBit(tap.tvr, TVR.versionsDiffer);
  tap.input.onRule?.({
    rule: "c2.restrictions.version",
    says: "Card and terminal have different application versions.",
    data: { card: hex(card), terminal: hex(tap.input.terminal.get(0x9f09)!) },
  });
}

function dates(tap: C2): void {
  const today = tap.input.terminal.get(0x9a);
  const expiry = given(tap, 0x5f24);
  if (!today || !expiry) return;
  const now = dateOrder(today);
  const effective = given(tap, 0x5f25);
  if (effective && now < dateOrder(effective)) {
    setBit(tap.tvr, TVR.notYetEffective);
    tap.input.onRule?.({
      rule: "c2.restrictions.not-yet-effective",
      says: "The application is not yet effective.",
      data: { date: hex(today), effective: hex(effective) },
    });
  }
  if (now > dateOrder(expiry)) {
    setBit(tap.tvr, TVR.expired);
    tap.input.onRule?.({
      rule: "c2.restrictions.expired",
      says: "The application has expired.",
      data: { date: hex(today), expiry: hex(expiry) },
    });
  }
}

function usage(tap: C2): void {
  const auc = given(tap, 0x9f07);
  if (!auc) return;
  const refusal = refusedUse(tap, auc);
  if (!refusal) return;
  setBit(tap.tvr, TVR.serviceNotAllowed);
  tap.input.onRule?.({
    rule: "c2.restrictions.usage",
    says: `The application must not be used for this: ${refusal}.`,
    data: {
      auc: hex(auc),
      use: refusal,
      terminalType: terminalByte(tap, 0x9f35),
      transactionType: terminalByte(tap, 0x9c),
      issuerCountry: hex(given(tap, 0x5f28) ?? NO_BYTES),
      terminalCountry: hex(tap.input.terminal.get(0x9f1a) ?? NO_BYTES),
    },
  });
}

/** Financial institutions' unattended terminals that hand out cash are ATMs (EMV 4.3 Book 4, Annex A1). */
function isAtm(tap: C2): boolean {
  const type = terminalByte(tap, 0x9f35);
  return type >= 0x14 && type <= 0x16 && isSet(tap.input.terminal.get(0x9f40), CASH);
}

/** The use that the card's AUC refuses, in words. */
function refusedUse(tap: C2, auc: Uint8Array): string | undefined {
  if (isAtm(tap) ? !isSet(auc, AUC.atms) : !isSet(auc, AUC.notAtms))
    return isAtm(tap) ? "at ATMs" : "at terminals other than ATMs";
  const issuerCountry = given(tap, 0x5f28);
  if (!issuerCountry) return undefined;
  const domestic = equalBytes(issuerCountry, tap.input.terminal.get(0x9f1a) ?? issuerCountry);
  const where = domestic ? "domestic" : "international";
  const allows = (inland: Bit, abroad: Bit): boolean => isSet(auc, domestic ? inland : abroad);

  const type = terminalByte(tap, 0x9c);
  if (type === TRANSACTION.cash || type === TRANSACTION.cashDisbursement) {
    if (!allows(AUC.domesticCash, AUC.internationalCash)) return `${where} cash`;
  } else if (type === TRANSACTION.purchase || type === TRANSACTION.cashback) {
    if (!allows(AUC.domesticGoods, AUC.internationalGoods) && !allows(AUC.domesticServices, AUC.internationalServices))
      return `${where} goods and services`;
  }
  const other = tap.input.terminal.get(0x9f03);
  if (other?.some((byte) => byte !== 0) && !allows(AUC.domesticCashback, AUC.internationalCashback))
    return `${where} cashback`;
  return undefined;
}
