import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPty, type Pty, type PtyOptions } from "../../emulator/faces/pty.js";

/** A terminal at the other end of which somebody answers. */
export interface TestPty {
  readonly link: string;
  readonly pty: Pty;
  /** What the host has sent so far. */
  readonly heard: Uint8Array[];
  /** Resolves when it has sent something more. */
  readonly next: () => Promise<Uint8Array>;
  readonly close: () => Promise<void>;
}

export async function testFolder(): Promise<{ readonly path: string; readonly remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "tapbench-serial-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

export async function testPty(
  link: string,
  answer: (piece: Uint8Array, pty: Pty) => void,
  more: Partial<PtyOptions> = {},
): Promise<TestPty> {
  const heard: Uint8Array[] = [];
  let waiting: ((piece: Uint8Array) => void) | undefined;
  const pty: Pty = await openPty({
    link,
    bytes(piece) {
      heard.push(piece);
      waiting?.(piece);
      waiting = undefined;
      answer(piece, pty);
    },
    ...more,
  });
  return {
    link,
    pty,
    heard,
    next: () => new Promise((resolve) => (waiting = resolve)),
    close: () => pty.close(),
  };
}
