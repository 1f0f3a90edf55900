import { basename } from "node:path";
import type { ReportedTap } from "../../inspect/reported-tap.js";
import { testRange } from "../../issuer/pan.js";
import { presentableRecords } from "../../trace/file.js";
import { openTrace, type OpenedTrace } from "../../trace/open.js";
import type { TapbenchError } from "../../util/errors.js";
import { outputOf, type Context } from "../context.js";
import { cliError } from "../errors.js";
import { readPieces } from "../files.js";
import { errorDocument, EXIT, reportError, type ExitCode } from "../output.js";
import { checkTargets, renderWritten, writeReports, type ReportTargets } from "../reports.js";

export interface ConvertOptions extends ReportTargets {
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
  const taps = opened.map((trace, i) => reportedTap(nameOf(files[i]!, trace, files.length === 1), trace, options));

  const written = await writeReports(options, taps, context.io);
  // Of a damaged trace, what could be read is converted; the problem is told all the same.
  const problem = opened.find((trace) => trace.problem !== undefined)?.problem;
  output.lines(renderWritten(written));
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

/** Masked, even where the trace is not: a report goes to more people than the trace did. */
function reportedTap(name: string, trace: OpenedTrace, { revealTestData }: ConvertOptions): ReportedTap {
  const { header, records } = trace;
  const reveal = revealTestData === true ? { reveal: (pan: string) => testRange(pan) !== undefined } : {};
  return {
    name,
    header: { ...header, masked: header.masked || revealTestData !== true },
    records: presentableRecords(records, reveal),
  };
}
