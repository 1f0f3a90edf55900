import { crc32 } from "../../src/codec/crc.js";
import { sha256 } from "../../src/crypto/hash.js";
import { failed, type Outcome } from "../../src/protocols/smp/answer.js";
import { files } from "../../src/protocols/smp/groups/files.js";
import { settings } from "../../src/protocols/smp/groups/settings.js";
import { zephyr } from "../../src/protocols/smp/groups/zephyr.js";
import { HEADER_BYTES } from "../../src/protocols/smp/header.js";
import { on, type Call, type Done, type HandlerRow } from "../../src/protocols/smp/listener.js";
import { groupResult, rc } from "../../src/protocols/smp/results.js";
import { equalBytes } from "../../src/util/bytes.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { MAX_PATH, type FileSystem } from "./file-system.js";
import type { McuParts } from "./parts.js";
import { counted, type McuState } from "./state.js";

/** As CONFIG_MCUMGR_GRP_SETTINGS_NAME_LEN and _VALUE_LEN. */
const MAX_KEY = 32;
const MAX_VALUE = 256;
const MAX_SETTINGS = 64;
/** Where the file system is mounted. */
export const MOUNT = "/lfs/";
/** What a download's answer has besides its data: header, map, keys, offset, lengths. */
const AROUND_DATA = HEADER_BYTES + 32;

const NO_VALUE = { value: {} } as const;
const utf8 = new TextEncoder();
const settingsFailure = (name: string): Outcome<never> => failed(groupResult(3, name), 3);
const filesFailure = (name: string): Outcome<never> => failed(groupResult(8, name), 8);

/** Runs what changes storage; undefined where it was full. Lost power goes on. */
function kept(change: () => void): true | undefined {
  try {
    change();
    return true;
  } catch (error) {
    if (isTapbenchError(error, "emulator/log-full")) return undefined;
    throw error;
  }
}

export function settingsCommands(parts: McuParts): readonly HandlerRow<McuState>[] {
  const store = parts.settings;
  const badKey = (key: string): Outcome<never> | undefined => {
    if (key === "") return failed(rc("invalid"));
    return utf8.encode(key).length >= MAX_KEY ? settingsFailure("key too long") : undefined;
  };
  return [
    on(settings.read, ({ state, request: { name, max_size: asked } }) => {
      const bad = badKey(name);
      if (bad) return { state, outcome: bad };
      const value = Object.hasOwn(state.settings, name) ? state.settings[name] : undefined;
      if (!value) return { state, outcome: settingsFailure("key not found") };
      const most = Math.min(asked ?? MAX_VALUE, MAX_VALUE);
      const limited = asked !== undefined && asked > MAX_VALUE && { max_size: MAX_VALUE };
      return { state, outcome: { value: { val: value.subarray(0, most), ...limited } } };
    }),
    on(settings.write, ({ state, request: { name, val } }) => {
      const bad = badKey(name) ?? (val.length > MAX_VALUE ? failed(rc("invalid")) : undefined);
      if (bad) return { state, outcome: bad };
      if (!Object.hasOwn(state.settings, name) && Object.keys(state.settings).length >= MAX_SETTINGS)
        return { state, outcome: failed(rc("no memory")) };
      return { state: { ...state, settings: { ...state.settings, [name]: val.slice() } }, outcome: NO_VALUE };
    }),
    on(settings.delete, ({ state, request: { name } }) => {
      const bad = badKey(name);
      if (bad) return { state, outcome: bad };
      if (!Object.hasOwn(state.settings, name) && store.get(name) === undefined)
        return { state, outcome: settingsFailure("key not found") };
      if (!kept(() => store.remove(name))) return { state, outcome: failed(rc("no memory")) };
      const { [name]: _gone, ...rest } = state.settings;
      return { state: { ...state, settings: rest }, outcome: NO_VALUE };
    }),
    on(settings.commit, ({ state }) => ({ state, outcome: NO_VALUE })),
    on(settings.load, ({ state }) => ({ state: { ...state, settings: store.all() }, outcome: NO_VALUE })),
    on(settings.save, ({ state, request: { name } }) => {
      const saved = store.all();
      const wanted = Object.entries(state.settings).filter(
        ([key]) => name === undefined || key === name || key.startsWith(`${name}/`),
      );
      for (const [key, value] of wanted) {
        const before = saved[key];
        if (before && equalBytes(before, value)) continue;
        if (!kept(() => store.put(key, value))) return { state, outcome: failed(rc("no memory")) };
      }
      return { state, outcome: NO_VALUE };
    }),
    on(zephyr.eraseStorage, ({ state }) => {
      store.erase();
      return { state, outcome: NO_VALUE };
    }),
  ];
}

/** What is not printable, empty parts, and parts that are dots. */
const BAD_PATH = /\p{C}|\/\/|\/\.{1,2}(\/|$)/u;

