import type { TapbenchError } from "../../util/errors.js";
import type { TraceRecord } from "../../util/tracer.js";
import type { Observed } from "../header.js";

/** What a file said about itself, told at its end. */
export interface Imported {
  /** Of the tap or the device, where the file has one; else empty. */
  readonly name: string;
  readonly observed: Observed;
  /** Account data was taken out before it came here, and the file says so. */
  readonly masked?: boolean;
  /** What was odd and did not stop the reading, a sentence each; bounded. */
  readonly remarks: readonly string[];
  /** Why reading stopped before the end; what came before was told. */
  readonly problem?: TapbenchError;
}

/** Reads one file of a format, in pieces of any size and with bounded memory. */
export interface TraceImporter {
  /** @throws `trace/...` when nothing more can be made of the file; what was read until then was told */
  push(piece: Uint8Array): void;
  end(): Imported;
}

/** A log or capture of another tool that can be brought in. A row of the table in open.ts. */
export interface ImportFormat {
  /** Stable, for `--json` and the trace's header. */
  readonly name: string;
  readonly title: string;
  /** Whether a file that begins so is of this format; `head` is its first 64 KiB at most. */
  recognises(head: Uint8Array): boolean;
  start(onRecord: (record: TraceRecord) => void): TraceImporter;
}
