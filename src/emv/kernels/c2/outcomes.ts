import { tagHex } from "../../../codec/tlv.js";
import { printable } from "../../../util/bytes.js";
import type { ErrorIndication, KernelOutcome, Read, UiRequest } from "../../outcome.js";
import type { DataObjects } from "../../tags.js";
import { CAPABILITIES, isSet, TRANSACTION } from "./bits.js";
import { AC, given, holdTime, lookUp, terminalByte, type C2 } from "./state.js";

type Ended = Extract<KernelOutcome, { kind: "end-application" }>;

/** What the acquirer gets in EMV mode (Book C-2 4.2.1, data record). */
const DATA_RECORD: readonly number[] = [
  0x9f02, 0x9f03, 0x9f26, 0x5f24, 0x82, 0x50, 0x5a, 0x5f34, 0x9f12, 0x9f36, 0x9f07, 0x9f09, 0x9f27, 0x9f34, 0x84,
  0x9f1e, 0x9f10, 0x9f11, 0x9f24, 0x9f33, 0x9f1a, 0x9f35, 0x95, 0x9f19, 0x57, 0x9f53, 0x5f2a, 0x9a, 0x9f21, 0x9c,
  0x9f37, 0x9f15, 0x9f16, 0x9f1c, 0x9f4e,
];

/** What the terminal's log gets (Book C-2 4.2.2, discretionary data of EMV mode, without the branches that this kernel does not have). */
const DISCRETIONARY: readonly number[] = [0x9f5d, 0x9f42, 0x9f6e];

const L1_CODES = { "time-out": 1, transmission: 2, protocol: 3 } as const;
const L2_CODES: Readonly<Partial<Record<NonNullable<ErrorIndication["l2"]>, number>>> = {
  "card-data-missing": 0x01,
  "cam-failed": 0x02,
  "status-bytes": 0x03,
  "parsing-error": 0x04,
  "max-limit-exceeded": 0x05,
  "card-data-error": 0x06,
  "magstripe-not-supported": 0x07,
  "ids-data-error": 0x0d,
  "terminal-data-error": 0x0f,
};
const L3_CODES = { "time-out": 1, stop: 2, "amount-not-present": 3 } as const;

/** Message identifiers of Book C-2 A.1.194 that stand in an error indication. */
const MESSAGE_ON_ERROR = { "try-again": 0x21, "insert-swipe-or-other-card": 0x1c } as const;

/** Error Indication (DF8115). Book C-2 Annex A: L1, L2, L3, status word, message. */
function errorIndication(error: ErrorIndication, message: keyof typeof MESSAGE_ON_ERROR | undefined): Uint8Array {
  const sw = error.sw ?? 0;
  return Uint8Array.of(
    error.l1 ? L1_CODES[error.l1] : 0,
    (error.l2 && L2_CODES[error.l2]) ?? 0,
    error.l3 ? L3_CODES[error.l3] : 0,
    sw >> 8,
    sw & 0xff,
    message ? MESSAGE_ON_ERROR[message] : 0xff,
  );
}

function collect(tap: C2, tags: readonly number[]): Map<number, Uint8Array> {
  const out = new Map<number, Uint8Array>();
  for (const tag of tags) {
    const value = lookUp(tap, tag);
    if (value) out.set(tag, value);
  }
  return out;
}

function discretionary(tap: C2, error: ErrorIndication = {}, message?: keyof typeof MESSAGE_ON_ERROR): DataObjects {
  return collect(tap, DISCRETIONARY).set(0xdf8115, errorIndication(error, message));
}

/** First choice of the card's languages (5F2D), where it has any. */
function language(tap: C2): string | undefined {
  const preference = given(tap, 0x5f2d);
  return preference && printable(preference.subarray(0, 2));
}

const ui = (tap: C2, message: UiRequest["message"], status: UiRequest["status"], hold?: number): UiRequest => ({
  message,
  status,
  hold,
  language: language(tap),
});

/** The error as `onRule` shows it. */
const stopped = (tap: C2, error: ErrorIndication, kind: string, says: string): void =>
  tap.input.onRule?.({ rule: "c2.stop", says, data: { outcome: kind, ...error } });

/** The link broke: remove the card and present it again (Book C-2, every state's L1RSP branch). */
export function linkLost(tap: C2, l1: NonNullable<ErrorIndication["l1"]>): KernelOutcome {
  const error = { l1 };
  stopped(tap, error, "end-application", "The link to the card failed; the card is to be presented again.");
  return {
    kind: "end-application",
    start: "B",
    ui: ui(tap, "try-again", "ready-to-read", 0),
    error,
    discretionaryData: discretionary(tap, error, "try-again"),
  };
}

