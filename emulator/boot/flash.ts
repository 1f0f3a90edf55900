import type { Random } from "../../src/util/random.js";
import { NO_BYTES } from "../../src/util/bytes.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { emulatorError } from "../errors.js";

/** What a flash is made of. All in bytes; `size` is whole sectors, a sector whole write blocks. */
export interface FlashGeometry {
  readonly size: number;
  /** What one erase takes. */
  readonly sectorBytes: number;
  /** Least that can be programmed, and its alignment. */
  readonly writeBytes: number;
}

/**
 * When to cut the power: before the operation with that number, or in the middle of it, with its first `kept` bytes done, or with each byte (`torn`) or each
 * bit (`bits`) done or not as is drawn. Operations count from 1.
 */
export type FlashCut =
  | { readonly before: number }
  | { readonly inside: number; readonly kept: number }
  | { readonly inside: number; readonly torn: Random }
  | { readonly inside: number; readonly bits: Random };

/** One erase of a sector or one program within a sector; bytes. */
export interface FlashOperation {
  readonly kind: "erase" | "program";
  readonly offset: number;
  readonly length: number;
}

/** What is wrong with a flash. */
export interface FlashFaults {
  /** Sectors that take neither program nor erase. */
  readonly badSectors?: ReadonlySet<number>;
  /** Erases that a sector stands. */
  readonly endurance?: number;
  /** Operations that fail and change nothing. */
  readonly fails?: (operation: FlashOperation) => boolean;
}

/** A flash, or a part of one: offsets from its own start. */
export interface FlashArea extends FlashGeometry {
  /** @throws `emulator/power-lost`, `emulator/flash-range` */
  readonly read: (offset: number, length: number) => Uint8Array;
  /** Clears bits. @throws `emulator/power-lost`, `emulator/flash-range`, `emulator/flash-alignment`, `emulator/flash-not-erased`, `emulator/flash-failed` */
  readonly program: (offset: number, bytes: Uint8Array) => void;
  /** Sets all bits of whole sectors. @throws `emulator/power-lost`, `emulator/flash-range`, `emulator/flash-alignment`, `emulator/flash-failed` */
  readonly erase: (offset: number, length: number) => void;
}

/** The whole content at one moment. Sectors are shared and never written again. */
export interface FlashSnapshot {
  readonly sectors: readonly Uint8Array[];
  readonly operations: number;
}

export const ERASED = 0xff;

/**
 * NOR flash of a microcontroller: programming clears bits, erasing sets those of a sector. Each call of `program` within one sector is one operation,
 * each erased sector another. Power can be cut at any operation: `emulator/power-lost` is thrown there and at every access after it, until power returns.
 */
export class Flash implements FlashArea {
  readonly size: number;
  readonly sectorBytes: number;
  readonly writeBytes: number;
  #sectors: Uint8Array[];
  /** Sectors that no snapshot shares. */
  readonly #own: boolean[];
  readonly #wear: number[];
  /** An erased sector; shared by all of them. */
  readonly #blank: Uint8Array;
  /** Told of each operation that begins. */
  onOperation: ((operation: FlashOperation) => void) | undefined;
  /** What is wrong with it from now on. */
  faults: FlashFaults | undefined;
  #operations = 0;
  #cut: FlashCut | undefined;
  #dead = false;

  constructor({ size, sectorBytes, writeBytes }: FlashGeometry, from?: FlashSnapshot) {
    const count = size / sectorBytes;
    if (!Number.isInteger(count) || count < 1 || sectorBytes % writeBytes !== 0)
      throw emulatorError(
        "flash-range",
        `${size} bytes are not whole sectors of ${sectorBytes}, of blocks of ${writeBytes}`,
        {
          size,
          sectorBytes,
          writeBytes,
        },
      );
    if (from && (from.sectors.length !== count || from.sectors.some(({ length }) => length !== sectorBytes)))
      throw emulatorError(
        "snapshot-mismatch",
        "the snapshot is of a flash with another layout; open it with the profile it was made with",
        { size, sectorBytes },
      );
    this.size = size;
    this.sectorBytes = sectorBytes;
    this.writeBytes = writeBytes;
    this.#blank = new Uint8Array(sectorBytes).fill(ERASED);
    this.#sectors = from ? [...from.sectors] : Array.from({ length: count }, () => this.#blank);
    this.#own = this.#sectors.map(() => false);
    this.#wear = this.#sectors.map(() => 0);
    this.#operations = from?.operations ?? 0;
  }

