// npm run bench                              lists the benchmarks
// npm run bench -- <name> [--json] [--quick] runs one
//
// A benchmark is test/bench/<name>.bench.ts, exporting
//   description: string
//   run(options: { seconds: number }): Promise<{ figures: Record<string, number>, bars: Bar[] }>
//   where Bar is { key: string, atLeast: number } or { key: string, atMost: number }, and key names a figure
//
// Exit codes: 0 all bars met, 1 wrong usage, 2 the benchmark failed, 3 a bar was missed.
// With --quick the run is too short to judge: bars are printed and do not decide.
import { arch, cpus, platform } from "node:os";
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensureBuilt, ensureInstalled, fail, filesBelow, root } from "./setup.mjs";

const SUFFIX = ".bench.ts";
const FULL_SECONDS = 2;
const QUICK_SECONDS = 0.05;

const names = filesBelow("test/bench")
  .filter((path) => path.endsWith(SUFFIX))
  .map((path) => path.slice("test/bench/".length, -SUFFIX.length))
  .toSorted();

const { name, json, quick } = readArguments();

ensureInstalled();
try {
  // Compiled by tsc as the package is: tsx would keep function names, which makes every closure many times slower.
  ensureBuilt({
    project: "test/bench/tsconfig.json",
    out: "dist-bench",
    inputs: ["src", "emulator", "test/bench", "test/support"],
    failWith: 2,
  });
  if (name === undefined) await list();
  else await runOne();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 2;
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { json: { type: "boolean", default: false }, quick: { type: "boolean", default: false } },
    });
    const [wanted, ...more] = positionals;
    if (more.length > 0) throw new Error("one benchmark at a time");
    if (wanted !== undefined && !names.includes(wanted)) throw new Error(`there is no benchmark "${wanted}"`);
    return { name: wanted, ...values };
  } catch (error) {
    return fail(`${error.message}; benchmarks: ${names.join(", ") || "none yet"}; options: --json --quick`);
  }
}

async function load(benchmark) {
  return import(pathToFileURL(join(root, `dist-bench/test/bench/${benchmark}.bench.js`)).href);
}

async function list() {
  const rows = [];
  for (const each of names) rows.push({ name: each, description: (await load(each)).description });
  if (json) return print(JSON.stringify({ benchmarks: rows }, undefined, 2));
  const width = Math.max(0, ...names.map((each) => each.length));
  for (const row of rows) print(`${row.name.padEnd(width)}  ${row.description}`);
  if (rows.length === 0) print("no benchmarks yet");
}

async function runOne() {
  const benchmark = await load(name);
  const { figures, bars } = await chatterAside(() => benchmark.run({ seconds: quick ? QUICK_SECONDS : FULL_SECONDS }));
  const judged = bars.map((bar) => judge(bar, figures));
  if (json) print(JSON.stringify({ name, figures, bars: judged, machine: machine() }, undefined, 2));
  else printTable(benchmark.description, figures, judged);
  if (!quick && judged.some((bar) => !bar.met)) process.exitCode = 3;
}

function judge(bar, figures) {
  const measured = figures[bar.key];
  if (!Number.isFinite(measured)) throw new Error(`${name}: there is no figure for the bar "${bar.key}"`);
  if (!Number.isFinite(bar.atLeast ?? bar.atMost)) throw new Error(`${name}: the bar "${bar.key}" has no limit`);
  const met = measured >= (bar.atLeast ?? -Infinity) && measured <= (bar.atMost ?? Infinity);
  return { ...bar, measured, met };
}

/** Standard output is the result's alone; what a benchmark says meanwhile goes to standard error. */
async function chatterAside(work) {
  const write = process.stdout.write;
  process.stdout.write = process.stderr.write.bind(process.stderr);
  try {
    return await work();
  } finally {
    process.stdout.write = write;
  }
}

function printTable(description, figures, bars) {
  const width = Math.max(...Object.keys(figures).map((key) => key.length));
  print(`${name}: ${description}${quick ? " (quick: bars do not count)" : ""}`);
  for (const [key, value] of Object.entries(figures)) {
    const verdicts = bars.filter((bar) => bar.key === key).map(verdict);
    print(`  ${key.padEnd(width)}  ${readable(value).padStart(12)}  ${verdicts.join(", ")}`.trimEnd());
  }
  const { cpu, cores, node } = machine();
  print(`  on ${cpu}, ${cores} cores, Node ${node}`);
}

function verdict({ atLeast, atMost, met }) {
  const limit = atLeast === undefined ? `at most ${readable(atMost)}` : `at least ${readable(atLeast)}`;
  return `${met ? "met" : "MISSED"} (${limit})`;
}

function readable(value) {
  return value.toLocaleString("en", { maximumSignificantDigits: Math.abs(value) < 1000 ? 4 : 21, useGrouping: true });
}

function machine() {
  return {
    platform: `${platform()} ${arch()}`,
    cpu: cpus()[0]?.model.trim() ?? "unknown processor",
    cores: cpus().length,
    node: process.versions.node,
  };
}

function print(text) {
  process.stdout.write(`${text}\n`);
}
