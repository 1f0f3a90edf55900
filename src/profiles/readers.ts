import { loadProfile, profileNames, type ProfileOptions } from "./load.js";
import type { ReaderProfile } from "./types.js";

/** All reader profiles. @throws as `loadProfile` */
export async function loadReaders(options: ProfileOptions = {}): Promise<readonly ReaderProfile[]> {
  return Promise.all((await profileNames("reader", options)).map((name) => loadProfile("reader", name, options)));
}

const has = (name: string, part: string): boolean => name.toLowerCase().includes(part.toLowerCase());

/** The profile of the reader that PC/SC calls `name`: the longest part that fits decides. Undefined: nothing is known of it. */
export function readerNamed(name: string, readers: readonly ReaderProfile[]): ReaderProfile | undefined {
  let found: ReaderProfile | undefined;
  let length = 0;
  for (const reader of readers)
    for (const part of reader.match)
      if (part.length > length && has(name, part)) [found, length] = [reader, part.length];
  return found;
}

/** Whether a reader's name is that of a slot for a SAM. */
export const isSamSlot = (name: string, reader: ReaderProfile | undefined): boolean =>
  reader?.samSlots.some((part) => has(name, part)) === true;
