import { equalBytes, hex, NO_BYTES } from "../../../util/bytes.js";
import type { Cvm } from "../../outcome.js";
import { AIP, CAPABILITIES, isSet, setBit, TRANSACTION, TVR } from "./bits.js";
import { endApplication } from "./outcomes.js";
import { aipHas, given, onDeviceCvm, terminalByte, type C2 } from "./state.js";
import type { KernelOutcome } from "../../outcome.js";

/** CVM codes (EMV 4.3 Book 3, Annex C3), without bit 7: "go on with the next rule if this one fails". */
const FAIL = 0x00;
const ONLINE_PIN = 0x02;
const SIGNATURE = 0x1e;
const NO_CVM = 0x1f;
const GO_ON = 0x40;
/** PINs that a card checks by itself: known, but never done over the air. */
const OFFLINE_PINS: readonly number[] = [0x01, 0x03, 0x04, 0x05];

const PERFORMED_NONE = 0x3f;
const ALWAYS = 0x00;
const RESULT = { unknown: 0x00, failed: 0x01, successful: 0x02 } as const;

/** Terminal capabilities byte 2 is what the reader offers below or above its CVM limit (Book C-2 S456.30). */
export function chooseCapability(tap: C2): void {
  const required = tap.input.amount > tap.input.limits.cvmRequired;
  const chosen = tap.input.terminal.get(required ? 0xdf8118 : 0xdf8119)?.[0];
  if (chosen !== undefined) tap.capabilities[1] = chosen;
  if (required) tap.receipt = true;
}

/** CVM selection (Book C-2 7.5). @returns an outcome only when the card's list is malformed */
export function selectCvm(tap: C2): KernelOutcome | undefined {
  const { amount, limits } = tap.input;
  if (onDeviceCvm(tap)) {
    if (amount > limits.cvmRequired)
      return decide(tap, "cdcvm", 0x01, ALWAYS, RESULT.successful, "The device has verified its holder.");
    return decide(
      tap,
      "none",
      PERFORMED_NONE,
      ALWAYS,
      RESULT.successful,
      "The amount is not above the CVM limit, and the device verifies its holder itself.",
    );
  }
  if (!aipHas(tap, AIP.cardholderVerification))
    return decide(
      tap,
      "none",
      PERFORMED_NONE,
      ALWAYS,
      RESULT.unknown,
      "The card does not support cardholder verification.",
    );

  const list = given(tap, 0x8e);
  // a list without rules is no list: EMV 4.3 Book 3, 10.5
  if (!list || list.length <= 8) {
    setBit(tap.tvr, TVR.iccDataMissing);
    return decide(
      tap,
      "none",
      PERFORMED_NONE,
      ALWAYS,
      RESULT.unknown,
      "The card asks for verification but has no CVM list.",
    );
  }
  if (list.length % 2 !== 0)
    return endApplication(tap, { l2: "card-data-error", tag: "8E" }, "The CVM list ends in half a rule.");
  return applyRules(tap, list);
}

function applyRules(tap: C2, list: Uint8Array): undefined {
  for (let at = 8; at < list.length; at += 2) {
    const rule = list[at]!;
    const condition = list[at + 1]!;
    const code = rule & 0x3f;
    if (!applies(tap, list, condition, code)) continue;

    const method = methodOf(code);
    if (method === undefined) setBit(tap.tvr, TVR.cvmUnrecognised);
    else if (code !== FAIL && supported(tap, code)) {
      if (method === "online-pin") setBit(tap.tvr, TVR.onlinePin);
      if (method === "signature") tap.receipt = true;
      return decide(
        tap,
        method,
        rule,
        condition,
        method === "none" ? RESULT.successful : RESULT.unknown,
        `Rule ${at / 2 - 3} of the card's CVM list fits.`,
      );
    }
    if ((rule & GO_ON) !== 0 && at + 2 < list.length) continue;

    setBit(tap.tvr, TVR.cvmNotSuccessful);
    if (code === FAIL)
      return decide(
        tap,
        "none",
        rule,
        condition,
        RESULT.failed,
        "A rule of the CVM list says that verification fails.",
      );
    return decide(
      tap,
      "none",
      PERFORMED_NONE,
      ALWAYS,
      RESULT.failed,
      "A rule of the CVM list asks for a method that is not available, and none may follow.",
    );
  }
  setBit(tap.tvr, TVR.cvmNotSuccessful);
  return decide(tap, "none", PERFORMED_NONE, ALWAYS, RESULT.failed, "No rule of the card's CVM list fits.");
}

