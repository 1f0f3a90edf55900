import type { Command } from "commander";
import type { ConvertOptions } from "../commands/trace-convert.js";
import type { Context } from "../context.js";
import { collect, examples } from "./options.js";
import { withReportOptions } from "./report-options.js";

/** `tapbench trace convert` */
export function declareTraceConvert(trace: Command, context: Context): void {
  const convert = withReportOptions(
    trace
      .command("convert")
      .summary("traces as a capture for Wireshark, a page, JUnit XML, a table")
      .description(
        "Writes one or more traces, or logs of other tools, in formats that other programs read. Account data are masked. A capture holds the frames that were recorded; where none were, it is refused. Where a file is written, - is standard output.",
      )
      .argument("<files...>", "traces, logs or captures of other tools; - for standard input")
      .option("--pcapng <file>", "write the frames as a capture, ISO 14443, for Wireshark"),
  )
    .option(
      "--ca-keys <file>",
      "CA public keys for the verdict, besides the published ones that come with tapbench (repeatable)",
      collect,
    )
    .option("--reveal-test-data", "leave test account numbers readable; others never are")
    .option("--json", "print one JSON document")
    .action(async (files: readonly string[], options: ConvertOptions) => {
      const { convertTraces } = await import("../commands/trace-convert.js");
      context.exitCode = await convertTraces(files, options, context);
    });
  examples(
    convert,
    "tapbench trace convert tapbench-trace.jsonl --pcapng tap.pcapng",
    "tapbench trace convert tapbench-trace.jsonl --html tap.html --csv tap.csv",
    "tapbench trace convert night-1.jsonl night-2.jsonl --html night.html --junit night.xml",
    "tapbench trace convert tapbench-trace.jsonl --pcapng - | tshark -r -",
  );
}
