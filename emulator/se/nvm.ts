import { roomFor } from "../../src/util/bytes.js";
import { emulatorError } from "../errors.js";
import { noise, wornWrite } from "./nvm-wear.js";

/**
 * When to cut the power: before the operation with that number, or in the middle of it, with its first `kept` bytes written. What was to be
 * written behind them is as it was, or erased, or random from that seed; the last two take the rest of the erased units with them.
 * Operations count from 1.
 */
export type PowerCut =
  | { readonly before: number }
  | { readonly inside: number; readonly kept: number; readonly rest?: "erased" | { readonly noise: number } };

/** What kind of cells the memory has. */
export interface NvmCells {
  /** Bytes that are programmed together; a cut keeps whole ones. */
  readonly writeBytes: number;
  /** Bytes that are erased together where a bit has to become 1 again; at most a page. */
  readonly eraseBytes: number;
  /** Writes that a page takes before it wears out. */
  readonly endurance: number;
  /** Decides how worn-out pages fail. */
  readonly seed: number;
}

/** The whole content at one moment, plain data. Pages are shared and never written again. */
export interface NvmSnapshot {
  readonly pages: readonly Uint8Array[];
  /** Writes that each page has taken. */
  readonly cycles: readonly number[];
  readonly operations: number;
  readonly seed: number;
}

const ERASED = 0xff;
/** Byte-wise cells that outlast any test. */
const EVERLASTING: NvmCells = { writeBytes: 1, eraseBytes: 1, endurance: Infinity, seed: 0 };

/**
 * Non-volatile memory of a secure element, as EEPROM is: erasing makes FF, programming clears bits, a page at a time at most. A write to one page
 * is one operation; a longer one is several. Power can be cut at any operation: `emulator/power-lost` is thrown there and at every access
 * after it, until power returns. A page that has had more writes than it endures takes them no longer as they were meant, and does not
 * say so: whoever writes reads back. A write that is cut or fails leaves anything in the units it erases, and nothing elsewhere.
 */
export class Nvm {
  readonly size: number;
  readonly pageBytes: number;
  readonly cells: NvmCells;
  #pages: Uint8Array[];
  /** Pages that no snapshot shares. */
  #own: boolean[];
  #cycles: number[];
  #operations = 0;
  #cut: PowerCut | undefined;
  #dead = false;

  /** @throws `emulator/nvm-range` where sizes do not divide each other; `emulator/snapshot-mismatch` */
  constructor(size: number, pageBytes: number, from?: NvmSnapshot, cells: NvmCells = EVERLASTING) {
    const count = size / pageBytes;
    const { writeBytes, eraseBytes } = cells;
    if (!Number.isInteger(count) || count < 1)
      throw emulatorError("nvm-range", `${size} bytes are not whole pages of ${pageBytes}`, { size, pageBytes });
    if (pageBytes % eraseBytes !== 0 || eraseBytes % writeBytes !== 0)
      throw emulatorError(
        "nvm-range",
        `pages of ${pageBytes} bytes are not whole erase units of ${eraseBytes}, or those not whole words of ${writeBytes}`,
        { pageBytes, eraseBytes, writeBytes },
      );
    if (from && (from.pages.length !== count || from.pages.some((page) => page.length !== pageBytes)))
      throw emulatorError(
        "snapshot-mismatch",
        "the snapshot is of a memory with another size; open it with the profile it was made with",
        { size, pageBytes },
      );
    this.size = size;
    this.pageBytes = pageBytes;
    this.cells = from ? { ...cells, seed: from.seed } : cells;
    this.#pages = from ? [...from.pages] : Array.from({ length: count }, () => new Uint8Array(pageBytes).fill(ERASED));
    this.#own = Array<boolean>(count).fill(from === undefined);
    this.#cycles = from ? [...from.cycles] : Array<number>(count).fill(0);
    this.#operations = from?.operations ?? 0;
  }

  /** Page writes since the memory was made. */
  get operations(): number {
    return this.#operations;
  }

  /** Writes that a page has taken. */
  cyclesOf(page: number): number {
    return this.#cycles[page]!;
  }

