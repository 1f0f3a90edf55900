import { judgeTap } from "../../inspect/judge.js";
import { renderDecisions, verdictScreen } from "../../inspect/verdict-screen.js";
import { inspectError } from "../../inspect/errors.js";
import { CURRENCIES } from "../../profiles/currencies.js";
import { openTrace } from "../../trace/open.js";
import { outputOf, type Context } from "../context.js";
import { readInput } from "../files.js";
import { EXIT, type ExitCode } from "../output.js";
import { traceKeys } from "../trace-keys.js";

interface ExplainOptions {
  readonly caKeys?: readonly string[];
  readonly decisions?: boolean;
  readonly json?: boolean;
}

/** `tapbench trace explain <file>`: the verdict on the last tap in a trace. */
export async function explainFile(file: string, options: ExplainOptions, context: Context): Promise<ExitCode> {
  const output = outputOf(context, options);
  const { header, records, problem, remarks } = await openTrace([await readInput(file, context.io)]);
  if (problem && records.length === 0) throw problem;
  if (records.length === 0)
    throw inspectError("no-exchanges", `there is no tap in ${file}, so there is nothing to explain`, { file });
  const { keys, note } = await traceKeys(header, options.caKeys ?? [], context);
  const judged = judgeTap({
    header,
    records,
    caKeys: keys,
    currency: (numeric) => [...CURRENCIES.values()].find((one) => one.numeric === numeric),
    notes: problem ? [`the file could not be read to its end: ${problem.message}`] : [],
  });
  const about = note();
  const verdict = about === undefined ? judged : { ...judged, notes: [about, ...judged.notes] };
  output.document({ verdict });
  const shown = { width: output.width, paint: output.paint };
  if (options.decisions === true) output.lines([...renderDecisions(verdict.decisions, shown), ""]);
  output.lines(verdictScreen(verdict, shown));
  for (const remark of remarks) output.note(remark);
  return EXIT.ok;
}
