import type { CaKeys } from "../../emv/oda.js";
import { contactlessExchanges } from "../../inspect/exchanges.js";
import { renderTraceHeader, renderTranscript, transcribe } from "../../inspect/transcript.js";
import { LINKS, verifyExchanges, verifyTrace, type Verification } from "../../inspect/verify.js";
import { renderWaterfall, waterfall, waterfallSvg } from "../../inspect/waterfall.js";
import { testRange } from "../../issuer/pan.js";
import { caKeyLookup, loadCaKeys } from "../../profiles/ca-keys.js";
import { maskRecords, requireTestData } from "../../trace/mask.js";
import { openTrace, type OpenedTrace } from "../../trace/open.js";
import type { TraceRecord } from "../../util/tracer.js";
import { outputOf, type Context } from "../context.js";
import { readInput, writeText } from "../files.js";
import { errorDocument, EXIT, reportError, type ExitCode, type Output } from "../output.js";

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
  return openTrace([await readInput(file, context.io)]);
}

/** `tapbench trace show <file>` */
export async function showTrace(file: string, options: ShowOptions, context: Context): Promise<ExitCode> {
  const output = outputOf(context, options);
  const opened = await readTraceOf(file, context);
  const { header, problem, skipped, remarks } = opened;
  const records = presentable(opened, options.revealTestData === true);
  const timed = header.observed.times !== "none";
  const entries = transcribe(records, { frames: options.frames === true, times: timed });
  const times = timed ? waterfall(records) : undefined;
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
  const sets = await Promise.all([
    ...(options.caKeys ?? []).map((name) => loadCaKeys(asFile(name))),
    loadCaKeys("published"),
  ]);
  const given = caKeyLookup(sets.flat());
  if (problem) throw problem;
  let result: Verification;
  if (header.source !== undefined) result = verifyExchanges(contactlessExchanges(records), given);
  else {
    const test = header.masked || header.seed === "" ? undefined : await testKeys(header.seed, context);
    let own = false;
    result = verifyTrace(header, records, (rid, index) => {
      const key = given(rid, index);
      if (key) return key;
      const found = test?.(rid, index);
      own ||= found !== undefined;
      return found;
    });
    // Who can write a trace can name a seed: this key proves that the trace is consistent, not where it came from.
    if (own) {
      const note = `the CA key comes from the test CA of seed ${header.seed}, named by the trace itself`;
      result = { ...result, notes: [note, ...result.notes] };
    }
  }
  output.document(result);
  output.lines(renderVerification(result, output));
  return result.ok ? EXIT.ok : EXIT.no;
}

/** The test CA follows from the seed of the run, which is in the trace's header. */
async function testKeys(seed: string, context: Context): Promise<CaKeys> {
  const { issuer } = await context.openBench({ seed });
  return (rid, index) => issuer.caPublicKeys([rid]).find((key) => key.index === index);
}

/** Names without a slash or suffix mean key sets that come with the package; here a file is meant. */
const asFile = (name: string): string =>
  /[/\\]|\.(ya?ml|json)$/i.test(name) || name === "published" ? name : `./${name}`;

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
