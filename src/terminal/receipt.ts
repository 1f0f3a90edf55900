import type { AuthorisationResponse } from "../emv/acquirer.js";
import type { EntryResult } from "../emv/entry/entry-point.js";
import type { Cvm, ErrorIndication, KernelOutcome, OdaResult, OutcomeKind, Restart } from "../emv/outcome.js";
import type { TerminalProfile } from "../profiles/types.js";
import { hex } from "../util/bytes.js";
import { isTapbenchError } from "../util/errors.js";
import { accountOf } from "./authorisation.js";
import type { Transaction } from "./data.js";

/**
 * How a payment ends for those who stand at the terminal. Where there is no issuer to ask (a real card on the bench), nothing is approved: the
 * card asked to go online, or agreed offline.
 */
export type FinalOutcome =
  | "approved"
  | "declined"
  | "try-again"
  | "try-another-interface"
  | "not-completed"
  | "online-request"
  | "offline-agreed";

/** Instead of an issuer's answer: there is no issuer that knows this card. */
export const NO_ISSUER = "no-issuer";

/** One payment, from card to issuer. No account number stands in it whole. */
export interface Receipt {
  readonly outcome: FinalOutcome;
  /** What the kernel said, whoever decided in the end. */
  readonly kernelOutcome: OutcomeKind;
  /** Where to go on, where the kernel wants that. */
  readonly start?: Restart | undefined;
  readonly error?: ErrorIndication | undefined;
  /** What the issuer said; absent: not asked. */
  readonly issuer?: AuthorisationResponse | undefined;
  readonly kernel?: string | undefined;
  /** Hex. */
  readonly aid?: string | undefined;
  readonly label?: string | undefined;
  readonly amount: bigint;
  readonly currency: { readonly code: string; readonly exponent: number };
  readonly cvm?: Cvm | undefined;
  readonly oda?: OdaResult | undefined;
  /** First six and last four digits. */
  readonly maskedPan?: string | undefined;
  /** Application transaction counter. */
  readonly atc?: number | undefined;
  /** Application cryptogram, hex. */
  readonly cryptogram?: string | undefined;
  /** Lines for people. */
  readonly text: readonly string[];
}

/** The final result. An online request without an answer is declined: this kernel has no way back to the card. */
export function receipt(
  profile: TerminalProfile,
  transaction: Transaction,
  result: EntryResult,
  asked?: AuthorisationResponse | typeof NO_ISSUER,
): Receipt {
  const { outcome: kernelOutcome } = result;
  const issuer = asked === NO_ISSUER ? undefined : asked;
  const read = "dataRecord" in kernelOutcome ? kernelOutcome : undefined;
  const record = read?.dataRecord;
  const atc = record?.get(0x9f36);
  const cryptogram = record?.get(0x9f26);
  const { code, exponent } = profile.currency;
  const made: Omit<Receipt, "text"> & { text: readonly string[] } = {
    outcome: finalOutcome(kernelOutcome, asked),
    kernelOutcome: kernelOutcome.kind,
    start: "start" in kernelOutcome ? kernelOutcome.start : undefined,
    error: "error" in kernelOutcome ? kernelOutcome.error : undefined,
    issuer,
    kernel: result.kernel,
    aid: result.aid && hex(result.aid),
    label: result.label,
    amount: transaction.amount,
    currency: { code, exponent },
    cvm: read?.cvm,
    oda: read?.oda,
    maskedPan: record && panOf(record),
    atc: atc?.length === 2 ? atc[0]! * 256 + atc[1]! : undefined,
    cryptogram: cryptogram && hex(cryptogram),
    text: [],
  };
  made.text = lines(profile, transaction, made);
  return made;
}

function finalOutcome(
  outcome: KernelOutcome,
  issuer: AuthorisationResponse | typeof NO_ISSUER | undefined,
): FinalOutcome {
  switch (outcome.kind) {
    case "approved":
      return issuer === NO_ISSUER ? "offline-agreed" : "approved";
    case "declined":
    case "try-again":
    case "try-another-interface":
      return outcome.kind;
    case "online-request":
      if (issuer === NO_ISSUER) return "online-request";
      return issuer?.approved === true ? "approved" : "declined";
    case "end-application":
      return outcome.start === "B" ? "try-again" : "not-completed";
    case "select-next":
      return "not-completed";
  }
}

/** Masked to first six and last four; undefined where the card gave no readable account. */
function panOf(record: Parameters<typeof accountOf>[0]): string | undefined {
  try {
    return maskPan(accountOf(record).pan);
  } catch (error) {
    if (isTapbenchError(error)) return undefined;
    throw error;
  }
}

/** `5413330089600044` to `541333******0044`; short numbers keep less. */
export const maskPan = (pan: string): string =>
  pan.length < 13 ? "*".repeat(pan.length) : pan.slice(0, 6) + "*".repeat(pan.length - 10) + pan.slice(-4);

/** `1250` with exponent 2 to `12.50`. */
export function formatAmount(amount: bigint, exponent: number): string {
  const digits = String(amount).padStart(exponent + 1, "0");
  return exponent === 0 ? digits : `${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

const WORDS: Readonly<Record<FinalOutcome, string>> = {
  approved: "APPROVED",
  declined: "DECLINED",
  "try-again": "PRESENT CARD AGAIN",
  "try-another-interface": "INSERT OR SWIPE CARD",
  "not-completed": "NOT COMPLETED",
  "online-request": "NOT AUTHORISED: ISSUER NOT ASKED",
  "offline-agreed": "AGREED OFFLINE: ISSUER NOT ASKED",
};

const CVM_WORDS: Readonly<Partial<Record<Cvm, string>>> = {
  signature: "Signature: ____________________",
  "online-pin": "PIN verified",
  cdcvm: "Verified on the device",
};

function lines(
  { merchant, zoneMinutes }: TerminalProfile,
  transaction: Transaction,
  made: Omit<Receipt, "text">,
): readonly string[] {
  const local = new Date(transaction.at.getTime() + zoneMinutes * 60_000).toISOString();
  const out = [
    merchant.name,
    `${local.slice(0, 10)} ${local.slice(11, 19)}  Terminal ${merchant.terminalId}`,
    `${made.currency.code} ${formatAmount(made.amount, made.currency.exponent)}`,
  ];
  if (made.label !== undefined) out.push(made.label);
  if (made.maskedPan !== undefined) out.push(`Card ${made.maskedPan}`);
  if (made.aid !== undefined) out.push(`AID ${made.aid}`);
  out.push(
    WORDS[made.outcome] +
      (made.issuer?.approved && made.issuer.authorisationCode ? `  ${made.issuer.authorisationCode}` : ""),
  );
  const verified = made.outcome === "approved" && made.cvm ? CVM_WORDS[made.cvm] : undefined;
  if (verified) out.push(verified);
  return out;
}
