import type { ManagedBenchDevice } from "../../bench/managed.js";
import type { Context } from "../context.js";
import { cliError } from "../errors.js";
import { printableLine } from "./emulation-log.js";

/** Options of every `tapbench smp` command. */
export interface SmpOptions {
  readonly seed?: string;
  readonly card?: string;
  readonly state?: string;
  readonly logs?: boolean;
  readonly json?: boolean;
}

/** Options that mean nothing to a device that is really there. */
const EMULATED_ONLY = ["card", "state"] as const;

/** Opens the device, does what is to be done, and closes it whatever came of that. */
export async function withDevice<T>(
  spec: string,
  options: SmpOptions,
  context: Context,
  work: (device: ManagedBenchDevice, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { seed, card, state } = options;
  const unfit = spec.startsWith("emu:") ? undefined : EMULATED_ONLY.find((name) => options[name] !== undefined);
  if (unfit !== undefined)
    throw cliError("bad-value", `--${unfit} is for emulated devices, such as emu:band-s1; ${spec} is none`, {});
  const bench = await context.openBench({ ...(seed !== undefined && { seed }), state });
  const opened = await bench.open(spec, context.io.signal);
  let device: ManagedBenchDevice;
  try {
    if (opened.kind === "emulated" && card !== undefined) await bench.furnish(opened, card);
    device = await bench.manage(opened, context.io.signal);
  } catch (error) {
    if (opened.kind !== "emulated") await opened.close();
    throw error;
  }
  if (options.logs === true)
    device.management.watch((event) => {
      if (event.kind === "log") context.io.stderr.write(`${printableLine(event.line)}\n`);
    });
  try {
    return await work(device, context.io.signal);
  } finally {
    await device.close();
  }
}
