import { formatNanos, type Nanos } from "../util/time.js";
import { htmlText as text } from "./markup.js";
import { STYLE } from "./report-html-style.js";
import { transcriptHtml } from "./report-html-transcript.js";
import { groupName, groupTaps, isTimed, statusOf, timesOf, type ReportedTap, type TapStatus } from "./reported-tap.js";
import { renderTraceHeader, transcribe } from "./transcript.js";
import { verdictParts } from "./verdict-table.js";
import type { Decision } from "./verdict.js";
import { waterfallSvg, type Waterfall } from "./waterfall.js";

/*
 * A report in one file that needs nothing else: no network, no scripts. The verdict comes first, then where the time went, what was decided,
 * what differs, and every byte. Of many taps, first what they come to together.
 */

const TONE: Readonly<Record<TapStatus, "good" | "bad" | "dim">> = { passed: "good", failed: "bad", unknown: "dim" };

/** In words: colour alone says nothing to who cannot see it. */
const mark = (status: TapStatus, says: string = status): string =>
  `<span class="mark ${TONE[status]}">${text(says.replaceAll("-", " ").toUpperCase())}</span>`;

/** What a summary needs of a tap; the rest is made when its turn comes. */
interface Line {
  readonly id: string;
  readonly name: string;
  readonly group: string;
  readonly status: TapStatus;
  readonly ended: string | undefined;
  readonly headline: string;
  readonly took: Nanos | undefined;
}

function lineOf(tap: ReportedTap, index: number): Line {
  const { name, repeat, verdict, differences } = tap;
  return {
    id: `tap-${index + 1}`,
    name: repeat === undefined ? name : `${name} ${repeat.number}`,
    group: groupName(tap),
    status: statusOf(tap),
    ended: verdict?.ended,
    headline: verdict?.headline ?? differences?.[0] ?? "",
    took: timesOf(tap)?.total,
  };
}

/** Nothing is loaded even where a label got past the escaping: the page itself forbids it. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const top = (title: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${text(title)}</title>
<style>${STYLE}</style>
</head>
<body>
`;

const number = (content: string): string => `<td class="number">${content}</td>`;
const time = (value: Nanos | undefined): string => (value === undefined ? "" : formatNanos(value));
const percent = (part: number, whole: number): string => `${Math.floor((part / whole) * 1000) / 10} %`;

const MOST_FAILURES = 100;

/** Of several taps: what they come to together, a row for what was repeated, and the way to those that failed. */
function* summary(lines: readonly Line[]): Generator<string, void, undefined> {
  const rows = lines.map(({ group, status, took }) => ({ name: group, status, took }));
  const groups = groupTaps(rows);
  const all = groupTaps(rows.map((row) => ({ ...row, name: "all" })));
  // Where nothing was repeated, a row for each says no more than the list of taps below.
  const told = groups.length === 1 ? groups : groups.length === lines.length ? all : [...groups, ...all];
  const count = (status: TapStatus): number => lines.filter((line) => line.status === status).length;
  const [passed, failed, unknown] = [count("passed"), count("failed"), count("unknown")];
  yield `<header>
<h1>tapbench report</h1>
<h2>${mark(failed > 0 ? "failed" : passed > 0 ? "passed" : "unknown", `${passed} of ${lines.length} passed`)}</h2>
<p>${lines.length} taps: ${passed} as asked, ${failed} not${unknown > 0 ? `, ${unknown} that do not say how they ended` : ""}.</p>
</header>
<main>
<section>
<h3>Summary</h3>
<div class="scroll"><table>
<thead><tr><th scope="col">taps of</th><th scope="col" class="number">taps</th><th scope="col" class="number">passed</th><th scope="col" class="number">rate</th><th scope="col" class="number">p50</th><th scope="col" class="number">p95</th><th scope="col" class="number">longest</th></tr></thead>
<tbody>
`;
  for (const { name, taps, passed: good, failed: bad, took } of told)
    yield `<tr><td>${text(name)}</td>${number(String(taps))}${number(String(good))}<td class="number ${bad > 0 ? "bad" : ""}">${percent(good, taps)}</td>${number(time(took?.p50))}${number(time(took?.p95))}${number(time(took?.max))}</tr>\n`;
  yield "</tbody>\n</table></div>\n</section>\n";
  const failures = lines.filter(({ status }) => status === "failed");
  if (failures.length > 0) {
    yield "<section>\n<h3>Not as asked</h3>\n<ul>\n";
    for (const { id, name, headline } of failures.slice(0, MOST_FAILURES))
      yield `<li><a href="#${id}">${text(name)}</a>: ${text(headline)}</li>\n`;
    if (failures.length > MOST_FAILURES) yield `<li>and ${failures.length - MOST_FAILURES} more</li>\n`;
    yield "</ul>\n</section>\n";
  }
  yield "<section>\n<h3>Taps</h3>\n";
}

