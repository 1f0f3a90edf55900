import { SECOND, type Nanos } from "../util/time.js";
import { xmlText } from "./markup.js";
import { groupName, statusOf, timesOf, type ReportedTap } from "./reported-tap.js";
import { verdictLines } from "./verdict-table.js";

/*
 * JUnit's XML, as continuous integration servers read it (the schema of Jenkins' xUnit plug-in, junit-10.xsd): a suite for what was
 * repeated, a case a tap. Times are those of the tap, virtual on the emulator, never of this machine.
 */

const attributes = (values: Readonly<Record<string, string | number | undefined>>): string =>
  Object.entries(values)
    .flatMap(([name, value]) => (value === undefined ? [] : [` ${name}="${xmlText(String(value))}"`]))
    .join("");

const seconds = (time: Nanos): string => (time / SECOND).toFixed(6);

function properties({ header, verdict }: ReportedTap): string {
  const facts = [
    ["tool", header.tool],
    ["seed", header.seed],
    ["profile", header.profile],
    ["configuration", header.configuration],
    ["source", header.source],
    ["kernel", verdict?.identity.kernel],
    ["firmware", verdict?.identity.firmware],
    ["reader", verdict?.identity.reader],
    ["repeat", verdict?.repeat],
  ] as const;
  const known = facts.filter(([, value]) => value !== undefined && value !== "");
  return `<properties>\n${known.map(([name, value]) => `<property${attributes({ name, value })}/>\n`).join("")}</properties>\n`;
}

/** Why a case is none that passed; nothing for one that did. */
function judgement(tap: ReportedTap): string {
  const { verdict, differences = [] } = tap;
  const status = statusOf(tap);
  if (status === "passed") return "";
  if (status === "unknown")
    return `<skipped${attributes({ message: verdict?.headline ?? "the trace does not say how the tap ended" })}/>\n`;
  const asAsked = verdict?.asAsked !== false;
  const message = asAsked ? `differs from the golden run: ${differences[0]}` : verdict.headline;
  const text = [...(verdict ? verdictLines(verdict) : []), ...differences];
  return `<failure${attributes({ message, type: asAsked ? "difference" : verdict.ended })}>${xmlText(text.join("\n"))}</failure>\n`;
}

interface Case {
  readonly status: ReturnType<typeof statusOf>;
  readonly took: Nanos | undefined;
  readonly text: string;
}

function caseOf(tap: ReportedTap, suite: string): Case {
  const took = timesOf(tap)?.total;
  const name = tap.repeat === undefined ? tap.name : `${tap.name} ${tap.repeat.number}`;
  const head = attributes({ name, classname: suite, time: seconds(took ?? 0) });
  return {
    status: statusOf(tap),
    took,
    text: `<testcase${head}>\n${properties(tap)}${judgement(tap)}</testcase>\n`,
  };
}

const counts = (cases: readonly Case[]): string =>
  attributes({
    tests: cases.length,
    failures: cases.filter(({ status }) => status === "failed").length,
    errors: 0,
    skipped: cases.filter(({ status }) => status === "unknown").length,
    time: seconds(cases.reduce((sum, { took }) => sum + (took ?? 0), 0)),
  });

const SUITE = "taps";

/** The taps as JUnit XML, in pieces. */
export function* reportJunit(taps: Iterable<ReportedTap>): Generator<string, void, undefined> {
  const suites = new Map<string, Case[]>();
  for (const tap of taps) {
    const suite = tap.repeat === undefined ? SUITE : groupName(tap);
    const cases = suites.get(suite);
    const made = caseOf(tap, suite);
    if (cases) cases.push(made);
    else suites.set(suite, [made]);
  }
  yield `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${attributes({ name: "tapbench" })}${counts([...suites.values()].flat())}>\n`;
  for (const [name, cases] of suites) {
    yield `<testsuite${attributes({ name })}${counts(cases)}>\n`;
    for (const { text } of cases) yield text;
    yield "</testsuite>\n";
  }
  yield "</testsuites>\n";
}
