import type { Command } from "commander";
import type { Context } from "../context.js";
import { TAP_DEFAULTS } from "../tap-options.js";
import { declareTraceConvert } from "./trace-convert.js";
import { declareTraceDiff } from "./trace-diff.js";
import { declareTraceGolden } from "./trace-golden.js";
import { collect, examples } from "./options.js";
import { declareTraceExplain } from "./trace-explain.js";

export function declareTrace(program: Command, context: Context): void {
  const command = program
    .command("trace")
    .summary("read traces, and logs and captures of other tools")
    .description(
      "Reads traces that tapbench wrote, and what other tools recorded: taps in JSON, Proxmark3 trace lists, GlobalPlatformPro -d, pcsc-spy, Android NFC logs, APDUs in any text.",
    );

  const show = command
    .command("show")
    .summary("the whole trace as a tree, and where the time went")
    .description(
      "Shows activation, every command with its decoded answer, every decision, and a waterfall of the times. Account data of recorded taps are masked.",
    )
    .argument("<file>", "a trace, a log of another tool, or - for standard input")
    .option("--svg <file>", "write the waterfall as an SVG picture, too")
    .option("--frames", "list the frames inside exchanges")
    .option("--reveal-test-data", "leave the test account numbers of an imported log readable; others never are")
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
    .argument("<file>", "a log of another tool, a trace with its test data shown, or - for standard input")
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

  const bringIn = command
    .command("import")
    .summary("write a log or capture of another tool as a trace")
    .description(
      "Tells the format from the file's content and writes a trace with the exchanges, frames and times that are in it. Account data are masked. Odd lines are named with line and column; what could be read is written.",
    )
    .argument("<file>", "a log of another tool, or - for standard input")
    .option("--to <file>", "where the trace goes", TAP_DEFAULTS.trace)
    .option("--as <format>", "the format, where the file's beginning does not tell it")
    .option("--reveal-test-data", "leave test account numbers readable; others never are")
    .option("--json", "print one JSON document")
    .action(
      async (
        file: string,
        options: {
          readonly to: string;
          readonly as?: string;
          readonly revealTestData?: boolean;
          readonly json?: boolean;
        },
      ) => {
        const { importTrace } = await import("../commands/trace-import.js");
        context.exitCode = await importTrace(file, options, context);
      },
    );
  examples(
    bringIn,
    "tapbench trace import hf14a.txt --to hf14a.jsonl",
    "adb logcat -d | tapbench trace import - --as nci-log",
  );

  declareTraceConvert(command, context);
  declareTraceExplain(command, context);
  declareTraceDiff(command, context);
  declareTraceGolden(command, context);
}
