import { decodeBytes, decodeHex, renderDecoded } from "../../inspect/decode.js";
import { outputOf, type Context } from "../context.js";
import { isFile, readInput } from "../files.js";
import { errorDocument, EXIT, reportError, type ExitCode } from "../output.js";

interface DecodeOptions {
  readonly kernel?: string;
  readonly json?: boolean;
}

/** `tapbench decode <hex|file|->` */
export async function decodeInput(input: string, options: DecodeOptions, context: Context): Promise<ExitCode> {
  const output = outputOf(context, options);
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
  if (input !== "-" && (looksLikeHex(input) || (!/[/\\.]/.test(input) && !(await isFile(input))))) return input;
  const bytes = await readInput(input, io);
  const text = Buffer.from(bytes).toString("latin1");
  return looksLikeHex(text) ? text : bytes;
}
