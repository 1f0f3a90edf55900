import { emulatedOnly } from "../../bench/bench.js";
import { repeatTap, type OneOfMany, type Repeated } from "../../bench/repeat.js";
import { summary, type Summary } from "../../inspect/statistics.js";
import { writeTraceFile } from "../../trace/file.js";
import { configurationHash } from "../../trace/header.js";
import { formatNanos, type Nanos } from "../../util/time.js";
import { timeOf } from "../arguments.js";
import { outputOf, type Context } from "../context.js";
import { cliError } from "../errors.js";
import { preparePayment, revealed } from "../payment.js";
import { EXIT, exitCodeOf, toJson, type ExitCode, type Output } from "../output.js";
import type { TapOptions } from "../tap-options.js";

/** Transaction counters have two bytes. */
const MOST = 65_535;

/** `tapbench tap <device> --repeat <count>`; nothing where that was not asked for. @throws `cli/bad-value` */
export function repeatPayment(spec: string, options: TapOptions, context: Context): Promise<ExitCode> | undefined {
  const { repeat } = options;
  if (repeat === undefined) {
    const given = (["limit", "keepGoing", "jsonLines"] as const).find((name) => options[name] !== undefined);
    if (given === undefined) return undefined;
    throw cliError("bad-value", `--${FLAGS[given]} is for many taps; give --repeat <count>, too`, {});
  }
  const times = /^[1-9]\d{0,6}$/.test(repeat) ? Number(repeat) : Infinity;
  if (times > MOST)
    throw cliError("bad-value", `'${repeat.slice(0, 20)}' is no number of taps; give 1 to ${MOST}`, { most: MOST });
  if (options.golden !== undefined)
    throw cliError("bad-value", "--golden looks at one tap; leave it or --repeat out", {});
  if (options.json === true && options.jsonLines === true)
    throw cliError("bad-value", "--json is one document, --json-lines many; choose one of them", {});
  return repeated(spec, times, options, context);
}

const FLAGS = { limit: "limit", keepGoing: "keep-going", jsonLines: "json-lines" } as const;

async function repeated(spec: string, times: number, options: TapOptions, context: Context): Promise<ExitCode> {
  const { io } = context;
  const lines = options.jsonLines === true;
  const output = outputOf(context, { json: options.json === true || lines });
  const limit = options.limit === undefined ? undefined : timeOf(options.limit);

  const { money, amount, tracer, bench } = await preparePayment(options, context);
  const device = await emulatedOnly(await bench.open(spec));
  const tap = await bench.prepareTap(device, {
    amount,
    currency: money.code,
    terminal: options.terminal,
    faults: options.fault,
    pin: options.pin,
  });
  await bench.furnish(device, options.card);
  const progress = progressOn(context, times);
  let result: Repeated;
  try {
    result = await repeatTap({
      tap,
      times,
      tracer,
      limit,
      keepGoing: options.keepGoing === true,
      reverse: (hold) => void bench.issuer.ledger.release(hold),
      isDeviceFault: (error) => exitCodeOf(error) === EXIT.device,
      signal: io.signal,
      onTap(one) {
        progress.show(one.number);
        if (lines) io.stdout.write(`${toJson(tapDocument(one, limit))}\n`);
      },
    });
  } finally {
    progress.end();
  }
  const configuration = { ...bench.configuration(), device: spec, amount, currency: money.code, faults: options.fault };
  await writeTraceFile(
    options.trace,
    { seed: bench.seed, profile: spec, configuration: configurationHash(configuration) },
    result.records,
    revealed(options),
  );
  const figures: Figures = { device: spec, times, limit, result, trace: options.trace, seed: bench.seed };
  const document = documentOf(figures);
  if (lines) io.stdout.write(`${toJson(document)}\n`);
  else output.document(document);
  output.lines(screen(figures, output));
  return result.firstFailure ? EXIT.no : EXIT.ok;
}

