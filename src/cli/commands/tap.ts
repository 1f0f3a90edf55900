import { emulatedOnly, type Bench, type ProvisionReport } from "../../bench/bench.js";
import type { TapReport } from "../../bench/tap-report.js";
import { lastKernel, renderVerdict, verdictOf, type TapVerdict } from "../../inspect/tap-verdict.js";
import { renderWaterfall, waterfall, type Waterfall } from "../../inspect/waterfall.js";
import { testRange } from "../../issuer/pan.js";
import { currency } from "../../profiles/currencies.js";
import { loadProfile } from "../../profiles/load.js";
import { writeTraceFile } from "../../trace/file.js";
import { configurationHash } from "../../trace/header.js";
import { memoryTrace, type MemoryTrace } from "../../trace/memory.js";
import { formatNanos } from "../../util/time.js";
import type { TraceRecord } from "../../util/tracer.js";
import { amountOf, dateOf } from "../arguments.js";
import { outputOf, type Context } from "../context.js";
import { cliError } from "../errors.js";
import { EXIT, type ExitCode, type Output } from "../output.js";
import { TAP_DEFAULTS, type TapOptions } from "../tap-options.js";

/** `tapbench tap <device>`, and `tapbench demo`, which prints less with `--json`. */
export async function payment(spec: string, options: TapOptions, context: Context, demo: boolean): Promise<ExitCode> {
  const output = outputOf(context, options);

  const terminal = await loadProfile("terminal", options.terminal);
  const money = options.currency === undefined ? terminal.currency : currency(options.currency);
  const amount = amountOf(options.amount, money);
  const at = options.at === undefined ? undefined : dateOf(options.at);
  const issued = options.issued === undefined ? undefined : dateOf(options.issued);
  if (options.seed === "") throw cliError("bad-value", "--seed is empty; give it any text, or leave it out", {});

  const tracer = memoryTrace();
  const bench = await context.openBench({
    tracer,
    ...(options.seed !== undefined && { seed: options.seed }),
    ...(at && { at }),
    issued,
  });
  const write = (): Promise<boolean> => {
    const configuration = {
      ...bench.configuration(),
      device: spec,
      amount,
      currency: money.code,
      faults: options.fault,
    };
    return writeTrace(options, { seed: bench.seed, profile: spec, configuration }, tracer);
  };

  let provisioned: ProvisionReport;
  let report: TapReport;
  try {
    const device = emulatedOnly(await bench.open(spec));
    // First everything that can be wrong with what was asked; nothing has happened until then.
    const tap = await bench.prepareTap(device, {
      amount,
      currency: money.code,
      terminal: options.terminal,
      faults: options.fault,
      pin: options.pin,
    });
    provisioned = await bench.provision(device, options.card);
    context.io.signal.throwIfAborted();
    const made = tap();
    report = { ...made, kernel: made.kernel ?? lastKernel(tracer.records) };
  } catch (error) {
    // What happened until then is what somebody will want to look at, once there was a field. A second failure must not hide the first.
    if (tracer.records.some(onAir)) await write().catch(() => {});
    throw error;
  }
  const masked = await write();
  const times = waterfall(tracer.records);
  const verdict = verdictOf(report, tracer.records, times);
  const command = repeatCommand(demo ? "demo" : `tap ${spec}`, options, bench.seed);
  output.document(documentOf(report, options.trace, verdict, demo ? undefined : bench));
  show(output, {
    spec,
    provisioned,
    report,
    trace: options.trace,
    masked,
    seed: bench.seed,
    command,
    verdict,
    times,
  });
  return report.outcome === "approved" ? EXIT.ok : EXIT.no;
}

/** Frames, field and contactless commands: a tap has begun. */
const onAir = (record: TraceRecord): boolean =>
  record.layer === "field" || record.layer === "frame" || (record.layer === "apdu" && record.via === "contactless");

/** The command line that gives the same bytes again: options that were left out keep their defaults. */
function repeatCommand(verb: string, options: TapOptions, seed: string): string {
  const given = (["at", "issued", "pin", "terminal", "card", "amount", "currency"] as const).filter(
    (name) => options[name] !== TAP_DEFAULTS[name],
  );
  const parts = [
    ["seed", seed],
    ...given.map((name) => [name, options[name]!]),
    ...(options.fault ?? []).map((fault) => ["fault", fault]),
  ];
  const flags = options.revealTestData === true ? " --reveal-test-data" : "";
  return `tapbench ${verb} ${parts.map(([name, value]) => `--${name} ${quoted(value!)}`).join(" ")}${flags}`;
}