  /** Programs and erases since the flash was made. */
  get operations(): number {
    return this.#operations;
  }

  /** Erases of each sector since this flash was made. */
  get wear(): readonly number[] {
    return this.#wear;
  }

  /** Plans a power cut; operations are counted from now on. Undefined takes the plan back. Returns whether an earlier plan was still waiting. */
  planCut(cut: FlashCut | undefined): boolean {
    const waiting = this.#cut !== undefined;
    const from = this.#operations;
    this.#cut = cut && ("before" in cut ? { before: from + cut.before } : { ...cut, inside: from + cut.inside });
    return waiting;
  }

  /** Whether the power was cut and has not returned. */
  get dead(): boolean {
    return this.#dead;
  }

  /** Power is back after a cut. */
  powerUp(): void {
    this.#dead = false;
  }

  readonly read = (offset: number, length: number): Uint8Array => {
    this.#check(offset, length);
    if (this.#dead) throw powerLost(this.#operations);
    const first = Math.floor(offset / this.sectorBytes);
    const start = offset % this.sectorBytes;
    if (start + length <= this.sectorBytes) return this.#sectors[first]?.slice(start, start + length) ?? NO_BYTES;
    const out = new Uint8Array(length);
    for (let done = 0, sector = first, at = start; done < length; sector++, at = 0) {
      const part = this.#sectors[sector]!.subarray(at, Math.min(this.sectorBytes, at + length - done));
      out.set(part, done);
      done += part.length;
    }
    return out;
  };

  readonly program = (offset: number, bytes: Uint8Array): void => {
    this.#check(offset, bytes.length);
    this.#aligned(offset, bytes.length, this.writeBytes);
    for (let from = 0; from < bytes.length;) {
      const sector = Math.floor((offset + from) / this.sectorBytes);
      const at = (offset + from) % this.sectorBytes;
      const part = bytes.subarray(from, from + this.sectorBytes - at);
      const taken = unprogrammable(this.#sectors[sector]!, at, part);
      if (taken !== undefined)
        throw emulatorError(
          "flash-not-erased",
          `byte ${offset + from + taken} is programmed already; erase its sector first`,
          { offset: offset + from + taken },
        );
      this.#change("program", sector, at, part);
      from += part.length;
    }
  };

  readonly erase = (offset: number, length: number): void => {
    this.#check(offset, length);
    this.#aligned(offset, length, this.sectorBytes);
    const first = offset / this.sectorBytes;
    for (let sector = first; sector < first + length / this.sectorBytes; sector++)
      this.#change("erase", sector, 0, this.#blank);
  };

  snapshot(): FlashSnapshot {
    this.#own.fill(false);
    return { sectors: [...this.#sectors], operations: this.#operations };
  }

  /** Becomes what the snapshot was; a planned cut is forgotten. */
  restore({ sectors, operations }: FlashSnapshot): void {
    if (sectors.length !== this.#sectors.length || sectors[0]!.length !== this.sectorBytes)
      throw emulatorError("snapshot-mismatch", "the snapshot is of a flash with another layout", {
        sectors: sectors.length,
      });
    this.#sectors = [...sectors];
    this.#own.fill(false);
    this.#operations = operations;
    this.#cut = undefined;
    this.#dead = false;
  }

  /** One operation: bytes become what they are to be, or some of them. */
  #change(kind: FlashOperation["kind"], sector: number, at: number, bytes: Uint8Array): void {
    if (this.#dead) throw powerLost(this.#operations);
    const operation = this.#operations + 1;
    const cut = this.#cut;
    if (cut && "before" in cut && operation >= cut.before) this.#die();
    if (this.onOperation ?? this.faults) {
      const what = { kind, offset: sector * this.sectorBytes + at, length: bytes.length };
      this.onOperation?.(what);
      this.#refuse(what, sector);
    }
    if (kind === "erase") this.#wear[sector]! += 1;
    if (kind === "erase" && (!cut || operation < ("inside" in cut ? cut.inside : Infinity))) {
      this.#operations = operation;
      this.#sectors[sector] = this.#blank;
      this.#own[sector] = false;
      return;
    }
    if (!this.#own[sector]) {
      this.#sectors[sector] = this.#sectors[sector]!.slice();
      this.#own[sector] = true;
    }
    this.#operations = operation;
    const content = this.#sectors[sector]!;
    if (cut && "inside" in cut && operation >= cut.inside) {
      if ("kept" in cut) content.set(bytes.subarray(0, cut.kept), at);
      else if ("torn" in cut) {
        for (let i = 0; i < bytes.length; i++) if (cut.torn.below(2) === 1) content[at + i] = bytes[i]!;
      } else {
        const done = cut.bits.bytes(bytes.length);
        for (let i = 0; i < bytes.length; i++) content[at + i]! ^= (content[at + i]! ^ bytes[i]!) & done[i]!;
      }
      this.#die();
    }
    content.set(bytes, at);
  }

  #refuse(what: FlashOperation, sector: number): void {
    const { badSectors, endurance = Infinity, fails } = this.faults ?? {};
    const worn = what.kind === "erase" && this.#wear[sector]! >= endurance;
    if (worn || badSectors?.has(sector) === true || fails?.(what) === true)
      throw emulatorError("flash-failed", `the flash did not take the ${what.kind} at ${what.offset}; it is worn out`, {
        ...what,
      });
  }

  #die(): never {
    this.#dead = true;
    this.#cut = undefined;
    throw powerLost(this.#operations);
  }

  #check(offset: number, length: number): void {
    if (offset < 0 || length < 0 || offset + length > this.size)
      throw emulatorError(
        "flash-range",
        `bytes ${offset} to ${offset + length} are outside the flash of ${this.size}`,
        {
          offset,
          length,
        },
      );
  }

  #aligned(offset: number, length: number, unit: number): void {
    if (offset % unit !== 0 || length % unit !== 0)
      throw emulatorError("flash-alignment", `${length} bytes at ${offset} are not whole blocks of ${unit}`, {
        offset,
        length,
        unit,
      });
  }
}

/** The first bit that would have to be set, as its byte's offset in `bytes`. */
function unprogrammable(content: Uint8Array, at: number, bytes: Uint8Array): number | undefined {
  for (let i = 0; i < bytes.length; i++) if ((bytes[i]! & ~content[at + i]!) !== 0) return i;
  return undefined;
}

/** Whether the flash did not take an operation, as it is bad there or was not erased; not that its power went. */
export const isRefusal = (error: unknown): boolean =>
  isTapbenchError(error) && (error.code === "emulator/flash-failed" || error.code === "emulator/flash-not-erased");

/** A partition: a part of a flash, in whole sectors. */
export function flashArea(flash: FlashArea, start: number, size: number): FlashArea {
  const { sectorBytes, writeBytes } = flash;
  if (start % sectorBytes !== 0 || size % sectorBytes !== 0 || start + size > flash.size)
    throw emulatorError("flash-range", `a partition of ${size} bytes at ${start} does not fit the flash's sectors`, {
      start,
      size,
    });
  const within = (offset: number, length: number): number => {
    if (offset < 0 || length < 0 || offset + length > size)
      throw emulatorError("flash-range", `bytes ${offset} to ${offset + length} are outside the partition of ${size}`, {
        offset,
        length,
      });
    return start + offset;
  };
  return {
    size,
    sectorBytes,
    writeBytes,
    read: (offset, length) => flash.read(within(offset, length), length),
    program: (offset, bytes) => flash.program(within(offset, bytes.length), bytes),
    erase: (offset, length) => flash.erase(within(offset, length), length),
  };
}

const powerLost = (operations: number) =>
  emulatorError("power-lost", "the power was cut; switch the device on again", { operations });
