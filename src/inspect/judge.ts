import { fromBcd } from "../codec/bcd.js";
import { hex } from "../util/bytes.js";
import { isTapbenchError } from "../util/errors.js";
import type { CaKeys } from "../emv/oda.js";
import { swHex, swMeaning } from "../protocols/iso7816/status.js";
import type { TraceHeader } from "../trace/header.js";
import type { RuleRecord, TraceRecord } from "../util/tracer.js";
import { commandName } from "./apdu-text.js";
import { contactlessExchanges } from "./exchanges.js";
import { decisionOf, explainRule, isRule, type ExplainedDecision } from "./explain/explain.js";
import { dateText, Facts, type Surroundings } from "./explain/facts.js";
import { above } from "./explain/kernel-2.js";
import { inferredRules } from "./infer.js";
import { isContactless, lastTap } from "./last-tap.js";
import { moneyOf, shownAmount, type ShownCurrency } from "./money.js";
import { scopeOfAid } from "./scope.js";
import { authenticationOf } from "./tap-authentication.js";
import { causeOf, suspectOf, type Cause } from "./tap-cause.js";
import { atcOf, bitFieldsOf, givenBy, pinTriesOf, shownPan, type Given } from "./tap-data.js";
import { timesKnown, timingOf } from "./tap-timing.js";
import { rebuildTransaction, type Transaction } from "./transaction.js";
import { ENDINGS, type Ending, type LimitBeside, type Suspect, type Timing, type Verdict } from "./verdict.js";
import { waterfall, type Waterfall } from "./waterfall.js";
import { stopOf, unansweredIn } from "./tap-stop.js";

/** What a verdict is made from. Only the last tap of the records is looked at. */
export interface JudgeInput {
  readonly header: TraceHeader;
  readonly records: readonly TraceRecord[];
  /** How the tap was asked to end; approved unless given. */
  readonly expected?: Ending | undefined;
  /** For checking the card's certificates again; without them nothing is said against the card. */
  readonly caKeys?: CaKeys | undefined;
  /** Currency by its ISO 4217 number, three digits, where the trace names none. */
  readonly currency?: ((numeric: string) => ShownCurrency | undefined) | undefined;
  readonly limit?: Timing["limit"];
  readonly repeat?: string | undefined;
  readonly golden?: Verdict["golden"] | undefined;
  readonly reader?: string | undefined;
  readonly notes?: readonly string[] | undefined;
}

