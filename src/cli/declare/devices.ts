import type { Command } from "commander";
import type { Context } from "../context.js";
import { examples } from "./options.js";

export function declareDevices(program: Command, context: Context): void {
  const command = program
    .command("devices")
    .summary("what can be tapped and managed")
    .description(
      "Lists the devices that can be opened, with the text that other commands take for them: emulated ones, and PC/SC readers with what lies on them and what is known to go wrong with them; serial ports.",
    )
    .option("--watch", "tell of readers and cards that come and go, until Ctrl-C")
    .option("--json", "print one JSON document")
    .option("--json-lines", "with --watch: one JSON document a line for each event")
    .action(async (options: { readonly watch?: boolean; readonly json?: boolean; readonly jsonLines?: boolean }) => {
      const { listDevices, watchDevices } = await import("../commands/devices.js");
      context.exitCode = await (options.watch === true ? watchDevices : listDevices)(options, context);
    });
  examples(command, "tapbench devices", "tapbench devices --json", "tapbench devices --watch --json-lines");
}
