import { concat } from "../../src/util/bytes.js";
import type { UnitChange } from "./journal.js";

/*
 * Where every object lies, by slot: object number (4), its first granule (2), length (2). An empty slot is FF. The top bit of the number says that
 * the object is a counter.
 */

/** Slots that there are. */
export const SLOTS = 256;
const ENTRY = 8;
export const DIRECTORY_BYTES = SLOTS * ENTRY;
const IS_COUNTER = 0x8000_0000;
const EMPTY = 0xffff_ffff;

/** Where an object is. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
  readonly counter: boolean;
}

export interface Slot extends Extent {
  readonly slot: number;
  readonly id: number;
}

/** The directory as it is written, and as it is meant to be written next. */
export class Directory {
  readonly #image: Uint8Array;
  readonly #view: DataView;
  readonly #unit: number;
  readonly #granule: number;

  /** Takes the bytes over. */
  constructor(image: Uint8Array, unit: number, granule: number) {
    this.#image = image;
    this.#view = new DataView(image.buffer, image.byteOffset, image.length);
    this.#unit = unit;
    this.#granule = granule;
  }

  /** Slots in use, in order. */
  *slots(): Generator<Slot> {
    for (let slot = 0; slot < SLOTS; slot++) {
      const number = this.#view.getUint32(slot * ENTRY);
      if (number === EMPTY) continue;
      const offset = this.#view.getUint16(slot * ENTRY + 4) * this.#granule;
      const length = this.#view.getUint16(slot * ENTRY + 6);
      yield { slot, id: number & ~IS_COUNTER, offset, length, counter: number >= IS_COUNTER };
    }
  }

  /**
   * The units that change where slots become this; undefined empties one. Nothing is changed yet. With them, as long as that makes at most so many,
   * come units that lie between two of them in a page, so that the page is written once.
   */
  changed(
    changes: readonly { slot: number; id: number; extent: Extent | undefined }[],
    pageBytes: number,
    most: number,
  ): UnitChange[] {
    const units = new Map<number, Uint8Array>();
    const take = (unit: number): Uint8Array => {
      const from = unit * this.#unit;
      const bytes = units.get(unit) ?? concat(this.#image.subarray(from, from + this.#unit));
      units.set(unit, bytes);
      return bytes;
    };
    for (const { slot, id, extent } of changes) {
      const unit = Math.floor((slot * ENTRY) / this.#unit);
      const bytes = take(unit);
      const at = slot * ENTRY - unit * this.#unit;
      if (!extent) bytes.fill(0xff, at, at + ENTRY);
      else putEntry(bytes, at, extent.counter ? id | IS_COUNTER : id, extent.offset / this.#granule, extent.length);
    }
    const inOrder = [...units.keys()].toSorted((a, b) => a - b);
    const inPage = pageBytes / this.#unit;
    for (let i = 1; i < inOrder.length; i++) {
      const from = inOrder[i - 1]!;
      const to = inOrder[i]!;
      if (Math.floor(from / inPage) !== Math.floor(to / inPage) || units.size + to - from - 1 > most) continue;
      for (let between = from + 1; between < to; between++) take(between);
    }
    return [...units].map(([unit, bytes]) => ({ unit, bytes }));
  }

  /** Takes a change over. False: it was like that before. */
  adopt({ unit, bytes }: UnitChange): boolean {
    const at = unit * this.#unit;
    let same = true;
    for (let i = 0; i < bytes.length; i++) same &&= this.#image[at + i] === bytes[i];
    if (same) return false;
    this.#image.set(bytes, at);
    return true;
  }
}

function putEntry(bytes: Uint8Array, at: number, number: number, granule: number, length: number): void {
  bytes[at] = number >>> 24;
  bytes[at + 1] = number >>> 16;
  bytes[at + 2] = number >>> 8;
  bytes[at + 3] = number;
  bytes[at + 4] = granule >>> 8;
  bytes[at + 5] = granule;
  bytes[at + 6] = length >>> 8;
  bytes[at + 7] = length;
}
