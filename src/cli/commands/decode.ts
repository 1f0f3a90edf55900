import type { Command } from "commander";
import { examples, outputOf, type Context } from "../context.js";
import { errorDocument, EXIT, reportError } from "../output.js";

interface DecodeOptions {
  readonly kernel?: string;
  readonly json?: boolean;
}

/** `tapbench decode <hex|file|->` */
export function decodeCommand(program: Command, context: Context): void {
  const command = program
    .command("decode")
    .summary("bytes in, explained tree out")
    .description(
      "Explains BER-TLV: a string of hex digits, a file with hex or bytes in it, or standard input (-). A status word at the end is taken for a response.",
    )
    .argument("<hex|file|->", "what to decode")
    .option("--kernel <name>", "name tags as this kernel does: c2, c3, c7, ...")
    .option("--json", "print one JSON document")
    .action(async (input: string, options: DecodeOptions) => {
      context.exitCode = await decode(input, options, context);
    });
  examples(
    command,
    "tapbench decode 6F1C8407A0000000041010A511500F505043204D434420303420207632309000",
    "tapbench decode --kernel c2 --json 9F6B115413330056003511D1412101067750500F",
    "tapbench decode response.bin",
  );
}

async function decode(input: string, options: DecodeOptions, context: Context): Promise<Context["exitCode"]> {
  const output = await outputOf(context, options);
  const { decodeBytes, decodeHex, renderDecoded } = await import("../../inspect/decode.js");
  const how = options.kernel === undefined ? {} : { scope: options.kernel };
  const source = await sourceOf(input, context);
  const decoded = typeof source === "string" ? decodeHex(source, how) : decodeBytes(source, how);
  const { problem, ...tree } = decoded.tree;
  output.lines(renderDecoded(problem ? { ...decoded, tree } : decoded, output.paint));
  output.document({
    kind: decoded.kind,
    ...(decoded.sw && { sw: decoded.sw }),
    ...tree,
    ...(problem && { error: errorDocument(problem) }),
  });
  if (!problem) return EXIT.ok;
  return output.json ? EXIT.usage : reportError(context.io, false, problem);
}

const looksLikeHex = (text: string): boolean => /^\s*(0x)?[0-9A-Fa-f][0-9A-Fa-f\s:-]*$/i.test(text);

/** Hex text or bytes: hex given as it is wins over a file of that name. */
async function sourceOf(input: string, { io }: Context): Promise<string | Uint8Array> {
  const { isFile, readInput } = await import("../files.js");
  if (input !== "-" && (looksLikeHex(input) || (!/[/\\.]/.test(input) && !(await isFile(input))))) return input;
  const bytes = await readInput(input, io);
  const text = Buffer.from(bytes).toString("latin1");
  return looksLikeHex(text) ? text : bytes;
}
