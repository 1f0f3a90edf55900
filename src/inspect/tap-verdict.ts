import type { AuthorisationResponse } from "../emv/acquirer.js";
import type { ErrorIndication, KernelOutcome } from "../emv/outcome.js";
import { swHex, swMeaning } from "../protocols/iso7816/status.js";
import type { ApduRecord, RuleRecord, TraceRecord } from "../util/tracer.js";
import { commandName } from "./apdu-text.js";
import type { Waterfall } from "./waterfall.js";

/** Why a tap was not approved, and where it stopped. */
export interface TapVerdict {
  readonly error?: ErrorIndication | undefined;
  /** The rule that decided, and its sentence. */
  readonly decided?: { readonly rule: string; readonly says: string } | undefined;
  /** The command that was not answered, or was refused. */
  readonly failedCommand?: string | undefined;
  /** The last command that was answered, where none failed. */
  readonly lastCommand?: string | undefined;
}

/** What a verdict needs to know of a tap. */
export interface JudgedTap {
  readonly outcome: string;
  readonly kernelOutcome: KernelOutcome;
  readonly issuer?: AuthorisationResponse | undefined;
}

const LAYERS: ReadonlySet<string> = new Set(["entry", "kernel"]);
const isDecision = (record: TraceRecord): record is RuleRecord => LAYERS.has(record.layer);

/** The rule that decided what the kernel's outcome is: a stop says why itself, a declined payment was decided by terminal action analysis. */
function decision(rules: readonly RuleRecord[], kind: KernelOutcome["kind"]): RuleRecord | undefined {
  const last = rules.findLast(({ rule }) => rule !== "entry.select-next");
  if (kind !== "declined" || last?.rule.endsWith(".outcome") !== true) return last;
  // The card may have refused what the terminal asked for; otherwise the terminal asked for the refusal.
  const analysis = rules.findLast(({ rule }) => rule.endsWith(".taa"));
  return analysis?.data?.["asks"] === "AAC" ? analysis : last;
}

/** Undefined where the tap was approved. `records` of one tap; only the last is looked at. */
export function verdictOf(
  { outcome, kernelOutcome, issuer }: JudgedTap,
  records: readonly TraceRecord[],
  times: Waterfall,
): TapVerdict | undefined {
  if (outcome === "approved") return undefined;
  const begin = records.findLastIndex((record) => record.layer === "field" && record.on);
  const tap = records.slice(Math.max(0, begin));
  const error = "error" in kernelOutcome ? kernelOutcome.error : undefined;
  if (issuer && !issuer.approved) {
    const rule =
      tap.findLast((record): record is RuleRecord => record.layer === "issuer")?.rule ?? `issuer.${issuer.reason}`;
    return { error, decided: { rule, says: issuer.says } };
  }
  const rule = decision(tap.filter(isDecision), kernelOutcome.kind);
  const apdus = tap.filter((record): record is ApduRecord => record.layer === "apdu" && record.via === "contactless");
  const refused =
    error?.sw === undefined ? undefined : apdus.findLast(({ response }) => statusWord(response) === error.sw);
  const failedCommand =
    (error?.l1 === undefined ? undefined : times.rows.findLast((row) => row.unanswered !== undefined)?.unanswered) ??
    (refused && commandName(refused.command));
  const last = apdus.at(-1);
  return {
    error,
    decided: rule && { rule: rule.rule, says: rule.says },
    failedCommand,
    ...(failedCommand === undefined && last && { lastCommand: commandName(last.command) }),
  };
}

/** The kernel that was tried last, whatever came of it. */
export function lastKernel(records: readonly TraceRecord[]): string | undefined {
  const selected = records.findLast((record) => record.layer === "entry" && record.rule === "entry.selected");
  const name = selected && "data" in selected ? selected.data?.["kernel"] : undefined;
  return typeof name === "string" ? name : undefined;
}

const statusWord = (response: Uint8Array): number =>
  response.length < 2 ? -1 : response[response.length - 2]! * 256 + response[response.length - 1]!;

/** For people: why, by which rule, where. */
export function renderVerdict({ error, decided, failedCommand, lastCommand }: TapVerdict): string[] {
  const { l1, l2, l3, sw, tag } = error ?? {};
  const parts = [
    ...(l1 === undefined ? [] : [`link ${l1}`]),
    ...(l2 === undefined ? [] : [l2.replaceAll("-", " ")]),
    ...(l3 === undefined ? [] : [l3.replaceAll("-", " ")]),
    ...(sw === undefined ? [] : [`${swHex(sw)} ${swMeaning(sw)}`]),
    ...(tag === undefined ? [] : [`tag ${tag}`]),
  ];
  return [
    ...(parts.length > 0 ? [`error ${parts.join(", ")}`] : []),
    ...(decided ? [`decided by ${decided.rule}: ${decided.says}`] : []),
    ...(failedCommand === undefined ? [] : [`failed at ${failedCommand}`]),
    ...(lastCommand === undefined ? [] : [`stopped after ${lastCommand}`]),
  ];
}
