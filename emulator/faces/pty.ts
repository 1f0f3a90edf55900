import { spawn, type ChildProcessByStdio } from "node:child_process";
import { closeSync, constants, openSync, readlinkSync, symlinkSync, unlinkSync, existsSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import type { TapbenchError } from "../../src/util/errors.js";
import { emulatorError } from "../errors.js";

export interface PtyOptions {
  /** Where a link to the terminal is made, for programs that want a name that stays. */
  readonly link?: string | undefined;
  /** What the host sends. */
  readonly bytes: (piece: Uint8Array) => void;
  /** The program that carries the bytes has ended by itself. */
  readonly lost?: (cause: TapbenchError) => void;
  /** A program and its arguments instead of socat: it says `PTY is <path>` on standard error and relays its standard input and output. */
  readonly bridge?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A pseudo-terminal: a serial port for other programs. They may open it one after the other. */
export interface Pty {
  /** The link, or the terminal itself. */
  readonly path: string;
  /** Whether there was room: nobody holds back what a UART sends, so what nobody reads is lost. */
  readonly write: (bytes: Uint8Array) => boolean;
  /** Resolves when the link, the terminal and the program are gone. */
  readonly close: () => Promise<void>;
}

/** Node cannot make a terminal: socat does. It ends by itself when we are gone, whatever ended us. */
const SOCAT = ["socat", "-d", "-d", "-b65536", "STDIO", "PTY,rawer"];
const SAYS = /PTY is (\/\S+)/;
const STARTS_WITHIN_MS = 5000;
/** A notice of socat's is a line; more than this before it has said where the terminal is, is none. */
const MAX_SAID = 10_000;
/** What waits for a reader in our own memory. */
const MAX_UNREAD = 1 << 18;

type Bridge = ChildProcessByStdio<Writable, Readable, Readable>;

/** @throws `emulator/no-pty`, `emulator/link-taken`, the signal's reason */
export async function openPty(options: PtyOptions): Promise<Pty> {
  const { link, signal, bytes } = options;
  signal?.throwIfAborted();
  if (link !== undefined) makeRoom(link);
  const [program, ...parameters] = options.bridge ?? SOCAT;
  const child = spawn(program!, parameters, { stdio: ["pipe", "pipe", "pipe"] });
  const gone = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  });
  child.stdin.on("error", () => {}); // that it has ended is told by `close`
  let slave: number | undefined;
  let linked = false;
  let closing = false;
  const clear = async (): Promise<void> => {
    if (slave !== undefined) closeSync(slave);
    slave = undefined;
    if (linked && link !== undefined) removeOwn(link, terminal);
    linked = false;
    child.kill();
    await gone;
  };
  let terminal = "";
  try {
    terminal = await terminalOf(child, program!, signal);
    // Without a descriptor of our own the terminal would hang up whenever a host closes it.
    slave = openSync(terminal, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    if (link !== undefined) {
      symlinkSync(terminal, link);
      linked = true;
    }
  } catch (error) {
    await clear();
    if (link !== undefined && (error as NodeJS.ErrnoException).code !== undefined && "syscall" in (error as object))
      throw emulatorError("link-taken", `${link} cannot be made (${(error as Error).message}); choose another path`, {
        link,
      });
    throw error;
  }
  child.stderr.resume();
  child.stdout.on("data", (piece: Buffer) => {
    bytes(new Uint8Array(piece.buffer, piece.byteOffset, piece.length));
  });
  child.once("close", () => {
    if (closing) return;
    closing = true;
    void clear();
    options.lost?.(emulatorError("no-pty", `${program} has ended, and the terminal with it; start again`, { program }));
  });
  return {
    path: link ?? terminal,
    write(bytes) {
      if (closing || child.stdin.writableLength + bytes.length > MAX_UNREAD) return false;
      child.stdin.write(bytes);
      return true;
    },
    async close() {
      closing = true;
      await clear();
    },
  };
}

/** Waits until the program has said where the terminal is. */
function terminalOf(child: Bridge, program: string, signal: AbortSignal | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const fail = (why: string, cause?: unknown): void => {
      settle();
      reject(
        emulatorError(
          "no-pty",
          `no pseudo-terminal can be made: ${why}; to get what is needed: apt-get install socat`,
          { program },
          cause,
        ),
      );
    };
    const listen = (piece: Buffer): void => {
      said += piece.toString("latin1");
      const terminal = SAYS.exec(said)?.[1];
      if (terminal !== undefined) {
        settle();
        resolve(terminal);
      } else if (said.length > MAX_SAID) fail(`${program} says something else`);
    };
    const error = (cause: Error): void => fail(cause.message, cause);
    const close = (): void => fail(`${program} has ended (${said.trim().split("\n").at(-1) ?? ""})`);
    const abort = (): void => {
      settle();
      reject(signal!.reason as Error);
    };
    const timer = setTimeout(() => fail(`${program} does not start`), STARTS_WITHIN_MS);
    const settle = (): void => {
      clearTimeout(timer);
      child.stderr.off("data", listen);
      child.off("error", error);
      child.off("close", close);
      child.on("error", () => {}); // told already
      signal?.removeEventListener("abort", abort);
    };
    child.stderr.on("data", listen);
    child.once("error", error);
    child.once("close", close);
    signal?.addEventListener("abort", abort);
  });
}

/** Whoever was killed left a link to a terminal that is gone: that may go. Anything else stays. @throws `emulator/link-taken` */
function makeRoom(link: string): void {
  const target = targetOf(link);
  if (target === undefined) {
    if (!existsSync(link)) return;
  } else if (target.startsWith("/dev/pts/") && !existsSync(target)) return unlinkSync(link);
  throw emulatorError(
    "link-taken",
    `${link} is there already; choose another path, or stop the emulator that shows a device there`,
    { link },
  );
}

/** Unless somebody else has put another one in its place. */
function removeOwn(link: string, terminal: string): void {
  if (targetOf(link) === terminal) unlinkSync(link);
}

function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EINVAL") return undefined;
    throw emulatorError("link-taken", `${link} cannot be made (${(error as Error).message}); choose another path`, {
      link,
    });
  }
}
