import type { AuthorisationResponse } from "../emv/acquirer.js";
import type { EntryResult } from "../emv/entry/entry-point.js";
import { kernelC2 } from "../emv/kernels/c2/kernel.js";
import type { KernelOutcome } from "../emv/outcome.js";
import type { Receipt } from "../terminal/receipt.js";
import type { Nanos } from "../util/time.js";

/** The kernels that the bench's terminals have. */
export const KERNELS = { c2: kernelC2 } as const;

/** What one tap came to, as far as a terminal can see, whatever it was made with. */
export interface TapSummary {
  /** `approved`, `declined`, `try-again`, ...: for those at the terminal. */
  readonly outcome: Receipt["outcome"];
  readonly kernel: string | undefined;
  readonly oda: "none" | "sda" | "dda" | "cda";
  readonly odaStatus: string;
  readonly cryptogram?: { readonly type: "ARQC" | "TC" | "AAC"; readonly verified?: boolean | undefined } | undefined;
  readonly kernelOutcome: KernelOutcome;
  /** Absent: it was not asked. */
  readonly issuer?: AuthorisationResponse | undefined;
  readonly apdus: number;
  /** From field on to field off; on a reader from the first command to the last answer. */
  readonly total: Nanos;
  readonly receipt: readonly string[];
  readonly details: Receipt;
}

/** A tap on the emulator, and what it cost. Times are virtual. */
export interface TapReport extends TapSummary {
  readonly frames: number;
  /** Bits were on the air. */
  readonly air: Nanos;
  /** The least that these APDUs take at the rate agreed on (the faster one, where directions differ), without any computing. */
  readonly leastAir: Nanos;
  /** Planned faults, and whether they struck. */
  readonly faults: readonly { readonly fault: string; readonly struck: boolean }[];
}

/** A tap over a PC/SC reader. Times are measured by this machine; frames cannot be seen, nor what the card computed. No issuer was asked. */
export interface CardTapReport extends TapSummary {
  /** As PC/SC calls it. */
  readonly reader: string;
  readonly atr: Uint8Array;
}

const CRYPTOGRAMS = { 0x00: "AAC", 0x40: "TC", 0x80: "ARQC" } as const;

/** The part of a report that entry point, kernel and issuer give. */
export function summaryOf(
  result: EntryResult,
  details: Receipt,
  issuer: AuthorisationResponse | undefined,
): Omit<TapSummary, "apdus" | "total"> {
  const { outcome } = result;
  return {
    outcome: details.outcome,
    kernel: result.kernel,
    ...odaOf(outcome),
    cryptogram: cryptogramOf(outcome, issuer),
    kernelOutcome: outcome,
    issuer,
    receipt: details.text,
    details,
  };
}

function odaOf(outcome: KernelOutcome): Pick<TapSummary, "oda" | "odaStatus"> {
  const oda = "oda" in outcome ? outcome.oda : undefined;
  return !oda || oda.method === "none"
    ? { oda: "none", odaStatus: "not-performed" }
    : { oda: oda.method, odaStatus: oda.status };
}

function cryptogramOf(outcome: KernelOutcome, issuer: AuthorisationResponse | undefined): TapSummary["cryptogram"] {
  const cid = "dataRecord" in outcome ? outcome.dataRecord.get(0x9f27)?.[0] : undefined;
  const type = cid === undefined ? undefined : CRYPTOGRAMS[(cid & 0xc0) as keyof typeof CRYPTOGRAMS];
  return type && { type, verified: issuer?.cryptogramVerified };
}
