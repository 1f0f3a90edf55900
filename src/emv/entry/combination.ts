import type { ReaderLimits } from "../kernel.js";
import type { DataObjects } from "../tags.js";

/** Entry point configuration of one combination (EMV Contactless Book A, table 5-2). What is absent is not checked. */
export interface EntryChecks {
  /** From this amount on: not contactless. */
  readonly transactionLimit?: bigint;
  /** Above: an online cryptogram is wanted. */
  readonly floorLimit?: bigint;
  /** From this amount on: a cardholder verification is wanted. */
  readonly cvmRequiredLimit?: bigint;
  /** Whether a single unit of currency asks for the card's status only. */
  readonly statusCheck?: boolean;
  /** Whether an amount of zero may be tapped; absent: yes. */
  readonly zeroAmount?: boolean;
  /** Terminal Transaction Qualifiers (9F66) as configured; pre-processing sets the transaction's own bits. */
  readonly ttq?: Uint8Array;
}

/** One AID of a terminal with the kernel that serves it, and how that kernel is set up. */
export interface Combination {
  readonly aid: Uint8Array;
  /** Name of the kernel: `c2`. */
  readonly kernel: string;
  readonly limits: ReaderLimits;
  readonly terminal: DataObjects;
  readonly randomSelection?: { readonly target: number; readonly maxTarget: number; readonly threshold: bigint };
  /** Whether a longer DF name of the card that begins with the AID counts as this AID; absent: yes. */
  readonly partial?: boolean;
  /** Whether SELECT carries the card's extended selection value (9F29). */
  readonly extendedSelection?: boolean;
  readonly checks?: EntryChecks;
}

/** What pre-processing found out about one combination (EMV Contactless Book B 3.1.1). */
export interface Indicators {
  readonly notAllowed: boolean;
  readonly statusCheck: boolean;
  readonly zeroAmount: boolean;
  readonly floorLimitExceeded: boolean;
  readonly cvmRequired: boolean;
  /** The transaction's TTQ, where the combination has one. */
  readonly ttq?: Uint8Array | undefined;
}
