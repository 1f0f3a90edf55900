import type { Command } from "commander";
import type { ApduOptions } from "../commands/se-apdu.js";
import type { Context } from "../context.js";
import { examples, withStateOptions } from "./options.js";

export function declareSe(program: Command, context: Context): void {
  const command = program
    .command("se")
    .summary("talk to a secure element")
    .description("Talks to the secure element of a device.");

  const apdu = withStateOptions(command.command("apdu"))
    .summary("send commands, show the answers")
    .description(
      "Sends command APDUs in the given order and shows the answers as they came: account numbers in them are not masked. On a PC/SC reader over the contactless interface, freshly powered up; into an emulated device over the element's wired interface.",
    )
    .argument("<device>", "such as pcsc:ACR1252 or emu:band-s1 (see tapbench devices)")
    .argument("<apdu...>", "hex, one argument a command")
    .option("--seed <text>", "of an emulated device: the same seed gives the same bytes")
    .option("--json", "print one JSON document")
    .action(async (device: string, apdus: readonly string[], options: ApduOptions) => {
      const { sendApdus } = await import("../commands/se-apdu.js");
      context.exitCode = await sendApdus(device, apdus, options, context);
    });
  examples(
    apdu,
    "tapbench se apdu pcsc: 00A404000E325041592E5359532E444446303100",
    "tapbench se apdu pcsc:ACR1252 FFCA000000 00A4040007A000000004101000 80CA9F3600",
    "tapbench se apdu --json emu:band-s1 00A4040007A000000004101000",
  );
}
