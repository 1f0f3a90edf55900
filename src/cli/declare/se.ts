import type { Command } from "commander";
import type { ApduOptions } from "../commands/se-apdu.js";
import type { Context } from "../context.js";
import type { SeOptions } from "../se-options.js";
import { examples, withStateOptions } from "./options.js";
import { withSessionOptions } from "./se-options.js";
import { VERBS } from "./se-verbs.js";

const DEVICE = ["<device>", "such as pcsc:ACR1252 or emu:band-s1 (see tapbench devices)"] as const;

export function declareSe(program: Command, context: Context): void {
  const command = program
    .command("se")
    .summary("manage a secure element")
    .description(
      "Manages the secure element of a device: on a PC/SC reader over the contactless interface, in an emulated device over the element's wired interface. An emulated device is new each time, unless --state keeps it.",
    );

  for (const verb of VERBS) {
    const declared = verb.arrange(
      command
        .command(verb.name)
        .summary(verb.summary)
        .description(verb.description)
        .argument(...DEVICE),
    );
    withSessionOptions(declared).action(async (...parsed: readonly unknown[]) => {
      const [device, ...args] = parsed.slice(0, -2) as [string, ...(string | readonly string[] | undefined)[]];
      const options = parsed.at(-2) as SeOptions & Readonly<Record<string, string | boolean | undefined>>;
      const { runVerb } = await import("../commands/se-run.js");
      await runVerb(await verb.load(), device, args, options, context);
    });
    examples(declared, ...verb.examples.map((example) => `tapbench se ${example}`));
  }
  declareApdu(command, context);
  declareShell(command, context);
}

function declareApdu(command: Command, context: Context): void {
  const apdu = withStateOptions(command.command("apdu"))
    .summary("send commands, show the answers")
    .description(
      "Sends command APDUs in the given order and shows the answers as they came: account numbers in them are not masked. On a PC/SC reader over the contactless interface, freshly powered up; into an emulated device over the element's wired interface.",
    )
    .argument(...DEVICE)
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

function declareShell(command: Command, context: Context): void {
  const shell = withSessionOptions(
    command
      .command("shell")
      .summary("one session, many commands")
      .description(
        "Opens one session and takes commands line by line, from a terminal or a pipe: the verbs of tapbench se without a device, apdu, help, quit. From a pipe the first line that fails ends it.",
      )
      .argument(...DEVICE),
  ).action(async (device: string, options: SeOptions) => {
    const { runShell } = await import("../commands/se-shell.js");
    context.exitCode = await runShell(device, options, context);
  });
  examples(
    shell,
    "tapbench se shell emu:band-s1 --keys test:issuer-domain",
    "printf 'info\\nlist\\n' | tapbench se shell pcsc: --keys keys.yaml:lab --json",
  );
}
