import type { ManagedDevice } from "../../device/management.js";
import type { Command } from "../../protocols/smp/command.js";
import { enumeration } from "../../protocols/smp/groups/enumeration.js";
import { os } from "../../protocols/smp/groups/os.js";
import { shell } from "../../protocols/smp/groups/shell.js";
import { statistics } from "../../protocols/smp/groups/statistics.js";
import { isTapbenchError } from "../../util/errors.js";
import { pause } from "../../util/patience.js";
import { formatNanos, MS, SECOND, type Nanos } from "../../util/time.js";
import { outputOf, type Context } from "../context.js";
import { cliError } from "../errors.js";
import { EXIT, type ExitCode } from "../output.js";
import { printableLine } from "./emulation-log.js";
import { withDevice, type SmpOptions } from "./smp-device.js";

export interface EchoOptions extends SmpOptions {
  readonly count: string;
}
export interface ResetOptions extends SmpOptions {
  readonly wait: boolean;
}

const MAX_COUNT = 100_000;
/** Zephyr restarts 250 ms after its answer (CONFIG_MCUMGR_GRP_OS_RESET_MS); connecting before that would meet the old run. */
const BEFORE_RESET: Nanos = 500 * MS;
/** A boot loader may have images to swap. */
const BOOT: Nanos = 60 * SECOND;

/** `tapbench smp echo <device> [text]` */
export async function echo(spec: string, text: string, options: EchoOptions, context: Context): Promise<ExitCode> {
  const count = /^\d{1,6}$/.test(options.count) ? Number(options.count) : 0;
  if (count < 1 || count > MAX_COUNT)
    throw cliError("bad-value", `--count ${options.count.slice(0, 20)} is no number from 1 to ${MAX_COUNT}`, {});
  const output = outputOf(context, options);
  return withDevice(spec, options, context, async ({ management, title, clock }, signal) => {
    const times: Nanos[] = [];
    let answer = "";
    for (let i = 0; i < count; i++) {
      const from = clock.now();
      answer = (await management.request(os.echo, { d: text }, { signal })).r;
      times.push(clock.now() - from);
      if (answer !== text) break;
    }
    const sorted = times.toSorted((a, b) => a - b);
    const median = sorted[sorted.length >> 1]!;
    output.lines([
      printableLine(answer),
      output.paint("dim", `${title}, ${times.length === 1 ? "" : `median of ${times.length}: `}${formatNanos(median)}`),
    ]);
    output.document({ device: spec, title, answer, count: times.length, medianMicros: Math.round(median / 1000) });
    return answer === text ? EXIT.ok : EXIT.no;
  });
}

/** The answer, or undefined where the device does not know the command: it is optional. */
async function ifKnown<Q, A>(
  management: ManagedDevice,
  command: Command<Q, A>,
  request: Q,
  signal: AbortSignal,
): Promise<A | undefined> {
  try {
    return await management.request(command, request, { signal });
  } catch (error) {
    if (isTapbenchError(error, "smp/refused")) return undefined;
    throw error;
  }
}

/** `tapbench smp info <device>` */
export async function info(spec: string, options: SmpOptions, context: Context): Promise<ExitCode> {
  const output = outputOf(context, options);
  return withDevice(spec, options, context, async ({ management, title, profile }, signal) => {
    const system = (await ifKnown(management, os.info, { format: "a" }, signal))?.output;
    const buffers = await management.parameters({ signal });
    const groups = (await ifKnown(management, enumeration.details, {}, signal))?.groups;
    const bootLoader = (await ifKnown(management, os.bootLoader, {}, signal))?.bootloader;
    const rows: readonly (readonly [string, string | undefined])[] = [
      ["device", title],
      ["profile", profile?.name],
      ["system", system],
      ["buffers", `${buffers.bufferCount} of ${buffers.bufferBytes} bytes`],
      ["boot loader", bootLoader],
      ["groups", groups?.map(({ group, name }) => (name === undefined ? `${group}` : `${group} ${name}`)).join(", ")],
    ];
    output.lines(
      rows.flatMap(([name, says]) =>
        says === undefined ? [] : [`${output.paint("tag", name.padEnd(12))}${printableLine(says)}`],
      ),
    );
    output.document({ device: spec, title, profile: profile?.name, system, buffers, bootLoader, groups });
    return EXIT.ok;
  });
}

/** `tapbench smp stats <device> [group]` */
export async function stats(
  spec: string,
  group: string | undefined,
  options: SmpOptions,
  context: Context,
): Promise<ExitCode> {
  const output = outputOf(context, options);
  return withDevice(spec, options, context, async ({ management }, signal) => {
    const names = group === undefined ? (await management.request(statistics.list, {}, { signal })).stat_list : [group];
    const all: Record<string, unknown> = {};
    for (const name of names) {
      const { fields } = await management.request(statistics.show, { name }, { signal });
      all[name] = fields;
      const width = Math.max(0, ...Object.keys(fields).map(({ length }) => length));
      output.lines([
        output.paint("tag", printableLine(name)),
        ...Object.entries(fields).map(([field, value]) => `  ${printableLine(field).padEnd(width)}  ${value}`),
      ]);
    }
    output.document({ device: spec, statistics: all });
    return EXIT.ok;
  });
}

/** `tapbench smp shell <device> <command...>` */
export async function shellOf(
  spec: string,
  argv: readonly string[],
  options: SmpOptions,
  context: Context,
): Promise<ExitCode> {
  const output = outputOf(context, options);
  return withDevice(spec, options, context, async ({ management }, signal) => {
    const { o, ret } = await management.request(shell.run, { argv }, { signal, within: 10 * SECOND });
    output.lines(o.trimEnd().split(/\r?\n/).map(printableLine));
    output.document({ device: spec, argv, output: o, returned: ret });
    if (ret !== 0) output.note(`the command returned ${ret}`);
    return ret === 0 ? EXIT.ok : EXIT.no;
  });
}

/** `tapbench smp reset <device>` */
export async function reset(spec: string, options: ResetOptions, context: Context): Promise<ExitCode> {
  const output = outputOf(context, options);
  return withDevice(spec, options, context, async (device, signal) => {
    const { clock, title } = device;
    const from = clock.now();
    await device.management.request(os.reset, {}, { signal });
    if (options.wait) {
      await pause(clock, BEFORE_RESET, signal);
      await device.reconnect({ within: BOOT, signal });
    }
    const took = clock.now() - from;
    output.lines([options.wait ? `${title} is back after ${formatNanos(took)}` : `${title} restarts`]);
    output.document({ device: spec, title, ...(options.wait && { backAfterMillis: Math.round(took / MS) }) });
    return EXIT.ok;
  });
}
