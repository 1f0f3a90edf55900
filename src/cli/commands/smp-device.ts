import type { ManagedBenchDevice } from "../../bench/managed.js";
import type { Context } from "../context.js";

/** Options of every `tapbench smp` command. */
export interface SmpOptions {
  readonly seed?: string;
  readonly json?: boolean;
}

/** Opens the device, does what is to be done, and closes it whatever came of that. */
export async function withDevice<T>(
  spec: string,
  { seed }: SmpOptions,
  context: Context,
  work: (device: ManagedBenchDevice, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const bench = await context.openBench(seed === undefined ? {} : { seed });
  const opened = await bench.open(spec, context.io.signal);
  let device: ManagedBenchDevice;
  try {
    device = await bench.manage(opened, context.io.signal);
  } catch (error) {
    if (opened.kind !== "emulated") await opened.close();
    throw error;
  }
  try {
    return await work(device, context.io.signal);
  } finally {
    await device.close();
  }
}
