import { emulatorError } from "../errors.js";

/** When to cut the power: before the operation with that number, or in the middle of it, with its first `kept` bytes written. Operations count from 1. */
export type PowerCut = { readonly before: number } | { readonly inside: number; readonly kept: number };

/** The whole content at one moment. Pages are shared and never written again. */
export interface NvmSnapshot {
  readonly pages: readonly Uint8Array[];
  readonly operations: number;
}

const ERASED = 0xff;

/**
 * Non-volatile memory of a secure element. A write to one page is one operation; a longer one is several. Power can be cut at any
 * operation: `emulator/power-lost` is thrown there and at every access after it, until power returns.
 */
export class Nvm {
  readonly size: number;
  readonly pageBytes: number;
  #pages: Uint8Array[];
  /** Pages that no snapshot shares. */
  #own: boolean[];
  #operations = 0;
  #cut: PowerCut | undefined;
  #dead = false;

  constructor(size: number, pageBytes: number, from?: NvmSnapshot) {
    const count = size / pageBytes;
    if (!Number.isInteger(count) || count < 1)
      throw emulatorError("nvm-range", `${size} bytes are not whole pages of ${pageBytes}`, { size, pageBytes });
    if (from && (from.pages.length !== count || from.pages.some((page) => page.length !== pageBytes)))
      throw emulatorError(
        "snapshot-mismatch",
        "the snapshot is of a memory with another size; open it with the profile it was made with",
        { size, pageBytes },
      );
    this.size = size;
    this.pageBytes = pageBytes;
    this.#pages = from ? [...from.pages] : Array.from({ length: count }, () => new Uint8Array(pageBytes).fill(ERASED));
    this.#own = this.#pages.map(() => from === undefined);
    this.#operations = from?.operations ?? 0;
  }

  /** Page writes since the memory was made. */
  get operations(): number {
    return this.#operations;
  }

  /** Plans a power cut; operations are counted from now on. Undefined takes the plan back. Returns whether an earlier plan was still waiting. */
  planCut(cut: PowerCut | undefined): boolean {
    const waiting = this.#cut !== undefined;
    this.#cut =
      cut &&
      ("before" in cut
        ? { before: this.#operations + cut.before }
        : { inside: this.#operations + cut.inside, kept: cut.kept });
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
    const out = new Uint8Array(length);
    for (let done = 0, page = first, at = start; done < length; page++, at = 0) {
      const part = this.#pages[page]!.subarray(at, Math.min(this.pageBytes, at + length - done));
      out.set(part, done);
      done += part.length;
    }
    return out;
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
    return { pages: [...this.#pages], operations: this.#operations };
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
    this.#operations = operation;
    if (cut && "inside" in cut && operation >= cut.inside) {
      this.#pages[page]!.set(part.subarray(0, cut.kept), at);
      this.#die();
    }
    this.#pages[page]!.set(part, at);
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
