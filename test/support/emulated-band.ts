import { spawn } from "node:child_process";
import { emulationOf, tapbench, type Emulation } from "./emulation.js";

/** `tapbench emulate band-s1` as a program of its own, with faces that need no pcscd. Stop it. */
export function emulateBand(...args: readonly string[]): Emulation {
  const child = spawn(process.execPath, tapbench("emulate", "band-s1", ...args, "--json-lines"), {
    stdio: ["pipe", "pipe", "pipe"],
  });
  return emulationOf(child);
}
