import type { ApduRecord, FrameRecord, TraceRecord } from "../util/tracer.js";
import { formatNanos, type Nanos } from "../util/time.js";
import { commandName } from "./apdu-text.js";
import { plain, type Paint, type Role } from "./paint.js";

/*
 * Where the time of a tap went. Each exchange is a row; its time is split into what was seen on the air and what the card said it computed.
 * What is left over are the gaps between frames: frame delay times, guard times, the terminal's own work.
 */

export const PARTS = ["command", "compute", "response", "wtx", "gaps"] as const;
export type Part = (typeof PARTS)[number];

export interface WaterfallRow {
  readonly label: string;
  /** Since the first record shown. */
  readonly at: Nanos;
  readonly took: Nanos;
  /** Nanoseconds a part; absent where it was not observed (frames over PC/SC, a card's computing on hardware). */
  readonly parts: Readonly<Partial<Record<Part, Nanos>>>;
  readonly frames: number;
  /** Requests for more time, frames sent again, frames lost or damaged. */
  readonly extensions: number;
  readonly faults: number;
}

export interface Waterfall {
  readonly rows: readonly WaterfallRow[];
  /** From the first frame or command to the end of the last. */
  readonly total: Nanos;
  /** Sums of the parts over all rows. */
  readonly parts: Readonly<Partial<Record<Part, Nanos>>>;
  readonly apdus: number;
  readonly frames: number;
}

const isWtx = ({ bytes }: FrameRecord): boolean => bytes.length >= 3 && (bytes[0]! & 0xf7) === 0xf2;

interface Airtime {
  command: Nanos;
  response: Nanos;
  wtx: Nanos;
  extensions: number;
  faults: number;
}

function airtime(frames: readonly FrameRecord[]): Airtime {
  const sum: Airtime = { command: 0, response: 0, wtx: 0, extensions: 0, faults: 0 };
  for (const frame of frames) {
    if (frame.fault !== undefined) sum.faults++;
    if (isWtx(frame)) {
      sum.wtx += frame.took;
      if (frame.from === "picc") sum.extensions++;
    } else if (frame.from === "pcd") sum.command += frame.took;
    else sum.response += frame.took;
  }
  return sum;
}

function rowOf(
  label: string,
  start: Nanos,
  at: Nanos,
  took: Nanos,
  frames: readonly FrameRecord[],
  compute?: Nanos,
): WaterfallRow {
  const air = airtime(frames);
  const seen = frames.length > 0;
  // The card computes while it asks for more time, so the two overlap: the gaps are what neither explains.
  const known = air.command + air.response + air.wtx + (compute ?? 0);
  return {
    label,
    at: at - start,
    took,
    parts: {
      ...(seen && { command: air.command }),
      ...(compute !== undefined && { compute }),
      ...(seen && { response: air.response, wtx: air.wtx }),
      gaps: Math.max(0, took - known),
    },
    frames: frames.length,
    extensions: air.extensions,
    faults: air.faults,
  };
}

const endOf = (record: { readonly at: Nanos; readonly took: Nanos }): Nanos => record.at + record.took;

/** Exchanges of the contactless interface, with the frames that carried them; activation is the first row where frames were recorded. */
export function waterfall(records: Iterable<TraceRecord>): Waterfall {
  const shown: (FrameRecord | ApduRecord)[] = [];
  for (const record of records)
    if (record.layer === "frame" || (record.layer === "apdu" && record.via === "contactless")) shown.push(record);
  const start = shown.reduce((least, { at }) => Math.min(least, at), Infinity);
  const rows: WaterfallRow[] = [];
  let pending: FrameRecord[] = [];
  const flush = (label: string): void => {
    const [first] = pending;
    const last = pending.at(-1);
    if (first && last) rows.push(rowOf(label, start, first.at, endOf(last) - first.at, pending));
    pending = [];
  };
  for (const record of shown) {
    if (record.layer === "frame") {
      pending.push(record);
      continue;
    }
    const own = pending.filter(({ at }) => at >= record.at);
    pending = pending.filter(({ at }) => at < record.at);
    flush("activation");
    rows.push(rowOf(commandName(record.command), start, record.at, record.took, own, record.compute));
  }
  flush(rows.length === 0 ? "activation" : "after the last exchange");

  const parts: Partial<Record<Part, Nanos>> = {};
  for (const row of rows)
    for (const part of PARTS) {
      const time = row.parts[part];
      if (time !== undefined) parts[part] = (parts[part] ?? 0) + time;
    }
  return {
    rows,
    total: shown.length === 0 ? 0 : shown.reduce((most, record) => Math.max(most, endOf(record)), 0) - start,
    parts,
    apdus: shown.filter(({ layer }) => layer === "apdu").length,
    frames: shown.filter(({ layer }) => layer === "frame").length,
  };
}

const MARKS: Readonly<
  Record<Part, { readonly mark: string; readonly role: Role; readonly colour: string; readonly says: string }>
> = {
  command: { mark: ">", role: "tag", colour: "#3b82c4", says: "command on the air" },
  compute: { mark: "#", role: "heading", colour: "#c4643b", says: "card computing" },
  response: { mark: "<", role: "good", colour: "#3ba55d", says: "response on the air" },
  wtx: { mark: "w", role: "bad", colour: "#b23bc4", says: "waiting time extension" },
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
  let drawn = 0;
  let bar = "";
  for (const part of PARTS) {
    spent += row.parts[part] ?? 0;
    const until = Math.min(room, Math.round(Math.min(spent, row.took) * scale));
    if (until > drawn) bar += paint(MARKS[part].role, MARKS[part].mark.repeat(until - drawn));
    drawn = Math.max(drawn, until);
  }
  return drawn === 0 ? paint("dim", "|") : bar;
}

const escapeXml = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const SVG = { width: 960, row: 22, label: 280, time: 90, margin: 12 } as const;

/** The same as one SVG document that needs nothing else. */
export function waterfallSvg({ rows, total, parts, apdus, frames }: Waterfall): string {
  const left = SVG.margin + SVG.label + SVG.time;
  const scale = total > 0 ? (SVG.width - left - SVG.margin) / total : 0;
  const height = SVG.margin * 2 + (rows.length + PARTS.length + 2) * SVG.row;
  const number = (value: number): string => String(Math.round(value * 100) / 100);
  const out: string[] = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${SVG.width}" height="${height}" viewBox="0 0 ${SVG.width} ${height}" font-family="monospace" font-size="12">`,
    `<title>${escapeXml(`Tap of ${formatNanos(total)}: ${apdus} commands, ${frames} frames`)}</title>`,
    `<rect width="${SVG.width}" height="${height}" fill="#ffffff"/>`,
  ];
  const write = (x: number, line: number, text: string, anchor: "start" | "end" = "start"): void => {
    out.push(
      `<text x="${number(x)}" y="${SVG.margin + line * SVG.row + 15}" text-anchor="${anchor}" fill="#222222">${escapeXml(text)}</text>`,
    );
  };
  rows.forEach((row, line) => {
    write(SVG.margin, line, row.label.length > 38 ? `${row.label.slice(0, 37)}~` : row.label);
    write(left - 10, line, formatNanos(row.took), "end");
    let spent = 0;
    for (const part of PARTS) {
      const time = Math.min(row.parts[part] ?? 0, row.took - spent);
      if (time <= 0) continue;
      const tip = escapeXml(`${MARKS[part].says}: ${formatNanos(time)}`);
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
