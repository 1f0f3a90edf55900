import type { Command } from "commander";
import type { Context } from "../context.js";
import { declareTraceDiff } from "./trace-diff.js";
import { declareTraceGolden } from "./trace-golden.js";
import { collect, examples } from "./options.js";

export function declareTrace(program: Command, context: Context): void {
  const command = program
    .command("trace")
    .summary("read traces and recorded taps")
    .description("Reads traces that tapbench wrote, and recorded taps in JSON.");

  const show = command
    .command("show")
    .summary("the whole trace as a tree, and where the time went")
    .description(
      "Shows activation, every command with its decoded answer, every decision, and a waterfall of the times. Account data of recorded taps are masked.",
    )
    .argument("<file>", "a trace, a recorded tap, or - for standard input")
    .option("--svg <file>", "write the waterfall as an SVG picture, too")
    .option("--frames", "list the frames inside exchanges")
    .option("--reveal-test-data", "leave the test account numbers of a recorded tap readable; others never are")
    .option("--json", "print one JSON document")
    .action(
      async (
        file: string,
        options: {
          readonly svg?: string;
          readonly frames?: boolean;
          readonly revealTestData?: boolean;
          readonly json?: boolean;
        },
      ) => {
        const { showTrace } = await import("../commands/trace.js");
        context.exitCode = await showTrace(file, options, context);
      },
    );
  examples(show, "tapbench trace show tapbench-trace.jsonl", "tapbench trace show --svg tap.svg tapbench-trace.jsonl");

  const verify = command
    .command("verify")
    .summary("check the card's certificates and signature again")
    .description(
      "Checks issuer certificate, card certificate, signed dynamic data and transaction data hash of the last tap in the file, and names the first link that does not hold. Exit code 3 when one does not.",
    )
    .argument("<file>", "a recorded tap, a trace with its test data shown, or - for standard input")
    .option(
      "--ca-keys <file>",
      "CA public keys, besides the published ones that come with tapbench (repeatable)",
      collect,
    )
    .option("--json", "print one JSON document")
    .action(async (file: string, options: { readonly caKeys?: readonly string[]; readonly json?: boolean }) => {
      const { verifyFile } = await import("../commands/trace.js");
      context.exitCode = await verifyFile(file, options, context);
    });
  examples(
    verify,
    "tapbench trace verify recorded-tap.json",
    "tapbench trace verify --ca-keys capk.json --json recorded-tap.json",
  );

  declareTraceDiff(command, context);
  declareTraceGolden(command, context);
}
