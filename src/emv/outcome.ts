import type { Nanos } from "../util/time.js";
import type { DataObjects } from "./tags.js";

/** How the cardholder is to be verified, as the kernel decided. `none`: no verification is needed. */
export type Cvm = "none" | "signature" | "online-pin" | "cdcvm" | "not-applicable";

/** What the reader shows or sounds; message names follow EMV Contactless Book A table 9-1. */
export interface UiRequest {
  readonly message:
    | "approved"
    | "approved-please-sign"
    | "declined"
    | "authorising"
    | "card-read-ok"
    | "present-card"
    | "present-one-card"
    | "try-again"
    | "insert-or-swipe"
    | "insert-swipe-or-other-card"
    | "see-phone"
    | "processing"
    | "clear";
  readonly status:
    | "not-ready"
    | "idle"
    | "ready-to-read"
    | "processing"
    | "card-read-successfully"
    | "processing-error";
  readonly hold?: Nanos | undefined;
  /** First choice of the card's language preference, such as `en`. */
  readonly language?: string | undefined;
  readonly balance?: bigint;
}

/** Where a transaction goes on after an outcome (EMV Contactless Book A 6.2). */
export type Restart = "A" | "B" | "C" | "D";

/** Why a kernel stopped: the layer that failed, and what came last (Book C-2 A.1.57, Error Indication). */
export interface ErrorIndication {
  readonly l1?: "time-out" | "transmission" | "protocol";
  readonly l2?:
    | "card-data-missing"
    | "card-data-error"
    | "status-bytes"
    | "parsing-error"
    | "cam-failed"
    | "terminal-data-error"
    | "max-limit-exceeded"
    | "no-ppse"
    | "ppse-fault"
    | "empty-candidate-list"
    | "magstripe-not-supported"
    | "ids-data-error";
  readonly l3?: "amount-not-present" | "time-out" | "stop";
  readonly sw?: number;
  /** The tag concerned, where one is: hex. */
  readonly tag?: string;
}

/** How offline data authentication ended, whatever the kernel then decided. */
export type OdaResult =
  | { readonly method: "none" }
  | { readonly method: "sda" | "dda" | "cda"; readonly status: "ok" | "failed" | "missing"; readonly reason?: string };

/** What every finished read of a card leaves. */
export interface Read {
  readonly cvm: Cvm;
  readonly oda: OdaResult;
  /** For the acquirer: what clearing or authorisation need (Book C-2 4.2.1, data record). */
  readonly dataRecord: DataObjects;
  /** For the terminal's log (Book C-2, discretionary data). */
  readonly discretionaryData: DataObjects;
  readonly ui: UiRequest;
  /** A second display after card removal, where there is one. */
  readonly uiOnRestart?: UiRequest;
  /** Transaction amount may need a receipt. */
  readonly receipt: boolean;
}

/** How a kernel ends. These are results, not faults: nothing here is thrown. */
export type KernelOutcome =
  | ({ readonly kind: "approved" } & Read)
  | ({ readonly kind: "declined" } & Read & { readonly error?: ErrorIndication })
  | ({ readonly kind: "online-request" } & Read)
  | {
      readonly kind: "end-application";
      readonly start?: Restart;
      readonly ui: UiRequest;
      readonly error: ErrorIndication;
      readonly discretionaryData: DataObjects;
      readonly removalTimeout?: Nanos;
    }
  | {
      readonly kind: "select-next";
      readonly start: "C";
      readonly error: ErrorIndication;
      readonly discretionaryData: DataObjects;
    }
  | {
      readonly kind: "try-again";
      readonly start: "B";
      readonly ui: UiRequest;
      readonly error: ErrorIndication;
      readonly discretionaryData: DataObjects;
    }
  | {
      readonly kind: "try-another-interface";
      readonly ui: UiRequest;
      readonly error: ErrorIndication;
      readonly discretionaryData: DataObjects;
    };

export type OutcomeKind = KernelOutcome["kind"];