/** The last tap of a trace, whatever wrote it: what it came to, and why. Nothing in it is unmasked. */
export function judgeTap(input: JudgeInput): Verdict {
  const { header, expected = "approved" } = input;
  const records = lastTap(input.records);
  const exchanges = contactlessExchanges(records);
  const transaction = exchanges.length > 0 ? rebuildTransaction(exchanges, header.masked) : undefined;
  const times = waterfall(records);
  const told = records.filter(isRule);
  const begin = factsOf(told, "terminal.begin");
  const end = factsOf(told, "terminal.outcome");
  const currency = currencyOf(begin, transaction, input.currency);
  const kernel = kernelOf(told, transaction);

  const recorded = told.some(({ layer, rule }) => layer !== "wallet" && rule !== "terminal.begin");
  const rules = recorded ? told : inferredRules(exchanges, transaction, input.caKeys, header.masked);
  const explained = explainAll(recorded ? records : rules, { times, currency, kernel });
  const cause = causeOf(explained);

  const given = givenBy(transaction, kernel, exchanges);
  // a card whose signature does not hold has approved nothing
  const cid = rules.some(({ rule }) => rule === "inferred.cda") ? undefined : given?.cid;
  const ended = endOf(end, told, recorded, cid);
  const asAsked = ended === expected;
  const issuer = issuerOf(end, told, recorded);
  const found = cause !== undefined && !(asAsked && ended === "approved") && !pending(ended, cause) ? cause : undefined;
  const suspect: Suspect = !found || ended === "approved" ? "none" : fieldLost(records) ? "field" : suspectOf(found);
  const stopped = stopOf({ records, times, cause: ended === "approved" ? undefined : found, suspect, kernel });
  const minor = begin.text("amount") || amountOf(transaction);
  const tvr = told.findLast(({ data }) => typeof data?.["tvr"] === "string");
  const known = timesKnown(header.observed) === "simulated" ? "simulated" : "measured";

  return {
    version: 1,
    headline: headlineOf({ ended, asAsked, expected, cause: found, suspect, given, at: stopped.command?.name }),
    expected,
    asAsked,
    ended,
    kernelOutcome: kernelOutcomeOf(end, told, cid),
    issuer,
    stopped,
    ...(found && { decided: { ...decisionOf(found.decided), known: recorded ? "measured" : "inferred" } }),
    causes: (found?.causes ?? []).map(decisionOf),
    decisions: explained.map(decisionOf),
    bits: bitFieldsOf(transaction, kernel, new Facts(tvr?.data).bytes("tvr")),
    ...(minor !== "" && { amount: moneyOf(minor, currency) }),
    limits: limitsOf(told, begin, minor, currency),
    authentication: authenticationOf({
      transaction,
      masked: header.masked,
      kernel: factsOf(told, "c2.cda"),
      caKeys: input.caKeys,
    }),
    atc: atcOf(transaction, exchanges, known),
    pinTries: pinTriesOf(transaction, kernel, exchanges, known),
    timing: timingOf(records, times, header.observed, input.limit),
    identity: identityOf(input, begin, kernel, transaction),
    ...(input.golden && { golden: input.golden }),
    ...(input.repeat !== undefined && { repeat: input.repeat }),
    notes: [
      ...(input.notes ?? []),
      ...(header.masked ? ["account data are masked in this trace"] : []),
      ...(recorded
        ? []
        : ["nobody recorded decisions here: what is said of them is inferred from commands and answers"]),
      ...(asAsked ? [] : (transaction?.doubts ?? []).slice(0, MOST_DOUBTS)),
    ],
  };
}

const MOST_DOUBTS = 3;
const EVERY_RULE = new Facts();

const factsOf = (rules: readonly RuleRecord[], name: string): Facts => {
  const found = rules.findLast(({ rule }) => rule === name);
  return found ? new Facts(found.data) : EVERY_RULE;
};

/** Explains each decision with what was known when it was made. */
function explainAll(
  records: readonly TraceRecord[],
  {
    times,
    currency,
    kernel,
  }: { readonly times: Waterfall; readonly currency: ShownCurrency | undefined; readonly kernel: string | undefined },
): ExplainedDecision[] {
  const seen = new Map<string, Facts>();
  const explained: ExplainedDecision[] = [];
  let command: string | undefined;
  const unanswered = unansweredIn(records, times);
  for (const record of records) {
    if (isContactless(record)) command = commandName(record.command);
    if (!isRule(record)) continue;
    const broken = typeof record.data?.["l1"] === "string";
    const around: Surroundings = {
      money: (minor) => shownAmount(minor, currency),
      last: (rule) => seen.get(rule) ?? EVERY_RULE,
      kernel,
      command: broken ? unanswered : command,
    };
    explained.push(explainRule(record, around));
    seen.set(record.rule, new Facts(record.data));
  }
  return explained;
}

function currencyOf(
  begin: Facts,
  transaction: Transaction | undefined,
  lookUp: JudgeInput["currency"],
): ShownCurrency | undefined {
  const code = begin.text("currency");
  const exponent = begin.count("exponent");
  if (/^[A-Z]{3}$/.test(code) && exponent !== undefined && exponent >= 0 && exponent <= 4) return { code, exponent };
  const numeric = transaction?.terminal.get(0x5f2a);
  return numeric?.length === 2 ? lookUp?.(hex(numeric).slice(1)) : undefined;
}

function kernelOf(rules: readonly RuleRecord[], transaction: Transaction | undefined): string | undefined {
  const named = factsOf(rules, "entry.selected").text("kernel");
  if (named !== "") return named;
  return transaction && scopeOfAid(transaction.aid);
}

