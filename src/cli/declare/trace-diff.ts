import type { Command } from "commander";
import type { DiffOptions } from "../commands/diff.js";
import type { Context } from "../context.js";
import { examples } from "./options.js";

/** `tapbench trace diff` */
export function declareTraceDiff(trace: Command, context: Context): void {
  const diff = trace
    .command("diff")
    .summary("what differs between two traces, in commands, tags and bits")
    .description(
      "Aligns two traces command by command and tells what differs: commands, status words, tags, bits, the terminal's data, decisions, frames, times. What differs from tap to tap by its nature (unpredictable numbers, cryptograms, counters, date and time) is set aside, and so is what only one of the two could observe. Exit code 3 when something differs.",
    )
    .argument("<a>", "a trace, a recorded tap, or - for standard input")
    .argument("<b>", "the other one")
    .option("--strict", "compare values that differ from tap to tap, too")
    .option(
      "--tolerance <5%|2ms>",
      "how far times may be apart; default: 0.1ms where both are simulated, 20%,1ms where both are measured, else not compared",
    )
    .option("--json", "print one JSON document")
    .action(async (a: string, b: string, options: DiffOptions) => {
      const { diffTraces } = await import("../commands/diff.js");
      context.exitCode = await diffTraces(a, b, options, context);
    });
  examples(
    diff,
    "tapbench trace diff monday.jsonl tapbench-trace.jsonl",
    "tapbench trace diff --tolerance 5%,2ms --json before.jsonl after.jsonl",
  );
}
