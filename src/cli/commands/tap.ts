import { emulatedOnly } from "../../bench/bench.js";
import type { HeldCard, ProvisionReport } from "../../bench/emulated-devices.js";
import type { TapReport } from "../../bench/tap-report.js";
import type { Comparison } from "../../inspect/diff/compare.js";
import { judgeTap } from "../../inspect/judge.js";
import { verdictScreen } from "../../inspect/verdict-screen.js";
import { ENDINGS, type Ending, type Verdict } from "../../inspect/verdict.js";
import { waterfall } from "../../inspect/waterfall.js";
import { writeTraceFile } from "../../trace/file.js";
import { configurationHash, traceHeader, type TraceHeader, type TraceIdentity } from "../../trace/header.js";
import type { MemoryTrace } from "../../trace/memory.js";
import type { TraceRecord } from "../../util/tracer.js";
import { outputOf, type Context } from "../context.js";
import { cliError } from "../errors.js";
import { asTapbenchError, errorDocument, EXIT, exitCodeOf, reportError, type ExitCode } from "../output.js";
import { preparePayment, revealed } from "../payment.js";
import { checkTargets, renderWritten, writeReports } from "../reports.js";
import { repeatCommand } from "../repeat-command.js";
import type { TapOptions } from "../tap-options.js";
import { comparisonDocument } from "./diff.js";
import { checkTap, readGoldenFile, renderGoldenCheck } from "./golden.js";
import { decisionLines, tapDocument, tapLines, traceLines } from "../tap-text.js";

/** `tapbench tap <device>`, and `tapbench demo`, which prints less with `--json`. */
export async function payment(spec: string, options: TapOptions, context: Context, demo: boolean): Promise<ExitCode> {
  const output = outputOf(context, options);

  const expected = endingOf(options.expect);
  checkTargets(options, true);

  const golden = options.golden === undefined ? undefined : await readGoldenFile(options.golden, context);
  const { money, amount, tracer, bench } = await preparePayment(options, context);
  const identity = (): TraceIdentity => ({
    seed: bench.seed,
    profile: spec,
    configuration: configurationHash({
      ...bench.configuration(),
      device: spec,
      amount,
      currency: money.code,
      faults: options.fault,
    }),
  });
  const judge = async (notes: readonly string[], compared?: Comparison): Promise<Verdict> => {
    const first = compared?.differences[0];
    return judgeTap({
      header: traceHeader(identity(), false),
      records: tracer.records,
      expected,
      caKeys: await bench.caKeys(options.terminal),
      repeat: repeatCommand(demo ? "demo" : `tap ${spec}`, options, bench.seed),
      notes,
      golden: first && { path: first.path, says: first.says },
    });
  };

  const reports = async (header: TraceHeader, verdict: Verdict): Promise<string[]> =>
    renderWritten(await writeReports(options, [{ name: spec, header, records: tracer.records, verdict }], context.io));

  let holds: HeldCard | ProvisionReport;
  let made: TapReport;
  try {
    const device = await emulatedOnly(await bench.open(spec));
    // First everything that can be wrong with what was asked; nothing has happened until then.
    const tap = await bench.prepareTap(device, {
      amount,
      currency: money.code,
      terminal: options.terminal,
      faults: options.fault,
      pin: options.pin,
    });
    holds = await bench.furnish(device, options.card);
    context.io.signal.throwIfAborted();
    made = tap();
  } catch (error) {
    if (!tracer.records.some(onAir)) throw error;
    // What happened until then is what somebody will want to look at. A second failure must not hide the first.
    const header = await writeTrace(options, identity(), tracer).catch(() => undefined);
    return brokeOff(error, await judge([]), header);
  }
  const header = await writeTrace(options, identity(), tracer);
  const compared = golden && checkTap(golden, { header: { ...header, masked: false }, records: tracer.records });
  const verdict = await judge(
    made.faults.map(({ fault, struck }) => `${struck ? "fault struck" : "never struck"}: ${fault}`),
    compared,
  );
  const written = await reports(header, verdict);
  const report = { ...made, kernel: made.kernel ?? verdict.identity.kernel };
  output.document({
    ...tapDocument(report, options.trace, bench.seed, demo ? undefined : verdict),
    ...(compared && { golden: comparisonDocument(compared, { file: options.golden }) }),
  });
  if (options.explain === true) output.lines(decisionLines(verdict, output));
  const times = waterfall(tracer.records);
  output.lines([
    ...tapLines({ spec, holds, report, times, verdict }, output),
    ...traceLines(options.trace, header.masked),
    ...written,
    ...(verdict.asAsked ? [`seed ${bench.seed}; to repeat: ${verdict.repeat}`] : []),
  ]);
  if (compared) output.lines(renderGoldenCheck(options.golden!, compared, output.paint));
  return verdict.asAsked && compared?.same !== false ? EXIT.ok : EXIT.no;

  /** A tap that did not get as far as an outcome: its verdict, and the error that ended it. */
  async function brokeOff(thrown: unknown, ended: Verdict, header: TraceHeader | undefined): Promise<ExitCode> {
    const error = asTapbenchError(thrown);
    const written = header ? await reports(header, ended) : [];
    output.document({ error: errorDocument(error), ...(!demo && { verdict: ended }) });
    if (options.explain === true) output.lines(decisionLines(ended, output));
    output.lines([
      ...verdictScreen(ended, { width: output.width, paint: output.paint }),
      ...(header ? traceLines(options.trace, header.masked) : []),
      ...written,
    ]);
    if (ended.asAsked) return EXIT.ok;
    return output.json ? exitCodeOf(error) : reportError(context.io, false, thrown);
  }
}

/** @throws `cli/bad-value` */
function endingOf(text: string | undefined): Ending | undefined {
  if (text === undefined) return undefined;
  const found = ENDINGS.find((ending) => ending === text);
  if (!found) throw cliError("bad-value", `'${text}' is no end of a payment; one of ${ENDINGS.join(", ")}`, {});
  return found;
}

/** Frames, field and contactless commands: a tap has begun. */
const onAir = (record: TraceRecord): boolean =>
  record.layer === "field" || record.layer === "frame" || (record.layer === "apdu" && record.via === "contactless");

/** Writes the trace. */
async function writeTrace(options: TapOptions, identity: TraceIdentity, tracer: MemoryTrace): Promise<TraceHeader> {
  const reveal = revealed(options);
  return writeTraceFile(options.trace, identity, tracer.records, reveal);
}
