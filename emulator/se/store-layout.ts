import { emulatorError } from "../errors.js";
import { DIRECTORY_BYTES } from "./directory.js";
import type { HeapArea } from "./heap.js";
import { recordLength } from "./journal.js";
import type { VerifiedMemory } from "./verified-memory.js";

/*
 * Header (two units) | journal | directory | heap, then what VerifiedMemory keeps. Header, journal and directory start at pages.
 */

/** As the directory can say it. */
export const MAX_OBJECT = 0xffff;
const MAX_GRANULES = 0xffff;
/** Most objects that change at once: the journal has room for as many. */
export const MAX_BATCH = 85;
/** The journal is a ring, so that writes spread over its pages. */
const RING_BYTES = 1024;

export interface StoreLayout {
  readonly journal: { readonly at: number; readonly bytes: number };
  readonly directoryAt: number;
  readonly heap: HeapArea;
}

/** @throws `emulator/store-full` where there is no room for a heap */
export function layoutOf({ size, pageBytes, unit }: VerifiedMemory): StoreLayout {
  const pages = (bytes: number): number => Math.ceil(bytes / pageBytes) * pageBytes;
  const units = Math.min(MAX_BATCH, DIRECTORY_BYTES / unit);
  const journal = { at: pages(2 * unit), bytes: pages(Math.max(RING_BYTES, recordLength(units, unit))) };
  const directoryAt = journal.at + journal.bytes;
  let granule = unit;
  while (size / granule > MAX_GRANULES) granule *= 2;
  const from = Math.ceil((directoryAt + pages(DIRECTORY_BYTES)) / granule) * granule;
  if (from >= size)
    throw emulatorError(
      "store-full",
      `a memory with pages of ${pageBytes} bytes that is to hold objects needs more than ${from} bytes`,
      { size, from },
    );
  return { journal, directoryAt, heap: { from, to: size - (size % granule), granule, page: pageBytes } };
}
