import { tagRow } from "../emv/dictionary/lookup.js";
import { swMeaning } from "../protocols/iso7816/status.js";
import type { Observed } from "../trace/header.js";
import { TOOL } from "../trace/version.js";
import { unhex } from "../util/bytes.js";
import { isTapbenchError } from "../util/errors.js";
import { MS, type Nanos } from "../util/time.js";
import { objectOf, type Account, type Fact, type FactPart, type Step, type TapAccount } from "./diff/account.js";
import { compareAccounts, type Comparison } from "./diff/compare.js";
import { parseTolerance, toleranceText, type Tolerance } from "./diff/tolerance.js";
import { inspectError } from "./errors.js";
import { meaningLine } from "./meaning.js";

/*
 * Golden files: a run that somebody looked at and called right, as JSON lines with one fact a line, so that a review shows what a change is about.
 * Account data are masked; of what differs from tap to tap only the length is kept.
 */

export const GOLDEN_FORMAT = "tapbench-golden";
export const GOLDEN_VERSION = "1.0";

/** A golden file as it is compared. */
export interface Golden {
  readonly account: Account;
  /** How far times may be apart, where the file says so. */
  readonly tolerance?: Tolerance | undefined;
}

export interface GoldenOptions {
  /** Keep times. Default true; where none were recorded there are none. */
  readonly times?: boolean;
  readonly tolerance?: Tolerance | undefined;
}

/** The lines of a golden file, line ends included. What was done before the first tap is left out. */
export function* goldenLines(account: Account, options: GoldenOptions = {}): Generator<string, void, undefined> {
  const { header, observed, decisions } = account;
  const timed = options.times !== false && observed.times !== "none";
  yield line({
    format: GOLDEN_FORMAT,
    version: GOLDEN_VERSION,
    tool: header.tool === "" ? TOOL : header.tool,
    seed: header.seed,
    profile: header.profile,
    observed: { times: timed ? observed.times : "none", frames: observed.frames },
    decisions,
    tolerance: options.tolerance && toleranceText(options.tolerance),
  });
  const took = (time: Nanos | undefined): string | undefined =>
    timed && time !== undefined ? timeText(time) : undefined;
  for (const [index, tap] of account.taps.entries()) {
    yield line({ tap: index + 1, took: took(tap.took) });
    for (const step of tap.steps) {
      yield line({ step: step.name, kind: step.kind, scope: step.scope, took: took(step.took) });
      for (const fact of step.facts())
        yield line({
          [fact.part]: fact.path,
          ...(fact.volatile === undefined ? { value: fact.value } : { volatile: fact.volatile }),
          is: comment(fact, step.scope),
        });
    }
  }
}

const line = (value: object): string => `${JSON.stringify(value)}\n`;

/** Whole nanoseconds, written as milliseconds. */
const timeText = (time: Nanos): string => `${(time / MS).toFixed(6)} ms`;

/** For whoever reviews the file; not read back. */
function comment(fact: Fact, scope: string | undefined): string | undefined {
  if (fact.path === "sw") return swMeaning(Number.parseInt(fact.value ?? "", 16));
  const object = objectOf(fact);
  if (!object || fact.part === "decision") return undefined;
  const hexValue = fact.volatile === undefined && object.sub === undefined ? fact.value : undefined;
  const meaning = hexValue === undefined ? undefined : meaningLine(object.tag, unhex(hexValue), scope);
  return (
    [tagRow(object.tag, scope)?.name, object.sub, meaning].filter((part) => part !== undefined).join(", ") || undefined
  );
}

/** Compares a run with a golden one. Volatile values are never compared, because the file does not have them. */
export const compareWithGolden = ({ account, tolerance }: Golden, made: Account, given?: Tolerance): Comparison =>
  compareAccounts(
    account,
    { ...made, provisioning: undefined },
    { tolerance: given ?? tolerance, sides: { a: "the golden run", b: "this one" } },
  );

const MAX_LINE = 1 << 20;
const MAX_LINES = 5_000_000;
const PARTS: readonly FactPart[] = ["command", "answer", "frames", "decision"];
const KINDS: readonly Step["kind"][] = ["command", "frames", "decision"];
const TIMES: readonly Observed["times"][] = ["simulated", "measured", "none"];

type Fields = Readonly<Record<string, unknown>>;