/** A line that counts up on a terminal's standard error, and is wiped at the end. */
function progressOn({ io }: Context, times: number): { show(made: number): void; end(): void } {
  if (!io.stderr.isTTY) return { show: () => {}, end: () => {} };
  const every = Math.max(1, Math.floor(times / 100));
  let shown = "";
  return {
    show(made) {
      if (made % every !== 0 && made !== times) return;
      shown = `tap ${made} of ${times}`;
      io.stderr.write(`\r${shown}`);
    },
    end: () => io.stderr.write(shown === "" ? "" : `\r${" ".repeat(shown.length)}\r`),
  };
}

interface Figures {
  readonly device: string;
  readonly times: number;
  readonly limit: Nanos | undefined;
  readonly result: Repeated;
  readonly trace: string;
  readonly seed: string;
}

const micros = (time: Nanos): number => Math.round(time / 1000);
const inMicros = ({ count, min, p50, p95, max }: Summary): Summary => ({
  count,
  min: micros(min),
  p50: micros(p50),
  p95: micros(p95),
  max: micros(max),
});

function tapDocument(
  { number, outcome, took, slow, passed, report, error }: OneOfMany,
  limit: Nanos | undefined,
): object {
  return {
    tap: number,
    passed,
    outcome,
    kernelOutcome: report?.kernelOutcome.kind ?? null,
    issuer: report?.issuer?.reason ?? null,
    totalMicros: took === undefined ? null : micros(took),
    ...(limit !== undefined && { slow }),
    ...(error && { says: error.message }),
  };
}

/** Percentiles are by nearest rank; times are microseconds. */
function documentOf({ device, times, limit, result, trace, seed }: Figures): object {
  const total = summary(result.took);
  return {
    device,
    asked: times,
    made: result.made,
    passed: result.passed,
    passRate: result.passed / result.made,
    limitMicros: limit === undefined ? null : micros(limit),
    slow: result.slow,
    outcomes: Object.fromEntries(result.outcomes),
    totalMicros: total ? inMicros(total) : null,
    commands: [...result.commands].map(([command, took]) => ({ command, micros: inMicros(summary(took)!) })),
    firstFailure: result.firstFailure ? tapDocument(result.firstFailure, limit) : null,
    trace,
    traceOf: traceOf(result),
    seed,
  };
}

const traceOf = ({ firstFailure }: Repeated): "first failure" | "last tap" =>
  firstFailure ? "first failure" : "last tap";

const COLUMNS = ["p50", "p95", "max"] as const;
const WIDTH = 10;

function screen({ times, limit, result, trace, seed }: Figures, { paint }: Output): string[] {
  const { made, passed, slow, outcomes, firstFailure } = result;
  const total = summary(result.took);
  const rows = [
    ...[...result.commands].map(([name, took]) => [name, summary(took)!] as const),
    ...(total ? [["total", total] as const] : []),
  ];
  const label = Math.max(8, ...rows.map(([name]) => name.length));
  const row = (name: string, cells: readonly string[]): string =>
    `${name.padEnd(label)}${cells.map((cell) => cell.padStart(WIDTH)).join("")}`;
  const rate = `${((100 * passed) / made).toFixed(passed === made ? 0 : 2)} %`;
  return [
    paint(firstFailure ? "bad" : "good", `${passed} of ${made} taps passed (${rate})`),
    ...(made < times
      ? [`stopped at the first failure; ${times - made} of ${times} were not made (--keep-going makes them)`]
      : []),
    `outcomes: ${[...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(", ")}`,
    ...(limit === undefined ? [] : [`limit ${formatNanos(limit)}: exceeded by ${slow} that were approved`]),
    "",
    row("", [...COLUMNS, "taps"]),
    ...rows.map(([name, times_]) =>
      row(name, [...COLUMNS.map((key) => formatNanos(times_[key])), String(times_.count)]),
    ),
    "",
    ...(firstFailure ? [`first failure: tap ${firstFailure.number}, ${whyFailed(firstFailure)}`] : []),
    `trace of the ${traceOf(result)} in ${trace}; seed ${seed}`,
  ];
}

const whyFailed = ({ outcome, took, slow, report, error }: OneOfMany): string =>
  error
    ? `${error.message} [${error.code}]`
    : slow
      ? `approved, but only after ${formatNanos(took!)}`
      : `${outcome}${report?.issuer && !report.issuer.approved ? `: ${report.issuer.says}` : ""}`;
