import { tagHex } from "../../codec/tlv.js";
import type { RsaPublicKey } from "../../crypto/rsa.js";
import { tagRows } from "../../emv/dictionary/lookup.js";
import { recoverSignature } from "../../inspect/certificate-fields.js";
import {
  decodeBytes,
  decodeHex,
  decodePair,
  pastedHex,
  renderDecoded,
  type Decoded,
  type DecodeKind,
} from "../../inspect/decode.js";
import { renderFields } from "../../inspect/field.js";
import { scopeText } from "../../inspect/scope.js";
import { caKeyLookup, loadCaKeys } from "../../profiles/ca-keys.js";
import { IMPORTS, openTrace } from "../../trace/open.js";
import { concat, hex, readUint, unhex } from "../../util/bytes.js";
import { outputOf, type Context } from "../context.js";
import { cliError } from "../errors.js";
import { isFile, readInput } from "../files.js";
import { errorDocument, EXIT, reportError, type ExitCode } from "../output.js";

export interface DecodeCommandOptions {
  readonly as?: DecodeKind | "tag" | "trace";
  readonly kernel?: string;
  readonly dol?: string;
  readonly certificate?: boolean;
  readonly key?: string;
  readonly exponent?: string;
  readonly rid?: string;
  readonly caIndex?: string;
  readonly caKeys?: readonly string[];
  readonly covers?: string;
  readonly json?: boolean;
}

/** `tapbench decode <hex|file|-...>` */
export async function decodeInput(
  inputs: readonly string[],
  options: DecodeCommandOptions,
  context: Context,
): Promise<ExitCode> {
  if (options.as === "tag") return lookUp(unhex(inputs.join("")), options, context);
  const sources = await Promise.all(inputs.map((input) => sourceOf(input, context)));
  const [first] = sources;
  if (sources.length === 1 && first instanceof Uint8Array && (options.as === "trace" || looksLikeTrace(first))) {
    const { showOpened } = await import("./trace.js");
    return showOpened(await openTrace([first]), options.json === true ? { json: true } : {}, context);
  }
  if (options.certificate === true) return recover(bytesOf(sources), options, context);
  return show(decoded(sources, options), options, context);
}

function decoded(sources: readonly (string | Uint8Array)[], { as, kernel, dol }: DecodeCommandOptions): Decoded {
  const how = {
    ...(kernel !== undefined && { scope: kernel }),
    ...(dol !== undefined && { dol: unhex(dol) }),
  };
  const [first, second, ...more] = sources;
  if (second !== undefined && more.length === 0 && as === undefined) {
    const command = bytesOf([first!]);
    if (decodeBytes(command).kind === "command") return decodePair(command, bytesOf([second]), how);
  }
  if (as === "tag" || as === "trace") throw cliError("bad-value", `--as ${as} takes one file or tag`, { as });
  const asked = { ...how, as };
  if (sources.length === 1 && first instanceof Uint8Array) return decodeBytes(first, asked);
  return decodeHex(sources.map((source) => (typeof source === "string" ? source : hex(source))).join(" "), asked);
}

/** Bytes of what was given: text has to be hex. */
const bytesOf = (sources: readonly (string | Uint8Array)[]): Uint8Array =>
  concat(...sources.map((source) => (typeof source === "string" ? pastedHex(source) : source)));

function show(found: Decoded, options: DecodeCommandOptions, context: Context): ExitCode {
  const output = outputOf(context, options);
  const problems = [found.tree.problem, found.response?.tree.problem].filter((problem) => problem !== undefined);
  output.lines(renderDecoded(withoutProblem(found), output.paint));
  output.document({ ...documentOf(found), ...(problems[0] && { error: errorDocument(problems[0]) }) });
  if (problems.length === 0) return EXIT.ok;
  // What is wrong here was given, whatever folder the code is from: a bad ATR in an argument is no device's fault.
  if (!output.json) for (const problem of problems) reportError(context.io, false, problem);
  return EXIT.usage;
}

const withoutProblem = (found: Decoded): Decoded => {
  const { problem: _problem, ...tree } = found.tree;
  return { ...found, tree, ...(found.response && { response: withoutProblem(found.response) }) };
};

function documentOf(found: Decoded): Record<string, unknown> {
  const { kind, title, fields, tree, sw, response } = found;
  return {
    kind,
    ...(title !== undefined && { title }),
    ...(fields && { fields }),
    ...(sw && { sw }),
    ...(tree.scope !== undefined && { scope: tree.scope }),
    nodes: tree.nodes,
    ...(response && { response: documentOf(response) }),
  };
}

