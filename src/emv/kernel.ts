import type { CardAsking } from "../protocols/iso7816/poller.js";
import type { Random } from "../util/random.js";
import type { RuleRecord } from "../util/tracer.js";
import type { CaKeys } from "./oda.js";
import type { KernelOutcome } from "./outcome.js";
import type { DataObjects } from "./tags.js";

/** Limits in minor units of the transaction currency. */
export interface ReaderLimits {
  /** Above: online (Reader Contactless Floor Limit). */
  readonly floor: bigint;
  /** Above: not contactless at all, when the device cannot verify its holder. */
  readonly transaction: bigint;
  /** The same for devices that verify their holder (CDCVM). */
  readonly transactionOnDevice: bigint;
  /** Above: a cardholder verification is required. */
  readonly cvmRequired: bigint;
}

/** What a kernel is given for one transaction. Everything that varies is here. */
export interface KernelInput {
  readonly aid: Uint8Array;
  /** Data field of the final SELECT's response: the FCI template. */
  readonly fci: Uint8Array;
  readonly amount: bigint;
  readonly limits: ReaderLimits;
  /**
   * Terminal data objects: configuration of this AID and kernel, and the transaction's own (9F02 9F03 9A 9F21 9C 5F2A 9F1A 9F33 9F35 ...).
   * Kernel 2's TACs, limits and capabilities stand under their DF81xx tags as well.
   */
  readonly terminal: DataObjects;
  readonly caKeys: CaKeys;
  /** Draws the unpredictable number and the numbers of random transaction selection. */
  readonly random: Random;
  /** Biased random selection for online, EMV 4.3 Book 3 10.6.2; absent: off. */
  readonly randomSelection?:
    | { readonly target: number; readonly maxTarget: number; readonly threshold: bigint }
    | undefined;
  /** A decision was made; absent: nobody listens. */
  readonly onRule?: ((rule: Omit<RuleRecord, "at" | "layer">) => void) | undefined;
}

/** A kernel: commands out, responses in, an outcome at the end. Link errors are thrown into it and become outcomes. */
export type Kernel = (input: KernelInput) => CardAsking<KernelOutcome>;
