import { spawn, spawnSync, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

/*
 * A pcscd of a test's own, with the virtual reader, in network and mount namespaces of its own: several run side by side, and the driver's ports
 * are open to nobody else. Who talks to it runs in there too: `spawn` and `run`. A client in the test's own process reaches it through `socket`.
 */

export type Child = ChildProcessByStdio<Writable, Readable, Readable>;

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  /** Milliseconds; then it is killed. Default 30,000. */
  readonly within?: number;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Pcscd {
  /** Where it listens, for clients outside its namespaces: the value of PCSCLITE_CSOCK_NAME. */
  readonly socket: string;
  /** Starts a program beside it. It ends with the test's process at the latest. */
  spawn(command: string, args: readonly string[], env?: Readonly<Record<string, string>>): Child;
  /** The same, to its end. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** Whether pcscd itself is running. */
  readonly alive: boolean;
  /** Kills pcscd, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again. */
  start(): Promise<void>;
  /** Ends everything that was started. */
  close(): Promise<void>;
}

const STARTS_WITHIN = 20_000;
const RUNS_WITHIN = 30_000;
const RUN_FOLDER = "/run/pcscd";

/** Whether this machine lets us make namespaces. Asked once. */
let allowed: boolean | undefined;
const namespaces = (): boolean =>
  (allowed ??= spawnSync("unshare", ["--net", "--mount", "ip", "link", "set", "lo", "up"]).status === 0);

/** What is missing for it, for the table of wires. */
export function lacksPcscd(): string | undefined {
  const files = [
    ["/usr/sbin/pcscd", "no pcscd"],
    ["/usr/lib/pcsc/drivers/serial/libifdvpcd.so", "no driver of the virtual reader"],
    ["/usr/bin/opensc-tool", "no opensc-tool"],
    ["/usr/bin/pcsc_scan", "no pcsc_scan"],
    ["/usr/lib/python3/dist-packages/smartcard", "no pyscard"],
    ["/usr/bin/unshare", "no unshare"],
  ] as const;
  const missing = files.find(([path]) => !existsSync(path));
  if (missing) return missing[1];
  return process.getuid?.() === 0 ? undefined : "pcscd is started as root only";
}

/**
 * Starts one. Where namespaces are not allowed it is the machine's own: one test has it at a time, and it must not run already.
 */
export async function startPcscd(): Promise<Pcscd> {
  const folder = await mkdtemp(join(tmpdir(), "pcscd-"));
  const own = namespaces();
  if (own) await mkdir(RUN_FOLDER, { recursive: true });
  // It lives as long as we keep its standard input open, so nothing outlives a test that crashed.
  const holder = own
    ? spawn("unshare", ["--net", "--mount", "sh", "-c", ENTER, folder], { stdio: ["pipe", "pipe", "inherit"] })
    : spawn("flock", [join(tmpdir(), "tapbench-pcscd.lock"), "sh", "-c", "echo ready; exec cat"], {
        stdio: ["pipe", "pipe", "inherit"],
      });
  await firstOutput(holder);
  const inside = own ? ["nsenter", `--net=/proc/${holder.pid}/ns/net`, `--mount=/proc/${holder.pid}/ns/mnt`] : [];
  const children = new Set<Child>();

  const start: Pcscd["spawn"] = (command, args, env = {}) => {
    const line = ["--pdeathsig", "KILL", ...inside, "env", "-C", process.cwd(), command, ...args];
    const child = spawn("setpriv", line, {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    child.stdin.on("error", () => {}); // it may end without reading
    children.add(child);
    child.once("exit", () => children.delete(child));
    return child;
  };
  const end = async (child: Child, signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  };

  const socket = join(own ? folder : RUN_FOLDER, "pcscd.comm");
  let daemon: Child | undefined;
  const pcscd: Pcscd = {
    socket,
    spawn: start,
    run: (command, args, options = {}) => collect(start(command, args, options.env), options),
    get alive() {
      return daemon?.exitCode === null && daemon.signalCode === null;
    },
    async start() {
      if (!own && (await answers(socket)))
        throw new Error(`pcscd runs already (${socket}); stop it, tests start their own`);
      daemon = start("/usr/sbin/pcscd", ["--foreground"]);
      daemon.stdout.resume();
      daemon.stderr.resume();
      await answering(socket, daemon);
    },
    async kill() {
      if (daemon) await end(daemon, "SIGKILL");
    },
    async close() {
      for (const child of children) await end(child, child === daemon ? "SIGTERM" : "SIGKILL");
      holder.stdin.end();
      if (holder.exitCode === null) await once(holder, "exit");
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await pcscd.start();
  } catch (error) {
    await pcscd.close();
    throw error;
  }
  return pcscd;
}

/** The daemon's folder is ours, so that its socket can be reached from outside. */
const ENTER = `ip link set lo up && mount --bind "$0" ${RUN_FOLDER} && echo ready && exec cat`;

async function firstOutput(child: { readonly stdout: Readable } & NodeJS.EventEmitter): Promise<void> {
  const gone = once(child, "exit").then(() => {
    throw new Error("no place for pcscd could be made");
  });
  await Promise.race([once(child.stdout, "data"), gone]);
}

async function collect(child: Child, { within = RUNS_WITHIN, input = "" }: RunOptions): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout.setEncoding("utf8").on("data", (piece: string) => out.push(piece));
  child.stderr.setEncoding("utf8").on("data", (piece: string) => err.push(piece));
  child.stdin.end(input);
  const timer = setTimeout(() => child.kill("SIGKILL"), within);
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  return { code, signal, out: out.join(""), err: err.join("") };
}

/** Tries until somebody accepts: the daemon says nowhere that it is ready. */
async function answering(path: string, daemon: Child): Promise<void> {
  const deadline = performance.now() + STARTS_WITHIN;
  while (!(await answers(path))) {
    if (daemon.exitCode !== null || daemon.signalCode !== null) throw new Error("pcscd ended at its start");
    if (performance.now() > deadline) throw new Error(`pcscd did not listen within ${STARTS_WITHIN} ms`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
