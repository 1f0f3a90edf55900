import { formatNanos } from "../util/time.js";
import { bitText } from "./explain/bits.js";
import { plain, type Paint, type Role } from "./paint.js";
import type { BitField, Counted, Decision, Figure, SeenCommand, Verdict } from "./verdict.js";

export interface ScreenOptions {
  /** Characters a line. Default 100. */
  readonly width?: number;
  readonly paint?: Paint;
}

const LABEL = 9;
/** A screen is read whole: what does not fit is in `--json`. */
const MOST_LINES = 40;
const MOST_BITS = 6;

/** Words to lines of that many characters; a word that is longer stands alone. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" "))
    if (line === "") line = word;
    else if (line.length + 1 + word.length <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = word;
    }
  return [...lines, line];
}

interface Row {
  readonly label: string;
  readonly text: string;
  readonly role?: Role;
  /** Rows that go first when there are too many: the highest. */
  readonly spare?: number;
}

const known = ({ known: how }: Figure<unknown>): string => (how === "not-observable" ? "not observable" : how);

/** The one screen: what a tap came to and why, in at most 40 lines. */
export function verdictScreen(verdict: Verdict, options: ScreenOptions = {}): string[] {
  const width = Math.max(60, options.width ?? 100);
  const paint = options.paint ?? plain;
  const rows = rowsOf(verdict);
  for (const spare of [3, 2, 1]) {
    if (linesOf(rows, width, plain).length + 2 <= MOST_LINES) break;
    for (let i = rows.length - 1; i >= 0; i--) if (rows[i]!.spare === spare) rows.splice(i, 1);
  }
  const title = verdict.ended.toUpperCase().replaceAll("-", " ");
  const asked = verdict.asAsked ? "as asked" : `asked for: ${verdict.expected.replaceAll("-", " ")}`;
  return [
    `${paint(verdict.asAsked ? "good" : "bad", title)}  ${verdict.amount ? `${verdict.amount.shown}  ` : ""}${paint("dim", asked)}`,
    ...wrap(verdict.headline, width - 2).map((line) => `  ${paint("name", line)}`),
    ...linesOf(rows, width, paint),
  ].slice(0, MOST_LINES);
}

function linesOf(rows: readonly Row[], width: number, paint: Paint): string[] {
  let label = "";
  return rows.flatMap((row) => {
    const shown = row.label === label ? "" : row.label;
    label = row.label;
    return wrap(row.text, width - LABEL).map(
      (line, i) =>
        `${paint("heading", (i === 0 ? shown : "").padEnd(LABEL))}${row.role ? paint(row.role, line) : line}`,
    );
  });
}

function rowsOf(verdict: Verdict): Row[] {
  const { kernelOutcome, issuer, decided } = verdict;
  const kernel = [
    `kernel ${kernelOutcome.value ?? "without an outcome"}${kernelOutcome.known === "inferred" ? " (inferred)" : ""}`,
    ...kernelOutcome.error,
  ].join(", ");
  const answer =
    issuer.answer === "not-asked"
      ? "issuer not asked"
      : issuer.answer === "unknown"
        ? `issuer: ${issuer.says}`
        : `issuer ${[issuer.answer, issuer.arc, issuer.reason === issuer.answer ? undefined : issuer.reason].filter((word) => word !== undefined).join(" ")}: ${issuer.says}`;
  return [
    { label: "outcome", text: kernel },
    { label: "outcome", text: answer },
    ...stopRows(verdict),
    ...(decided ? decisionRows("decided", decided, decided.known === "inferred" ? " (inferred)" : "") : []),
    ...verdict.causes.slice(0, 3).flatMap((cause) => decisionRows("because", cause, "")),
    ...verdict.bits.flatMap(bitRows),
    ...limitRows(verdict),
    ...chainRows(verdict),
    { label: "counters", text: `${counted("ATC", verdict.atc)}; ${counted("PIN tries", verdict.pinTries)}` },
    ...timeRows(verdict),
    ...identityRows(verdict),
    ...(verdict.golden ? [{ label: "golden", text: `${verdict.golden.path}: ${verdict.golden.says}` }] : []),
    ...(verdict.repeat === undefined ? [] : [{ label: "repeat", text: verdict.repeat }]),
    ...verdict.notes.map((text) => ({ label: "note", text, role: "dim", spare: 3 }) as const),
  ];
}

const seen = ({ name, number, sw }: SeenCommand): string =>
  `${name}${number === undefined ? "" : ` (command ${number})`}${sw ? `: ${sw.value} ${sw.meaning}` : ": no answer"}`;

const wasGood = ({ sw }: SeenCommand): boolean => sw?.value === "9000";

function stopRows({ stopped, ended }: Verdict): Row[] {
  if (stopped.suspect === "none" && ended !== "unknown") return [];
  const { command, lastGood, tag } = stopped;
  return [
    ...(command ? [{ label: "stopped", text: `${wasGood(command) ? "after" : "at"} ${seen(command)}` }] : []),
    ...(lastGood ? [{ label: "stopped", text: `last good: ${seen(lastGood)}` }] : []),
    ...(stopped.suspect === "none"
      ? []
      : [{ label: "stopped", text: `suspect ${stopped.says}`, role: "bad" } as const]),
    ...(tag
      ? [
          {
            label: "stopped",
            text: `data ${tag.tag}${tag.name === undefined ? "" : ` ${tag.name}`}${tag.from === undefined ? "" : `, from ${tag.from}`}`,
          },
        ]
      : []),
  ];
}