  /** Plans a power cut; operations are counted from now on. Undefined takes the plan back. Returns whether an earlier plan was still waiting. */
  planCut(cut: PowerCut | undefined): boolean {
    const waiting = this.#cut !== undefined;
    this.#cut =
      cut &&
      ("before" in cut ? { before: this.#operations + cut.before } : { ...cut, inside: this.#operations + cut.inside });
    return waiting;
  }

  /** Power is back after a cut. */
  powerUp(): void {
    this.#dead = false;
  }

  /** @throws `emulator/power-lost` while there is no power; `emulator/nvm-range` */
  read(offset: number, length: number): Uint8Array {
    this.#check(offset, length);
    if (this.#dead) throw powerLost(this.#operations);
    if (length === 0) return new Uint8Array(0); // at the very end, too, where no page is
    const first = Math.floor(offset / this.pageBytes);
    const start = offset % this.pageBytes;
    if (start + length <= this.pageBytes) return this.#pages[first]!.slice(start, start + length);
    const out = roomFor(length);
    for (let done = 0, page = first, at = start; done < length; page++, at = 0) {
      const part = this.#pages[page]!.subarray(at, Math.min(this.pageBytes, at + length - done));
      out.set(part, done);
      done += part.length;
    }
    return out;
  }

  /** Whether these bytes of one page are there: reading back. @throws `emulator/power-lost` */
  holds(offset: number, bytes: Uint8Array): boolean {
    if (this.#dead) throw powerLost(this.#operations);
    const page = this.#pages[Math.floor(offset / this.pageBytes)]!;
    const at = offset % this.pageBytes;
    for (let i = 0; i < bytes.length; i++) if (page[at + i] !== bytes[i]) return false;
    return true;
  }

  /** @throws `emulator/power-lost` where a cut was planned; `emulator/nvm-range` */
  write(offset: number, bytes: Uint8Array): void {
    this.#check(offset, bytes.length);
    for (let done = 0; done < bytes.length;) {
      const page = Math.floor((offset + done) / this.pageBytes);
      const at = (offset + done) % this.pageBytes;
      const part = bytes.subarray(done, done + this.pageBytes - at);
      this.#program(page, at, part);
      done += part.length;
    }
  }

  snapshot(): NvmSnapshot {
    this.#own.fill(false);
    return { pages: [...this.#pages], cycles: [...this.#cycles], operations: this.#operations, seed: this.cells.seed };
  }

  #program(page: number, at: number, part: Uint8Array): void {
    if (this.#dead) throw powerLost(this.#operations);
    const operation = this.#operations + 1;
    const cut = this.#cut;
    if (cut && "before" in cut && operation >= cut.before) this.#die();
    if (!this.#own[page]) {
      this.#pages[page] = this.#pages[page]!.slice();
      this.#own[page] = true;
    }
    const bytes = this.#pages[page]!;
    const cycles = ++this.#cycles[page]!;
    this.#operations = operation;
    if (cut && "inside" in cut && operation >= cut.inside) {
      this.#tear(bytes, at, part, cut);
      this.#die();
    }
    if (cycles <= this.cells.endurance) bytes.set(part, at);
    else wornWrite(bytes, at, part, { page, cycles, ...this.cells });
  }

  /** The first words are done; the rest of the units that had to be erased is what the cut says. */
  #tear(page: Uint8Array, at: number, part: Uint8Array, { kept, rest }: Extract<PowerCut, { inside: number }>): void {
    const { writeBytes, eraseBytes } = this.cells;
    const whole = (at + kept) % writeBytes;
    const done = kept >= part.length ? part.length : Math.max(0, kept - whole);
    if (rest !== undefined) {
      const from = at - (at % eraseBytes);
      const units = page.subarray(from, Math.ceil((at + part.length) / eraseBytes) * eraseBytes);
      if (rest === "erased") units.fill(ERASED);
      else noise(units, rest.noise, this.#operations);
    }
    page.set(part.subarray(0, done), at);
  }

  #die(): never {
    this.#dead = true;
    this.#cut = undefined;
    throw powerLost(this.#operations);
  }

  #check(offset: number, length: number): void {
    if (offset < 0 || length < 0 || offset + length > this.size)
      throw emulatorError("nvm-range", `bytes ${offset} to ${offset + length} are outside the memory of ${this.size}`, {
        offset,
        length,
      });
  }
}

const powerLost = (operations: number) =>
  emulatorError("power-lost", "the power was cut; switch the field on again", { operations });
