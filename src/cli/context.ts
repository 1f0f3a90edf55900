import type { Command } from "commander";
import type { Bench, BenchOptions } from "../bench/bench.js";
import { outputTo, type ExitCode, type Io, type Output } from "./output.js";

/** What the commands are given. */
export interface Context {
  readonly io: Io;
  /** Where the emulated world comes from; tests give their own. */
  openBench(options: BenchOptions): Promise<Bench>;
  /** Set by the command that ran. */
  exitCode: ExitCode;
}

/** Adds the examples that every command has in its help. */
export const examples = (command: Command, ...lines: readonly string[]): Command =>
  command.addHelpText("after", `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}\n`);

/** How a command prints, by its options. Colours are loaded with the rest of a command, not with its help. */
export async function outputOf(context: Context, options: { readonly json?: boolean }): Promise<Output> {
  const { ansi } = await import("../inspect/paint.js");
  return outputTo(context.io, options.json === true, ansi);
}
