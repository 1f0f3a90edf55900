#!/usr/bin/env node
import process from "node:process";
import { isatty } from "node:tty";
import type { Io, Sink } from "./output.js";
import { run } from "./run.js";

/** 128 and the signal's number, as shells report it. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/** Opens its stream when it is first used: each costs milliseconds, and help needs one of them. */
function sink(open: () => NodeJS.WriteStream): Sink {
  let opened: NodeJS.WriteStream | undefined;
  const stream = (): NodeJS.WriteStream => {
    if (opened) return opened;
    opened = open();
    // Who reads us may stop reading (`| head`): that is the end of the output, not a fault.
    opened.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      process.exit(process.exitCode ?? 0);
    });
    return opened;
  };
  return {
    write: (piece) => void stream().write(piece),
    get isTTY() {
      return stream().isTTY;
    },
    get columns() {
      return stream().isTTY ? stream().columns : undefined;
    },
  };
}

/** One question on standard error, one line from the terminal. */
async function ask(question: string): Promise<string> {
  const { createInterface } = await import("node:readline/promises");
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question, { signal: interrupt.signal });
  } finally {
    lines.close();
  }
}

const interrupt = new AbortController();
let interrupted = 0;
// Once: a second Ctrl-C ends the process at once.
for (const [signal, code] of Object.entries(SIGNALS))
  process.once(signal, () => {
    interrupted ||= code;
    interrupt.abort();
  });

const io: Io = {
  stdout: sink(() => process.stdout),
  stderr: sink(() => process.stderr),
  env: process.env,
  stdin: () => {
    interrupt.signal.addEventListener("abort", () => process.stdin.destroy(new Error("interrupted")));
    return process.stdin;
  },
  ask: isatty(0) ? ask : undefined,
  keys(take, piped) {
    const { stdin } = process;
    if (!stdin.isTTY && !piped) return () => {};
    const listen = (piece: Buffer): void => {
      for (const key of piece.toString("latin1")) take(key);
    };
    if (stdin.isTTY) stdin.setRawMode(true);
    stdin.on("data", listen);
    stdin.on("error", () => {}); // no more keys: the command goes on without
    return () => {
      stdin.off("data", listen);
      if (stdin.isTTY) stdin.setRawMode(false);
      stdin.pause();
    };
  },
  signal: interrupt.signal,
};

const code = await run(process.argv.slice(2), io);
// A command that runs until it is stopped ends well when it is.
process.exitCode = code === 0 ? code : interrupted || code;
