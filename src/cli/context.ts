import type { Bench, BenchOptions } from "../bench/bench.js";
import { ansi } from "../inspect/paint.js";
import { outputTo, type ExitCode, type Io, type Output } from "./output.js";

/** What the commands are given. */
export interface Context {
  readonly io: Io;
  /** Where the emulated world comes from; tests give their own. */
  openBench(options: BenchOptions): Promise<Bench>;
  /** Set by the command that ran. */
  exitCode: ExitCode;
}

/** How a command prints, by its options. */
export const outputOf = (context: Context, options: { readonly json?: boolean }): Output =>
  outputTo(context.io, options.json === true, ansi);
