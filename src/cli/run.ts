import { Command, CommanderError } from "commander";
import { VERSION } from "../trace/version.js";
import type { Bench } from "../bench/bench.js";
import type { Context } from "./context.js";
import { declareCommands } from "./declare/commands.js";
import { examples } from "./declare/options.js";
import type { cliError } from "./errors.js";
import type { ExitCode, Io, JsonForm } from "./output.js";

/** Parts of the world that tests replace. */
export type Services = Partial<Pick<Context, "openBench">>;

const USAGE: Readonly<Record<string, Parameters<typeof cliError>[0]>> = {
  "commander.unknownCommand": "unknown-command",
  "commander.unknownOption": "unknown-option",
  "commander.missingArgument": "missing-argument",
  "commander.optionMissingArgument": "missing-argument",
  "commander.missingMandatoryOptionValue": "missing-argument",
  "commander.excessArguments": "too-many-arguments",
  "commander.invalidArgument": "bad-value",
};

/** Nothing heavy is loaded before a command runs, so that `--help` answers at once. */
function programFor(context: Context, complaints: string[]): Command {
  const program = new Command("tapbench")
    .description(
      "A bench for tap-to-pay wearables: emulated payment bands, and the terminal and issuer that they meet.",
    )
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    // `--version` behind a command is the command's own.
    .enablePositionalOptions();
  declareCommands(program, context);
  examples(
    program,
    "tapbench demo",
    "tapbench tap emu:band-s1 --amount 12.50 --currency EUR",
    "tapbench trace show tapbench-trace.jsonl",
  );
  program.addHelpText(
    "after",
    "Exit codes: 0 as asked, 1 wrong usage or bad input, 2 device or wire fault, 3 the answer is no.",
  );
  for (const command of withSubcommands(program)) {
    command.exitOverride();
    command.configureOutput({
      writeOut: (text) => context.io.stdout.write(text),
      writeErr: (text) => void complaints.push(text),
      getOutHelpWidth: () => context.io.stdout.columns ?? 100,
      getErrHelpWidth: () => context.io.stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  }
  return program;
}

const withSubcommands = (command: Command): Command[] => [command, ...command.commands.flatMap(withSubcommands)];

/** Runs one command line, without the program's own name. Never throws, never exits: the exit code is the answer. */
export async function run(argv: readonly string[], io: Io, services: Services = {}): Promise<ExitCode> {
  const openBench = services.openBench ?? (async (options) => (await import("../bench/bench.js")).openBench(options));
  const benches: Bench[] = [];
  const context: Context = {
    io,
    async openBench(options) {
      const bench = await openBench(options);
      benches.push(bench);
      return bench;
    },
    exitCode: 0,
  };
  const complaints: string[] = [];
  let code: ExitCode;
  try {
    await programFor(context, complaints).parseAsync(argv, { from: "user" });
    code = context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0; // help and version were asked for
    code = await failed(error, wantsJson(argv), io, complaints);
  }
  for (const bench of benches)
    try {
      await bench.close();
    } catch (error) {
      code = await failed(error, false, io, complaints); // the document of --json is out already
    }
  return code;
}

async function failed(error: unknown, json: JsonForm, io: Io, complaints: readonly string[]): Promise<ExitCode> {
  const { EXIT, reportError } = await import("./output.js");
  const { cliError: make } = await import("./errors.js");
  if (io.signal.aborted) return reportError(io, json, make("interrupted", "interrupted", {}));
  if (!(error instanceof CommanderError)) return reportError(io, json, error);
  if (error.code !== "commander.help") return reportError(io, json, usageError(error, make));
  io.stderr.write(complaints.join("")); // a command without its sub-command: its help says what there is
  return EXIT.usage;
}

/** Before options are parsed, for the errors of parsing them. What follows `--` is no option. */
const wantsJson = (argv: readonly string[]): JsonForm => {
  const end = argv.indexOf("--");
  const options = end < 0 ? argv : argv.slice(0, end);
  return options.includes("--json") || (options.includes("--json-lines") && "lines");
};

function usageError({ code, message }: CommanderError, make: typeof cliError): Error {
  const [first = "", ...more] = message.replace(/^error: /, "").split("\n");
  const meant = /\(Did you mean (?:one of )?(.*?)\?\)/.exec(more.join(" "))?.[1];
  const says =
    meant === undefined ? `${first.replace(/\.$/, "")}; see tapbench --help` : `${first}; did you mean ${meant}?`;
  return make(USAGE[code] ?? "usage", says, meant === undefined ? {} : { meant });
}
