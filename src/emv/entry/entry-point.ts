import { findTlv, parseTlv, valueOf } from "../../codec/tlv.js";
import type { CardAsking } from "../../protocols/iso7816/poller.js";
import { SW } from "../../protocols/iso7816/status.js";
import { ascii, concat, hex, NO_BYTES, printable } from "../../util/bytes.js";
import { isTapbenchError } from "../../util/errors.js";
import type { Random } from "../../util/random.js";
import type { RuleRecord } from "../../util/tracer.js";
import type { Kernel, KernelInput } from "../kernel.js";
import { l1Error } from "../l1.js";
import type { CaKeys } from "../oda.js";
import type { ErrorIndication, KernelOutcome } from "../outcome.js";
import type { DataObjects } from "../tags.js";
import { findCandidates, type Candidate, type Prepared } from "./candidates.js";
import type { Combination } from "./combination.js";
import { readDirectory } from "./directory.js";
import { preProcess } from "./pre-processing.js";

/** Name of the proximity directory (EMV Contactless Book B 3.3.2.2). */
export const PPSE = ascii("2PAY.SYS.DDF01");

/** What entry point is given for one transaction. */
export interface EntryInput {
  readonly combinations: readonly Combination[];
  /** The kernels that this terminal has, by name: `{ c2: kernelC2 }`. */
  readonly kernels: Readonly<Record<string, Kernel>>;
  readonly amount: bigint;
  /** One whole unit of the currency in minor units, for status checks; absent: 100. */
  readonly unit?: bigint;
  readonly caKeys: CaKeys;
  readonly random: Random;
  /** Without the directory: SELECT this application at once. */
  readonly preselected?: Uint8Array;
  /** A decision was made, by entry point or by the kernel; absent: nobody listens. */
  readonly onRule?: ((rule: Omit<RuleRecord, "at">) => void) | undefined;
}

/** An application that was tried and let go. */
export interface Refusal {
  readonly aid: Uint8Array;
  readonly kernel: string;
  readonly error: ErrorIndication;
}

/** What entry point returns: the outcome, and what it came from. */
export interface EntryResult {
  readonly outcome: KernelOutcome;
  /** The kernel that ended the transaction; absent: none was started. */
  readonly kernel?: string | undefined;
  /** ADF name as selected. */
  readonly aid?: Uint8Array | undefined;
  /** FCI template of the final SELECT. */
  readonly fci?: Uint8Array | undefined;
  /** For people: the application's preferred name or label. */
  readonly label?: string | undefined;
  /** How many applications card and terminal had in common. */
  readonly candidates: number;
  /** Applications before this one that were refused, or asked for the next. */
  readonly refused: readonly Refusal[];
}

const NO_DATA: DataObjects = new Map();

/**
 * Entry point, after EMV Contactless Book B: pre-processing, directory, combination selection, kernel activation. "Select next" goes on with
 * the next candidate; restarts at A and B are the caller's, who has the field. A link error during selection asks for the card again.
 */
export function* entryPoint(input: EntryInput): CardAsking<EntryResult> {
  const progress: Progress = { candidates: 0, refused: [] };
  try {
    return yield* select(input, progress);
  } catch (error) {
    const l1 = l1Error(error);
    if (l1 === undefined) throw error;
    input.onRule?.(rule("entry.link", "The link to the card failed during selection.", { l1 }));
    const ui = { message: "try-again", status: "ready-to-read" } as const;
    return ended(progress, { kind: "try-again", start: "B", ui, error: { l1 }, discretionaryData: NO_DATA });
  }
}

interface Progress {
  candidates: number;
  readonly refused: Refusal[];
}

const ended = ({ candidates, refused }: Progress, outcome: KernelOutcome): EntryResult => ({
  outcome,
  candidates,
  refused,
});

/** A rule of this layer. Only made where somebody listens. */
const rule = (name: string, says: string, data: NonNullable<RuleRecord["data"]>): Omit<RuleRecord, "at"> => ({
  layer: "entry",
  rule: name,
  says,
  data,
});

function* select(input: EntryInput, progress: Progress): CardAsking<EntryResult> {
  const prepared: Prepared[] = [];
  let allowed = 0;
  for (const combination of input.combinations) {
    if (!Object.hasOwn(input.kernels, combination.kernel)) continue;
    const indicators = preProcess(combination, input.amount, input.unit ?? 100n);
    if (!indicators.notAllowed) allowed++;
    prepared.push({ combination, indicators });
  }
  input.onRule?.(
    rule("entry.pre-processing", `${allowed} of ${prepared.length} combinations allow this amount.`, {
      amount: String(input.amount),
      allowed,
      combinations: prepared.length,
      ...(allowed === 0 && highestLimit(input.combinations)),
    }),
  );
  if (prepared.length > 0 && allowed === 0) {
    const ui = { message: "insert-or-swipe", status: "not-ready" } as const;
    return ended(progress, {
      kind: "try-another-interface",
      ui,
      error: { l2: "max-limit-exceeded" },
      discretionaryData: NO_DATA,
    });
  }

  const found = input.preselected ? preselect(input.preselected, prepared) : yield* askDirectory(input, prepared);
  if ("error" in found) return ended(progress, noApplication(found.error));
  const { candidates } = found;
  progress.candidates = candidates.length;
  input.onRule?.(
    rule("entry.candidates", `${candidates.length} applications fit this terminal.`, {
      count: candidates.length,
      list: candidates.map(({ adf, combination }) => `${hex(adf)}/${combination.kernel}`).join(" "),
      terminal: prepared.map(({ combination: { aid, kernel } }) => `${hex(aid)}/${kernel}`).join(" "),
    }),
  );

  for (const candidate of candidates) {
    const result = yield* tryCandidate(input, candidate, progress);
    if (result) return result;
  }
  return ended(progress, noApplication(progress.refused.at(-1)?.error ?? { l2: "empty-candidate-list" }));
}

