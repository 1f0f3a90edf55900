import { crc32 } from "../../src/codec/crc.js";
import { concat, readUint, u16be, u32be } from "../../src/util/bytes.js";
import type { VerifiedMemory } from "./verified-memory.js";

/*
 * A ring of pages. A record starts at a page: sequence number (4), CRC-32 of everything else (4), number of changes (2), changes. It counts
 * once it is whole; the one with the greatest sequence number is the last, and all before it have been carried out. So no page
 * is written more often than others, and nothing has to be marked or cleared.
 */

const HEAD = 10;

/** A unit of the directory as it is to be. */
export interface UnitChange {
  readonly unit: number;
  readonly bytes: Uint8Array;
}

/** Where the ring is: page-aligned, whole pages. */
interface Ring {
  readonly at: number;
  readonly bytes: number;
}

/** Bytes of a record of so many changes. */
export const recordLength = (changes: number, unit: number): number => HEAD + changes * (2 + unit);

/** What is committed here happens, now or when the power is back. */
export class Journal {
  /** Changes of the last record: carried out, or to be carried out again after a power cut. */
  readonly last: readonly UnitChange[];
  readonly #memory: VerifiedMemory;
  readonly #ring: Ring;
  #sequence = 0;
  /** Where the next record starts, from the start of the ring. */
  #next = 0;

  constructor(memory: VerifiedMemory, ring: Ring) {
    this.#memory = memory;
    this.#ring = ring;
    const found: { at: number; sequence: number; length: number }[] = [];
    for (let at = 0; at < ring.bytes; at += memory.pageBytes) {
      const head = memory.read(ring.at + at, HEAD);
      const length = recordLength(readUint(head.subarray(8)), memory.unit);
      if (at + length <= ring.bytes) found.push({ at, sequence: readUint(head.subarray(0, 4)), length });
    }
    let last: readonly UnitChange[] = [];
    for (const { at, sequence, length } of found.toSorted((a, b) => b.sequence - a.sequence)) {
      const record = memory.read(ring.at + at, length);
      if (checksum(record) !== readUint(record.subarray(4, 8))) continue;
      last = changesOf(record, memory.unit);
      this.#sequence = sequence;
      this.#next = this.#behind(at, length);
      break;
    }
    this.last = last;
  }

  /** Durable when it returns. @throws `emulator/memory-worn`, `emulator/power-lost` */
  commit(changes: readonly UnitChange[]): void {
    const record = concat(
      u32be(this.#sequence + 1),
      u32be(0),
      u16be(changes.length),
      ...changes.flatMap(({ unit, bytes }) => [u16be(unit), bytes]),
    );
    record.set(u32be(checksum(record)), 4);
    const at = this.#next + record.length > this.#ring.bytes ? 0 : this.#next;
    this.#memory.write(this.#ring.at + at, record);
    this.#sequence++;
    this.#next = this.#behind(at, record.length);
  }

  /** The page behind a record, or the first. */
  #behind(at: number, length: number): number {
    const { pageBytes } = this.#memory;
    return (at + Math.ceil(length / pageBytes) * pageBytes) % this.#ring.bytes;
  }
}

const checksum = (record: Uint8Array): number => crc32(record.subarray(8), crc32(record.subarray(0, 4)));

function changesOf(record: Uint8Array, unit: number): UnitChange[] {
  const changes: UnitChange[] = [];
  for (let at = HEAD; at < record.length; at += 2 + unit)
    changes.push({ unit: readUint(record.subarray(at, at + 2)), bytes: record.slice(at + 2, at + 2 + unit) });
  return changes;
}
