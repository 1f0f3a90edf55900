import type { Io, Sink } from "../../../src/cli/output.js";
import { run, type Services } from "../../../src/cli/run.js";

/** What a command line printed, and how it ended. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Surroundings {
  readonly env?: Io["env"];
  readonly stdin?: string;
  readonly terminal?: boolean;
  readonly services?: Services;
  readonly signal?: AbortSignal;
}

/** Runs a command line in this process. */
export async function tapbench(argv: readonly string[], around: Surroundings = {}): Promise<Ran> {
  let out = "";
  let err = "";
  /** Bytes come out a character each. */
  const sink = (write: (text: string) => void): Sink => ({
    write: (piece) => write(typeof piece === "string" ? piece : Buffer.from(piece).toString("latin1")),
    isTTY: around.terminal === true,
    columns: 100,
  });
  const io: Io = {
    stdout: sink((text) => (out += text)),
    stderr: sink((text) => (err += text)),
    env: around.env ?? {},
    async *stdin() {
      yield new TextEncoder().encode(around.stdin ?? "");
    },
    signal: around.signal ?? new AbortController().signal,
  };
  const code = await run(argv, io, around.services);
  return { code, out, err };
}

/** Standard output as its one JSON document. */
export const documentOf = <T = Record<string, unknown>>({ out }: Ran): T => JSON.parse(out) as T;
