import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/*
 * What scp_witness.py says: an implementation of SCP02 and SCP03 that shares nothing with ours. Bytes are hexadecimal, upper case.
 */

const PYTHON = "/usr/bin/python3";
export const WITNESS = fileURLToPath(new URL("scp_witness.py", import.meta.url));

/** What is missing for it, for the table of wires. */
export const lacksScpWitness = (): string | undefined =>
  [PYTHON, "/usr/lib/python3/dist-packages/cryptography"].every((path) => existsSync(path))
    ? undefined
    : "no python3-cryptography";

/** Static keys and challenges: everything that a session follows from. */
export type WitnessSession = {
  readonly enc: string;
  readonly mac: string;
  readonly host: string;
  readonly card: string;
} & ({ readonly scp: 3 } | { readonly scp: 2; readonly sequence: string });

/** A question and its answer, as the script's head tells. */
export interface WitnessQuestions {
  readonly challenge: {
    ask: { scp: 2 | 3; enc?: string; mac?: string; sequence: string; aid: string; size?: 8 | 16 };
    answer: string;
  };
  readonly keys: {
    ask: { session: WitnessSession };
    answer: { enc: string; mac: string; rmac?: string; card: string; host: string };
  };
  readonly host: {
    ask: {
      session: WitnessSession;
      level: number;
      steps: readonly (readonly [plainCommand: string, securedResponse: string | null])[];
    };
    answer: { authenticate: string; steps: readonly [securedCommand: string, plainResponse: string | null][] };
  };
  readonly card: {
    ask: {
      session: WitnessSession;
      authenticate: string;
      steps: readonly (readonly [securedCommand: string, plainResponse: string])[];
    };
    answer: { accepted: boolean; steps: readonly [plainCommand: string | null, securedResponse: string | null][] };
  };
}

/** Asks all of `asks` in one run of the script. */
export function witness<K extends keyof WitnessQuestions>(
  question: K,
  asks: readonly WitnessQuestions[K]["ask"][],
): WitnessQuestions[K]["answer"][] {
  const { status, stdout, stderr } = spawnSync(PYTHON, [WITNESS], {
    input: JSON.stringify(asks.map((ask) => ({ do: question, ...ask }))),
    encoding: "utf8",
    timeout: 50_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`the witness failed: ${stderr}`);
  return JSON.parse(stdout) as WitnessQuestions[K]["answer"][];
}