function amountOf(transaction: Transaction | undefined): string {
  const value = transaction?.terminal.get(0x9f02);
  if (value?.length !== 6) return "";
  try {
    return String(BigInt(fromBcd(value)));
  } catch (error) {
    if (isTapbenchError(error)) return "";
    throw error;
  }
}

function endOf(
  end: Facts,
  rules: readonly RuleRecord[],
  recorded: boolean,
  cid: number | undefined,
): Ending | "unknown" {
  const said = ENDINGS.find((ending) => ending === end.text("outcome"));
  if (said) return said;
  if (rules.some(({ rule }) => rule === "terminal.fault")) return "not-completed";
  // a TC is the card's own approval; everything else is decided elsewhere
  if (!recorded && cid !== undefined && cid >> 6 === 1) return "approved";
  return !recorded && cid !== undefined && cid >> 6 === 0 ? "declined" : "unknown";
}

/** The trace of a tap that went well as far as it goes, and ends before anybody answered. */
const pending = (ended: Verdict["ended"], { decided: { record, suspect } }: Cause): boolean =>
  ended === "unknown" &&
  (record.rule.endsWith(".outcome") || record.rule.endsWith(".ac")) &&
  (suspect === undefined || suspect === "none");

function issuerOf(end: Facts, rules: readonly RuleRecord[], recorded: boolean): Verdict["issuer"] {
  const last = rules.findLast(({ layer }) => layer === "issuer");
  const reason = end.text("issuer");
  if (reason !== "") {
    const arc = end.text("arc");
    return {
      answer: reason === "approved" ? "approved" : "declined",
      ...(arc !== "" && { arc }),
      reason,
      says: end.text("issuerSays") || last?.says || "",
    };
  }
  if (end.has("outcome") || rules.some(({ rule }) => rule === "terminal.fault"))
    return { answer: "not-asked", says: "issuer not asked" };
  return {
    answer: "unknown",
    says: recorded
      ? "no answer of the issuer was recorded"
      : "not observable: the file holds what card and reader said",
  };
}

function kernelOutcomeOf(end: Facts, rules: readonly RuleRecord[], cid: number | undefined): Verdict["kernelOutcome"] {
  const last = rules.findLast(
    ({ rule }) => rule.endsWith(".stop") || rule.endsWith(".outcome") || rule === "entry.link",
  );
  const facts = last && last.rule !== "terminal.outcome" ? new Facts(last.data) : EVERY_RULE;
  const stop = rules.findLast(({ rule }) => rule.endsWith(".stop") || rule === "entry.link" || rule === "entry.ppse");
  const error = errorWords(
    end.text("kernel").match(/^(approved|online-request)$/) ? EVERY_RULE : new Facts(stop?.data),
  );
  const said = end.text("kernel") || facts.text("outcome");
  if (said !== "") return { known: "measured", value: said, error };
  if (cid === undefined) return { known: "not-observable", error };
  const value = ["declined", "approved", "online-request", "declined"][cid >> 6]!;
  return { known: "inferred", value, error };
}

function errorWords(facts: Facts): string[] {
  const sw = facts.count("sw");
  const [l1, l2, l3, tag] = ["l1", "l2", "l3", "tag"].map((name) => facts.text(name)) as [
    string,
    string,
    string,
    string,
  ];
  return [
    ...(l1 === "" ? [] : [`link ${l1}`]),
    ...(l2 === "" ? [] : [l2.replaceAll("-", " ")]),
    ...(l3 === "" ? [] : [l3.replaceAll("-", " ")]),
    ...(sw === undefined ? [] : [`${swHex(sw)} ${swMeaning(sw)}`]),
    ...(tag === "" ? [] : [`tag ${tag}`]),
  ];
}

/** The field went off before anybody ended the tap. */
function fieldLost(records: readonly TraceRecord[]): boolean {
  const off = records.findIndex((record) => record.layer === "field" && !record.on);
  if (off < 0) return false;
  return records
    .slice(off)
    .some((record) => isRule(record) && (typeof record.data?.["l1"] === "string" || record.rule === "terminal.fault"));
}

