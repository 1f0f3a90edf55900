import { SET_BY } from "./explain/kernel-2.js";
import type { ExplainedDecision } from "./explain/explain.js";
import { Facts, rowOf } from "./explain/facts.js";
import { setBits } from "./explain/bits.js";
import { matchedBits } from "./explain/taa.js";
import type { SetBit, Suspect } from "./verdict.js";

/** The decision that made the tap what it was, and those before it that led to it, the root cause first. */
export interface Cause {
  readonly decided: ExplainedDecision;
  readonly causes: readonly ExplainedDecision[];
}

/** What a kernel's stop follows from, by the error that it tells: the decision of that name before it says more. */
const BEHIND_STOPS: Readonly<Record<string, string>> = {
  "cam-failed": ".cda",
  "max-limit-exceeded": ".transaction-limit",
  "magstripe-not-supported": ".mode",
};

const OFFLINE_AUTHENTICATION: ReadonlySet<string> = new Set(["1/7", "1/4", "1/3"]);
const VERIFICATION: ReadonlySet<string> = new Set(["3/8", "3/7"]);

/**
 * Which decision ended the tap. `approvedInstead`: it was approved and should not have been, so what approved it is asked for.
 * Undefined where no decision was recorded.
 */
export function causeOf(decisions: readonly ExplainedDecision[]): Cause | undefined {
  const fault = decisions.find(({ record }) => record.rule === "terminal.fault");
  if (fault) return { decided: fault, causes: [] };
  const asked = decisions.filter(({ record }) => record.layer === "issuer");
  const decided = asked.at(-1) ?? decidedByTerminal(decisions);
  return decided && { decided, causes: leadingTo(decided, decisions) };
}

function decidedByTerminal(decisions: readonly ExplainedDecision[]): ExplainedDecision | undefined {
  const own = decisions.filter(
    ({ record: { layer, rule } }) => (layer === "entry" || layer === "kernel") && rule !== "entry.select-next",
  );
  const last = own.at(-1);
  if (!last) return undefined;
  const { rule, data } = last.record;
  const before = (end: string): ExplainedDecision | undefined =>
    own.findLast(({ record }) => record !== last.record && record.rule.endsWith(end));
  const facts = new Facts(data);
  if (rule.endsWith(".stop")) {
    const l2 = facts.text("l2");
    const end = l2 === "card-data-error" && facts.text("tag") === "9F27" ? ".ac" : rowOf(BEHIND_STOPS, l2);
    return (end === undefined ? undefined : before(end)) ?? last;
  }
  if (!rule.endsWith(".outcome") || ((facts.count("cid") ?? 0x80) & 0xc0) !== 0) return last;
  // An AAC: asked for by the terminal, or the card's own choice.
  const analysis = before(".taa");
  if (analysis?.record.data?.["asks"] === "AAC") return analysis;
  return before(".on-device-cvm") ?? before(".ac") ?? last;
}

/** Decisions that set the bits of the TVR that a decision looked at. */
function leadingTo(decided: ExplainedDecision, decisions: readonly ExplainedDecision[]): ExplainedDecision[] {
  const { rule, data } = decided.record;
  const facts = new Facts(data);
  const of = (bits: readonly SetBit[]): ExplainedDecision[] => {
    const names = bits.flatMap(({ byte, bit }) => SET_BY[`${byte}/${bit}`] ?? []);
    const found = decisions.filter(({ record }) => names.includes(record.rule));
    return [...new Map(found.map((one) => [one.record.rule, one])).values()];
  };
  const only = (wanted: ReadonlySet<string>): SetBit[] =>
    setBits("TVR", facts.bytes("tvr")).filter(({ byte, bit }) => wanted.has(`${byte}/${bit}`));
  if (rule.endsWith(".taa")) return facts.text("asks") === "AAC" ? of(matchedBits(facts)) : [];
  if (rule === "issuer.terminal-verification" || rule.endsWith(".on-device-cvm"))
    return of(only(OFFLINE_AUTHENTICATION));
  if (rule === "issuer.cardholder-verification") return of(only(VERIFICATION));
  if (rule.endsWith(".cda") && facts.text("reason").endsWith(": expired"))
    return decisions.filter(({ record }) => record.rule.endsWith(".restrictions.expired"));
  return [];
}

const BY_LAYER: Readonly<Record<string, Suspect>> = {
  entry: "entry",
  kernel: "kernel",
  terminal: "terminal",
  issuer: "issuer",
};

/** Where to look: the root cause's own word, else the decision's, else the layer that decided. */
export function suspectOf({ decided, causes }: Cause): Suspect {
  const named = [...causes, decided].find(({ suspect }) => suspect !== undefined && suspect !== "none");
  return named?.suspect ?? BY_LAYER[decided.record.layer] ?? "kernel";
}
