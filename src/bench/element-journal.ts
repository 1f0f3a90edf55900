import { randomBytes } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { homedir, hostname } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { seError } from "../device/se/errors.js";
import type { ElementName } from "../device/se/identity.js";
import { decodeJournal, encodeJournal, MAX_JOURNAL, newJournal, type ElementJournal } from "../device/se/journal.js";
import type { JournalKeeper } from "../device/se/session.js";
import { benchError } from "./errors.js";

/*
 * Where the journals of elements are kept: a file each, written beside its place, synced and renamed before the command that it tells of is sent.
 * One run at a time has an element's journal.
 */

/** A journal that is open. */
export interface OpenJournal extends JournalKeeper {
  readonly close: () => void;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** `--journal`, else `$TAPBENCH_JOURNAL`, else a folder of the user's own (XDG Base Directory Specification). */
export function journalFolder(env: Environment, flag?: string): string {
  const given = flag ?? env["TAPBENCH_JOURNAL"] ?? "";
  if (given !== "") return given;
  const state = env["XDG_STATE_HOME"] ?? "";
  const home = env["HOME"] ?? homedir();
  return join(state === "" ? join(home, ".local", "state") : state, "tapbench", "elements");
}

/** Of an element that is gone after this run. */
export function journalInMemory({ name }: ElementName): OpenJournal {
  let journal = newJournal(name, randomBytes(16));
  return {
    get journal() {
      return journal;
    },
    put: (next) => {
      journal = next;
    },
    close: () => {},
  };
}

const OWNER_ONLY = 0o600;

/** @throws `se/damaged-journal`, `bench/journal-busy`, `bench/journal-failed` */
export function openJournal(folder: string, { name }: ElementName): OpenJournal {
  const path = join(folder, `${name}.json`);
  const guard = <T>(doing: string, work: () => T): T => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Error) || !("syscall" in error)) throw error;
      throw benchError(
        "journal-failed",
        `cannot ${doing} the element's journal ${path} (${(error as NodeJS.ErrnoException).code}), and without it nothing is sent; name another folder with --journal`,
        { path },
        error,
      );
    }
  };
  guard("make a folder for", () => mkdirSync(folder, { recursive: true, mode: 0o700 }));
  const unlock = guard("lock", () => lock(`${path}.lock`));
  try {
    let journal = guard("read", () => read(path, name));
    return {
      get journal() {
        return journal;
      },
      put(next) {
        guard("write", () => writeDurably(path, encodeJournal(next)));
        journal = next;
      },
      close: unlock,
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

function read(path: string, name: string): ElementJournal {
  const facts = statSync(path, { throwIfNoEntry: false });
  if (!facts) return newJournal(name, randomBytes(16));
  if (facts.size > MAX_JOURNAL)
    throw seError("damaged-journal", `${path} has ${facts.size} bytes, and no journal is that long; look into it`, {
      path,
      size: facts.size,
    });
  return decodeJournal(readFileSync(path, "utf8"), name, path);
}

function writeDurably(path: string, text: string): void {
  // Whoever writes has the lock, so what an earlier run left there is nobody's.
  const beside = `${path}.new`;
  rmSync(beside, { force: true });
  const file = openSync(beside, "wx", OWNER_ONLY);
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(beside, path);
  // The name, too, has to survive.
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Takes a lock file, from a process of this machine that is no more as well. Returns how to give it back. @throws `bench/journal-busy` */
function lock(path: string): () => void {
  const mine = `${process.pid} ${hostname()} ${randomBytes(8).toString("hex")}\n`;
  if (!take(path, mine)) {
    const holder = contents(path);
    const [pid = "", host = ""] = holder.trim().split(" ");
    const busy = benchError(
      "journal-busy",
      `another run of tapbench has this element (process ${pid || "unknown"}${host && host !== hostname() ? ` on ${host}` : ""}); wait for it, or remove ${path} if there is none`,
      { path, pid, host },
    );
    if (!/^[1-9]\d*$/.test(pid) || host !== hostname() || isAlive(Number(pid))) throw busy;
    // Whoever finds the same stale lock renames it, too: one of us gets it, and the other finds a new one in its place.
    const aside = `${path}.${process.pid}.stale`;
    if (!renamed(path, aside)) throw busy;
    const stale = contents(aside) === holder;
    if (stale) rmSync(aside, { force: true });
    else renameSync(aside, path);
    if (!stale || !take(path, mine)) throw busy;
  }
  return () => {
    if (contents(path) === mine) rmSync(path, { force: true });
  };
}

/** False: somebody else was faster. */
function renamed(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

function take(path: string, mine: string): boolean {
  try {
    const file = openSync(path, "wx", OWNER_ONLY);
    try {
      writeSync(file, mine);
    } finally {
      closeSync(file);
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function contents(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
