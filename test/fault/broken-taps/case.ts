import type { Ending, Suspect } from "../../../src/inspect/verdict.js";
import { unhex } from "../../../src/util/bytes.js";
import type { Broken } from "../../support/bench-parts.js";

export type CardName = "credit" | "online" | "ring" | "offline";
export interface Case extends Broken {
  readonly name: string;
  readonly card?: CardName;
  readonly ended: Ending;
  readonly suspect: Suspect;
  readonly rule: string;
  /** A tag, as the place to look at; or a bit that is set, `TVR 2/7`. */
  readonly names?: string;
  /** In the headline or in the reasons of the decision and its causes. */
  readonly says: RegExp;
  /** The command at which it stopped. */
  readonly stopped?: string;
}

/** With that TAC denial. */
export const declines =
  (denial: string): NonNullable<Broken["setUp"]> =>
  (terminal) => ({
    ...terminal,
    kernels: terminal.kernels.map((kernel) => ({ ...kernel, tac: { ...kernel.tac, denial: unhex(denial) } })),
  });
export const withoutLimit: NonNullable<Broken["setUp"]> = (terminal) => ({
  ...terminal,
  kernels: terminal.kernels.map((kernel) => ({
    ...kernel,
    limits: { ...kernel.limits, transactionOnDevice: 999_999_999_999n },
  })),
});
