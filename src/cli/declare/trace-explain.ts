import type { Command } from "commander";
import type { Context } from "../context.js";
import { collect, examples } from "./options.js";

export function declareTraceExplain(trace: Command, context: Context): void {
  const command = trace
    .command("explain")
    .summary("one screen: what the last tap came to, and why")
    .description(
      "Says how the last tap in the file ended, where it stopped, which rule decided and what would have flipped it, with the bits, limits, certificates and times that belong to it. Account data are never shown whole.",
    )
    .argument("<file>", "a trace, a recorded tap, or - for standard input")
    .option(
      "--ca-keys <file>",
      "CA public keys, besides the published ones that come with tapbench (repeatable)",
      collect,
    )
    .option("--decisions", "tell every decision, too")
    .option("--json", "print one JSON document")
    .action(
      async (
        file: string,
        options: { readonly caKeys?: readonly string[]; readonly decisions?: boolean; readonly json?: boolean },
      ) => {
        const { explainFile } = await import("../commands/trace-explain.js");
        context.exitCode = await explainFile(file, options, context);
      },
    );
  examples(
    command,
    "tapbench trace explain tapbench-trace.jsonl",
    "tapbench trace explain --ca-keys capk.json --json recorded-tap.json",
  );
}
