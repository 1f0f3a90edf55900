import { concat } from "../../../src/util/bytes.js";
import type { AppletStorage } from "../applet.js";
import { newCounter } from "../store.js";

/*
 * A security domain's key sets: an object a version, and three counters beside it that only grow. A counter is durable before what it counts is
 * used, so that cutting the power gives neither a challenge twice nor a guess for nothing.
 */

export interface StoredKeys {
  readonly kind: "des" | "aes";
  readonly enc: Uint8Array;
  readonly mac: Uint8Array;
  readonly dek: Uint8Array;
}

const KEYS = 0x0100;
const SEQUENCE = 0x0200;
const ATTEMPTS = 0x0300;
/** What the attempts stood at when one last succeeded. */
const FORGIVEN = 0x0400;
const KINDS = ["des", "aes"] as const;
const COUNTER_LIMIT = 0xffff;

/** Versions that there are, lowest first. */
export const keyVersions = ({ ids }: AppletStorage): readonly number[] =>
  ids
    .filter((id) => id >> 8 === KEYS >> 8)
    .map((id) => id & 0xff)
    .toSorted((a, b) => a - b);

export function storedKeys(storage: AppletStorage, version: number): StoredKeys | undefined {
  const bytes = storage.get(KEYS | version);
  const kind = bytes && KINDS[bytes[0]!];
  if (!bytes || !kind) return undefined;
  const length = (bytes.length - 1) / 3;
  const part = (index: number): Uint8Array => bytes.subarray(1 + index * length, 1 + (index + 1) * length);
  return { kind, enc: part(0), mac: part(1), dek: part(2) };
}

/** A version's keys, new with counters at 0, in place of `replaces` where that is named; all at once. */
export function storeKeys(storage: AppletStorage, version: number, keys: StoredKeys, replaces?: number): void {
  const gone = replaces === undefined ? [] : removal(replaces);
  const own = concat(Uint8Array.of(KINDS.indexOf(keys.kind)), keys.enc, keys.mac, keys.dek);
  storage.putAll([
    ...gone,
    [KEYS | version, own],
    [SEQUENCE | version, newCounter()],
    [ATTEMPTS | version, newCounter()],
    [FORGIVEN | version, newCounter()],
  ]);
}

const removal = (version: number): (readonly [id: number, bytes: undefined])[] =>
  [KEYS, SEQUENCE, ATTEMPTS, FORGIVEN].map((area) => [area | version, undefined] as const);

export const removeKeys = (storage: AppletStorage, version: number): void => storage.putAll(removal(version));

/** The next sequence number, durable; undefined: there are none left. */
export function nextSequence(storage: AppletStorage, version: number): number | undefined {
  const now = storage.counter(SEQUENCE | version);
  if (now === COUNTER_LIMIT) return undefined;
  storage.writeCounter(SEQUENCE | version, now + 1);
  return now + 1;
}

export const sequenceOf = (storage: AppletStorage, version: number): number => storage.counter(SEQUENCE | version);

/** Attempts since the last that succeeded. */
export const failures = (storage: AppletStorage, version: number): number =>
  storage.counter(ATTEMPTS | version) - storage.counter(FORGIVEN | version);

/** Counts an attempt before it is judged; false: there can be no more of them. */
export function countAttempt(storage: AppletStorage, version: number): boolean {
  const now = storage.counter(ATTEMPTS | version);
  if (now === COUNTER_LIMIT) return false;
  storage.writeCounter(ATTEMPTS | version, now + 1);
  return true;
}

/** One succeeded: earlier failures no longer count. */
export const forgive = (storage: AppletStorage, version: number): void =>
  storage.writeCounter(FORGIVEN | version, storage.counter(ATTEMPTS | version));
