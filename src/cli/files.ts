import { open, stat } from "node:fs/promises";
import { cliError } from "./errors.js";
import type { Io } from "./output.js";

const MAX_INPUT = 64 << 20;

const tooLarge = (what: string): Error =>
  cliError("too-large", `${what} has more than ${MAX_INPUT >> 20} MB, which is the limit here`, { limit: MAX_INPUT });

/** Whether there is a file of that name. */
export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}

/** A whole file, or standard input for `-`. @throws `cli/no-such-file`, `cli/read-failed`, `cli/too-large` */
export async function readInput(path: string, io: Io): Promise<Uint8Array> {
  return collect(readPieces(path, io), path === "-" ? "standard input" : path);
}

const PIECE = 1 << 16;

/** A file of any length piece by piece, or standard input for `-`. @throws `cli/no-such-file`, `cli/read-failed` */
export async function* readPieces(path: string, io: Io): AsyncGenerator<Uint8Array, void, undefined> {
  if (path === "-") {
    yield* io.stdin();
    return;
  }
  yield* filePieces(path);
}

async function* filePieces(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    const file = await open(path, "r");
    try {
      for (;;) {
        const piece = new Uint8Array(PIECE);
        const { bytesRead } = await file.read(piece, 0, PIECE);
        if (bytesRead === 0) return;
        yield piece.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!(error instanceof Error) || !("syscall" in error)) throw error;
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw missing
      ? cliError("no-such-file", `there is no file ${path}`, { path }, error)
      : cliError("read-failed", `cannot read ${path}: ${error.message}`, { path }, error);
  }
}

async function collect(source: AsyncIterable<Uint8Array>, what: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of source) {
    length += piece.length;
    if (length > MAX_INPUT) throw tooLarge(what);
    pieces.push(piece);
  }
  return new Uint8Array(Buffer.concat(pieces));
}

/** Writes a small text file in one go. @throws `cli/write-failed` */
export const writeText = (path: string, text: string): Promise<void> => writeBytes(path, text);

/** The same with bytes. @throws `cli/write-failed` */
export async function writeBytes(path: string, text: string | Uint8Array): Promise<void> {
  const { writeFile } = await import("node:fs/promises");
  try {
    await writeFile(path, text);
  } catch (error) {
    throw cliError("write-failed", `cannot write ${path}: ${(error as Error).message}`, { path }, error);
  }
}

/** A whole file of a bounded size. @throws `cli/no-such-file`, `cli/read-failed`, `cli/too-large` */
export async function readBytes(path: string, most: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of filePieces(path)) {
    length += piece.length;
    if (length > most)
      throw cliError("too-large", `${path} has more than ${most} bytes, which is the limit here`, { limit: most });
    pieces.push(piece);
  }
  return new Uint8Array(Buffer.concat(pieces));
}
