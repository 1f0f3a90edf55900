import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Child, Pcscd } from "./pcscd.js";

/** Debian's: the one that has its pyscard. */
export const PYTHON = "/usr/bin/python3";
const CLIENT = fileURLToPath(new URL("../integration/pcsc/client.py", import.meta.url));
export const READER = "Virtual PCD 00 00";

type Answer = Readonly<Record<string, unknown>>;

/** A program of its own that talks PC/SC through pyscard, as it is told: test/integration/pcsc/client.py has its words. */
export interface PcscClient {
  readonly child: Child;
  ask(what: Answer, within?: number): Promise<Answer>;
  connect(reader?: string): Promise<Answer>;
  /** Response in hex. @throws when PC/SC refuses */
  transmit(apdu: string): Promise<string>;
  /** Waits until the card is there, or gone. */
  wait(present: boolean, reader?: string): Promise<Answer>;
  close(): Promise<void>;
}

const WITHIN = 30_000;

export function pcscClient(pcscd: Pcscd): PcscClient {
  const child = pcscd.spawn(PYTHON, [CLIENT]);
  const lines: string[] = [];
  const errors: string[] = [];
  let rest = "";
  let ended = false;
  let wake = (): void => {};
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    const parts = (rest + piece).split("\n");
    rest = parts.pop()!;
    lines.push(...parts);
    wake();
  });
  child.stderr.setEncoding("utf8").on("data", (piece: string) => errors.push(piece));
  child.once("close", () => {
    ended = true;
    wake();
  });

  async function ask(what: Answer, within = WITHIN): Promise<Answer> {
    child.stdin.write(`${JSON.stringify(what)}\n`);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      wake();
    }, within);
    try {
      while (lines.length === 0) {
        if (ended || late)
          throw new Error(
            `the client ${late ? `did not answer ${JSON.stringify(what)}` : "ended"}: ${errors.join("")}`,
          );
        await new Promise<void>((resolve) => (wake = resolve));
      }
      return JSON.parse(lines.shift()!) as Answer;
    } finally {
      clearTimeout(timer);
    }
  }
  async function granted(what: Answer): Promise<Answer> {
    const answer = await ask(what);
    if ("error" in answer) throw new Error(`${JSON.stringify(what)}: ${String(answer["error"])}`);
    return answer;
  }
  return {
    child,
    ask,
    connect: (reader = READER) => granted({ do: "connect", reader }),
    transmit: async (apdu) => (await granted({ do: "transmit", apdu }))["response"] as string,
    wait: (present, reader = READER) => granted({ do: "wait", reader, present, within: 20_000 }),
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.stdin.end();
      await once(child, "exit");
    },
  };
}
