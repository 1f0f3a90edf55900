import type { Command } from "commander";
import type { Bench, ProvisionReport } from "../../bench/bench.js";
import type { TapReport } from "../../bench/emulated-tap.js";
import type { MemoryTrace } from "../../trace/memory.js";
import { examples, outputOf, type Context } from "../context.js";
import { EXIT, type Output } from "../output.js";

interface TapOptions {
  readonly seed?: string;
  readonly at?: string;
  readonly terminal: string;
  readonly fault?: readonly string[];
  readonly card: string;
  readonly amount: string;
  readonly currency?: string;
  readonly trace: string;
  readonly revealTestData?: boolean;
  readonly json?: boolean;
}

const DEMO_DEVICE = "emu:band-s1";
const DEFAULTS: Readonly<Partial<Record<keyof TapOptions, string>>> &
  Pick<TapOptions, "terminal" | "card" | "amount" | "trace"> = {
  terminal: "shop",
  card: "k2-credit",
  amount: "12.50",
  trace: "./tapbench-trace.jsonl",
};

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

const withTapOptions = (command: Command): Command =>
  command
    .option("--seed <text>", "repeat a run: the same seed gives the same bytes")
    .option("--at <date>", "day and time of the tap, UTC: 2026-03-01 or 2026-03-01T12:30:00Z")
    .option("--terminal <name|file>", "terminal profile", DEFAULTS.terminal)
    .option("--card <name|file>", "card profile, provisioned before the tap", DEFAULTS.card)
    .option("--amount <amount>", "amount to pay", DEFAULTS.amount)
    .option("--currency <code>", "currency of the amount; default: the terminal's")
    .option("--fault <what@where>", "break something on purpose (repeatable)", collect)
    .option("--trace <file>", "where the trace goes", DEFAULTS.trace)
    .option("--reveal-test-data", "leave test account numbers readable in the trace, so that it can be verified")
    .option("--json", "print one JSON document");

/** `tapbench demo` */
export function demoCommand(program: Command, context: Context): void {
  const command = withTapOptions(
    program
      .command("demo")
      .summary("provision into an emulated band, tap, authorise, show where the time went")
      .description(
        "Provisions a tokenised card into an emulated band, taps it on a terminal, has the issuer authorise the payment, and shows where each millisecond went.",
      ),
  ).action(async (options: TapOptions) => {
    context.exitCode = await payment(DEMO_DEVICE, options, context, true);
  });
  examples(
    command,
    "tapbench demo",
    "tapbench demo --seed 7 --json",
    "tapbench demo --amount 80 --terminal shop --reveal-test-data",
  );
}

/** `tapbench tap <device>` */
export function tapCommand(program: Command, context: Context): void {
  const command = withTapOptions(
    program
      .command("tap")
      .summary("one payment")
      .description(
        "Makes one payment with a device. An emulated device is new and gets a card before the tap. Exit code 3 when it is not approved.",
      )
      .argument("<device>", "what to tap, such as emu:band-s1 (see tapbench devices)"),
  ).action(async (device: string, options: TapOptions) => {
    context.exitCode = await payment(device, options, context, false);
  });
  examples(
    command,
    "tapbench tap emu:band-s1 --amount 12.50 --currency EUR",
    "tapbench tap emu:watch-w1 --seed 7 --at 2026-03-01 --json",
    "tapbench tap emu:band-s1 --fault field-loss@before:gpo --fault noise:2@in:generate-ac",
  );
}

async function payment(
  spec: string,
  options: TapOptions,
  context: Context,
  demo: boolean,
): Promise<Context["exitCode"]> {
  const output = await outputOf(context, options);
  const { loadProfile } = await import("../../profiles/load.js");
  const { currency } = await import("../../profiles/currencies.js");
  const { amountOf, dateOf } = await import("../arguments.js");
  const { memoryTrace } = await import("../../trace/memory.js");

  const terminal = await loadProfile("terminal", options.terminal);
  const money = options.currency === undefined ? terminal.currency : currency(options.currency);
  const amount = amountOf(options.amount, money);
  const at = options.at === undefined ? undefined : dateOf(options.at);

  const tracer = memoryTrace();
  const bench = await context.openBench({
    tracer,
    ...(options.seed !== undefined && { seed: options.seed }),
    ...(at && { at }),
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
    const device = await bench.open(spec);
    provisioned = await bench.provision(device, options.card);
    context.io.signal.throwIfAborted();
    report = await bench.tap(device, {
      amount,
      currency: money.code,
      terminal: options.terminal,
      faults: options.fault,
    });
  } catch (error) {
    // What happened until then is what somebody will want to look at. A second failure must not hide the first.
    if (tracer.records.length > 0) await write().catch(() => {});
    throw error;
  }
  const masked = await write();
  const command = repeatCommand(demo ? "demo" : `tap ${spec}`, options, bench.seed);
  output.document(documentOf(report, options.trace, demo ? undefined : bench));
  await show(output, {
    spec,
    provisioned,
    report,
    trace: options.trace,
    masked,
    seed: bench.seed,
    command,
    records: tracer.records,
  });
  return report.outcome === "approved" ? EXIT.ok : EXIT.no;
}

/** The command line that gives the same bytes again: options that were left out keep their defaults. */
function repeatCommand(verb: string, options: TapOptions, seed: string): string {
  const given = (["at", "terminal", "card", "amount", "currency"] as const).filter(
    (name) => options[name] !== DEFAULTS[name],
  );
  const parts = [
    ["seed", seed],
    ...given.map((name) => [name, options[name]!]),
    ...(options.fault ?? []).map((fault) => ["fault", fault]),
  ];
  return `tapbench ${verb} ${parts.map(([name, value]) => `--${name} ${quoted(value!)}`).join(" ")}`;
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
  const { writeTraceFile } = await import("../../trace/file.js");
  const { configurationHash } = await import("../../trace/header.js");
  const { testRange } = await import("../../issuer/pan.js");
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
function documentOf(report: TapReport, trace: string, bench: Bench | undefined): unknown {
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
    error: ("error" in kernelOutcome ? kernelOutcome.error : undefined) ?? null,
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
  readonly records: MemoryTrace["records"];
}

async function show(output: Output, shown: Shown): Promise<void> {
  if (output.json) return;
  const { renderWaterfall, waterfall } = await import("../../inspect/waterfall.js");
  const { formatNanos } = await import("../../util/time.js");
  const { paint } = output;
  const { provisioned, report } = shown;
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
    ...(report.faults.length > 0 ? [`faults that struck: ${report.faults.join(", ")}`] : []),
    ...(issuer ? [`issuer ${issuer.arc} ${issuer.reason}: ${issuer.says}`] : []),
  ];
  output.lines([
    `provisioned ${provisioned.card} (${provisioned.maskedPan}, PAR ${provisioned.par}) into ${shown.spec}: ${provisioned.apdus} commands, ${formatNanos(provisioned.took)}`,
    "",
    ...report.receipt,
    "",
    paint(approved ? "good" : "bad", report.outcome.toUpperCase().replaceAll("-", " ")),
    ...facts.map((fact) => `  ${fact}`),
    "",
    ...renderWaterfall(waterfall(shown.records), { width: output.width, paint }),
    `frames were on the air for ${formatNanos(report.air)}; without any computing these commands take ${formatNanos(report.leastAir)} at least`,
    "",
    `trace in ${shown.trace} (${shown.masked ? "account data masked" : "test data shown, readable by its owner only"})`,
    `seed ${shown.seed}; to repeat: ${shown.command}`,
  ]);
}
