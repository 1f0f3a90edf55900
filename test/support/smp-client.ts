import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { PYTHON } from "./pcsc-client.js";

const CLIENT = fileURLToPath(new URL("smp_client.py", import.meta.url));
const WITHIN = 50_000;

/** What the client in Python made of a device: its checks by name, and those that did not hold. */
export interface Checked {
  readonly code: number | null;
  readonly checks: readonly string[];
  readonly failed: readonly unknown[];
  readonly errors: string;
}

/** Runs test/support/smp_client.py to its end; its head says what it takes. */
export async function smpClient(...args: readonly string[]): Promise<Checked> {
  const child = spawn(PYTHON, [CLIENT, ...args], { timeout: WITHIN });
  const out: string[] = [];
  const errors: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (piece: string) => out.push(piece));
  child.stderr.setEncoding("utf8").on("data", (piece: string) => errors.push(piece));
  const [code] = (await once(child, "close")) as [number | null];
  const told = out
    .join("")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { readonly check: string; readonly ok: boolean });
  return {
    code,
    checks: told.map(({ check }) => check),
    failed: told.filter(({ ok }) => !ok),
    errors: errors.join(""),
  };
}
