import { basename } from "node:path";
import type { ReportedTap } from "../../inspect/reported-tap.js";
import { judgeTap } from "../../inspect/judge.js";
import { CURRENCIES, type Currency } from "../../profiles/currencies.js";
import { openTrace, type OpenedTrace } from "../../trace/open.js";
import type { TapbenchError } from "../../util/errors.js";
import { outputOf, type Context } from "../context.js";
import { cliError } from "../errors.js";
import { readPieces } from "../files.js";
import { errorDocument, EXIT, reportError, type ExitCode } from "../output.js";
import { checkTargets, isOnOutput, renderWritten, writeReports, type ReportTargets } from "../reports.js";
import { traceKeys } from "../trace-keys.js";

export interface ConvertOptions extends ReportTargets {
  readonly caKeys?: readonly string[];
  readonly revealTestData?: boolean;
  readonly json?: boolean;
}

/** `tapbench trace convert <files...>` */
export async function convertTraces(
  files: readonly string[],
  options: ConvertOptions,
  context: Context,
): Promise<ExitCode> {
  const output = outputOf(context, options);
  if (
    options.pcapng === undefined &&
    options.html === undefined &&
    options.junit === undefined &&
    options.csv === undefined
  )
    throw cliError(
      "missing-argument",
      "say what to convert to: --pcapng, --html, --junit or --csv, each with a file",
      {},
    );
  checkTargets(options, options.json === true);
  const opened: OpenedTrace[] = [];
  for (const file of files) opened.push(await openTrace(readPieces(file, context.io)));
  const taps: ReportedTap[] = [];
  for (const [i, trace] of opened.entries())
    taps.push(await reportedTap(nameOf(files[i]!, trace, files.length === 1), trace, options, context));

  const written = await writeReports(options, taps, context.io);
  // Of a damaged trace, what could be read is converted; the problem is told all the same.
  const problem = opened.find((trace) => trace.problem !== undefined)?.problem;
  if (isOnOutput(options)) for (const line of renderWritten(written)) output.note(line);
  else output.lines(renderWritten(written));
  output.document({
    traces: opened.map(({ format, records, remarks }, i) => ({
      file: files[i],
      format,
      records: records.length,
      ...(remarks.length > 0 && { remarks }),
    })),
    written,
    ...(problem && { error: errorDocument(problem) }),
  });
  for (const { remarks, skipped } of opened) {
    for (const remark of remarks) output.note(remark);
    if (skipped > 0) output.note(`${skipped} lines of a newer version were left out; update tapbench to see them`);
  }
  return problem ? told(problem, context, output.json) : EXIT.ok;
}

const told = (problem: TapbenchError, { io }: Context, json: boolean): ExitCode =>
  json ? EXIT.usage : reportError(io, false, problem);

const nameOf = (file: string, { header }: OpenedTrace, alone: boolean): string =>
  alone && header.profile !== "" ? header.profile : file === "-" ? "standard input" : basename(file);

/** Masked, even where the trace is not: a report goes to more people than the trace did. It is judged by what the trace holds. */
async function reportedTap(
  name: string,
  { header, records, problem }: OpenedTrace,
  { revealTestData, caKeys }: ConvertOptions,
  context: Context,
): Promise<ReportedTap> {
  const { keys, note } = await traceKeys(header, caKeys ?? [], context);
  const judged =
    records.length === 0
      ? undefined
      : judgeTap({
          header,
          records,
          caKeys: keys,
          currency: currencyOfNumber,
          notes: problem ? [`the file could not be read to its end: ${problem.message}`] : [],
        });
  const about = note();
  return {
    name,
    header: { ...header, masked: header.masked || revealTestData !== true },
    records,
    verdict: judged && about !== undefined ? { ...judged, notes: [about, ...judged.notes] } : judged,
  };
}

const currencyOfNumber = (numeric: string): Currency | undefined =>
  [...CURRENCIES.values()].find((one) => one.numeric === numeric);
