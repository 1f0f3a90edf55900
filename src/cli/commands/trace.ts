import { exchangesOver, tappedInterface } from "../../inspect/exchanges.js";
import { renderTraceHeader, renderTranscript, transcribe } from "../../inspect/transcript.js";
import { LINKS, verifyExchanges, verifyTrace, type Verification } from "../../inspect/verify.js";
import { renderWaterfall, waterfall, waterfallSvg } from "../../inspect/waterfall.js";
import { testRange } from "../../issuer/pan.js";
import { maskRecords, requireTestData } from "../../trace/mask.js";
import { openTrace, type OpenedTrace } from "../../trace/open.js";
import type { TraceRecord } from "../../util/tracer.js";
import { outputOf, type Context } from "../context.js";
import { readPieces, writeText } from "../files.js";
import { errorDocument, EXIT, reportError, type ExitCode, type Output } from "../output.js";
import { traceKeys } from "../trace-keys.js";

interface ShowOptions {
  readonly svg?: string;
  readonly frames?: boolean;
  readonly revealTestData?: boolean;
  readonly json?: boolean;
}

interface VerifyOptions {
  readonly caKeys?: readonly string[];
  readonly json?: boolean;
}

/** The trace of a file or standard input, whatever wrote it. */
async function readTraceOf(file: string, context: Context): Promise<OpenedTrace> {
  return openTrace(readPieces(file, context.io));
}

/** `tapbench trace show <file>` */
export async function showTrace(file: string, options: ShowOptions, context: Context): Promise<ExitCode> {
  return showOpened(await readTraceOf(file, context), options, context);
}

/** Shows a trace that was opened already: `decode` comes here, too. */
export async function showOpened(opened: OpenedTrace, options: ShowOptions, context: Context): Promise<ExitCode> {
  const output = outputOf(context, options);
  const { header, problem, skipped, remarks } = opened;
  const records = presentable(opened, options.revealTestData === true);
  const timed = header.observed.times !== "none";
  const entries = transcribe(records, { frames: options.frames === true, times: timed });
  const times = timed ? waterfall(records, tappedInterface(header, records)) : undefined;
  output.lines([...renderTraceHeader(header), "", ...renderTranscript(entries, output.paint)]);
  if (times) output.lines(["", ...renderWaterfall(times, { width: output.width, paint: output.paint })]);
  output.document({
    header,
    entries,
    ...(times && { waterfall: times }),
    ...(remarks.length > 0 && { remarks }),
    ...(problem && { error: errorDocument(problem) }),
  });
  for (const remark of remarks) output.note(remark);
  if (skipped > 0) output.note(`${skipped} lines of a newer version were left out; update tapbench to see them`);
  if (options.svg !== undefined && !times) output.note("no times were recorded, so there is no waterfall to draw");
  else if (options.svg !== undefined) {
    await writeText(options.svg, waterfallSvg(times!));
    output.lines([`picture in ${options.svg}`]);
  }
  if (!problem) return EXIT.ok;
  return output.json ? EXIT.usage : reportError(context.io, false, problem);
}

/** Records as they may be shown: who recorded an imported tap may have tapped a real card. @throws `trace/not-test-data` */
function presentable({ header, records }: OpenedTrace, reveal: boolean): readonly TraceRecord[] {
  if (header.source === undefined) return records;
  if (reveal) requireTestData(records, (pan) => testRange(pan) !== undefined);
  return maskRecords(records, { keepAccount: reveal });
}

/** `tapbench trace verify <file>` */
export async function verifyFile(file: string, options: VerifyOptions, context: Context): Promise<ExitCode> {
  const output = outputOf(context, options);
  const { header, records, problem } = await readTraceOf(file, context);
  const { keys, note } = await traceKeys(header, options.caKeys ?? [], context);
  if (problem) throw problem;
  let result: Verification =
    header.source === undefined
      ? verifyTrace(header, records, keys)
      : verifyExchanges(exchangesOver(tappedInterface(header, records), records), keys);
  const about = note();
  if (about !== undefined) result = { ...result, notes: [about, ...result.notes] };
  output.document(result);
  output.lines(renderVerification(result, output));
  return result.ok ? EXIT.ok : EXIT.no;
}

function renderVerification(result: Verification, { paint }: Output): string[] {
  const titles = {
    issuerCertificate: "issuer certificate",
    cardCertificate: "card certificate",
    sdad: "signed dynamic data",
    transactionDataHash: "transaction data hash",
    exchanges: "exchanges fit together",
  } as const;
  const lines = LINKS.map((link) => {
    const status = result[link];
    return `${titles[link].padEnd(24)}${paint(status === "ok" ? "good" : status === "not-evaluated" ? "dim" : "bad", status.replaceAll("-", " "))}`;
  });
  const facts = [
    ["application", result.aid],
    ["CA key", result.ca && `${result.ca.index} of ${result.ca.rid}`],
    ["cryptogram", result.ac && `${result.ac}${result.cid === undefined ? "" : ` (${result.cid})`}`],
    ["ATC", result.atc],
    ["unpredictable number", result.un],
    ["date", result.date],
  ] as const;
  for (const [name, value] of facts) if (value !== undefined) lines.push(`${name.padEnd(24)}${value}`);
  for (const note of result.notes) lines.push(`note: ${note}`);
  if (result.firstBroken) lines.push(paint("bad", result.firstBroken.says));
  return lines;
}
