import { formatNanos } from "../util/time.js";
import type { Counted, Decision, Figure, SeenCommand, Verdict } from "./verdict.js";

/*
 * A verdict as titles and rows, for reports: the same parts, in the same order, as the screen that people read first.
 */

export interface VerdictRow {
  readonly label: string;
  /** One or more lines. */
  readonly lines: readonly string[];
  readonly tone?: "good" | "bad" | "dim";
}

export interface VerdictPart {
  readonly title: string;
  readonly rows: readonly VerdictRow[];
}

const row = (
  label: string,
  lines: string | readonly (string | undefined)[] | undefined,
  tone?: VerdictRow["tone"],
): VerdictRow[] => {
  const told = (typeof lines === "string" ? [lines] : (lines ?? [])).filter(
    (line) => line !== undefined && line !== "",
  );
  return told.length === 0 ? [] : [{ label, lines: told as string[], ...(tone && { tone }) }];
};

const words = (name: string): string => name.replaceAll("-", " ");

/** A value with how it is known; `not observable` where there is none. */
function figure<T>({ known, value, note }: Figure<T>, show: (value: T) => string = String): string {
  const because = note === undefined ? "" : `: ${note}`;
  return value === undefined ? `${words(known)}${because}` : `${show(value)} (${words(known)}${because})`;
}

/** A counter around the tap; once where nothing is known of it. */
function counted({ before, after }: Counted): string {
  const [first, then] = [figure(before), figure(after)];
  return first === then && before.value === undefined ? first : `${first}, then ${then}`;
}

const command = ({ name, number, sw }: SeenCommand): string =>
  `${name}${number === undefined ? "" : `, command ${number}`}${sw ? `, ${sw.value} ${sw.meaning}` : ""}`;

const decision = ({ rule, says, why, flips }: Decision): string[] => [
  `${rule}: ${says}`,
  ...why,
  ...flips.map((flip) => `Otherwise: ${flip}`),
];

const PARTS: readonly (readonly [title: string, rows: (verdict: Verdict) => VerdictRow[]])[] = [
  [
    "Outcome",
    ({ ended, expected, asAsked, kernelOutcome, issuer }) => [
      ...row(
        "payment",
        `${words(ended)}${asAsked ? "" : `; asked for: ${words(expected)}`}`,
        asAsked ? "good" : ended === "unknown" ? "dim" : "bad",
      ),
      ...row("kernel", [
        `${kernelOutcome.value === undefined ? "not known" : words(kernelOutcome.value)} (${words(kernelOutcome.known)})`,
        ...kernelOutcome.error,
      ]),
      ...row("issuer", [
        `${words(issuer.answer)}${issuer.arc === undefined ? "" : `, ${issuer.arc}`}${issuer.reason === undefined || issuer.reason === issuer.answer ? "" : ` ${words(issuer.reason)}`}`,
        issuer.says,
      ]),
    ],
  ],
  [
    "Where it stopped",
    ({ stopped: { suspect, says, command: at, lastGood, tag } }) => [
      ...row("suspected", suspect === "none" ? undefined : suspect, "bad"),
      ...row("what", says),
      ...row("command", at && command(at)),
      ...row("last good", lastGood && command(lastGood)),
      ...row("data object", tag && `${tag.tag}${tag.name === undefined ? "" : ` ${tag.name}`}`),
    ],
  ],
  [
    "What decided",
    ({ decided, causes }) => [
      ...row("rule", decided && [...decision(decided), ...(decided.known === "inferred" ? ["(inferred)"] : [])]),
      ...causes.flatMap((cause) => row("because of", decision(cause))),
    ],
  ],
  [
    "Bits and limits",
    ({ bits, amount, limits }) => [
      ...bits.flatMap(({ name, tag, value, set }) =>
        row(`${name} (${tag})`, [value, ...set.map(({ byte, bit, says }) => `byte ${byte} bit ${bit}: ${says}`)]),
      ),
      ...row("amount", amount?.shown),
      ...limits.flatMap(({ title, amount: limit, exceeded }) =>
        row(title, `${limit.shown}${exceeded ? ", exceeded" : ""}`),
      ),
    ],
  ],
  [
    "Authentication",
    ({ authentication: { method, status, ca, links, firstBroken, notes }, atc, pinTries }) => [
      ...row("method", `${method === "none" ? "none" : method.toUpperCase()}, ${words(status)}`),
      ...row("CA key", ca && `${ca.index} of ${ca.rid}`),
      ...links.flatMap((link) =>
        row(link.title, words(link.status), link.status === "ok" ? "good" : link.status === "failed" ? "bad" : "dim"),
      ),
      ...row("first broken", firstBroken?.says, "bad"),
      ...row("notes", notes),
      ...row("ATC", counted(atc)),
      ...row("PIN tries", counted(pinTries)),
    ],
  ],
  [
    "Time",
    ({ timing: { total, limit, slowest, commands, bitRate, wtx, retries } }) => [
      ...row(
        "total",
        `${figure(total, formatNanos)}; ${limit.says} ${formatNanos(limit.value)}`,
        total.value !== undefined && total.value > limit.value ? "bad" : undefined,
      ),
      ...row("slowest", slowest && `${slowest.command}, ${figure(slowest.took, formatNanos)}`),
      ...row("commands", String(commands)),
      ...row(
        "bit rate",
        figure(bitRate, (rate) => `${rate} kbit/s`),
      ),
      ...row("time extensions", figure(wtx)),
      ...row("retries", figure(retries)),
    ],
  ],
  [
    "Identity",
    ({ identity }) =>
      (
        [
          ["tool", identity.tool],
          ["kernel", identity.kernel],
          ["application", [identity.aid, identity.label].filter((text) => text !== undefined).join(" ")],
          ["card", identity.pan],
          ["device", identity.profile],
          ["firmware", identity.firmware],
          ["terminal", identity.terminal],
          ["reader", identity.reader],
          ["date", identity.date],
          ["seed", identity.seed],
          ["configuration", identity.configuration],
          ["imported from", identity.source],
          ["account data", identity.masked ? "masked" : "test data shown"],
        ] as const
      ).flatMap(([label, value]) => row(label, value)),
  ],
  [
    "To go on",
    ({ golden, repeat, notes }) => [
      ...row("golden run", golden && `${golden.path}: ${golden.says}`, "bad"),
      ...row("repeat with", repeat),
      ...row("notes", notes),
    ],
  ],
];

/** The parts that have something to say. */
export const verdictParts = (verdict: Verdict): VerdictPart[] =>
  PARTS.map(([title, rows]) => ({ title, rows: rows(verdict) })).filter(({ rows }) => rows.length > 0);

/** The same as lines of text. */
export const verdictLines = (verdict: Verdict): string[] => [
  verdict.headline,
  ...verdictParts(verdict).flatMap(({ title, rows }) => [
    "",
    title,
    ...rows.flatMap(({ label, lines }) => lines.map((line, i) => `  ${(i === 0 ? label : "").padEnd(25)} ${line}`)),
  ]),
];
