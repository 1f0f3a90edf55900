import type { ApduRecord, FrameRecord, TraceRecord } from "../util/tracer.js";
import { formatNanos, type Nanos } from "../util/time.js";
import { commandName } from "./apdu-text.js";
import { isWtx, unansweredGroups } from "./frame-groups.js";
import { xmlText } from "./markup.js";
import { plain, type Paint, type Role } from "./paint.js";

/*
 * Where the time of a tap went, to the last nanosecond: from field on to the end. Rows follow each other without holes, each with the
 * pause before it, and the parts of a row sum to its time. So a moment counts once: what the card computes while it asks for more time
 * is `wtx` as long as those frames are on the air.
 */

export const PARTS = ["command", "compute", "response", "wtx", "unsplit", "gaps"] as const;
export type Part = (typeof PARTS)[number];

export interface WaterfallRow {
  readonly label: string;
  /** Since the start: the end of the row before. */
  readonly at: Nanos;
  /** With the pause before its first bit. */
  readonly took: Nanos;
  /** Of `took`, the pause before the first bit: the reader's frame delay, mostly. Part of the gaps. */
  readonly lead: Nanos;
  /** Nanoseconds a part, summing to `took`; absent where it was not observed (frames over PC/SC, a card's computing on hardware). */
  readonly parts: Readonly<Partial<Record<Part, Nanos>>>;
  readonly frames: number;
  /** Requests for more time, frames sent again, frames lost or damaged. */
  readonly extensions: number;
  readonly faults: number;
  /** The command that was sent here and never answered. */
  readonly unanswered?: string;
}

export interface Waterfall {
  readonly rows: readonly WaterfallRow[];
  /** From field on, or the first frame or command where the field was not recorded, to the end. The sum of the rows, and of the parts. */
  readonly total: Nanos;
  /** Sums of the parts over all rows. */
  readonly parts: Readonly<Partial<Record<Part, Nanos>>>;
  readonly apdus: number;
  readonly frames: number;
}

const endOf = (record: { readonly at: Nanos; readonly took: Nanos }): Nanos => record.at + record.took;

interface Span {
  readonly from: Nanos;
  readonly until: Nanos;
}

/** The frames' times on the air, in order and without overlaps, inside a span. */
function onAir(frames: readonly FrameRecord[], { from, until }: Span): (Span & { readonly frame: FrameRecord })[] {
  const spans: (Span & { readonly frame: FrameRecord })[] = [];
  let free = from;
  for (const frame of frames.toSorted((a, b) => a.at - b.at)) {
    const start = Math.max(free, frame.at);
    const end = Math.min(until, endOf(frame));
    if (end <= start) continue;
    spans.push({ from: start, until: end, frame });
    free = end;
  }
  return spans;
}

/** Where the card begins to compute: the last whole command block that reached it. */
const commandEnd = (frames: readonly FrameRecord[]): Nanos | undefined => {
  const last = frames.findLast(
    ({ from, bytes, fault }) => from === "pcd" && fault === undefined && (bytes[0]! & 0xf2) === 0x02,
  );
  return last && endOf(last);
};

function rowOf(
  label: string,
  start: Nanos,
  span: Span,
  frames: readonly FrameRecord[],
  apdu?: ApduRecord,
): WaterfallRow {
  const took = span.until - span.from;
  const air = { command: 0, response: 0, wtx: 0 };
  const spans = onAir(frames, span);
  for (const { from, until, frame } of spans)
    air[isWtx(frame) ? "wtx" : frame.from === "pcd" ? "command" : "response"] += until - from;
  const seen = frames.length > 0;
  const first = apdu?.at ?? frames[0]?.at ?? span.until;
  const lead = Math.min(took, Math.max(0, first - span.from));
  const silent = took - air.command - air.response - air.wtx;
  let compute: Nanos | undefined;
  if (apdu?.compute !== undefined) {
    const from = Math.max(span.from + lead, (seen ? commandEnd(frames) : undefined) ?? apdu.at);
    const until = Math.min(span.until, from + Math.max(0, apdu.compute));
    compute = Math.max(0, until - from);
    for (const busy of spans) compute -= Math.max(0, Math.min(until, busy.until) - Math.max(from, busy.from));
  }
  // Over PC/SC an exchange is one piece: what of it was on the air and what was computing cannot be seen.
  const whole = apdu !== undefined && !seen && compute === undefined;
  return {
    label,
    at: span.from - start,
    took,
    lead,
    parts: {
      ...(seen && { command: air.command }),
      ...(compute !== undefined && { compute }),
      ...(seen && { response: air.response, wtx: air.wtx }),
      ...(whole && { unsplit: took - lead }),
      gaps: whole ? lead : silent - (compute ?? 0),
    },
    frames: frames.length,
    extensions: frames.filter((frame) => frame.from === "picc" && isWtx(frame)).length,
    faults: frames.filter(({ fault }) => fault !== undefined).length,
  };
}

/** Rows one after the other, without holes. */
class Rows {
  readonly rows: WaterfallRow[] = [];
  #cursor: Nanos;

  constructor(readonly start: Nanos) {
    this.#cursor = start;
  }

