import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve as resolvePath } from "node:path";
import { fileURLToPath } from "node:url";
import { isTapbenchError } from "../util/errors.js";
import { notFound } from "./check.js";
import { profileError } from "./errors.js";
import type { CardProfile, DeviceProfile, ReaderProfile, TerminalProfile } from "./types.js";
import { faultAt, readYaml, type YamlFile } from "./yaml.js";

/** What each kind of profile loads as. */
export interface ProfileKinds {
  readonly device: DeviceProfile;
  readonly card: CardProfile;
  readonly terminal: TerminalProfile;
  readonly reader: ReaderProfile;
}
export type ProfileKind = keyof ProfileKinds;

/** Where profiles are looked up. */
export interface ProfileOptions {
  /** Folder with `models/`, `cards/`, ...; default: the one that comes with the package. */
  readonly root?: string;
}

const FOLDERS: Readonly<Record<ProfileKind, string>> = {
  device: "models",
  card: "cards",
  terminal: "terminals",
  reader: "readers",
};
const TEMPLATES = "templates";
const MAX_EXTENDS = 4;
const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;

let shipped: Promise<string> | undefined;

/** The folder `device-profiles` of the package: beside `src`, or beside `dist`. @throws `profile/not-found` */
export const profileRoot = (): Promise<string> => (shipped ??= findRoot(dirname(fileURLToPath(import.meta.url))));

async function findRoot(from: string): Promise<string> {
  for (let folder = from, steps = 0; steps < 5; folder = dirname(folder), steps++) {
    const candidate = join(folder, "device-profiles");
    const facts = await stat(candidate).catch(() => undefined);
    if (facts?.isDirectory()) return candidate;
  }
  throw profileError("not-found", "the folder device-profiles is missing; install the package again", { from });
}

/** Names that `loadProfile` takes, sorted; templates are not among them. */
export async function profileNames(kind: ProfileKind, options: ProfileOptions = {}): Promise<readonly string[]> {
  const root = options.root ?? (await profileRoot());
  return yamlNames(join(root, FOLDERS[kind]));
}

async function yamlNames(folder: string): Promise<string[]> {
  const entries = await readdir(folder).catch(() => []);
  return entries
    .filter((entry) => entry.endsWith(".yaml"))
    .map((entry) => entry.slice(0, -".yaml".length))
    .toSorted();
}

/** Whether the text means a file rather than the name of something shipped: it has a slash, or ends in `.yaml` or the like. */
export const isFile = (nameOrFile: string): boolean => /[/\\]|\.(ya?ml|json)$/i.test(nameOrFile);

/**
 * A profile that comes with the package, by name, or one from a file. What it `extends` is laid under it.
 * @throws `profile/not-found`, `profile/unknown-key`, `profile/missing-key`, `profile/bad-value`, `profile/bad-yaml`, `profile/circle`,
 *   `profile/too-deep`, `profile/too-large`, `profile/is-template`; with `file`, `path`, `line` and `column` where they are known
 */
export async function loadProfile<K extends ProfileKind>(
  kind: K,
  nameOrFile: string,
  options: ProfileOptions = {},
): Promise<ProfileKinds[K]> {
  const root = options.root ?? (await profileRoot());
  const file = isFile(nameOrFile) ? nameOrFile : await shippedFile(root, kind, nameOrFile, [FOLDERS[kind]]);
  const files = await chain(root, kind, file);
  const own = asMap(files[0]!);
  if (own["template"] === true) {
    const names = await profileNames(kind, options);
    throw profileError("is-template", `${file} is a template, there to be extended; use one of ${names.join(", ")}`, {
      file,
    });
  }
  const { resolvers } = await import("./resolve.js");
  const merged = files.map(asMap).reduceRight((under, over) => merge(under, over));
  const { extends: _extends, template: _template, ...data } = merged;
  return resolvers[kind](data, files, basename(file).replace(/\.(ya?ml|json)$/i, "")) as ProfileKinds[K];
}

async function shippedFile(root: string, kind: ProfileKind, name: string, folders: readonly string[]): Promise<string> {
  const known: string[] = [];
  for (const folder of folders) {
    const names = await yamlNames(join(root, folder));
    if (NAME.test(name) && names.includes(name)) return join(root, folder, `${name}.yaml`);
    known.push(...names);
  }
  throw notFound(`${kind} profile`, name, known, " A file needs a slash or .yaml in its name.");
}

/** The file and what it extends, child first. */
async function chain(root: string, kind: ProfileKind, first: string): Promise<YamlFile[]> {
  const files: YamlFile[] = [];
  const seen = new Set<string>();
  let next: string | undefined = first;
  while (next !== undefined) {
    const file: YamlFile = await readYaml(next);
    const parent = asMap(file)["extends"];
    files.push(file);
    seen.add(resolvePath(next));
    if (parent === undefined) return files;
    if (typeof parent !== "string" || parent === "" || parent.length > 200)
      throw faultAt([file], "bad-value", ["extends"], "it should be the name of a profile or template, or a file");
    try {
      next = isFile(parent)
        ? resolvePath(dirname(next), parent)
        : await shippedFile(root, kind, parent, [join(TEMPLATES, kind), FOLDERS[kind]]);
    } catch (error) {
      if (!isTapbenchError(error, "profile/not-found")) throw error;
      throw faultAt([file], "bad-value", ["extends"], error.message, {}, error);
    }
    if (seen.has(resolvePath(next))) {
      const round = [...files.map((one) => basename(one.file)), basename(next)].join(" -> ");
      throw profileError("circle", `profiles extend each other in a circle: ${round}`, { file: first });
    }
    if (files.length > MAX_EXTENDS)
      throw profileError(
        "too-deep",
        `${first} extends through more than ${MAX_EXTENDS} files; lay some of them together`,
        { file: first },
      );
  }
  return files;
}

function asMap(file: YamlFile): Readonly<Record<string, unknown>> {
  const { data } = file;
  if (typeof data === "object" && data !== null && !Array.isArray(data)) return data as Record<string, unknown>;
  throw faultAt([file], "bad-value", [], "a profile is a map of keys and values");
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Maps are laid over each other key by key; anything else replaces what was there. */
function merge(
  under: Readonly<Record<string, unknown>>,
  over: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const keys = new Set([...Object.keys(under), ...Object.keys(over)]);
  // fromEntries defines properties, so a key named __proto__ stays a key (and an unknown one).
  return Object.fromEntries(
    [...keys].map((key) => {
      if (!Object.hasOwn(over, key)) return [key, under[key]];
      const [below, above] = [Object.hasOwn(under, key) ? under[key] : undefined, over[key]];
      return [key, isPlain(below) && isPlain(above) ? merge(below, above) : above];
    }),
  );
}