function limitsOf(
  rules: readonly RuleRecord[],
  begin: Facts,
  minor: string,
  currency: ShownCurrency | undefined,
): LimitBeside[] {
  const transaction = factsOf(rules, "c2.transaction-limit");
  const issuer = factsOf(rules, "issuer.limit");
  const onDevice = transaction.flag("onDevice");
  const found = [
    ["cvm-required", "CVM required above", begin.text("cvmRequired") || factsOf(rules, "c2.cvm").text("limit")],
    ["floor", "floor limit", begin.text("floor") || factsOf(rules, "c2.floor-limit").text("limit")],
    onDevice
      ? ["transaction-on-device", "contactless limit (CDCVM)", transaction.text("limit")]
      : ["transaction", "contactless limit", transaction.text("limit") || begin.text("transaction")],
    ["issuer-per-transaction", "issuer's limit a payment", issuer.text("limit")],
  ] as const;
  return found
    .filter(([, , limit]) => limit !== "")
    .map(([limit, title, value]) => ({
      limit,
      title,
      amount: moneyOf(value, currency),
      exceeded: above(minor, value),
    }));
}

function identityOf(
  { header, reader }: JudgeInput,
  begin: Facts,
  kernel: string | undefined,
  transaction: Transaction | undefined,
): Verdict["identity"] {
  const date = transaction?.terminal.get(0x9a);
  const pan = shownPan(transaction);
  const named = {
    configuration: header.configuration,
    seed: header.seed,
    profile: header.profile || begin.text("device"),
    firmware: begin.text("firmware"),
    kernel: kernel ?? "",
    terminal: begin.text("terminal"),
    reader: reader ?? begin.text("reader"),
    aid: transaction ? hex(transaction.aid) : "",
    label: printableLabel(transaction),
    pan: pan ?? "",
    date: date?.length === 3 ? dateText(hex(date)) : "",
    source: header.source ?? "",
  };
  return {
    tool: header.tool,
    ...Object.fromEntries(Object.entries(named).filter(([, value]) => value !== "")),
    masked: header.masked,
  };
}

const printableLabel = (transaction: Transaction | undefined): string => {
  const label = transaction?.card.get(0x50);
  return label
    ? Buffer.from(label)
        .toString("latin1")
        .replace(/[^\x20-\x7e]/g, ".")
    : "";
};

const WORDS: Readonly<Record<Verdict["ended"], string>> = {
  approved: "Approved",
  declined: "Declined",
  "try-again": "Try again",
  "try-another-interface": "Try another interface",
  "not-completed": "Not completed",
  unknown: "Stopped",
};

interface Told {
  readonly ended: Verdict["ended"];
  readonly asAsked: boolean;
  readonly expected: Ending;
  readonly cause: Cause | undefined;
  readonly suspect: Suspect;
  readonly given: Given | undefined;
  /** The command that stopped it. */
  readonly at: string | undefined;
}

function headlineOf({ ended, asAsked, expected, cause, suspect, given, at }: Told): string {
  if (ended === "approved")
    return asAsked ? "Approved, as asked." : `Approved, where ${expected.replaceAll("-", " ")} was asked for.`;
  const word = asAsked ? `${WORDS[ended]}, as asked` : WORDS[ended];
  if (suspect === "field" && at !== undefined) return `${word}: The field went off at ${at}.`;
  const root = cause && (cause.causes[0] ?? cause.decided);
  const why = root && (root.why[0] ?? root.record.says);
  if (why !== undefined) return `${word}: ${why}`;
  if (asAsked) return `${word}.`;
  if (ended !== "unknown") return `${WORDS[ended]}; the trace does not say why.`;
  return given?.cid === 0x80
    ? `The card gave ${given.name === "CVC3" ? "a CVC3" : "an ARQC"}; what the issuer answered is not in this trace.`
    : "How the tap ended is not in this trace.";
}
