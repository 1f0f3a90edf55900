/*
 * What `rc` says: MCUmgr's own codes, and those of each group in version 2 (the headers of Zephyr's include/zephyr/mgmt/mcumgr), with how Zephyr
 * turns a group's code into one of its own for clients of version 1.
 */

/** mcumgr_err_t by number. */
export const RESULTS = [
  "ok",
  "unknown",
  "no memory",
  "invalid",
  "timeout",
  "no entry",
  "bad state",
  "message size",
  "not supported",
  "corrupt",
  "busy",
  "access denied",
  "version too old",
  "version too new",
] as const;
export type ResultName = (typeof RESULTS)[number];

/** A code of RESULTS by its name. */
export const rc = (name: ResultName): number => RESULTS.indexOf(name);

/** The codes of one group by number, and what each is in version 1. */
export type GroupResults = readonly (readonly [name: string, version1: ResultName])[];

/** What every group's table starts with. */
const common = [
  ["ok", "ok"],
  ["unknown", "unknown"],
] as const;

export const GROUP_RESULTS: ReadonlyMap<number, GroupResults> = new Map<number, GroupResults>([
  [
    0,
    [
      ...common,
      ["invalid format", "invalid"],
      ["query yields no answer", "no entry"],
      ["clock is not set", "no entry"],
      ["clock command failed", "unknown"],
      ["query response value not valid", "unknown"],
    ],
  ],
  [
    1,
    [
      ...common,
      ["flash configuration query failed", "unknown"],
      ["no image", "no entry"],
      ["no TLVs", "no entry"],
      ["invalid TLV", "unknown"],
      ["several hashes", "unknown"],
      ["invalid TLV size", "unknown"],
      ["hash not found", "unknown"],
      ["no free slot", "bad state"],
      ["flash open failed", "unknown"],
      ["flash read failed", "unknown"],
      ["flash write failed", "unknown"],
      ["flash erase failed", "unknown"],
      ["invalid slot", "invalid"],
      ["no free memory", "no memory"],
      ["flash context already set", "unknown"],
      ["flash context not set", "unknown"],
      ["no flash device", "unknown"],
      ["invalid page offset", "invalid"],
      ["invalid offset", "invalid"],
      ["invalid length", "invalid"],
      ["invalid image header", "invalid"],
      ["invalid image header magic", "unknown"],
      ["invalid hash", "invalid"],
      ["invalid flash address", "invalid"],
      ["version not known", "unknown"],
      ["current version is newer", "bad state"],
      ["image already pending", "bad state"],
      ["invalid image vector table", "unknown"],
      ["image too large", "unknown"],
      ["more data than announced", "unknown"],
      ["confirmation denied", "unknown"],
      ["the active slot cannot be tested", "unknown"],
      ["active slot not known", "unknown"],
    ],
  ],
  [
    2,
    [
      ...common,
      ["no such statistics group", "no entry"],
      ["no such statistic", "no entry"],
      ["invalid size of a statistic", "invalid"],
      ["walk aborted", "unknown"],
    ],
  ],
  [
    3,
    [
      ...common,
      ["key too long", "invalid"],
      ["key not found", "no entry"],
      ["reading not supported", "no entry"],
      ["root key not found", "unknown"],
      ["writing not supported", "unknown"],
      ["deleting not supported", "unknown"],
      ["saving not supported", "unknown"],
    ],
  ],
  [
    8,
    [
      ...common,
      ["invalid file name", "invalid"],
      ["file not found", "no entry"],
      ["file is a directory", "unknown"],
      ["open failed", "unknown"],
      ["seek failed", "unknown"],
      ["read failed", "unknown"],
      ["truncate failed", "unknown"],
      ["delete failed", "unknown"],
      ["write failed", "unknown"],
      ["offset not valid", "unknown"],
      ["offset larger than file", "unknown"],
      ["checksum or hash not found", "invalid"],
      ["mount point not found", "no entry"],
      ["read-only file system", "unknown"],
      ["file is empty", "unknown"],
    ],
  ],
  [9, [...common, ["command too long", "invalid"], ["empty command", "invalid"]]],
  [
    10,
    [
      ...common,
      ["too many group entries", "invalid"],
      ["not enough memory for entries", "unknown"],
      ["index too large", "unknown"],
    ],
  ],
  [
    63,
    [...common, ["flash open failed", "unknown"], ["flash query failed", "unknown"], ["flash erase failed", "unknown"]],
  ],
  // Ours.
  [
    64,
    [
      ...common,
      ["no element", "no entry"],
      ["element lost its power", "bad state"],
      ["nothing to continue", "bad state"],
    ],
  ],
  [65, [...common, ["element does not answer", "bad state"]]],
  [66, [...common, ["no such test", "no entry"], ["no such route", "invalid"]]],
]);

/** The number of a group's code. A name that the table does not have is a bug, told at once. */
export function groupResult(group: number, name: string): number {
  const found = GROUP_RESULTS.get(group)?.findIndex(([each]) => each === name) ?? -1;
  if (found < 0) throw new Error(`group ${group} has no result "${name}"`);
  return found;
}

/** A group's code as version 1 says it. */
export function asVersion1(group: number, code: number): number {
  const row = GROUP_RESULTS.get(group)?.[code];
  return rc(row?.[1] ?? "unknown");
}

/** For people. `group` absent: one of MCUmgr's own. */
export function resultName(code: number, group?: number): string {
  const name = group === undefined ? RESULTS[code] : GROUP_RESULTS.get(group)?.[code]?.[0];
  return name ?? `code ${code}`;
}