function decisionRows(label: string, { rule, says, why, flips, inputs }: Decision, how: string): Row[] {
  const values = Object.entries(inputs).map(([name, value]) => `${name} ${value === "" ? "-" : String(value)}`);
  return [
    { label, text: `${rule}${how}: ${says}` },
    ...why.map((text) => ({ label, text })),
    ...flips.map((text) => ({ label, text: `otherwise: ${text}`, role: "meaning" }) as const),
    ...(values.length > 0
      ? [{ label, text: values.join(", "), role: "dim", spare: label === "decided" ? 1 : 2 } as const]
      : []),
  ];
}

function bitRows({ name, value, set, scope }: BitField): Row[] {
  const told = set.slice(0, MOST_BITS).map((bit) => `${bitText(bit)} ${bit.says}`);
  const more = set.length > MOST_BITS ? `; ${set.length - MOST_BITS} more` : "";
  return [
    { label: "bits", text: `${name} ${value}${scope === undefined ? "" : ` (${scope})`}: ${told.join("; ")}${more}` },
  ];
}

function limitRows({ amount, limits }: Verdict): Row[] {
  if (limits.length === 0) return [];
  const told = limits.map(
    ({ title, amount: limit, exceeded }) => `${title} ${limit.shown}${exceeded ? " (exceeded)" : ""}`,
  );
  return [{ label: "limits", text: `${amount ? `${amount.shown} against ` : ""}${told.join("; ")}` }];
}

function chainRows({ authentication }: Verdict): Row[] {
  const { method, status, ca, links, firstBroken, notes } = authentication;
  const key = ca ? `, CA key ${ca.index} of ${ca.rid}` : "";
  const what =
    method === "none" ? "no offline data authentication" : `${method.toUpperCase()} ${status.replaceAll("-", " ")}`;
  return [
    {
      label: "chain",
      text: `${what}${key}${links.length > 0 ? `: ${links.map((link) => `${link.title} ${link.status.replaceAll("-", " ")}`).join(", ")}` : ""}`,
    },
    ...(firstBroken ? [{ label: "chain", text: `first broken: ${firstBroken.says}`, role: "bad" } as const] : []),
    ...notes.map((text) => ({ label: "chain", text, role: "dim", spare: 2 }) as const),
  ];
}

function counted(name: string, { before, after }: Counted): string {
  if (before.value === undefined && after.value === undefined) return `${name} not observable`;
  const one = (figure: Figure): string => (figure.value === undefined ? "?" : `${figure.value} (${known(figure)})`);
  return `${name} ${one(before)} -> ${one(after)}`;
}

function timeRows({ timing }: Verdict): Row[] {
  const { total, limit, slowest, bitRate, wtx, retries, commands } = timing;
  const figure = (name: string, value: Figure<string | number>): string =>
    value.value === undefined ? `${name} not observable` : `${name} ${value.value} (${known(value)})`;
  const whole =
    total.value === undefined
      ? `time not observable, ${commands} commands`
      : `${formatNanos(total.value)} (${known(total)}) of ${formatNanos(limit.value)}, ${limit.says}; ${commands} commands${slowest ? `; slowest ${slowest.command} ${formatNanos(slowest.took.value ?? 0)}` : ""}`;
  const over = (total.value ?? 0) > limit.value;
  return [
    { label: "time", text: whole, ...(over && { role: "bad" }) },
    { label: "time", text: [figure("kbit/s", bitRate), figure("WTX", wtx), figure("retries", retries)].join("; ") },
  ];
}

function identityRows({ identity }: Verdict): Row[] {
  const { tool, source, profile, firmware, kernel, terminal, reader, seed, date, aid, pan, label, configuration } =
    identity;
  const named = (name: string, value: string | undefined): string[] => (value === undefined ? [] : [`${name}${value}`]);
  return [
    {
      label: "run",
      text: [
        tool,
        ...named("imported from ", source),
        ...named("", profile),
        ...named("firmware ", firmware),
        ...named("kernel ", kernel),
        ...named("terminal ", terminal),
        ...named("reader ", reader),
        ...named("seed ", seed),
        ...named("configuration ", configuration?.slice(0, 16)),
      ].join(", "),
    },
    ...(aid === undefined && pan === undefined
      ? []
      : [
          {
            label: "run",
            text: [...named("", label), ...named("", aid), ...named("", pan), ...named("", date)].join(", "),
          },
        ]),
  ];
}

/** `tap --explain`: every decision in order, with what it rests on and what would have flipped it. */
export function renderDecisions(decisions: readonly Decision[], options: ScreenOptions = {}): string[] {
  const paint = options.paint ?? plain;
  const width = Math.max(60, options.width ?? 100);
  return decisions.flatMap(({ rule, says, why, flips }) => [
    `${paint("tag", rule)}  ${says}`,
    ...why.flatMap((text) => wrap(text, width - 4).map((line) => `    ${line}`)),
    ...flips.flatMap((text) => wrap(`otherwise: ${text}`, width - 4).map((line) => `    ${paint("meaning", line)}`)),
  ]);
}
