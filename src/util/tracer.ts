import type { Nanos } from "./time.js";

/** The field went on or off. */
export interface FieldRecord {
  readonly layer: "field";
  readonly at: Nanos;
  readonly on: boolean;
}

/** One frame on the air. `at` is its first bit, `took` its time on the air. */
export interface FrameRecord {
  readonly layer: "frame";
  readonly at: Nanos;
  readonly took: Nanos;
  readonly from: "pcd" | "picc";
  /** With CRC_A where the frame has one. */
  readonly bytes: Uint8Array;
  /** Data bits in all; less than 8 a byte for short and anticollision frames. */
  readonly bits: number;
  readonly kbps: number;
  /** What happened to it on the way, if anything. */
  readonly fault?: "lost" | "corrupted" | "collision";
}

/** One APDU there and back. `at` is when the command's first bit left. */
export interface ApduRecord {
  readonly layer: "apdu";
  readonly at: Nanos;
  readonly took: Nanos;
  readonly command: Uint8Array;
  readonly response: Uint8Array;
  /** Of `took`, what the card spent computing; absent where it cannot be observed. */
  readonly compute?: Nanos;
  /** The contactless interface, or the element's wired one (provisioning). */
  readonly via: "contactless" | "wired";
}

/** A decision: which rule, from what, and what follows. */
export interface RuleRecord {
  readonly layer: "entry" | "kernel" | "terminal" | "issuer" | "wallet";
  readonly at: Nanos;
  /** Stable name, such as `c2.cvm`. */
  readonly rule: string;
  /** One sentence for people. */
  readonly says: string;
  /** Inputs and results: hex strings, numbers, words. */
  readonly data?: Readonly<Record<string, string | number | boolean>>;
}

export type TraceRecord = FieldRecord | FrameRecord | ApduRecord | RuleRecord;

/** Who listens gets every record; who has no tracer pays nothing. */
export interface Tracer {
  record(record: TraceRecord): void;
}