/** Every meaning of a tag in the dictionary. */
function lookUp(bytes: Uint8Array, options: DecodeCommandOptions, context: Context): ExitCode {
  const output = outputOf(context, options);
  const tag = readUint(bytes.subarray(0, 4));
  const rows = tagRows(tag);
  if (rows.length === 0) throw cliError("unknown-tag", `the dictionary has no tag ${hex(bytes)}`, { tag: hex(bytes) });
  output.document({
    kind: "tag",
    tag: tagHex(tag),
    rows: rows.map(({ tag: _tag, templates, ...row }) => ({ ...row, templates: templates.map(tagHex) })),
  });
  for (const {
    name,
    format,
    length: [min, max],
    templates,
    source,
    scope,
    inside,
  } of rows) {
    const within = templates.map(tagHex).join(", ");
    output.lines([
      output.paint("heading", `${tagHex(tag)}  ${name}`),
      ...renderFields(
        [
          {
            name: "meant by",
            value: scope === undefined ? (inside ? `templates ${within}` : "everybody") : scopeText(scope),
          },
          { name: "format", value: `${format}, ${min === max ? min : `${min} to ${max}`} byte${max === 1 ? "" : "s"}` },
          ...(templates.length > 0 ? [{ name: "found in", value: within }] : []),
          { name: "source", value: source },
        ],
        output.paint,
        "  ",
      ),
    ]);
  }
  return EXIT.ok;
}

/** Recovers a signature with the key that was given, or with a CA's. Exit code 3 when it does not hold. */
async function recover(signature: Uint8Array, options: DecodeCommandOptions, context: Context): Promise<ExitCode> {
  const output = outputOf(context, options);
  const covers = options.covers === undefined ? undefined : unhex(options.covers);
  const { title, fields, ok } = recoverSignature(await signerOf(options), signature, covers);
  output.document({ kind: "certificate", title, ok, fields });
  output.lines([output.paint(ok ? "heading" : "bad", title), ...renderFields(fields, output.paint, "  ")]);
  return ok ? EXIT.ok : EXIT.no;
}

async function signerOf({ key, exponent, rid, caIndex, caKeys }: DecodeCommandOptions): Promise<RsaPublicKey> {
  if (key !== undefined) return { modulus: unhex(key), exponent: readUint(unhex(exponent ?? "03")) };
  if (rid === undefined || caIndex === undefined)
    throw cliError("missing-argument", "give the key that signed it: --key, or --rid and --ca-index", {});
  const sets = await Promise.all([...(caKeys ?? []).map((name) => loadCaKeys(asFile(name))), loadCaKeys("published")]);
  const found = caKeyLookup(sets.flat())(unhex(rid), readUint(unhex(caIndex)));
  if (!found)
    throw cliError("unknown-key", `there is no CA key ${caIndex} of ${rid}; add it with --ca-keys`, { rid, caIndex });
  return found;
}

/** Names without a slash or suffix mean key sets that come with the package; here a file is meant. */
const asFile = (name: string): string =>
  /[/\\]|\.(ya?ml|json)$/i.test(name) || name === "published" ? name : `./${name}`;

const looksLikeHex = (text: string): boolean => /^\s*(0x)?[0-9A-Fa-f][0-9A-Fa-f\s:-]*$/i.test(text);
/** An exchange on a line, or track data as readers type them. */
const looksLikeText = (text: string): boolean =>
  /^[0-9A-Fa-f\s]+[-=]?>[0-9A-Fa-f\s]+$|^%?B[0-9]{8,19}\^|^;?[0-9]{8,19}=/.test(text);

const HEAD = 1 << 16;

const looksLikeTrace = (bytes: Uint8Array): boolean => {
  const head = bytes.subarray(0, HEAD);
  return (
    IMPORTS.some((format) => format.recognises(head)) ||
    /^\s*\{.*tapbench-trace/.test(Buffer.from(head.subarray(0, 512)).toString("latin1"))
  );
};

/** Hex text or bytes: hex given as it is wins over a file of that name. */
async function sourceOf(input: string, { io }: Context): Promise<string | Uint8Array> {
  const given = looksLikeHex(input) || looksLikeText(input);
  if (input !== "-" && (given || (!/[/\\.]/.test(input) && !(await isFile(input))))) return input;
  const bytes = await readInput(input, io);
  const text = Buffer.from(bytes).toString("latin1");
  return looksLikeHex(text) || looksLikeText(text.trim()) ? text : bytes;
}
