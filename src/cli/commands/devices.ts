import type { Command } from "commander";
import { examples, outputOf, type Context } from "../context.js";
import { EXIT } from "../output.js";

/** `tapbench devices` */
export function devicesCommand(program: Command, context: Context): void {
  const command = program
    .command("devices")
    .summary("what can be tapped")
    .description("Lists the devices that can be opened, with the text that other commands take for them.")
    .option("--json", "print one JSON document")
    .action(async (options: { readonly json?: boolean }) => {
      const output = await outputOf(context, options);
      const bench = await context.openBench({});
      const devices = await bench.listDevices();
      const width = Math.max(0, ...devices.map(({ spec }) => spec.length));
      output.lines(
        devices.map(
          ({ spec, title, note }) =>
            `${output.paint("tag", spec.padEnd(width))}  ${title}${note === undefined ? "" : output.paint("dim", ` (${note})`)}`,
        ),
      );
      output.document({ devices });
      context.exitCode = EXIT.ok;
    });
  examples(command, "tapbench devices", "tapbench devices --json");
}