function decide(tap: C2, cvm: Cvm, performed: number, condition: number, result: number, says: string): undefined {
  tap.cvm = cvm;
  const results = Uint8Array.of(performed, condition, result);
  tap.own.set(0x9f34, results);
  tap.input.onRule?.({
    rule: "c2.cvm",
    says,
    data: {
      cvm,
      results: hex(results),
      amount: String(tap.input.amount),
      limit: String(tap.input.limits.cvmRequired),
      capability: tap.capabilities[1]!,
      onDevice: onDeviceCvm(tap),
      list: hex(given(tap, 0x8e) ?? NO_BYTES),
      cardCurrency: hex(given(tap, 0x9f42) ?? NO_BYTES),
      currency: hex(tap.input.terminal.get(0x5f2a) ?? NO_BYTES),
      tvr: hex(tap.tvr),
    },
  });
  return undefined;
}

/** What a CVM code asks for; undefined: not recognised. */
function methodOf(code: number): Cvm | undefined {
  if (code === ONLINE_PIN) return "online-pin";
  if (code === SIGNATURE) return "signature";
  if (code === NO_CVM) return "none";
  return code === FAIL || OFFLINE_PINS.includes(code) ? "not-applicable" : undefined;
}

function supported(tap: C2, code: number): boolean {
  if (code === ONLINE_PIN) return isSet(tap.capabilities, CAPABILITIES.onlinePin);
  if (code === SIGNATURE) return isSet(tap.capabilities, CAPABILITIES.signature);
  if (code === NO_CVM) return isSet(tap.capabilities, CAPABILITIES.noCvm);
  return code === FAIL;
}

/** Condition codes (EMV 4.3 Book 3, Annex C3, table 40). One that is not known does not apply. */
function applies(tap: C2, list: Uint8Array, condition: number, code: number): boolean {
  const type = terminalByte(tap, 0x9c);
  const unattended = (terminalByte(tap, 0x9f35) & 0x0f) >= 4;
  const cash = type === TRANSACTION.cash || type === TRANSACTION.cashDisbursement;
  switch (condition) {
    case 0x00:
      return true;
    case 0x01:
      return cash && unattended;
    case 0x02:
      return !cash && type !== TRANSACTION.cashback;
    case 0x03:
      return supported(tap, code);
    case 0x04:
      return cash && !unattended;
    case 0x05:
      return type === TRANSACTION.cashback;
    case 0x06:
      return inCardCurrency(tap) && tap.input.amount < amountAt(list, 0);
    case 0x07:
      return inCardCurrency(tap) && tap.input.amount > amountAt(list, 0);
    case 0x08:
      return inCardCurrency(tap) && tap.input.amount < amountAt(list, 4);
    case 0x09:
      return inCardCurrency(tap) && tap.input.amount > amountAt(list, 4);
    default:
      return false;
  }
}

const inCardCurrency = (tap: C2): boolean => {
  const card = given(tap, 0x9f42);
  const terminal = tap.input.terminal.get(0x5f2a);
  return card !== undefined && terminal !== undefined && equalBytes(card, terminal);
};

/** Amount X or Y at the head of the list: binary, of the card's currency. */
const amountAt = (list: Uint8Array, at: number): bigint =>
  BigInt(list[at]! * 2 ** 24 + ((list[at + 1]! << 16) | (list[at + 2]! << 8) | list[at + 3]!));
