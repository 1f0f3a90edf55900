import { Command, CommanderError } from "commander";
import { decodeCommand, type CommandApdu, type ResponseApdu } from "../../protocols/iso7816/apdu.js";
import type { CardAsking } from "../../protocols/iso7816/poller.js";
import { swHex, swMeaning } from "../../protocols/iso7816/status.js";
import { hex } from "../../util/bytes.js";
import { VERBS, type Verb } from "../declare/se-verbs.js";
import { outputOf, type Context } from "../context.js";
import { cliError } from "../errors.js";
import {
  asTapbenchError,
  errorDocument,
  EXIT,
  exitCodeOf,
  reportError,
  type ExitCode,
  type Output,
} from "../output.js";
import { bytesOf } from "../se-arguments.js";
import type { SeOptions } from "../se-options.js";
import { withSession, type SeSession } from "./se-session.js";
import { dryResult, type VerbAction, type VerbResult } from "./se-verb.js";

/** Longest line that is taken: a personalisation in hex does not fit, and comes in a file. */
const MAX_LINE = 16_384;
/** Lines of one shell. */
const MAX_LINES = 10_000;
const PROMPT = "se> ";

/** One command through the session, or plain where none is open. */
const apdu: VerbAction = async (session, [texts], _options, paint) => {
  const lines: string[] = [];
  const exchanges: unknown[] = [];
  for (const text of texts as readonly string[]) {
    const command = decodeCommand(bytesOf(text, "a command APDU", 4, 65_544));
    const answer = session.hasKeys
      ? await session.secured((card) => card.send(command))
      : await session.open(plainly(command));
    const exchange = {
      command: hex(bytesOf(text, "hex", 4, 65_544)),
      response: hex(answer.data),
      sw: swHex(answer.sw),
    };
    exchanges.push({ ...exchange, says: swMeaning(answer.sw) });
    lines.push(
      `${paint("tag", ">")} ${exchange.command}`,
      `${paint("tag", "<")} ${exchange.response}${exchange.sw}  ${paint("dim", swMeaning(answer.sw))}`,
    );
  }
  return { lines, document: { secured: session.hasKeys, exchanges } };
};

function* plainly(command: CommandApdu): CardAsking<ResponseApdu> {
  return (yield command).answer;
}

const SHELL_VERBS: readonly Verb[] = [
  ...VERBS,
  {
    name: "apdu",
    summary: "send commands through the session",
    description: "Sends command APDUs, secured where there are keys.",
    arrange: (command) => command.argument("<apdu...>", "hex"),
    examples: ["apdu 80CA006600"],
    load: async () => apdu,
  },
];

/** What a line came to. */
type Line = { readonly quit: true } | { readonly help: string } | { readonly result: VerbResult };

/** `tapbench se shell` */
export async function runShell(device: string, options: SeOptions, context: Context): Promise<ExitCode> {
  const { io } = context;
  const output = outputOf(context, options);
  const interactive = io.ask !== undefined && !output.json;
  const lines = linesOf(io.stdin());
  const results: unknown[] = [];
  let exit: ExitCode = EXIT.ok;
  // The terminal's own prompt would take lines away from us.
  const ask = interactive
    ? async (question: string): Promise<string> => {
        io.stderr.write(question);
        return (await lines.next()).value ?? "";
      }
    : undefined;
  await withSession(
    device,
    options,
    context,
    async (session) => {
      for (let count = 0; count < MAX_LINES; count++) {
        if (interactive) io.stderr.write(PROMPT);
        const next = await lines.next();
        io.signal.throwIfAborted();
        if (next.done === true) break;
        const line = next.value.trim();
        if (line === "" || line.startsWith("#")) continue;
        try {
          const done = await runLine(session, line, options, output);
          if ("quit" in done) break;
          if ("help" in done) output.lines([done.help.trimEnd()]);
          else {
            output.lines(done.result.lines);
            results.push({ line: firstWord(line), ...done.result.document });
          }
        } catch (error) {
          io.signal.throwIfAborted();
          exit = exitCodeOf(asTapbenchError(error));
          if (interactive) {
            reportError(io, false, error);
            continue;
          }
          if (!output.json) throw error;
          results.push({ line: firstWord(line), error: errorDocument(asTapbenchError(error)) });
          break;
        }
      }
    },
    ask,
  );
  output.document({ device, results });
  return interactive ? EXIT.ok : exit;
}

const firstWord = (line: string): string => line.split(/\s/, 1)[0]!;

async function runLine(session: SeSession, line: string, base: SeOptions, output: Output): Promise<Line> {
  const words = wordsOf(line);
  const [name] = words;
  if (name === "quit" || name === "exit") return { quit: true };
  let help = "";
  let chosen: { verb: Verb; args: readonly (string | readonly string[] | undefined)[]; options: object } | undefined;
  const program = new Command("se").helpCommand("help [command]", "what there is").addHelpText("after", "  quit");
  for (const verb of SHELL_VERBS)
    verb
      .arrange(program.command(verb.name).summary(verb.summary).description(verb.description))
      .option("--yes", "do it without asking")
      .action((...parsed: readonly unknown[]) => {
        chosen = { verb, args: parsed.slice(0, -2) as string[], options: parsed.at(-2) as object };
      });
  for (const command of [program, ...program.commands])
    command.exitOverride().configureOutput({ writeOut: (text) => (help += text), writeErr: () => {} });
  try {
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0 || error.code === "commander.help") return { help };
    throw cliError("usage", `${error.message.replace(/^error: /, "").split("\n")[0]}; see help`, {});
  }
  if (!chosen) return { help };
  const { verb, args, options } = chosen;
  const before = session.dry?.length ?? 0;
  const action = await verb.load();
  const result = await action(
    session,
    args,
    { ...(base as Readonly<Record<string, string | boolean | undefined>>), ...options },
    output.paint,
  );
  return { result: session.dry ? dryResult(session.dry.slice(before), output.paint) : result };
}

/** Words between blanks; double quotes keep blanks in one. @throws `cli/bad-value` */
function wordsOf(line: string): string[] {
  const words = line.match(/"[^"]*"|[^\s"]+/g) ?? [];
  if ((line.match(/"/g) ?? []).length % 2 !== 0) throw cliError("bad-value", "a quotation mark is missing", {});
  return words.map((word) => (word.startsWith('"') ? word.slice(1, -1) : word));
}

/** Lines of what is piped in. @throws `cli/too-large` */
async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string, undefined, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of pieces) {
    rest += decoder.decode(piece, { stream: true });
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
      if (end > MAX_LINE) throw tooLong();
      yield rest.slice(0, end);
      rest = rest.slice(end + 1);
    }
    if (rest.length > MAX_LINE) throw tooLong();
  }
  if (rest !== "") yield rest;
  return undefined;
}

const tooLong = (): Error =>
  cliError("too-large", `a line of more than ${MAX_LINE} characters; put long data into a file`, { limit: MAX_LINE });
