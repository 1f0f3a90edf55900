// Who may import whom, who may do I/O, no circles, no long files: checked by walking the imports of src/ and emulator/.
// The linter says most of it earlier, in the editor: scripts/layers-lint.mjs writes the same tables for it.
import { readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { scan } from "./scan.mjs";
import { filesBelow, root } from "./setup.mjs";

const base = ["util", "codec", "crypto", "protocols", "emv"];
const whole = [...base, "emv/kernels"];
const underBench = [...whole, "trace", "profiles", "transport", "device", "terminal", "issuer", "inspect"];

/**
 * Folder (below src/, or emulator) -> the folders that it may import besides itself. The longest row that fits a file counts.
 * Type imports count like any other.
 */
export const allowed = {
  util: [],
  codec: ["util"],
  crypto: ["util"],
  protocols: ["util", "codec", "crypto"],
  emv: ["util", "codec", "crypto", "protocols", "emv/kernels"],
  "emv/kernels": base,
  trace: ["util", "codec"],
  profiles: ["util", "codec"],
  transport: ["util"],
  device: [...whole, "profiles"],
  terminal: [...whole, "profiles"],
  issuer: [...whole, "profiles"],
  inspect: [...whole, "trace"],
  bench: [...underBench, "emulator", "emulator/faces"],
  testing: [...underBench, "bench"],
  cli: [...underBench, "bench"],
  "index.ts": [...underBench, "bench"],
  emulator: [...base, "profiles"],
  "emulator/faces": [...base, "profiles", "emulator"],
};

/** Where files, sockets, processes, timers and the machine's own clock and randomness may be used. */
export const ioFolders = [
  "src/transport",
  "src/issuer/store",
  "src/profiles",
  "src/trace",
  "src/bench",
  "src/cli",
  "emulator/faces",
];

/** Built-in modules that do no I/O, and where they may be imported too. */
export const harmless = { crypto: ["src/crypto", "src/util"] };

/** Globals that reach outside or differ from run to run: whole ones, and some members of others. */
export const ambient = {
  functions: ["setTimeout", "setInterval", "setImmediate", "fetch"],
  objects: ["process", "performance"],
  members: [
    ["Date", "now"],
    ["Math", "random"],
    ["AbortSignal", "timeout"],
  ],
};

const MAX_LINES = 450;

/** @param {ReadonlyMap<string, string>} files path from the root (src/..., emulator/...) -> source */
export function check(files) {
  const findings = [];
  const graph = new Map();
  for (const [file, source] of files) {
    const report = (kind, line, message) => findings.push({ kind, file, line, message });
    const { code, imports, lineAt } = scan(source);
    const mayDoIo = isWithin(file, ioFolders);
    const edges = new Set();
    graph.set(file, edges);
    if (rowOf(file) === undefined) report("layer", 1, "stands in no folder of the table in scripts/layers.mjs");
    for (const { specifier, line } of imports) {
      const target = resolve(file, specifier, files);
      // A driver that may be absent is loaded by name where I/O is done; anywhere else that hides from this check.
      if (specifier === undefined && !mayDoIo)
        report("layer", line, "imports something computed, which cannot be checked");
      if (isForbiddenBuiltin(specifier, file)) report("io", line, `imports ${specifier}`);
      const breach = target === undefined ? undefined : directionBreach(file, target);
      if (breach !== undefined) report("layer", line, breach);
      if (files.has(target)) edges.add(target);
    }
    if (!mayDoIo) for (const match of code.matchAll(ambientUse)) report("io", lineAt(match.index), `uses ${match[1]}`);
    const lines = source.trimEnd().split("\n").length;
    if (lines > MAX_LINES) report("length", MAX_LINES + 1, `has ${lines} lines, more than ${MAX_LINES}`);
  }
  for (const circle of circles(graph)) {
    findings.push({ kind: "circle", file: circle[0], line: 1, message: [...circle, circle[0]].join(" -> ") });
  }
  return findings;
}

/** The row of `allowed` that a file or folder belongs to. */
export function rowOf(path) {
  const inside = `${path.replace(/^src\//, "")}/`;
  const rows = Object.keys(allowed).filter((row) => inside.startsWith(`${row}/`));
  return rows.toSorted((a, b) => b.length - a.length)[0];
}

/** The file that a specifier names, when it is one of this repository. */
function resolve(file, specifier, files) {
  if (specifier === "tapbench") return "src/index.ts";
  if (specifier?.startsWith("tapbench/")) return `src/${specifier.slice("tapbench/".length)}/index.ts`;
  if (!specifier?.startsWith(".")) return undefined;
  const path = posix.join(posix.dirname(file), specifier);
  return files.has(path) ? path : path.replace(/\.js$/, ".ts");
}

function directionBreach(file, target) {
  const from = rowOf(file);
  const to = rowOf(target);
  if (to === undefined) return `imports ${target}, which is in no folder of the table`;
  if (from === undefined || from === to || allowed[from].includes(to)) return undefined;
  return `${from} may not import ${to} (${target}); it may import ${allowed[from].join(", ") || "nothing of ours"}`;
}

function isForbiddenBuiltin(specifier, file) {
  if (specifier === undefined || !(specifier.startsWith("node:") || builtinModules.includes(specifier))) return false;
  const free = harmless[specifier.replace(/^node:/, "")] ?? [];
  return !isWithin(file, [...ioFolders, ...free]);
}

function isWithin(file, folders) {
  return folders.some((folder) => file.startsWith(`${folder}/`));
}

/** Finds them in scanned code: not as a member of something else, and not as a key. */
const ambientUse = new RegExp(
  `(?<![\\w$#.])(?:globalThis\\s*\\.\\s*)?(${[
    ...ambient.functions.map((name) => `${name}(?![\\w$]|\\s*\\??:)`),
    ...ambient.objects.map((name) => `${name}\\s*\\??\\.`),
    ...ambient.members.map(([object, member]) => `${object}\\s*\\.\\s*${member}(?![\\w$])`),
    String.raw`new\s+Date\s*\(\s*\)`,
  ].join("|")})`,
  "g",
);

/** The shortest circle through each file that is in one, told once. */
function circles(graph) {
  const found = [];
  const told = new Set();
  for (const start of [...graph.keys()].toSorted()) {
    const circle = told.has(start) ? undefined : shortestWayBack(graph, start);
    if (circle === undefined) continue;
    found.push(circle);
    for (const file of circle) told.add(file);
  }
  return found;
}

function shortestWayBack(graph, start) {
  const cameFrom = new Map();
  const queue = [start];
  for (const file of queue) {
    for (const next of graph.get(file)) {
      if (next === start) return wayTo(file, cameFrom);
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, file);
      queue.push(next);
    }
  }
  return undefined;
}

function wayTo(file, cameFrom) {
  const way = [];
  for (let at = file; at !== undefined; at = cameFrom.get(at)) way.unshift(at);
  return way;
}

/** The sources of this checkout, as `check` takes them. */
export function readTree() {
  const paths = ["src", "emulator"].flatMap(filesBelow).filter((path) => /\.[cm]?[jt]s$/.test(path));
  return new Map(paths.toSorted().map((path) => [path, readFileSync(join(root, path), "utf8")]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = readTree();
  const findings = check(files);
  for (const { kind, file, line, message } of findings) console.log(`${file}:${line}: ${kind}: ${message}`);
  console.log(findings.length === 0 ? `${files.size} files, no breach` : `${findings.length} breaches`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}