/** The card's data or its refusal end the transaction: another card, or another interface (Book C-2 S3.90, S4, S456, S910.50). */
export function endApplication(tap: C2, error: ErrorIndication, says: string): Ended {
  stopped(tap, error, "end-application", says);
  return {
    kind: "end-application",
    ui: ui(tap, "insert-swipe-or-other-card", "not-ready", holdTime(tap)),
    error,
    discretionaryData: discretionary(tap, error, "insert-swipe-or-other-card"),
  };
}

/** Another application of the card may do (Book C-2 S1.8, S3.9, S456.15). */
export function selectNext(tap: C2, error: ErrorIndication, says: string): KernelOutcome {
  stopped(tap, error, "select-next", says);
  return { kind: "select-next", start: "C", error, discretionaryData: discretionary(tap, error) };
}

/** The tag that an error is about, where there is one. */
export const aboutTag = (tag: number): { tag?: string } => (tag === 0 ? {} : { tag: tagHex(tag) });

/** Third party data (9F6E) that names a form factor other than a card: nothing to insert anywhere (Book C-2 S910.74). */
function isNotACard(tap: C2): boolean {
  const data = tap.card.get(0x9f6e);
  if (!data || data.length < 6) return false;
  const hasDeviceType = (data[2]! & 0x80) === 0;
  return hasDeviceType && (data[4] !== 0x30 || data[5] !== 0x30);
}

/** The card wants its holder to look at the device: bits of PCII (DF4B) under the mask 00030F (Book C-2 S910.71). */
function wantsSecondTap(tap: C2): boolean {
  const pcii = tap.card.get(0xdf4b);
  return pcii !== undefined && ((pcii[1]! & 0x03) !== 0 || (pcii[2]! & 0x0f) !== 0);
}

const PURCHASE_OR_CASH: readonly number[] = [
  TRANSACTION.purchase,
  TRANSACTION.cash,
  TRANSACTION.cashback,
  TRANSACTION.cashDisbursement,
];

/** A valid answer to GENERATE AC: what it means (Book C-2 S910.70 to S910.81). */
export function completed(tap: C2): KernelOutcome {
  if (wantsSecondTap(tap)) {
    tap.input.onRule?.({
      rule: "c2.outcome",
      says: "The device asks its holder to look at it and to present it again.",
      data: { outcome: "end-application" },
    });
    return {
      kind: "end-application",
      start: "B",
      ui: ui(tap, "see-phone", "not-ready", holdTime(tap)),
      error: {},
      discretionaryData: discretionary(tap),
    };
  }
  const cid = (tap.card.get(0x9f27)?.[0] ?? 0) & 0xc0;
  const outcome = cid === AC.tc ? approved(tap) : cid === AC.arqc ? online(tap) : refused(tap);
  tap.input.onRule?.({
    rule: "c2.outcome",
    says:
      cid === AC.tc
        ? "The card gave a TC: approved offline."
        : cid === AC.arqc
          ? "The card gave an ARQC: ask the issuer."
          : "The card gave an AAC: not with this card here.",
    data: { outcome: outcome.kind, cid, contacts: isSet(tap.capabilities, CAPABILITIES.contacts) },
  });
  return outcome;
}

function read<K extends "approved" | "declined" | "online-request">(
  tap: C2,
  kind: K,
  request: UiRequest,
): { readonly kind: K } & Read {
  const { cvm, oda, receipt } = tap;
  return {
    kind,
    cvm,
    oda,
    receipt,
    dataRecord: collect(tap, DATA_RECORD),
    discretionaryData: discretionary(tap),
    ui: request,
  };
}

const approved = (tap: C2): KernelOutcome =>
  read(
    tap,
    "approved",
    ui(tap, tap.cvm === "signature" ? "approved-please-sign" : "approved", "not-ready", holdTime(tap)),
  );

const online = (tap: C2): KernelOutcome => read(tap, "online-request", ui(tap, "authorising", "not-ready", 0));

function refused(tap: C2): KernelOutcome {
  if (!PURCHASE_OR_CASH.includes(terminalByte(tap, 0x9c)))
    return {
      kind: "end-application",
      ui: ui(tap, "clear", "not-ready", 0),
      error: {},
      discretionaryData: discretionary(tap),
    };
  if (isSet(tap.capabilities, CAPABILITIES.contacts) && !isNotACard(tap))
    return {
      kind: "try-another-interface",
      ui: ui(tap, "insert-or-swipe", "not-ready", holdTime(tap)),
      error: {},
      discretionaryData: discretionary(tap),
    };
  return read(tap, "declined", ui(tap, "declined", "not-ready", holdTime(tap)));
}