const lines = (list: readonly string[]): string =>
  list.length === 1 ? text(list[0]!) : list.map((line) => `<p>${text(line)}</p>`).join("");

/** The verdict's parts as cards. */
function verdictHtml({ verdict, header }: ReportedTap): string {
  if (!verdict) return `<p class="soft">${renderTraceHeader(header).map(text).join("; ")}</p>\n`;
  const parts = verdictParts(verdict).map(({ title, rows }) => {
    const list = rows.map(
      ({ label, lines: told, tone }) =>
        `<dt>${text(label)}</dt><dd${tone ? ` class="${tone}"` : ""}>${lines(told)}</dd>`,
    );
    return `<section class="part"><h4>${text(title)}</h4><dl>${list.join("")}</dl></section>\n`;
  });
  return `<div class="parts">\n${parts.join("")}</div>\n`;
}

const list = (items: readonly string[]): string =>
  items.length === 0 ? "" : `<ul>${items.map((each) => `<li>${text(each)}</li>`).join("")}</ul>`;

function decisionRow({ rule, says, why, flips }: Decision): string {
  const otherwise = flips.length === 0 ? "" : `<p class="soft">Otherwise:</p>${list(flips)}`;
  const more = list(why) + otherwise;
  const head = `<span class="tag">${text(rule)}</span> ${text(says)}`;
  return `<li>${more === "" ? head : `<details><summary>${head}</summary>${more}</details>`}</li>\n`;
}

const section = (title: string, content: string): string => `<section>\n<h3>${title}</h3>\n${content}</section>\n`;

/** Everything about one tap but its name and status. */
function* details(tap: ReportedTap): Generator<string, void, undefined> {
  const { verdict, differences = [], records } = tap;
  yield verdictHtml(tap);
  if (differences.length > 0)
    yield section(
      "Differences",
      `<ul class="bad">${differences.map((each) => `<li>${text(each)}</li>`).join("")}</ul>\n`,
    );
  const times: Waterfall | undefined = timesOf(tap);
  if (times && times.rows.length > 0)
    yield section("Where the time went", `<div class="scroll">${waterfallSvg(times, { inline: true })}</div>\n`);
  if (verdict && verdict.decisions.length > 0)
    yield section("Decisions", `<ol>\n${verdict.decisions.map(decisionRow).join("")}</ol>\n`);
  // The verdict has told the decisions; without one, they are told where they fell.
  const shown = verdict ? records.filter((record) => !("rule" in record)) : records;
  const entries = transcribe(shown, { times: isTimed(tap) });
  yield section("Transcript", entries.length === 0 ? "<p>Nothing was recorded.</p>\n" : transcriptHtml(entries));
}

function* single(tap: ReportedTap, line: Line): Generator<string, void, undefined> {
  yield `<header>
<h1>tapbench report</h1>
<h2>${mark(line.status, line.ended ?? line.status)} ${text(line.name)}</h2>
<p class="headline">${text(line.headline)}</p>
</header>
<main>
<article id="${line.id}">
`;
  yield* details(tap);
  yield "</article>\n</main>\n";
}

function* oneOfMany(tap: ReportedTap, line: Line): Generator<string, void, undefined> {
  yield `<details class="tap"><summary>${mark(line.status, line.ended ?? line.status)} <b>${text(line.name)}</b> <span class="grow soft">${text(line.headline)}</span> <time>${time(line.took)}</time></summary>\n<article id="${line.id}">\n`;
  yield* details(tap);
  yield "</article>\n</details>\n";
}

/** The report in pieces. `taps` are gone through twice: first for what they come to together. */
export function* reportHtml(taps: Iterable<ReportedTap>): Generator<string, void, undefined> {
  const summed = [...mapped(taps, lineOf)];
  const [only] = summed;
  const alone = summed.length === 1;
  yield top(alone ? `${only!.name}: ${only!.ended ?? "tap"}` : `${summed.length} taps`);
  if (!alone) yield* summary(summed);
  let index = 0;
  let footer = "";
  for (const tap of taps) {
    const line = summed[index++]!;
    if (index === 1) footer = alone ? renderTraceHeader(tap.header).join("; ") : tap.header.tool;
    yield* alone ? single(tap, line) : oneOfMany(tap, line);
  }
  if (!alone) yield "</section>\n</main>\n";
  yield `<footer>${text(footer)}</footer>\n</body>\n</html>\n`;
}

function* mapped<A, B>(items: Iterable<A>, map: (item: A, index: number) => B): Generator<B, void, undefined> {
  let index = 0;
  for (const each of items) yield map(each, index++);
}
