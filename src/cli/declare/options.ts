import type { Command } from "commander";
import { TAP_DEFAULTS } from "../tap-options.js";

/** Adds the examples that every command has in its help. */
export const examples = (command: Command, ...lines: readonly string[]): Command =>
  command.addHelpText("after", `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}\n`);

/** For options that may come several times. */
export const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** Options of every command that an emulated device may be given to. */
export const withStateOptions = (command: Command): Command =>
  command
    .option("--card <name|file>", "card that an emulated device is to hold; default: k2-credit where it holds none")
    .option("--state <folder>", "keep the emulated device, and its issuer, in this folder from run to run");

/** Options of every emulated tap. */
export const withTapOptions = (command: Command): Command =>
  withStateOptions(command)
    .option("--seed <text>", "repeat a run: the same seed gives the same bytes")
    .option("--at <date>", "day and time of the tap, UTC: 2026-03-01 or 2026-03-01T12:30:00Z")
    .option("--issued <date>", "day on which the card is issued; the day of the tap unless given")
    .option("--pin <digits>", "what the holder enters when the terminal asks for a PIN")
    .option("--terminal <name|file>", "terminal profile", TAP_DEFAULTS.terminal)
    .option("--amount <amount>", "amount to pay", TAP_DEFAULTS.amount)
    .option("--currency <code>", "currency of the amount; default: the terminal's")
    .option("--fault <what@where>", "break something on purpose (repeatable)", collect)
    .option("--trace <file>", "where the trace goes", TAP_DEFAULTS.trace)
    .option("--reveal-test-data", "leave test account numbers readable in the trace, so that it can be verified")
    .option("--json", "print one JSON document");
