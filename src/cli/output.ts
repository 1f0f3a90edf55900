import type { Paint } from "../inspect/paint.js";
import { isTapbenchError, type TapbenchError } from "../util/errors.js";
import { cliError } from "./errors.js";

/** Where a command reads from and writes to; tests give their own. */
export interface Io {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What is piped in, for the argument `-`. */
  stdin(): AsyncIterable<Uint8Array>;
  /** Single keys from a terminal, and with `piped` from anything else on standard input, too; returns how to stop. */
  readonly keys?: (take: (key: string) => void, piped: boolean) => () => void;
  /** Asks at the terminal, a line; undefined where standard input is none. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

export interface Sink {
  write(piece: string | Uint8Array): void;
  readonly isTTY: boolean;
  /** Characters a line, where known. */
  readonly columns?: number | undefined;
}

/** Exit codes of the command line. `no`: the run itself answered no (declined, difference found, check failed). */
export const EXIT = { ok: 0, usage: 1, device: 2, no: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Codes of a device, a wire or the bench itself; every other code is about what was asked or given. */
const DEVICE_FOLDERS: ReadonlySet<string> = new Set([
  "iso14443",
  "iso7816",
  "emulator",
  "device",
  "transport",
  "smp",
  "gp",
  "firmware",
]);
const NOT_THE_DEVICE: ReadonlySet<string> = new Set([
  "emulator/bad-fault",
  "firmware/no-images",
  "emulator/unknown-module",
  "gp/bad-parameter",
  "gp/bad-level",
  "gp/too-long",
  "gp/no-keys",
]);
const DEVICE_CODES: ReadonlySet<string> = new Set([
  "util/link-overflow",
  "util/link-closed",
  "cli/internal",
  "bench/provisioning-refused",
  "bench/state-busy",
  "bench/journal-busy",
  "se/no-domain",
  "se/garbled-answer",
]);
/** A check was made, and its answer is no: whether keys are the card's. */
const CHECK_CODES: ReadonlySet<string> = new Set([
  "gp/wrong-cryptogram",
  "gp/wrong-key-check",
  "firmware/nothing-to-revert",
  "firmware/no-such-image",
]);

/** The exit code that an error stands for. */
export function exitCodeOf({ code }: TapbenchError): ExitCode {
  if (CHECK_CODES.has(code)) return EXIT.no;
  const folder = code.slice(0, code.indexOf("/"));
  const device = DEVICE_CODES.has(code) || (DEVICE_FOLDERS.has(folder) && !NOT_THE_DEVICE.has(code));
  return device ? EXIT.device : EXIT.usage;
}

/** Prints for one command: text or one JSON document on standard output, everything else on standard error. */
export interface Output {
  readonly json: boolean;
  readonly paint: Paint;
  /** Characters a line, for what is drawn. */
  readonly width: number;
  /** Text for people; nothing with `--json`. */
  lines(lines: Iterable<string>): void;
  /** The one document of `--json`; nothing without. */
  document(value: unknown): void;
  /** Diagnostics, whatever the format. */
  note(text: string): void;
}

const plain: Paint = (_role, text) => text;
const DEFAULT_WIDTH = 100;

/** Whether text may be coloured: only on a terminal, and never against NO_COLOR (no-color.org). */
export const mayColour = (sink: Sink, env: Io["env"]): boolean =>
  sink.isTTY && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";

export function outputTo(io: Io, json: boolean, colours: Paint): Output {
  return {
    json,
    paint: !json && mayColour(io.stdout, io.env) ? colours : plain,
    width: Math.min(200, Math.max(60, io.stdout.columns ?? DEFAULT_WIDTH)),
    lines(lines) {
      if (json) return;
      let text = "";
      for (const line of lines) text += `${line}\n`;
      if (text !== "") io.stdout.write(text);
    },
    document(value) {
      if (json) io.stdout.write(`${toJson(value, 2)}\n`);
    },
    note(text) {
      io.stderr.write(`tapbench: ${text}\n`);
    },
  };
}

/** JSON with big integers as text and bytes as hex: whatever an error's context or a result holds. */
export const toJson = (value: unknown, indent?: number): string =>
  JSON.stringify(
    value,
    (_key, entry: unknown) => {
      if (typeof entry === "bigint") return String(entry);
      if (entry instanceof Uint8Array) return Buffer.from(entry).toString("hex").toUpperCase();
      if (entry instanceof Map) return Object.fromEntries(entry as ReadonlyMap<string, unknown>);
      return entry;
    },
    indent,
  );

/** What an error says to programs. */
export const errorDocument = ({ code, message, context }: TapbenchError): unknown => ({ code, message, context });

/** Six bytes or more in hex, in one piece or in groups. */
const HEX = /(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}[ :,-]?){6,}(?![0-9A-Za-z])/g;

/** What a crash says may hold anything that was at hand: numbers and bytes that could be an account's or a key's go. */
const withoutBytes = (text: string): string =>
  text
    .replace(
      HEX,
      (bytes) => `<${bytes.replace(/[^0-9A-Fa-f]/g, "").length / 2} bytes>${/[ ,-]$/.test(bytes) ? " " : ""}`,
    )
    .replace(/\d{12,}/g, "<digits>");

/** Any thrown thing as one of ours; what is none of ours is a bug. */
export function asTapbenchError(error: unknown): TapbenchError {
  if (isTapbenchError(error)) return error;
  const says = withoutBytes(error instanceof Error ? error.message : String(error));
  return cliError(
    "internal",
    `something broke inside tapbench: ${says}; please report it, with TAPBENCH_DEBUG=1 set`,
    {},
    error,
  );
}

/** Whether a command was asked to print for programs: by `--json`, by `--json-lines`, or not at all. */
export type JsonForm = boolean | "lines";

/** The one place that prints errors. Returns the exit code. */
export function reportError(io: Io, json: JsonForm, thrown: unknown): ExitCode {
  const error = asTapbenchError(thrown);
  if (json === true) io.stdout.write(`${toJson({ error: errorDocument(error) }, 2)}\n`);
  else if (json === "lines") io.stdout.write(`${toJson({ event: "error", error: errorDocument(error) })}\n`);
  else io.stderr.write(`tapbench: ${error.message} [${error.code}]\n`);
  if ((io.env["TAPBENCH_DEBUG"] ?? "") !== "") io.stderr.write(`${withoutBytes(stackOf(error))}\n`);
  return exitCodeOf(error);
}

function stackOf(error: Error): string {
  const { cause } = error;
  return `${error.stack ?? error.message}${cause instanceof Error ? `\ncaused by ${stackOf(cause)}` : ""}`;
}
