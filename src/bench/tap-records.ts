import type { EntryResult } from "../emv/entry/entry-point.js";
import type { Combination } from "../emv/entry/combination.js";
import { commandName } from "../inspect/apdu-text.js";
import type { TerminalProfile } from "../profiles/types.js";
import type { Transaction } from "../terminal/data.js";
import type { Receipt } from "../terminal/receipt.js";
import type { TapbenchError } from "../util/errors.js";
import type { Nanos } from "../util/time.js";
import type { RuleRecord } from "../util/tracer.js";

/* What a tap says of itself in its trace, besides the decisions of entry point, kernel and issuer: for whoever reads it afterwards. */

export interface TapBegins {
  readonly terminal: TerminalProfile;
  readonly transaction: Transaction;
  readonly combinations: readonly Combination[];
  /** Profile and firmware of an emulated device; absent: not known. */
  readonly device?: { readonly name: string; readonly firmware: string } | undefined;
  readonly pinEntered: boolean;
}

/** What is tapped on what. */
export function tapBegins(
  { terminal, transaction, combinations, device, pinEntered }: TapBegins,
  at: Nanos,
): RuleRecord {
  const limits = combinations[0]?.limits;
  return {
    layer: "terminal",
    at,
    rule: "terminal.begin",
    says: `A payment begins on ${terminal.title}.`,
    data: {
      terminal: terminal.name,
      amount: String(transaction.amount),
      currency: terminal.currency.code,
      exponent: terminal.currency.exponent,
      ...(device && { device: device.name, firmware: device.firmware }),
      pinEntered,
      ...(limits && {
        floor: String(limits.floor),
        transaction: String(limits.transaction),
        transactionOnDevice: String(limits.transactionOnDevice),
        cvmRequired: String(limits.cvmRequired),
      }),
    },
  };
}

/** A command of which no exchange came. What frames show of it may be damaged, and over PC/SC there are none. */
export function unanswered(apdu: Uint8Array, at: Nanos): RuleRecord {
  const command = commandName(apdu);
  return { layer: "terminal", at, rule: "terminal.unanswered", says: `${command} got no answer.`, data: { command } };
}

/** How the payment ended for those at the terminal. */
export const tapEnds = ({ outcome }: EntryResult, { outcome: ended, issuer }: Receipt, at: Nanos): RuleRecord => ({
  layer: "terminal",
  at,
  rule: "terminal.outcome",
  says: `The payment ends: ${ended}.`,
  data: {
    outcome: ended,
    kernel: outcome.kind,
    ...(issuer && { issuer: issuer.reason, arc: issuer.arc, issuerSays: issuer.says }),
  },
});

/** The tap came to no outcome. */
export const tapBroke = ({ message, code }: TapbenchError, at: Nanos): RuleRecord => ({
  layer: "terminal",
  at,
  rule: "terminal.fault",
  says: `The tap broke off: ${message}.`,
  data: { code },
});
