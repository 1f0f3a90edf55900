import type { ReportTargets } from "./reports.js";

/** Options of every emulated tap, as they come from the command line. */
export interface TapOptions extends ReportTargets {
  readonly seed?: string;
  readonly at?: string;
  readonly issued?: string;
  readonly pin?: string;
  readonly terminal: string;
  readonly fault?: readonly string[];
  readonly card?: string;
  readonly state?: string;
  readonly amount: string;
  readonly currency?: string;
  readonly trace: string;
  readonly revealTestData?: boolean;
  readonly expect?: string;
  readonly explain?: boolean;
  readonly golden?: string;
  readonly repeat?: string;
  readonly limit?: string;
  readonly keepGoing?: boolean;
  readonly jsonLines?: boolean;
  readonly json?: boolean;
  /** Do not ask before a card on a reader is tapped. */
  readonly yes?: boolean;
}

/** What an emulated tap does when nothing else is said. */
export const TAP_DEFAULTS: Readonly<Partial<Record<keyof TapOptions, string>>> &
  Pick<TapOptions, "terminal" | "amount" | "trace"> = {
  terminal: "shop",
  amount: "12.50",
  trace: "./tapbench-trace.jsonl",
};