const quoted = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

interface RunIdentity {
  readonly seed: string;
  readonly profile: string;
  readonly configuration: unknown;
}

/** Writes the trace; returns whether it is masked. */
async function writeTrace(
  options: TapOptions,
  { configuration, ...identity }: RunIdentity,
  tracer: MemoryTrace,
): Promise<boolean> {
  const reveal = options.revealTestData === true ? { reveal: (pan: string) => testRange(pan) !== undefined } : {};
  const header = await writeTraceFile(
    options.trace,
    { ...identity, configuration: configurationHash(configuration) },
    tracer.records,
    reveal,
  );
  return header.masked;
}

const micros = (time: number): number => Math.round(time / 1000);

/** `demo` prints the first part; `tap`, with a bench given, all of it. */
function documentOf(
  report: TapReport,
  trace: string,
  verdict: TapVerdict | undefined,
  bench: Bench | undefined,
): unknown {
  const { kernelOutcome, issuer } = report;
  const short = {
    outcome: report.outcome,
    kernel: report.kernel ?? null,
    oda: report.oda,
    cryptogram: report.cryptogram ?? null,
    apdus: report.apdus,
    frames: report.frames,
    airMicros: micros(report.air),
    totalMicros: micros(report.total),
    trace,
  };
  if (!bench) return short;
  return {
    ...short,
    odaStatus: report.odaStatus,
    leastAirMicros: micros(report.leastAir),
    kernelOutcome: kernelOutcome.kind,
    error: verdict?.error ?? null,
    decided: verdict?.decided ?? null,
    failedCommand: verdict?.failedCommand ?? null,
    faults: report.faults,
    issuer: issuer ? { approved: issuer.approved, arc: issuer.arc, reason: issuer.reason, says: issuer.says } : null,
    seed: bench.seed,
  };
}

interface Shown {
  readonly spec: string;
  readonly provisioned: ProvisionReport;
  readonly report: TapReport;
  readonly trace: string;
  readonly masked: boolean;
  readonly seed: string;
  readonly command: string;
  readonly verdict: TapVerdict | undefined;
  readonly times: Waterfall;
}

function show(output: Output, shown: Shown): void {
  if (output.json) return;
  const { paint } = output;
  const { provisioned, report, verdict } = shown;
  const approved = report.outcome === "approved";
  const { cryptogram, issuer } = report;
  const verified =
    cryptogram?.verified === undefined
      ? ""
      : cryptogram.verified
        ? ", verified by the issuer"
        : ", refused by the issuer";
  const facts = [
    `kernel outcome ${report.kernelOutcome.kind}${report.kernel === undefined ? "" : ` (${report.kernel})`}`,
    `offline authentication ${report.oda}${report.oda === "none" ? "" : ` ${report.odaStatus}`}`,
    ...(cryptogram ? [`cryptogram ${cryptogram.type}${verified}`] : []),
    ...report.faults.map(({ fault, struck }) => `${struck ? "fault struck" : "never struck"}: ${fault}`),
    ...(issuer ? [`issuer ${issuer.arc} ${issuer.reason}: ${issuer.says}`] : []),
    ...(verdict ? renderVerdict(verdict) : []),
  ];
  output.lines([
    `provisioned ${provisioned.card} (${provisioned.maskedPan}, PAR ${provisioned.par}) into ${shown.spec}: ${provisioned.apdus} commands, ${formatNanos(provisioned.took)}`,
    "",
    ...report.receipt,
    "",
    paint(approved ? "good" : "bad", report.outcome.toUpperCase().replaceAll("-", " ")),
    ...facts.map((fact) => `  ${fact}`),
    "",
    ...renderWaterfall(shown.times, { width: output.width, paint }),
    `frames were on the air for ${formatNanos(report.air)}; without any computing these commands take ${formatNanos(report.leastAir)} at least`,
    "",
    `trace in ${shown.trace} (${shown.masked ? "account data masked" : "test data shown, readable by its owner only"})`,
    `seed ${shown.seed}; to repeat: ${shown.command}`,
  ]);
}
