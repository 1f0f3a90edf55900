import type { Command } from "commander";
import type { Context } from "../context.js";
import { examples } from "./options.js";

export function declareDevices(program: Command, context: Context): void {
  const command = program
    .command("devices")
    .summary("what can be tapped")
    .description("Lists the devices that can be opened, with the text that other commands take for them.")
    .option("--json", "print one JSON document")
    .action(async (options: { readonly json?: boolean }) => {
      const { listDevices } = await import("../commands/devices.js");
      context.exitCode = await listDevices(options, context);
    });
  examples(command, "tapbench devices", "tapbench devices --json");
}