/** Why a path is not one that files have; undefined: it is. */
function badPath(path: string, fs: FileSystem): Outcome<never> | undefined {
  if (path === "") return failed(rc("invalid"));
  if (!path.startsWith("/") || utf8.encode(path).length > MAX_PATH || BAD_PATH.test(path))
    return filesFailure("invalid file name");
  if (!path.startsWith(MOUNT))
    return filesFailure(`${path}/` === MOUNT ? "file is a directory" : "mount point not found");
  if (path.endsWith("/") || fs.paths.some((each) => each.startsWith(`${path}/`)))
    return filesFailure("file is a directory");
  return undefined;
}

const HASHES: Readonly<Record<string, { format: 0 | 1; size: number; of: (data: Uint8Array) => number | Uint8Array }>> =
  {
    crc32: { format: 0, size: 4, of: crc32 },
    sha256: { format: 1, size: 32, of: sha256 },
  };

export function fileCommands(parts: McuParts): readonly HandlerRow<McuState>[] {
  const fs = parts.files;
  return [
    on(files.download, ({ state, request: { off, name }, room }) => {
      const bad = badPath(name, fs);
      if (bad) return { state, outcome: bad };
      const len = fs.length(name);
      if (len === undefined) return { state, outcome: filesFailure("file not found") };
      if (off > len) return { state, outcome: filesFailure("seek failed") };
      const data = fs.read(name, off, room - AROUND_DATA);
      return {
        state: counted(state, "files", { reads: 1 }),
        outcome: { value: { off, data, ...(off === 0 && { len }) } },
      };
    }),
    on(files.upload, (call) => upload(call, fs)),
    on(files.status, ({ state, request: { name } }) => {
      const bad = badPath(name, fs);
      if (bad) return { state, outcome: bad };
      const len = fs.length(name);
      return { state, outcome: len === undefined ? filesFailure("file not found") : { value: { len } } };
    }),
    on(files.hash, ({ state, request: { name, type = "crc32", off = 0, len } }) => {
      if (len === 0) return { state, outcome: failed(rc("invalid")) };
      const hash = Object.hasOwn(HASHES, type) ? HASHES[type] : undefined;
      const bad = badPath(name, fs) ?? (hash ? undefined : filesFailure("checksum or hash not found"));
      if (bad) return { state, outcome: bad };
      const whole = fs.length(name);
      if (whole === undefined) return { state, outcome: filesFailure("file not found") };
      if (off >= whole)
        return { state, outcome: filesFailure(whole === 0 ? "file is empty" : "offset larger than file") };
      const data = fs.read(name, off, Math.min(len ?? whole, whole - off));
      const value = { type, ...(off > 0 && { off }), len: data.length, output: hash!.of(data) };
      return { state, outcome: { value } };
    }),
    on(files.types, ({ state }) => ({
      state,
      outcome: {
        value: {
          types: Object.fromEntries(Object.entries(HASHES).map(([name, { format, size }]) => [name, { format, size }])),
        },
      },
    })),
    on(files.close, ({ state }) => ({ state: { ...state, upload: undefined }, outcome: NO_VALUE })),
  ];
}

interface UploadRequest {
  readonly off: number;
  readonly data: Uint8Array;
  readonly name: string;
  readonly len?: number;
}

/**
 * As Zephyr does it: one upload at a time is known, by its wire and path; another takes its place, and a piece that continues a file is taken where
 * the file ends, whoever wrote it.
 */
function upload(call: Call<McuState, UploadRequest>, fs: FileSystem): Done<McuState, { readonly off: number }> {
  const { state, from, now } = call;
  const { off, data, name, len } = call.request;
  if (off === 0 && len === undefined) return { state, outcome: failed(rc("invalid")) };
  const bad = badPath(name, fs);
  if (bad) return { state, outcome: bad };
  const there = fs.length(name);
  if (off === 0) {
    if (!kept(() => fs.put(name, data))) return { state, outcome: filesFailure("write failed") };
  } else {
    if (there === undefined) return { state: { ...state, upload: undefined }, outcome: filesFailure("file not found") };
    if (off !== there) {
      const outcome = failed(groupResult(8, "offset not valid"), 8, { len: there });
      return { state: { ...state, upload: undefined }, outcome };
    }
    if (data.length > 0 && !kept(() => fs.append(name, data))) return { state, outcome: filesFailure("write failed") };
  }
  const known = off > 0 && state.upload?.from === from && state.upload.path === name ? state.upload.length : undefined;
  const length = len ?? known;
  const end = off + data.length;
  const next = length !== undefined && end >= length ? undefined : { from, path: name, length, at: now };
  const counting = counted(state, "files", { writes: 1, bytes_written: data.length });
  return { state: { ...counting, upload: next }, outcome: { value: { off: end } } };
}
