import type { RuleRecord, TraceRecord } from "../../util/tracer.js";
import type { Decision } from "../verdict.js";
import { ENTRY } from "./entry.js";
import { Facts, plainly, type Explain, type Explained, type Surroundings } from "./facts.js";
import { INFERRED } from "./inferred.js";
import { ISSUER } from "./issuer.js";
import { KERNEL_2 } from "./kernel-2.js";

/** What each rule's inputs say, by its name. A rule that is not here is told by its own sentence. */
export const EXPLANATIONS: Readonly<Record<string, Explain>> = { ...ENTRY, ...KERNEL_2, ...ISSUER, ...INFERRED };

export const isRule = (record: TraceRecord): record is RuleRecord =>
  record.layer !== "field" && record.layer !== "frame" && record.layer !== "apdu";

/** A decision with its explanation; `Explained` holds what only the verdict needs. */
export interface ExplainedDecision extends Explained {
  readonly record: RuleRecord;
}

export const explainRule = (record: RuleRecord, around: Surroundings): ExplainedDecision => {
  const explain = Object.hasOwn(EXPLANATIONS, record.rule) ? EXPLANATIONS[record.rule]! : plainly;
  return { record, ...explain(new Facts(record.data), around) };
};

/** As verdicts and reports carry it. */
export const decisionOf = ({ record, why, flips }: ExplainedDecision): Decision => ({
  layer: record.layer,
  rule: record.rule,
  says: record.says,
  why,
  flips,
  inputs: record.data ?? {},
});
