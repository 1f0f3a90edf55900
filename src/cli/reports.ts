import { reportCsv } from "../inspect/report-csv.js";
import { reportHtml } from "../inspect/report-html.js";
import { reportJunit } from "../inspect/report-junit.js";
import type { ReportedTap } from "../inspect/reported-tap.js";
import { testRange } from "../issuer/pan.js";
import { presentableRecords, writeWhole, type Pieces } from "../trace/file.js";
import { pcapngPieces } from "../trace/pcapng/write.js";
import { cliError } from "./errors.js";
import type { Io } from "./output.js";

const FORMATS = {
  // First: it alone may refuse, and then nothing else has been written.
  pcapng: capture,
  html: reportHtml,
  junit: reportJunit,
  csv: reportCsv,
} as const satisfies Readonly<Record<string, (taps: readonly ReportedTap[]) => Iterable<string | Uint8Array>>>;

export type ReportFormat = keyof typeof FORMATS;

/** Where reports go: paths, `-` for standard output. Options of commands have this shape. */
export type ReportTargets = Readonly<Partial<Record<ReportFormat, string>>>;

export interface WrittenReport {
  readonly format: ReportFormat;
  readonly file: string;
}

const STDOUT = "-";

/** A section a trace; whoever has none with frames gets nothing. */
function* capture(taps: readonly ReportedTap[]): Generator<Uint8Array, void, undefined> {
  for (const { header, records } of taps) yield* pcapngPieces(header, records);
}

/** What was asked for, in the order in which it is written. */
const asked = (targets: ReportTargets): WrittenReport[] =>
  (Object.keys(FORMATS) as ReportFormat[]).flatMap((format) => {
    const file = targets[format];
    return file === undefined ? [] : [{ format, file }];
  });

/**
 * Refuses what cannot be done before anything is: two reports on standard output, or one where the command itself prints there.
 * @throws `cli/bad-value`
 */
export function checkTargets(targets: ReportTargets, outputTaken: boolean): void {
  const there = asked(targets).filter(({ file }) => file === STDOUT);
  if (there.length > (outputTaken ? 0 : 1))
    throw cliError("bad-value", `standard output takes one document only; give --${there[0]!.format} a file`, {
      formats: there.map(({ format }) => format),
    });
}

/** Whether standard output holds a report, and nothing else may be there. */
export const isOnOutput = (targets: ReportTargets): boolean => asked(targets).some(({ file }) => file === STDOUT);

/**
 * Writes the reports that were asked for, each beside its place and renamed. Taps whose header says so are masked here; the account data of
 * the others must be test data, and then the report is readable by its owner only.
 *
 * @throws `trace/not-test-data`; `trace/no-frames` for a capture without frames; `trace/write-failed`
 */
export async function writeReports(
  targets: ReportTargets,
  taps: readonly ReportedTap[],
  io: Io,
): Promise<readonly WrittenReport[]> {
  const written = asked(targets);
  if (written.length === 0) return [];
  const shown = taps.map(presentable);
  const mode = taps.every(({ header }) => header.masked) ? 0o644 : 0o600;
  for (const { format, file } of written) {
    io.signal.throwIfAborted();
    const pieces: Pieces = FORMATS[format](shown);
    if (file !== STDOUT) await writeWhole(file, pieces, mode);
    else for (const piece of pieces as Iterable<string | Uint8Array>) io.stdout.write(piece);
  }
  return written;
}

/** The tap as it may be shown. The verdict holds no account data; it says of its own trace whether that was masked. */
function presentable(tap: ReportedTap): ReportedTap {
  const { header, verdict } = tap;
  const reveal = header.masked ? {} : { reveal: (pan: string) => testRange(pan) !== undefined };
  return {
    ...tap,
    records: presentableRecords(tap.records, reveal),
    ...(verdict && { verdict: { ...verdict, identity: { ...verdict.identity, masked: header.masked } } }),
  };
}

/** For people, a line a report. */
export const renderWritten = (written: readonly WrittenReport[]): string[] =>
  written.filter(({ file }) => file !== STDOUT).map(({ format, file }) => `${TITLES[format]} in ${file}`);

const TITLES: Readonly<Record<ReportFormat, string>> = {
  pcapng: "capture",
  html: "report",
  junit: "JUnit XML",
  csv: "exchanges",
};