  get total(): Nanos {
    return this.#cursor - this.start;
  }

  add(label: string, until: Nanos, frames: readonly FrameRecord[], apdu?: ApduRecord, unanswered?: string): void {
    const span = { from: this.#cursor, until: Math.max(this.#cursor, until) };
    const row = rowOf(label, this.start, span, frames, apdu);
    this.rows.push(unanswered === undefined ? row : { ...row, unanswered });
    this.#cursor = span.until;
  }

  /** Time in which nothing was on the air; no row where there is none. */
  silence(label: string, until: Nanos): void {
    if (until > this.#cursor) this.add(label, until, []);
  }

  /** Frames that no exchange carried: activation, DESELECT, commands without an answer. The last of them lasts until `until`. */
  unanswered(frames: readonly FrameRecord[], until: Nanos): void {
    const groups = unansweredGroups(frames);
    groups.forEach(({ label, command, frames: own }, i) => {
      const end = own.reduce((most, frame) => Math.max(most, endOf(frame)), 0);
      this.add(label, i === groups.length - 1 ? Math.max(end, until) : end, own, undefined, command);
    });
  }
}

/** Everything between field on and the end of the tap on the contactless interface, or of the exchanges on the other one; a row an exchange. */
export function waterfall(records: Iterable<TraceRecord>, via: ApduRecord["via"] = "contactless"): Waterfall {
  const shown: TraceRecord[] = [];
  for (const record of records)
    if (record.layer === "apdu" ? record.via === via : record.layer !== "wallet" && record.layer !== "issuer")
      shown.push(record);
  const timed = shown.filter((record) => record.layer === "frame" || record.layer === "apdu");
  const apdus = timed.filter(({ layer }) => layer === "apdu").length;
  const counts = { apdus, frames: timed.length - apdus };
  if (timed.length === 0) return { rows: [], total: 0, parts: {}, ...counts };

  const starts = shown.filter((record) => record.layer === "field" && record.on);
  const all = new Rows([...starts, ...timed].reduce((least, { at }) => Math.min(least, at), Infinity));
  let pending: FrameRecord[] = [];
  let end = all.start; // of what was recorded so far: terminals wait on when nothing is on the air
  const powerUp = (first: Nanos): void => {
    if (poweredUp) all.silence("field on", first);
    poweredUp = false;
  };
  let poweredUp = false;
  for (const record of shown) {
    if (record.layer === "field" && record.on) {
      settle();
      all.silence("field off", record.at);
      poweredUp = true;
    } else if (record.layer === "frame") {
      powerUp(record.at);
      pending.push(record);
    } else if (record.layer === "apdu") {
      powerUp(record.at);
      const before = pending.filter(({ at }) => at < record.at);
      all.unanswered(before, 0);
      const own = pending.filter(({ at }) => at >= record.at);
      all.add(commandName(record.command), endOf(record), own, record);
      pending = [];
    }
    end = Math.max(end, "took" in record ? endOf(record) : record.at);
  }
  settle();

  function settle(): void {
    all.unanswered(pending, end);
    pending = [];
    all.silence("until the end", end);
  }

  const parts: Partial<Record<Part, Nanos>> = {};
  for (const row of all.rows)
    for (const part of PARTS) {
      const time = row.parts[part];
      if (time !== undefined) parts[part] = (parts[part] ?? 0) + time;
    }
  return { rows: all.rows, total: all.total, parts, ...counts };
}

/** A row's parts in the order in which they are drawn: the pause before it comes first. */
function* drawn({ lead, parts }: WaterfallRow): Generator<readonly [Part, Nanos], void, undefined> {
  yield ["gaps", lead];
  for (const part of PARTS) yield [part, (parts[part] ?? 0) - (part === "gaps" ? lead : 0)];
}

const MARKS: Readonly<
  Record<Part, { readonly mark: string; readonly role: Role; readonly colour: string; readonly says: string }>
> = {
  command: { mark: ">", role: "tag", colour: "#3b82c4", says: "command on the air" },
  compute: { mark: "#", role: "heading", colour: "#c4643b", says: "card computing" },
  response: { mark: "<", role: "good", colour: "#3ba55d", says: "response on the air" },
  wtx: { mark: "w", role: "bad", colour: "#b23bc4", says: "waiting time extension" },
  unsplit: { mark: "=", role: "tag", colour: "#5b7fa6", says: "command to answer, unsplit" },
  gaps: { mark: ".", role: "dim", colour: "#b8bcc4", says: "frame delays and the rest" },
};

export interface WaterfallTextOptions {
  /** Characters a line. Default 100. */
  readonly width?: number;
  readonly paint?: Paint;
}

const LABEL = 34;
const TIMES = 10;

/** Bars in text: a row an exchange, a mark for each part, then the sums. */
export function renderWaterfall(
  { rows, total, parts, apdus, frames }: Waterfall,
  options: WaterfallTextOptions = {},
): string[] {
  const paint = options.paint ?? plain;
  if (rows.length === 0) return ["nothing was exchanged over the contactless interface"];
  const label = Math.min(LABEL, Math.max(...rows.map((row) => row.label.length)));
  const room = Math.max(10, (options.width ?? 100) - label - TIMES - 4);
  const scale = total > 0 ? room / total : 0;
  const lines = rows.map((row) => {
    const indent = " ".repeat(Math.min(room - 1, Math.floor(row.at * scale)));
    const bar = bars(row, scale, room - indent.length, paint);
    const told = [
      ...(row.extensions > 0 ? [`WTX x${row.extensions}`] : []),
      ...(row.faults > 0 ? [`${row.faults} faulty frame${row.faults === 1 ? "" : "s"}`] : []),
    ].join(", ");
    const name = row.label.length > label ? `${row.label.slice(0, label - 1)}~` : row.label.padEnd(label);
    return `${name} ${formatNanos(row.took).padStart(TIMES)}  ${indent}${bar}${told && `  ${paint("bad", told)}`}`.trimEnd();
  });
  lines.push(
    `${"total".padEnd(label)} ${formatNanos(total).padStart(TIMES)}  ${apdus} commands, ${frames > 0 ? `${frames} frames` : "frames not observed"}`,
  );
  for (const part of PARTS) {
    const time = parts[part];
    if (time === undefined || time === 0) continue;
    const { mark, role, says } = MARKS[part];
    lines.push(`${says.padEnd(label)} ${formatNanos(time).padStart(TIMES)}  ${paint(role, mark)}`);
  }
  return lines;
}

function bars(row: WaterfallRow, scale: number, room: number, paint: Paint): string {
  let spent = 0;
  let shown = 0;
  let bar = "";
  for (const [part, time] of drawn(row)) {
    spent += time;
    const until = Math.min(room, Math.round(spent * scale));
    if (until > shown) bar += paint(MARKS[part].role, MARKS[part].mark.repeat(until - shown));
    shown = Math.max(shown, until);
  }
  return shown === 0 ? paint("dim", "|") : bar;
}

const SVG = { width: 960, row: 22, label: 280, time: 90, margin: 12 } as const;

export interface WaterfallSvgOptions {
  /** For a page that has colours of its own: text in the page's, no background. Default: a document that stands alone, in light or dark. */
  readonly inline?: boolean;
}

const ALONE =
  "<style>.ground{fill:#fff}.text{fill:#222}@media (prefers-color-scheme:dark){.ground{fill:#16181c}.text{fill:#e4e6ea}}</style>";

/** The same as one SVG document that needs nothing else. */
export function waterfallSvg(
  { rows, total, parts, apdus, frames }: Waterfall,
  { inline = false }: WaterfallSvgOptions = {},
): string {
  const left = SVG.margin + SVG.label + SVG.time;
  const scale = total > 0 ? (SVG.width - left - SVG.margin) / total : 0;
  const height = SVG.margin * 2 + (rows.length + PARTS.length + 2) * SVG.row;
  const number = (value: number): string => String(Math.round(value * 100) / 100);
  const out: string[] = [
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="${SVG.width}" height="${height}" viewBox="0 0 ${SVG.width} ${height}" font-family="monospace" font-size="12"${inline ? ' fill="currentColor"' : ""}>`,
    `<title>${xmlText(`Tap of ${formatNanos(total)}: ${apdus} commands, ${frames} frames`)}</title>`,
    ...(inline ? [] : [ALONE, `<rect class="ground" width="${SVG.width}" height="${height}"/>`]),
  ];
  const write = (x: number, line: number, text: string, anchor: "start" | "end" = "start"): void => {
    out.push(
      `<text x="${number(x)}" y="${SVG.margin + line * SVG.row + 15}" text-anchor="${anchor}"${inline ? "" : ' class="text"'}>${xmlText(text)}</text>`,
    );
  };
  rows.forEach((row, line) => {
    write(SVG.margin, line, row.label.length > 38 ? `${row.label.slice(0, 37)}~` : row.label);
    write(left - 10, line, formatNanos(row.took), "end");
    let spent = 0;
    for (const [part, time] of drawn(row)) {
      if (time <= 0) continue;
      const tip = xmlText(`${MARKS[part].says}: ${formatNanos(time)}`);
      out.push(
        `<rect x="${number(left + (row.at + spent) * scale)}" y="${SVG.margin + line * SVG.row + 4}" width="${number(Math.max(0.5, time * scale))}" height="${SVG.row - 8}" fill="${MARKS[part].colour}"><title>${tip}</title></rect>`,
      );
      spent += time;
    }
  });
  let line = rows.length + 1;
  write(SVG.margin, line, `total, ${apdus} commands, ${frames > 0 ? `${frames} frames` : "frames not observed"}`);
  write(left - 10, line, formatNanos(total), "end");
  for (const part of PARTS) {
    const time = parts[part];
    if (time === undefined) continue;
    line++;
    out.push(
      `<rect x="${left}" y="${SVG.margin + line * SVG.row + 4}" width="14" height="14" fill="${MARKS[part].colour}"/>`,
    );
    write(SVG.margin, line, MARKS[part].says);
    write(left - 10, line, formatNanos(time), "end");
  }
  out.push("</svg>", "");
  return out.join("\n");
}
