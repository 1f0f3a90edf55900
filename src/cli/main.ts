#!/usr/bin/env node
import process from "node:process";
import type { Io, Sink } from "./output.js";
import { run } from "./run.js";

const INTERRUPTED = 130; // 128 + SIGINT, as shells report it

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

const interrupt = new AbortController();
// Once: a second Ctrl-C ends the process at once.
process.once("SIGINT", () => interrupt.abort());

const io: Io = {
  stdout: sink(() => process.stdout),
  stderr: sink(() => process.stderr),
  env: process.env,
  stdin: () => {
    interrupt.signal.addEventListener("abort", () => process.stdin.destroy(new Error("interrupted")));
    return process.stdin;
  },
  signal: interrupt.signal,
};

const code = await run(process.argv.slice(2), io);
process.exitCode = interrupt.signal.aborted ? INTERRUPTED : code;
