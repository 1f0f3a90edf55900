// What the other scripts stand on: install and build when needed, never twice. Runs by itself as `npm run build`.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

const needed = [20, 19];
const installStamp = join(root, "node_modules/.tapbench-lock");

/** What a build reads, where it writes, and the exit code when it fails (without one, the compiler's). */
const library = { project: "tsconfig.build.json", out: "dist", inputs: ["src", "emulator"], failWith: undefined };

checkNode();

/** Installs the locked packages, unless node_modules already holds them, put there by this version of Node. */
export function ensureInstalled() {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const wanted = `${lock} node-${process.versions.node.split(".", 1)[0]}\n`;
  if (readIfThere(installStamp) === wanted) return;
  say("installing packages (npm ci) ...");
  npmCi();
  writeFileSync(installStamp, wanted);
}

/** Compiles when an input changed. Starts from an empty folder when a file came or went, so that nothing stale stays. */
export function ensureBuilt({ project, out, inputs, failWith } = library) {
  const folder = join(root, out);
  const stamp = join(folder, ".stamp");
  const now = fingerprint(inputs);
  const [files, content] = (readIfThere(stamp) ?? "").split("\n");
  if (content === now.content) return;
  say(`building ${out}/ ...`);
  // A build that fails half-way must not look finished.
  rmSync(files === now.files ? stamp : folder, { recursive: true, force: true });
  runOrExit(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", project], { failWith });
  writeFileSync(stamp, `${now.files}\n${now.content}\n`);
}

/** Runs a Node program in the foreground and ends with its exit code. */
export function become(program, args) {
  const child = spawn(process.execPath, [join(root, program), ...args], { cwd: root, stdio: "inherit" });
  // A terminal sends Ctrl-C to the child as well: only stay alive until it is done.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => fail(`cannot start ${program}: ${error.message}`));
  child.on("close", (code, signal) => process.exit(exitCode(code, signal)));
}

/** @returns {never} */
export function fail(message, code = 1) {
  say(message);
  process.exit(code);
}

/** Standard output belongs to the command that runs afterwards. */
function say(message) {
  process.stderr.write(`tapbench: ${message}\n`);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > needed[0] || (major === needed[0] && minor >= needed[1])) return;
  fail(`needs Node ${needed.join(".")} or newer; this is Node ${process.versions.node}`);
}

function npmCi() {
  const args = ["ci", "--no-audit", "--no-fund"];
  const npm = process.env.npm_execpath;
  // Started by npm: the same npm again. Otherwise the one in PATH, which on Windows is a script and needs a shell.
  if (npm !== undefined && /^npm-cli\.[cm]?js$/.test(basename(npm))) runOrExit(process.execPath, [npm, ...args]);
  else runOrExit("npm", args, { shell: process.platform === "win32" });
}

/** Runs to the end, with all output on standard error; leaves with the child's code when it fails. */
function runOrExit(command, args, { failWith, shell = false } = {}) {
  const done = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], shell });
  if (done.error) fail(`cannot start ${command}: ${done.error.message}`);
  if (done.status !== 0) {
    fail(
      `failed: ${[command, ...args].map((word) => basename(word)).join(" ")}`,
      failWith ?? exitCode(done.status, done.signal),
    );
  }
}

function exitCode(code, signal) {
  return code ?? 128 + (constants.signals[signal] ?? 0);
}

/** Hashes of the list of input files and of all they contain. Contents, not times: a checkout touches every file. */
function fingerprint(inputs) {
  const settings = readdirSync(root).filter((name) => /^tsconfig.*\.json$|^package\.json$/.test(name));
  const paths = [...settings, ...inputs.flatMap(filesBelow)].toSorted();
  const content = createHash("sha256");
  for (const path of paths) {
    const bytes = readFileSync(join(root, path));
    content.update(`${path}\0${bytes.length}\0`).update(bytes);
  }
  return { files: createHash("sha256").update(paths.join("\0")).digest("hex"), content: content.digest("hex") };
}

/** Files below a folder of the project, as paths from the root with forward slashes. */
export function filesBelow(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll("\\", "/"));
}

function readIfThere(file) {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  ensureInstalled();
  ensureBuilt();
}
