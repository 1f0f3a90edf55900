import { mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import type { DeviceSnapshot } from "../../emulator/device.js";
import type { IssuerState } from "../issuer/issuer.js";
import { writeWhole } from "../trace/file.js";
import type { RandomPosition } from "../util/random.js";
import { benchError } from "./errors.js";
import { readStateFile, writeStateFile } from "./state-file.js";

/** An emulated device at rest, and the generators of those who deal with it. */
export interface SavedDevice {
  /** Of the bench that it was made on, and its own if it was given one. */
  readonly seed: string;
  readonly ownSeed?: string | undefined;
  /** Tokens of the cards in it. */
  readonly cards: readonly string[];
  readonly snapshot: DeviceSnapshot;
  readonly taps: RandomPosition;
  readonly noise: RandomPosition;
}

/** A folder that keeps one emulated device, and its issuer, from run to run. */
export interface StateFolder {
  readonly path: string;
  /** As they were when the folder was opened; absent: not yet. */
  readonly device: SavedDevice | undefined;
  readonly issuer: IssuerState | undefined;
  save(device: SavedDevice, issuer: IssuerState): Promise<void>;
  /** Others may have it. */
  close(): Promise<void>;
}

/** 2: the flash of managed devices holds their firmware. */
const VERSION = 2;
const FILES = { version: "version", lock: "lock", device: "device.cbor", issuer: "issuer.cbor" } as const;

/**
 * Opens a state folder, or makes one out of an empty folder or none. It is locked until it is closed.
 * @throws `bench/state-busy`, `bench/state-damaged`, `bench/state-folder`, `bench/state-version`
 */
export async function openStateFolder(path: string): Promise<StateFolder> {
  const at = (file: keyof typeof FILES): string => join(path, FILES[file]);
  await claim(path);
  await lock(at("lock"), path);
  const close = (): Promise<void> => rm(at("lock"), { force: true });
  try {
    await writeWhole(at("version"), [`${VERSION}\n`], 0o600);
    // What is in them was written by this version, and their digests hold.
    const device = (await readStateFile(at("device"))) as SavedDevice | undefined;
    const issuer = (await readStateFile(at("issuer"))) as IssuerState | undefined;
    return {
      path,
      device,
      issuer,
      async save(newDevice, newIssuer) {
        // The device first: an issuer that has seen less than the device did is met every day, one that has seen more takes payments for replays.
        await writeStateFile(at("device"), newDevice);
        await writeStateFile(at("issuer"), newIssuer);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Makes sure that the folder is one of ours, or becomes one without anybody losing anything. */
async function claim(path: string): Promise<void> {
  let names: readonly string[];
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    names = await readdir(path);
  } catch (error) {
    throw benchError("state-folder", `${path} cannot be a state folder: ${(error as Error).message}`, { path }, error);
  }
  if (names.includes(FILES.version)) {
    const version = (await readFile(join(path, FILES.version), "utf8")).trim();
    if (version === String(VERSION)) return;
    throw benchError(
      "state-version",
      `${path} is of version ${version.slice(0, 20)}, and this tapbench knows ${VERSION}; start with a new state folder`,
      { path },
    );
  }
  if (names.some((name) => name !== FILES.lock))
    throw benchError("state-folder", `${path} holds other things; name a new or an empty folder for the state`, {
      path,
    });
}

async function lock(file: string, path: string): Promise<void> {
  for (const mayClear of [true, false]) {
    try {
      const handle = await open(file, "wx", 0o600);
      await handle.writeFile(`${process.pid}\n`);
      await handle.close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST")
        throw benchError("state-folder", `${path} cannot be locked: ${(error as Error).message}`, { path }, error);
      const holder = await holderOf(file);
      if (!mayClear || holder === undefined || isRunning(holder))
        throw benchError(
          "state-busy",
          `${path} is in use by ${holder === undefined ? "another program" : `process ${holder}`}; wait for it, name another folder, or remove ${file} if nobody has it`,
          { path, holder },
          error,
        );
      await rm(file, { force: true }); // left behind by a process that is gone
    }
  }
}

/** Undefined where the file does not say: it is being written. */
async function holderOf(file: string): Promise<number | undefined> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return ""; // it was let go just now
    throw error;
  });
  return /^\d{1,10}\n$/.test(text) ? Number(text) : undefined;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

export const otherSeed = ({ path }: StateFolder, seed: string): Error =>
  benchError(
    "state-seed",
    `${path} was made with the seed ${seed}; leave the seed out, or name another folder for the state`,
    {
      seed,
    },
  );

export const otherDevice = ({ path }: StateFolder, profile: string): Error =>
  benchError("state-device", `${path} keeps emu:${profile}; open that, or name another folder for the state`, {
    profile,
  });

export const stateTaken = ({ path }: StateFolder): Error =>
  benchError("state-taken", `${path} keeps one device, and that is open already`, { path });