/** @throws `inspect/not-golden`, `inspect/newer-golden`, `inspect/bad-golden` with the line */
export function readGolden(text: string): Golden {
  const golden = goldenHeader(text.slice(0, endOfLine(text, 0)));
  const taps: { steps: GrowingStep[]; took?: Nanos | undefined }[] = [];
  let number = 1;
  for (let from = endOfLine(text, 0) + 1; from < text.length;) {
    const end = endOfLine(text, from);
    number++;
    if (end - from > MAX_LINE || number > MAX_LINES) throw bad(number, "is too long or one too many");
    const source = text.slice(from, end).trimEnd();
    from = end + 1;
    if (source === "") continue;
    const fields = objectIn(source);
    if (!fields) throw bad(number, "is not a JSON object");
    take(fields, taps, number);
  }
  return { ...golden, account: { ...golden.account, taps: taps.map(tapOf) } };
}

const endOfLine = (text: string, from: number): number => {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
};

const bad = (number: number, says: string): Error =>
  inspectError(
    "bad-golden",
    `line ${number} of the golden file ${says}; save it again with tapbench trace golden save`,
    {
      line: number,
    },
  );

function objectIn(source: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(source);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function goldenHeader(source: string): Golden {
  const fields = source.length > MAX_LINE ? undefined : objectIn(source);
  const version = /^(\d{1,4})\.\d{1,4}$/.exec(typeof fields?.["version"] === "string" ? fields["version"] : "");
  if (fields?.["format"] !== GOLDEN_FORMAT || !version)
    throw inspectError(
      "not-golden",
      "the file does not begin like a golden file; make one with tapbench trace golden save",
      {},
    );
  if (version[1] !== "1")
    throw inspectError(
      "newer-golden",
      `the golden file has version ${version[0]}, this tapbench reads 1.x; update it`,
      {
        version: version[0],
      },
    );
  const { times, frames } = (fields["observed"] ?? {}) as Fields;
  if (
    !TIMES.includes(times as Observed["times"]) ||
    typeof frames !== "boolean" ||
    typeof fields["decisions"] !== "boolean"
  )
    throw bad(1, "does not say what was observed");
  const word = (name: string): string => (typeof fields[name] === "string" ? fields[name] : "");
  return {
    account: {
      header: { tool: word("tool"), seed: word("seed"), profile: word("profile"), masked: true },
      observed: { times: times as Observed["times"], frames },
      decisions: fields["decisions"],
      taps: [],
    },
    ...(fields["tolerance"] !== undefined && { tolerance: toleranceIn(word("tolerance")) }),
  };
}

function toleranceIn(text: string): Tolerance {
  try {
    return parseTolerance(text);
  } catch (error) {
    if (isTapbenchError(error)) throw bad(1, "has a tolerance that is none");
    throw error;
  }
}

interface GrowingStep extends Omit<Step, "facts"> {
  readonly own: Fact[];
}

const tapOf = ({ steps, took }: { steps: readonly GrowingStep[]; took?: Nanos | undefined }): TapAccount => ({
  took,
  steps: steps.map(({ own, ...step }) => ({ ...step, facts: () => own })),
});

function take(fields: Fields, taps: { steps: GrowingStep[]; took?: Nanos | undefined }[], number: number): void {
  if (fields["tap"] !== undefined) {
    taps.push({ steps: [], took: tookIn(fields, number) });
    return;
  }
  const { step, kind, scope } = fields;
  const tap = taps.at(-1);
  if (!tap) throw bad(number, "stands before the first tap");
  if (step !== undefined) {
    if (typeof step !== "string" || !KINDS.includes(kind as Step["kind"])) throw bad(number, "is no step");
    tap.steps.push({
      name: step,
      kind: kind as Step["kind"],
      scope: typeof scope === "string" ? scope : undefined,
      took: tookIn(fields, number),
      own: [],
    });
    return;
  }
  const part = PARTS.find((each) => fields[each] !== undefined);
  const path = part && fields[part];
  const { value, volatile: volatileBytes } = fields;
  const counted = typeof volatileBytes === "number" && Number.isSafeInteger(volatileBytes) && volatileBytes >= 0;
  const own = tap.steps.at(-1)?.own;
  if (!own || typeof path !== "string" || (typeof value !== "string" && !counted))
    throw bad(number, "is no fact of a step");
  own.push({
    part: part!,
    path,
    ...(typeof value === "string" && { value }),
    ...(counted && { volatile: volatileBytes }),
  });
}

function tookIn({ took }: Fields, number: number): Nanos | undefined {
  if (took === undefined) return undefined;
  const match = typeof took === "string" ? /^(\d{1,9}\.\d{6}) ms$/.exec(took) : null;
  if (!match) throw bad(number, 'has a time that is not written like "1.250000 ms"');
  return Math.round(Number(match[1]) * MS);
}
