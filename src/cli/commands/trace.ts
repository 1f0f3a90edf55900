import type { CaKeys } from "../../emv/oda.js";
import { contactlessExchanges, type Exchange } from "../../inspect/exchanges.js";
import { importTap, looksLikeTap } from "../../inspect/import-taps.js";
import { renderTraceHeader, renderTranscript, transcribe, transcribeExchanges } from "../../inspect/transcript.js";
import { LINKS, verifyExchanges, verifyTrace, type Verification } from "../../inspect/verify.js";
import { renderWaterfall, waterfall, waterfallSvg } from "../../inspect/waterfall.js";
import { testRange } from "../../issuer/pan.js";
import { caKeyLookup, loadCaKeys } from "../../profiles/ca-keys.js";
import { maskRecords, requireTestData } from "../../trace/mask.js";
import { readTrace, type ReadTrace } from "../../trace/reader.js";
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

type Content =
  | { readonly kind: "trace"; readonly trace: ReadTrace }
  | { readonly kind: "tap"; readonly name: string; readonly exchanges: readonly Exchange[] };

/** Tells a trace of ours from a recorded tap by what is in it. */
async function readContent(file: string, context: Context): Promise<Content> {
  const bytes = await readInput(file, context.io);
  const start = Buffer.from(bytes.subarray(0, 1 << 20)).toString("utf8");
  if (looksLikeTap(start) && !start.slice(0, 200).includes("tapbench-trace"))
    return { kind: "tap", ...importTap(Buffer.from(bytes).toString("utf8")) };
  return { kind: "trace", trace: readTrace(bytes) };
}

/** `tapbench trace show <file>` */
export async function showTrace(file: string, options: ShowOptions, context: Context): Promise<ExitCode> {
  const output = outputOf(context, options);
  const content = await readContent(file, context);
  if (content.kind === "tap") {
    const entries = transcribeExchanges(presentable(content.exchanges, options.revealTestData === true));
    if (options.svg !== undefined) output.note("a recorded tap has no times, so there is no waterfall to draw");
    output.lines([
      `${content.name}: ${content.exchanges.length} exchanges, without times`,
      "",
      ...renderTranscript(entries, output.paint),
    ]);
    output.document({ name: content.name, entries });
    return EXIT.ok;
  }
  const { header, records, problem, skipped } = content.trace;
  const entries = transcribe(records, { frames: options.frames === true });
  const times = waterfall(records);
  output.lines([
    ...renderTraceHeader(header),
    "",
    ...renderTranscript(entries, output.paint),
    "",
    ...renderWaterfall(times, { width: output.width, paint: output.paint }),
  ]);
  output.document({ header, entries, waterfall: times, ...(problem && { error: errorDocument(problem) }) });
  if (skipped > 0) output.note(`${skipped} lines of a newer version were left out; update tapbench to see them`);
  if (options.svg !== undefined) {
    await writeText(options.svg, waterfallSvg(times));
    output.lines([`picture in ${options.svg}`]);
  }
  if (!problem) return EXIT.ok;
  return output.json ? EXIT.usage : reportError(context.io, false, problem);
}

/** Exchanges of another tool's tap as they may be shown: who recorded it may have tapped a real card. @throws `trace/not-test-data` */
function presentable(exchanges: readonly Exchange[], reveal: boolean): Exchange[] {
  const records = exchanges.map(
    (exchange) => ({ layer: "apdu", at: 0, took: 0, via: "contactless", ...exchange }) as const,
  );
  if (reveal) requireTestData(records, (pan) => testRange(pan) !== undefined);
  return contactlessExchanges(maskRecords(records, { keepAccount: reveal }));
}

/** `tapbench trace verify <file>` */
export async function verifyFile(file: string, options: VerifyOptions, context: Context): Promise<ExitCode> {
  const output = outputOf(context, options);
  const content = await readContent(file, context);
  const sets = await Promise.all([
    ...(options.caKeys ?? []).map((name) => loadCaKeys(asFile(name))),
    loadCaKeys("published"),
  ]);
  const given = caKeyLookup(sets.flat());
  let result: Verification;
  if (content.kind === "tap") result = verifyExchanges(content.exchanges, given);
  else {
    const { header, records, problem } = content.trace;
    if (problem) throw problem;
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
