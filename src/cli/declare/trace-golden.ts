import type { Command } from "commander";
import type { CheckOptions, SaveOptions } from "../commands/golden.js";
import type { Context } from "../context.js";
import { examples } from "./options.js";

const DEFAULT_FILE = "./tapbench-golden.jsonl";
const TOLERANCE = "--tolerance <5%|2ms>";

/** `tapbench trace golden` */
export function declareTraceGolden(trace: Command, context: Context): void {
  const golden = trace
    .command("golden")
    .summary("keep a run that is right, and check others against it")
    .description(
      "A golden file is a run that somebody looked at: a fact a line, account data masked, values that differ from tap to tap left out.",
    );

  const save = golden
    .command("save")
    .summary("make a golden file of a trace")
    .description("Makes a golden file of a trace. It is meant to be reviewed, and then kept beside the tests.")
    .argument("<trace>", "a trace, a recorded tap, or - for standard input")
    .option("--to <file>", "where the golden file goes", DEFAULT_FILE)
    .option("--no-times", "leave times out, so that they are never compared")
    .option(TOLERANCE, "how far times may be apart when a run is checked; kept in the file")
    .option("--force", "replace a golden file that is there")
    .option("--json", "print one JSON document")
    .action(async (file: string, options: SaveOptions) => {
      const { saveGolden } = await import("../commands/golden.js");
      context.exitCode = await saveGolden(file, options, context);
    });
  examples(
    save,
    "tapbench trace golden save tapbench-trace.jsonl --to test/golden/band.jsonl",
    "tapbench trace golden save --no-times --force tapbench-trace.jsonl",
  );

  const check = golden
    .command("check")
    .summary("what differs from the golden run")
    .description("Tells what differs between a golden file and a trace. Exit code 3 when something does.")
    .argument("<golden>", "a golden file, or - for standard input")
    .argument("<trace>", "a trace, a recorded tap, or - for standard input")
    .option(TOLERANCE, "how far times may be apart; default: what the golden file says")
    .option("--json", "print one JSON document")
    .action(async (file: string, made: string, options: CheckOptions) => {
      const { checkGolden } = await import("../commands/golden.js");
      context.exitCode = await checkGolden(file, made, options, context);
    });
  examples(
    check,
    "tapbench trace golden check tapbench-golden.jsonl tapbench-trace.jsonl",
    "tapbench tap emu:band-s1 --golden tapbench-golden.jsonl",
  );
}
