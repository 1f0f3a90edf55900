import { once } from "node:events";
import type { Child, Pcscd } from "./pcscd.js";

/** One line of `tapbench emulate --json-lines`. */
export type EmulationEvent = { readonly event: string } & Readonly<Record<string, unknown>>;

/** `tapbench emulate` as a child beside a pcscd. */
export interface Emulation {
  readonly child: Child;
  /** All events so far. */
  readonly events: readonly EmulationEvent[];
  /** The next event of that name that was not asked for yet. Rejects when it does not come in time, or the program ends. */
  next(event: string, within?: number): Promise<EmulationEvent>;
  /** Keys, as at a terminal. */
  press(keys: string): void;
  /** Ends it by a signal; its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Milliseconds. A process starts slowly where others keep the machine busy. */
const WITHIN = 55_000;

/** Starts it and waits until pcscd sees the card. */
export async function emulate(pcscd: Pcscd, ...args: readonly string[]): Promise<Emulation> {
  const emulation = emulationOf(pcscd.spawn(process.execPath, tapbench("emulate", ...args, "--pcsc", "--json-lines")));
  await emulation.next("ready");
  return emulation;
}

/** The arguments that make Node run this checkout's command line. */
export const tapbench = (...args: readonly string[]): string[] => ["--import", "tsx", "src/cli/main.ts", ...args];

/** Reads a child's events, one JSON document a line. */
export function emulationOf(child: Child): Emulation {
  const events: EmulationEvent[] = [];
  const errors: string[] = [];
  const taken = new Set<EmulationEvent>();
  let rest = "";
  let wake = (): void => {};
  let ended = false;
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    const lines = (rest + piece).split("\n");
    rest = lines.pop()!;
    events.push(...lines.map((line) => JSON.parse(line) as EmulationEvent));
    wake();
  });
  child.stderr.setEncoding("utf8").on("data", (piece: string) => errors.push(piece));
  child.once("close", () => {
    ended = true;
    wake();
  });
  return {
    child,
    events,
    async next(event, within = WITHIN) {
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        wake();
      }, within);
      try {
        for (;;) {
          const found = events.find((each) => each.event === event && !taken.has(each));
          if (found) {
            taken.add(found);
            return found;
          }
          if (ended || late)
            throw new Error(`no '${event}' ${late ? `within ${within} ms` : "before the end"}; ${errors.join("")}`);
          await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        clearTimeout(timer);
      }
    },
    press: (keys) => void child.stdin.write(keys),
    async stop(signal = "SIGTERM") {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const exit = once(child, "exit");
      child.kill(signal);
      return ((await exit) as [number | null])[0];
    },
  };
}