/** The limit that refuses an amount everywhere, for whoever listens: the highest of the combinations'. */
function highestLimit(combinations: readonly Combination[]): { readonly limit?: string } {
  const limits = combinations.map(({ checks }) => checks?.transactionLimit);
  const set = limits.filter((limit) => limit !== undefined);
  return set.length === 0 ? {} : { limit: String(set.reduce((most, limit) => (limit > most ? limit : most))) };
}

/** No application that both know: another card, or another interface (EMV Contactless Book B 3.3.2.7). */
const noApplication = (error: ErrorIndication): KernelOutcome => ({
  kind: "end-application",
  ui: { message: "insert-swipe-or-other-card", status: "not-ready" },
  error,
  discretionaryData: NO_DATA,
});

/** What selection found; an error: there is no directory to read. */
type Found = { readonly candidates: readonly Candidate[] } | { readonly error: ErrorIndication };

function preselect(adf: Uint8Array, prepared: readonly Prepared[]): Found {
  return { candidates: findCandidates([{ adf, priority: 0 }], prepared) };
}

/** SELECT the proximity directory and read it. */
function* askDirectory(input: EntryInput, prepared: readonly Prepared[]): CardAsking<Found> {
  const { answer } = yield selectCommand(PPSE);
  if (answer.sw !== SW.ok) {
    input.onRule?.(rule("entry.ppse", "The card has no proximity directory.", { sw: answer.sw }));
    return { error: { l2: "no-ppse", sw: answer.sw } };
  }
  const entries = readDirectory(answer.data);
  if (!entries) {
    input.onRule?.(rule("entry.ppse", "The card's proximity directory cannot be read.", { bytes: answer.data.length }));
    return { error: { l2: "ppse-fault" } };
  }
  input.onRule?.(
    rule("entry.ppse", `The card offers ${entries.length} applications.`, {
      entries: entries.length,
      list: entries.map(({ adf }) => hex(adf)).join(" "),
    }),
  );
  return { candidates: findCandidates(entries, prepared) };
}

const selectCommand = (name: Uint8Array) => ({ cla: 0, ins: 0xa4, p1: 0x04, p2: 0, data: name, le: 256 }) as const;

/** Final selection and kernel activation (EMV Contactless Book B 3.3.3, 3.4). Undefined: go on with the next candidate. */
function* tryCandidate(
  input: EntryInput,
  candidate: Candidate,
  progress: Progress,
): CardAsking<EntryResult | undefined> {
  const { combination, adf } = candidate;
  const { answer } = yield selectCommand(candidate.extended ? concat(adf, candidate.extended) : adf);
  if (answer.sw !== SW.ok) {
    input.onRule?.(
      rule("entry.refused", "The card refused to select an application that it offers.", {
        aid: hex(adf),
        sw: answer.sw,
      }),
    );
    progress.refused.push({ aid: adf, kernel: combination.kernel, error: { l2: "status-bytes", sw: answer.sw } });
    return undefined;
  }
  input.onRule?.(
    rule("entry.selected", `The application is selected; kernel ${combination.kernel} takes over.`, {
      aid: hex(adf),
      kernel: combination.kernel,
      priority: candidate.priority,
    }),
  );

  const outcome = yield* input.kernels[combination.kernel]!(kernelInput(input, candidate, answer.data));
  if (outcome.kind === "select-next") {
    input.onRule?.(
      rule("entry.select-next", "The kernel asks for the next application.", { aid: hex(adf), ...outcome.error }),
    );
    progress.refused.push({ aid: adf, kernel: combination.kernel, error: outcome.error });
    return undefined;
  }
  const label = labelOf(answer.data) ?? (candidate.label && printable(candidate.label));
  const { candidates, refused } = progress;
  return { outcome, candidates, refused, kernel: combination.kernel, aid: adf, fci: answer.data, label };
}

function kernelInput(input: EntryInput, { combination, indicators, adf }: Candidate, fci: Uint8Array): KernelInput {
  const { limits, terminal, randomSelection } = combination;
  const { amount, caKeys, random, onRule } = input;
  return {
    aid: adf,
    fci,
    amount,
    limits,
    terminal: indicators.ttq ? new Map(terminal).set(0x9f66, indicators.ttq) : terminal,
    caKeys,
    random,
    randomSelection,
    onRule: onRule && ((made) => onRule({ layer: "kernel", ...made })),
  };
}

/** Preferred name (9F12) where its code table is Latin 1 (9F11 is 01), else the label (50). EMV 4.3 Book 4, 11.1.2. */
function labelOf(fci: Uint8Array): string | undefined {
  try {
    const proprietary = findTlv(parseTlv(fci), 0x6f, 0xa5)?.children ?? [];
    const preferred = valueOf(proprietary, 0x9f11)[0] === 1 ? valueOf(proprietary, 0x9f12) : NO_BYTES;
    const name = preferred.length > 0 ? preferred : valueOf(proprietary, 0x50);
    return name.length > 0 ? printable(name) : undefined;
  } catch (error) {
    if (isTapbenchError(error)) return undefined;
    throw error;
  }
}
