import { concat, readUint, u32be } from "../../src/util/bytes.js";
import { emulatorError } from "../errors.js";
import type { Nvm } from "./nvm.js";

/*
 * Layout, from the end of the memory:  ... | table | spare pages
 *
 * Whatever is written is read back. A page that did not take it is bad: the whole of it, as it should be, goes into a spare page, and then
 * an entry into the table. An entry has a unit that is erased alone, so that the next one cannot spoil it.
 */

/** Page (4) and its complement (4). */
const ENTRY = 8;
/** Stands for a spare page that was bad itself. */
const NOBODY = 0xffff_fffe;
const PAGES_A_SPARE = 128;
const MIN_SPARES = 2;
const MAX_SPARES = 32;

/** Memory in which a write is what was written, or a fault: bad pages are replaced as long as there are spare ones. */
export class VerifiedMemory {
  /** Bytes in front of table and spare pages. */
  readonly size: number;
  readonly pageBytes: number;
  /** A write that is interrupted spoils whole units of these, no others. */
  readonly unit: number;
  readonly #nvm: Nvm;
  readonly #spares: number;
  /** Replaced pages, and where they are now. */
  readonly #moved = new Map<number, number>();
  #used = 0;

  constructor(nvm: Nvm) {
    this.#nvm = nvm;
    this.pageBytes = nvm.pageBytes;
    this.unit = Math.max(ENTRY, nvm.cells.eraseBytes);
    const pages = nvm.size / nvm.pageBytes;
    this.#spares = Math.min(MAX_SPARES, Math.max(MIN_SPARES, Math.floor(pages / PAGES_A_SPARE)));
    const table = Math.ceil((this.#spares * this.unit) / nvm.pageBytes);
    this.size = Math.max(0, pages - this.#spares - table) * nvm.pageBytes;
    for (; this.#used < this.#spares; this.#used++) {
      const entry = nvm.read(this.#entryAt(this.#used), ENTRY);
      const page = readUint(entry.subarray(0, 4));
      if (~page >>> 0 !== readUint(entry.subarray(4))) break;
      if (page !== NOBODY) this.#moved.set(page, this.#spareAt(this.#used));
    }
  }

  /** Spare pages left. */
  get spares(): number {
    return this.#spares - this.#used;
  }

  /** @throws `emulator/power-lost`, `emulator/nvm-range` */
  read(offset: number, length: number): Uint8Array {
    if (this.#moved.size === 0) return this.#nvm.read(offset, length);
    const parts: Uint8Array[] = [];
    for (let done = 0; done < length;) {
      const taken = Math.min(this.pageBytes - ((offset + done) % this.pageBytes), length - done);
      parts.push(this.#nvm.read(this.#physical(offset + done), taken));
      done += taken;
    }
    return concat(...parts);
  }

  /** @throws `emulator/memory-worn` where it did not become what it should and no spare page is left; `emulator/power-lost`, `emulator/nvm-range` */
  write(offset: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const at = (offset + done) % this.pageBytes;
      const part = bytes.subarray(done, done + this.pageBytes - at);
      const physical = this.#physical(offset + done);
      this.#nvm.write(physical, part);
      if (!this.#nvm.holds(physical, part)) this.#replace(offset + done - at, at, part);
      done += part.length;
    }
  }

  #replace(page: number, at: number, part: Uint8Array): void {
    const wanted = this.#nvm.read(this.#physical(page), this.pageBytes);
    wanted.set(part, at);
    const number = page / this.pageBytes;
    while (this.#used < this.#spares) {
      const spare = this.#used++;
      const good = this.#taken(this.#spareAt(spare), wanted);
      const name = good ? number : NOBODY;
      if (!this.#taken(this.#entryAt(spare), concat(u32be(name), u32be(~name)))) break;
      if (!good) continue;
      this.#moved.set(number, this.#spareAt(spare));
      return;
    }
    throw emulatorError(
      "memory-worn",
      "the secure element's memory is worn out: a page does not take what is written, and no spare page is left",
      { page: number },
    );
  }

  #taken(physical: number, bytes: Uint8Array): boolean {
    this.#nvm.write(physical, bytes);
    return this.#nvm.holds(physical, bytes);
  }

  #physical(offset: number): number {
    if (this.#moved.size === 0) return offset;
    const at = offset % this.pageBytes;
    return (this.#moved.get((offset - at) / this.pageBytes) ?? offset - at) + at;
  }

  #entryAt(spare: number): number {
    return this.size + spare * this.unit;
  }

  #spareAt(spare: number): number {
    return this.#nvm.size - (spare + 1) * this.pageBytes;
  }
}
