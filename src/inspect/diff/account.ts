import type { Observed, TraceHeader } from "../../trace/header.js";
import type { Nanos } from "../../util/time.js";

/*
 * A trace as it is compared: taps of steps, steps of facts. What is compared, what a golden file holds and what is told are all facts, so that
 * none of them knows how a trace is written.
 */

/** Where a fact was seen. */
export type FactPart = "command" | "answer" | "frames" | "decision";

/** One value that may differ. */
export interface Fact {
  readonly part: FactPart;
  /**
   * Unique in its part. Tags as they are nested, `70/5F24`, with `.cvr` for a part of a value and `#2` for the second of the same path; what is no
   * data object has a name in small letters: `sw`, `header`, `says`.
   */
  readonly path: string;
  /** Hex of data objects, else words. Absent where a golden file left a volatile value out. */
  readonly value?: string;
  /** Differs from tap to tap by its nature; how many bytes it has. */
  readonly volatile?: number;
  /** What was masked, as it was recorded: only compared, never shown and never written. */
  readonly hidden?: string;
}

/** One thing that happened in a tap. */
export interface Step {
  readonly kind: "command" | "frames" | "decision";
  /** What it is aligned by: `READ RECORD SFI 2 record 1`, `c2.cvm`. */
  readonly name: string;
  /** The kernel whose names its tags have. */
  readonly scope?: string | undefined;
  readonly took?: Nanos | undefined;
  /** Of `took`, what the card spent computing, where it could be observed. */
  readonly compute?: Nanos | undefined;
  /** Made when asked for: a long trace has millions of them. */
  facts(): readonly Fact[];
}

export interface TapAccount {
  readonly steps: readonly Step[];
  readonly took?: Nanos | undefined;
}

/** All that is compared of a trace. */
export interface Account {
  readonly header: Pick<TraceHeader, "tool" | "seed" | "profile" | "masked">;
  readonly observed: Observed;
  /** Rules were recorded. */
  readonly decisions: boolean;
  /** What was done over the wired interface before the taps; absent: nothing, or left out. */
  readonly provisioning?: TapAccount | undefined;
  readonly taps: readonly TapAccount[];
}

/** The data object that a fact is, and which part of it. */
export function objectOf({ part, path }: Pick<Fact, "part" | "path">): { tag: number; sub?: string } | undefined {
  if (part === "frames") return undefined;
  if (part === "decision") {
    const tag = DECISION_TAGS.get(path);
    return tag === undefined ? undefined : { tag };
  }
  const match = /(?:^|\/)([0-9A-F]{2,8})(?:\.([a-z-]+))?(?:#\d+)?$/.exec(path);
  if (!match) return undefined;
  return { tag: Number.parseInt(match[1]!, 16), ...(match[2] !== undefined && { sub: match[2] }) };
}

/** Inputs and results of rules that are data objects. Action codes have the bits of the TVR. */
const DECISION_TAGS: ReadonlyMap<string, number> = new Map([
  ["aip", 0x82],
  ["afl", 0x94],
  ["auc", 0x9f07],
  ["results", 0x9f34],
  ["tvr", 0x95],
  ["tacDenial", 0xdf8121],
  ["tacOnline", 0xdf8122],
  ["tacDefault", 0xdf8120],
  ["iacDenial", 0x9f0e],
  ["iacOnline", 0x9f0f],
  ["iacDefault", 0x9f0d],
]);
