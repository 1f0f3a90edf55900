import type { z } from "zod";
import type { TapbenchError } from "../util/errors.js";
import { profileError } from "./errors.js";
import { faultAt, pathText, type YamlFile } from "./yaml.js";

/** Letters to change, add or drop between two short words. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++)
      row.push(Math.min(row[j - 1]! + 1, previous[j]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    previous = row;
  }
  return previous[b.length]!;
}

/** The name that was probably meant; undefined where none is near. */
export function nearest(name: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of names) {
    const steps = distance(name.slice(0, 40).toLowerCase(), candidate.toLowerCase());
    if (steps < least) {
      least = steps;
      best = candidate;
    }
  }
  return best;
}

/** `profile/not-found`: what there is, and what was probably meant. */
export function notFound(what: string, name: string, known: readonly string[], hint = ""): TapbenchError {
  const meant = nearest(name, known);
  const said = name.slice(0, 64);
  const message = `there is no ${what} '${said}'${meant ? `; did you mean ${meant}?` : "."} There are: ${known.join(", ")}.${hint}`;
  return profileError("not-found", message, { name: said, known, ...(meant !== undefined && { meant }) });
}

const valueAt = (data: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (value, part) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, part)
        ? (value as Record<PropertyKey, unknown>)[part]
        : undefined,
    data,
  );

/** What the value was, for people; keys and other long hex are not repeated. */
function shown(value: unknown, secret: boolean): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object") return "a map";
  if (secret) return typeof value === "string" ? `text of ${value.length} characters` : `a ${typeof value}`;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return `'${text.length > 40 ? `${text.slice(0, 40)}...` : text}'`;
}

/** Keys that a map may have, where the schema is one. */
function keysOf(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let at: unknown = schema;
  for (const part of path) {
    at = unwrap(at);
    const shape = (at as { shape?: Record<string, unknown> }).shape;
    const element = (at as { element?: unknown }).element;
    at = shape ? shape[String(part)] : element;
    if (at === undefined) return [];
  }
  return Object.keys((unwrap(at) as { shape?: object }).shape ?? {});
}

/** What stands inside optional, default and pipe. */
function unwrap(schema: unknown): unknown {
  let at = schema as { _zod?: { def?: { innerType?: unknown; in?: unknown } } };
  for (let depth = 0; depth < 8; depth++) {
    const inner = at._zod?.def?.innerType ?? at._zod?.def?.in;
    if (!inner) return at;
    at = inner;
  }
  return at;
}

/**
 * Checks `data` and says where the first thing that does not fit stands; `context.issues` lists all of them. `files`: where data came
 * from, child first. `secret`: never repeat values.
 * @throws `profile/unknown-key`, `profile/missing-key`, `profile/bad-value`
 */
export function checkFile<S extends z.ZodType>(
  schema: S,
  data: unknown,
  files: readonly YamlFile[],
  secret = false,
): z.output<S> {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => describe(schema, data, issue, secret));
  // An unknown key is often the reason why another is missing.
  const first = issues.find((issue) => issue.name === "unknown-key") ?? issues[0]!;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  throw faultAt(files, first.name, first.path, first.says + more, {
    issues: issues.slice(0, 20).map((issue) => `${pathText(issue.path)}: ${issue.says}`),
  });
}

interface Described {
  readonly name: "unknown-key" | "missing-key" | "bad-value";
  readonly path: readonly PropertyKey[];
  readonly says: string;
}

function describe(schema: z.ZodType, data: unknown, issue: z.core.$ZodIssue, secret: boolean): Described {
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0]!;
    const known = keysOf(schema, issue.path);
    const meant = nearest(key, known);
    const rest = known.length ? `; known here: ${known.join(", ")}` : "";
    return {
      name: "unknown-key",
      path: [...issue.path, key],
      says: `there is no such key${meant ? `, did you mean ${meant}?` : ""}${rest}`,
    };
  }
  if (issue.code === "invalid_key")
    return { name: "bad-value", path: issue.path, says: `the key should be ${issue.issues[0]?.message ?? "another"}` };
  const value = valueAt(data, issue.path);
  if (value === undefined)
    return { name: "missing-key", path: issue.path, says: `this is missing; it should be ${issue.message}` };
  return {
    name: "bad-value",
    path: issue.path,
    says: `${shown(value, secret)} does not fit; it should be ${issue.message}`,
  };
}
