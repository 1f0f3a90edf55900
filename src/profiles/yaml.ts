import { open } from "node:fs/promises";
import type { Document, LineCounter } from "yaml";
import type { ErrorContext } from "../util/errors.js";
import { profileError } from "./errors.js";

/** Most bytes of a profile, key or configuration file. */
export const MAX_FILE = 256 * 1024;
const MAX_ALIASES = 50;

/** A YAML file: its values, and where in the file they stand. */
export interface YamlFile {
  readonly file: string;
  readonly data: unknown;
  /** `key`: of the key itself, not of its value. Undefined when the file does not have that path. */
  locate(path: readonly PropertyKey[], key?: boolean): { readonly line: number; readonly column: number } | undefined;
}

/** Text of a file of bounded size. @throws `profile/not-found`, `profile/not-readable`, `profile/too-large` */
export async function readBounded(file: string): Promise<string> {
  try {
    const handle = await open(file, "r");
    try {
      const facts = await handle.stat();
      if (!facts.isFile()) throw profileError("not-readable", `${file} is not a file; name a YAML file`, { file });
      if (facts.size > MAX_FILE)
        throw profileError("too-large", `${file} has ${facts.size} bytes; ${MAX_FILE} are the limit`, {
          file,
          size: facts.size,
        });
      // Not more than was checked, even when the file grows meanwhile.
      const buffer = new Uint8Array(facts.size);
      const { bytesRead } = await handle.read(buffer, 0, facts.size, 0);
      return new TextDecoder("utf-8", { fatal: true }).decode(buffer.subarray(0, bytesRead));
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof TypeError) throw profileError("bad-yaml", `${file} is not UTF-8 text`, { file }, error);
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR")
      throw profileError("not-found", `there is no file ${file}`, { file }, error);
    if (code === "EACCES" || code === "EISDIR" || code === "EPERM" || code === "ELOOP")
      throw profileError("not-readable", `${file} cannot be read (${code})`, { file }, error);
    throw error;
  }
}

/** Reads and parses one YAML 1.2 file. JSON is YAML, too. @throws as `readBounded`, and `profile/bad-yaml` with line and column */
export const readYaml = async (file: string): Promise<YamlFile> => parseYaml(await readBounded(file), file);

/** Parses YAML text; `file` is what errors call it. @throws `profile/bad-yaml` */
export async function parseYaml(text: string, file: string): Promise<YamlFile> {
  if (text.length > MAX_FILE)
    throw profileError("too-large", `${file} has ${text.length} characters; ${MAX_FILE} are the limit`, { file });
  const { LineCounter, isMap, isScalar, parseDocument, visit } = await import("yaml");
  const lines = new LineCounter();
  let document: Document;
  try {
    document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      logLevel: "error",
      uniqueKeys: false,
      version: "1.2",
      schema: "core",
    });
  } catch (error) {
    // A file of nothing but brackets runs the parser out of stack.
    throw profileError("bad-yaml", `${file} cannot be parsed as YAML; is it nested very deep?`, { file }, error);
  }
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault) {
    const { line, col } = lines.linePos(fault.pos[0]);
    throw profileError("bad-yaml", `${file}:${line}:${col}: ${firstLine(fault.message)}`, { file, line, column: col });
  }
  // The parser's own check for repeated keys compares each with each: 20,000 of them would take it half a minute.
  let badKey: { readonly says: string; readonly at: number } | undefined;
  let data: unknown;
  try {
    visit(document, (_key, node) => {
      if (!isMap(node)) return;
      const keys = new Set<string>();
      for (const { key } of node.items) {
        if (!isScalar(key)) {
          badKey ??= { says: "a key should be a word, not a list, a map or an alias", at: node.range?.[0] ?? 0 };
          continue;
        }
        const name = String(key.value);
        if (keys.has(name)) badKey ??= { says: `the key ${name.slice(0, 40)} is there twice`, at: key.range?.[0] ?? 0 };
        keys.add(name);
      }
    });
    data = document.toJS({ maxAliasCount: MAX_ALIASES });
    refuseCircles(data, new Set());
  } catch (error) {
    throw profileError(
      "bad-yaml",
      `${file} uses aliases (*name) too often, or nests too deep; write the values out`,
      { file },
      error,
    );
  }
  if (badKey) {
    const { line, col } = lines.linePos(badKey.at);
    throw profileError("bad-yaml", `${file}:${line}:${col}: ${badKey.says}`, { file, line, column: col });
  }
  return { file, data, locate: (path, key = false) => locate(document, lines, path, key) };
}

const MAX_DEPTH = 32;

/** An alias inside of what it stands for makes a value without end. */
function refuseCircles(value: unknown, around: Set<unknown>): void {
  if (typeof value !== "object" || value === null) return;
  if (around.has(value) || around.size >= MAX_DEPTH) throw new RangeError(`nested more than ${MAX_DEPTH} deep`);
  around.add(value);
  for (const inner of Object.values(value)) refuseCircles(inner, around);
  around.delete(value);
}

const firstLine = (text: string): string => text.split("\n")[0]!.slice(0, 200);

interface Ranged {
  readonly range?: readonly [number, number, number] | null;
}
interface KeyedItem {
  readonly key: Ranged & { readonly value?: unknown };
}

function locate(
  document: Document,
  lines: LineCounter,
  path: readonly PropertyKey[],
  key: boolean,
): { line: number; column: number } | undefined {
  try {
    let node: unknown;
    if (key) {
      const parent = (path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true)) as {
        readonly items?: readonly KeyedItem[];
      } | null;
      node = parent?.items?.find((item) => String(item.key?.value) === String(path.at(-1)))?.key;
    } else node = path.length === 0 ? document.contents : document.getIn(path, true);
    const range = (node as Ranged | null | undefined)?.range;
    if (!range) return undefined;
    const { line, col } = lines.linePos(range[0]);
    return { line, column: col };
  } catch {
    return undefined; // an alias or a scalar stands in the way: the path is not in this file
  }
}

/** `nfc.ats.fwi`, `kernels[0].aids[1]`. */
export const pathText = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (sum, part) => (typeof part === "number" ? `${sum}[${part}]` : sum ? `${sum}.${String(part)}` : String(part)),
    "",
  );

/** The error for a value at `path`, found in the first of `files` that has it: child before what it extends. */
export function faultAt(
  files: readonly YamlFile[],
  name: "unknown-key" | "missing-key" | "bad-value" | "check-value",
  path: readonly PropertyKey[],
  says: string,
  context: ErrorContext = {},
  cause?: unknown,
): Error {
  let where: { file: string; line?: number; column?: number } | undefined;
  // What is missing stands nowhere; its nearest surroundings do.
  for (let length = path.length; length >= 0 && !where; length--)
    for (const source of files) {
      const at = source.locate(path.slice(0, length), name === "unknown-key" && length === path.length && length > 0);
      if (at) {
        where = { file: source.file, ...at };
        break;
      }
    }
  where ??= { file: files[0]?.file ?? "?" };
  const place = where.line === undefined ? where.file : `${where.file}:${where.line}:${where.column}`;
  const what = path.length ? `${pathText(path)}: ` : "";
  return profileError(name, `${place}: ${what}${says}`, { ...where, path: pathText(path), ...context }, cause);
}
