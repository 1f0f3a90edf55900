import type { Command } from "commander";
import type { Context } from "./context.js";
import { TAP_DEFAULTS, type TapOptions } from "./tap-options.js";

/*
 * What the command line looks like: commands, arguments, options, examples. What a command does is loaded when it runs, so that `--help`
 * answers at once.
 */

/** Adds the examples that every command has in its help. */
export const examples = (command: Command, ...lines: readonly string[]): Command =>
  command.addHelpText("after", `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}\n`);

/** For options that may come several times. */
const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

const DEMO_DEVICE = "emu:band-s1";

const withTapOptions = (command: Command): Command =>
  command
    .option("--seed <text>", "repeat a run: the same seed gives the same bytes")
    .option("--at <date>", "day and time of the tap, UTC: 2026-03-01 or 2026-03-01T12:30:00Z")
    .option("--issued <date>", "day on which the card is issued; the day of the tap unless given")
    .option("--pin <digits>", "what the holder enters when the terminal asks for a PIN")
    .option("--terminal <name|file>", "terminal profile", TAP_DEFAULTS.terminal)
    .option("--card <name|file>", "card profile, provisioned before the tap", TAP_DEFAULTS.card)
    .option("--amount <amount>", "amount to pay", TAP_DEFAULTS.amount)
    .option("--currency <code>", "currency of the amount; default: the terminal's")
    .option("--fault <what@where>", "break something on purpose (repeatable)", collect)
    .option("--trace <file>", "where the trace goes", TAP_DEFAULTS.trace)
    .option("--reveal-test-data", "leave test account numbers readable in the trace, so that it can be verified")
    .option("--json", "print one JSON document");

/** All commands, in the order of the help. */
export function declareCommands(program: Command, context: Context): void {
  demo(program, context);
  tap(program, context);
  devices(program, context);
  decode(program, context);
  trace(program, context);
}

function demo(program: Command, context: Context): void {
  const command = withTapOptions(
    program
      .command("demo")
      .summary("provision into an emulated band, tap, authorise, show where the time went")
      .description(
        "Provisions a tokenised card into an emulated band, taps it on a terminal, has the issuer authorise the payment, and shows where each millisecond went.",
      ),
  ).action(async (options: TapOptions) => {
    const { payment } = await import("./commands/tap.js");
    context.exitCode = await payment(DEMO_DEVICE, options, context, true);
  });
  examples(
    command,
    "tapbench demo",
    "tapbench demo --seed 7 --json",
    "tapbench demo --amount 80 --terminal shop --reveal-test-data",
  );
}

function tap(program: Command, context: Context): void {
  const command = withTapOptions(
    program
      .command("tap")
      .summary("one payment")
      .description(
        "Makes one payment with a device. An emulated device is new and gets a card before the tap. Exit code 3 when it is not approved.",
      )
      .argument("<device>", "what to tap, such as emu:band-s1 (see tapbench devices)"),
  ).action(async (device: string, options: TapOptions) => {
    const { payment } = await import("./commands/tap.js");
    context.exitCode = await payment(device, options, context, false);
  });
  examples(
    command,
    "tapbench tap emu:band-s1 --amount 12.50 --currency EUR",
    "tapbench tap emu:watch-w1 --seed 7 --at 2026-03-01 --json",
    "tapbench tap emu:band-s1 --fault field-loss@before:gpo --fault noise:2@in:generate-ac",
  );
}

function devices(program: Command, context: Context): void {
  const command = program
    .command("devices")
    .summary("what can be tapped")
    .description("Lists the devices that can be opened, with the text that other commands take for them.")
    .option("--json", "print one JSON document")
    .action(async (options: { readonly json?: boolean }) => {
      const { listDevices } = await import("./commands/devices.js");
      context.exitCode = await listDevices(options, context);
    });
  examples(command, "tapbench devices", "tapbench devices --json");
}

function decode(program: Command, context: Context): void {
  const command = program
    .command("decode")
    .summary("bytes in, explained tree out")
    .description(
      "Explains BER-TLV: a string of hex digits, a file with hex or bytes in it, or standard input (-). A status word at the end is taken for a response. Shows the bytes as they were given: account numbers in them are not masked.",
    )
    .argument("<hex|file|->", "what to decode")
    .option("--kernel <name>", "name tags as this kernel does: c2, c3, c7, ...")
    .option("--json", "print one JSON document")
    .action(async (input: string, options: { readonly kernel?: string; readonly json?: boolean }) => {
      const { decodeInput } = await import("./commands/decode.js");
      context.exitCode = await decodeInput(input, options, context);
    });
  examples(
    command,
    "tapbench decode 6F1C8407A0000000041010A511500F505043204D434420303420207632309000",
    "tapbench decode --kernel c2 --json 9F6B115413330056003511D1412101067750500F",
    "tapbench decode response.bin",
  );
}

function trace(program: Command, context: Context): void {
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
        const { showTrace } = await import("./commands/trace.js");
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
      const { verifyFile } = await import("./commands/trace.js");
      context.exitCode = await verifyFile(file, options, context);
    });
  examples(
    verify,
    "tapbench trace verify recorded-tap.json",
    "tapbench trace verify --ca-keys capk.json --json recorded-tap.json",
  );
}
