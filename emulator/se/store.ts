import { crc16 } from "../../src/codec/crc.js";
import { concat, roomFor, u16be, u32be } from "../../src/util/bytes.js";
import { emulatorError } from "../errors.js";
import type { Nvm } from "./nvm.js";

/*
 * Layout:  header | journal | directory | heap
 *
 * An object's bytes lie in the heap, its place in the directory. Changing an object writes the new bytes into free heap, then moves the
 * directory entry through the journal: after a cut it is the old object or the new one, never between. Counters are changed in place,
 * in the one of their two cells that does not hold the current value.
 */
const MAGIC = 0x5442; // "TB"
const VERSION = 1;
const HEADER = 16;
/** Mark (1), CRC of the entries (2), number of entries (1), each: directory slot (2), entry (ENTRY). */
const JOURNAL = 1024;
/** Object number (4), offset (4), length (2). */
const ENTRY = 10;
const SLOTS = 256;
const DIRECTORY_AT = HEADER + JOURNAL;
const HEAP_AT = DIRECTORY_AT + SLOTS * ENTRY;
const COMMITTED = 0xa5;
const CLEAR = 0x00;
const MAX_BATCH = Math.floor((JOURNAL - 4) / (ENTRY + 2));
/** As the directory can say it. */
const MAX_OBJECT = 0xffff;
/** Two cells: value (2) and its complement (2). */
const COUNTER = 8;

interface Extent {
  readonly slot: number;
  readonly offset: number;
  readonly length: number;
}

/** Objects by number in non-volatile memory, each whole or not there. */
export class ObjectStore {
  readonly #nvm: Nvm;
  readonly #extents = new Map<number, Extent>();
  /** Objects as they were last read: the same array until the object changes, so that users can keep what they derive from it. */
  readonly #read = new Map<number, Uint8Array>();

  /** Opens what is there, finishing what a power cut interrupted; an erased memory is formatted. @throws `emulator/store-damaged` */
  constructor(nvm: Nvm) {
    this.#nvm = nvm;
    const header = nvm.read(0, 4);
    if (header[3] === 0xff) this.#format(); // erased, or formatting was cut off
    else if (((header[0]! << 8) | header[1]!) !== MAGIC || header[2] !== VERSION)
      throw emulatorError("store-damaged", "this memory does not hold an object store; start from an erased one", {
        header: [...header],
      });
    this.#replay();
    for (let slot = 0; slot < SLOTS; slot++) this.#adopt(slot, nvm.read(DIRECTORY_AT + slot * ENTRY, ENTRY));
  }

  get ids(): readonly number[] {
    return [...this.#extents.keys()];
  }

  /** Bytes of heap that no object has; not all of them in one piece. */
  get free(): number {
    let taken = 0;
    for (const { length } of this.#extents.values()) taken += aligned(length);
    return this.#nvm.size - HEAP_AT - taken;
  }

  get(id: number): Uint8Array | undefined {
    const known = this.#read.get(id);
    if (known) return known;
    const extent = this.#extents.get(id);
    if (!extent) return undefined;
    const bytes = this.#nvm.read(extent.offset, extent.length);
    this.#read.set(id, bytes);
    return bytes;
  }

  put(id: number, bytes: Uint8Array): void {
    this.putAll([[id, bytes]]);
  }

  /** All of them or none; of several for one object the last. Undefined removes. @throws `emulator/store-full`, and nothing is changed then */
  putAll(wanted: readonly (readonly [id: number, bytes: Uint8Array | undefined])[]): void {
    const changes = [...new Map(wanted)].filter(([id, bytes]) => bytes || this.#extents.has(id));
    if (changes.length === 0) return;
    if (changes.length > MAX_BATCH)
      throw emulatorError("store-full", `at most ${MAX_BATCH} objects change at once`, { changes: changes.length });
    const taken: Extent[] = [...this.#extents.values()];
    const planned = changes.map(([id, bytes]) => {
      if (bytes && bytes.length > MAX_OBJECT)
        throw emulatorError("store-full", `an object has at most ${MAX_OBJECT} bytes, not ${bytes.length}`, {
          length: bytes.length,
        });
      const slot = this.#extents.get(id)?.slot ?? freeSlot(taken);
      const offset = bytes ? this.#freeExtent(taken, bytes.length) : 0;
      taken.push({ slot, offset, length: bytes?.length ?? 0 });
      return { id, bytes, slot, offset };
    });
    for (const { bytes, offset } of planned) if (bytes && bytes.length > 0) this.#nvm.write(offset, bytes);
    this.#commit(
      planned.map(({ id, bytes, slot, offset }) => ({
        slot,
        entry: bytes ? concat(u32be(id), u32be(offset), u16be(bytes.length)) : new Uint8Array(ENTRY).fill(0xff),
      })),
    );
    for (const { id, bytes, slot, offset } of planned) {
      this.#read.delete(id);
      if (bytes) this.#extents.set(id, { slot, offset, length: bytes.length });
      else this.#extents.delete(id);
    }
  }

  remove(id: number): void {
    if (this.#extents.has(id)) this.putAll([[id, undefined]]);
  }

  /** Makes a 16-bit counter, or sets it. */
  setCounter(id: number, value: number): void {
    this.put(id, newCounter(value));
  }

  /** @throws `emulator/store-damaged` when there is no such counter or neither cell holds */
  counter(id: number): number {
    return this.#counterCells(id).value;
  }

  /** Durable before it returns; one operation, and a cut in it leaves the value as it was. */
  writeCounter(id: number, value: number): void {
    const { extent, current } = this.#counterCells(id);
    this.#read.delete(id);
    this.#nvm.write(extent.offset + (current === 0 ? COUNTER / 2 : 0), cell(value));
  }

  #counterCells(id: number): { extent: Extent; current: 0 | 1; value: number } {
    const extent = this.#extents.get(id);
    if (!extent || extent.length !== COUNTER) throw emulatorError("store-damaged", "there is no such counter", { id });
    const bytes = this.#nvm.read(extent.offset, COUNTER);
    const a = cellValue(bytes, 0);
    const b = cellValue(bytes, COUNTER / 2);
    if (a === undefined && b === undefined)
      throw emulatorError("store-damaged", "both cells of a counter are damaged", { id });
    // Counters only grow, so the greater is the later one.
    const current = b === undefined || (a !== undefined && a >= b) ? 0 : 1;
    return { extent, current, value: (current === 0 ? a : b)! };
  }

  #format(): void {
    this.#nvm.write(HEADER, Uint8Array.of(CLEAR));
    this.#nvm.write(0, Uint8Array.of(MAGIC >> 8, MAGIC & 0xff, VERSION, 0));
  }

  #commit(entries: readonly { slot: number; entry: Uint8Array }[]): void {
    const body = concat(...entries.flatMap(({ slot, entry }) => [u16be(slot), entry]));
    this.#nvm.write(
      HEADER + 1,
      concat(u16be(crc16(concat(Uint8Array.of(entries.length), body))), Uint8Array.of(entries.length), body),
    );
    this.#nvm.write(HEADER, Uint8Array.of(COMMITTED));
    for (const { slot, entry } of entries) this.#nvm.write(DIRECTORY_AT + slot * ENTRY, entry);
    this.#nvm.write(HEADER, Uint8Array.of(CLEAR));
  }

  /** A journal that was committed is carried out again; one that was not is forgotten. */
  #replay(): void {
    const [mark, crcHigh, crcLow, count] = this.#nvm.read(HEADER, 4) as unknown as [number, number, number, number];
    if (mark !== COMMITTED || count > MAX_BATCH) return;
    const body = this.#nvm.read(HEADER + 4, count * (ENTRY + 2));
    if (crc16(concat(Uint8Array.of(count), body)) !== ((crcHigh << 8) | crcLow)) return;
    for (let i = 0; i < count; i++) {
      const at = i * (ENTRY + 2);
      this.#nvm.write(DIRECTORY_AT + ((body[at]! << 8) | body[at + 1]!) * ENTRY, body.subarray(at + 2, at + 2 + ENTRY));
    }
    this.#nvm.write(HEADER, Uint8Array.of(CLEAR));
  }

  #adopt(slot: number, entry: Uint8Array): void {
    if (entry[0] === 0xff) return;
    const view = new DataView(entry.buffer, entry.byteOffset, ENTRY);
    this.#extents.set(view.getUint32(0), { slot, offset: view.getUint32(4), length: view.getUint16(8) });
  }

  #freeExtent(taken: readonly Extent[], length: number): number {
    const busy = taken.filter((extent) => extent.length > 0).toSorted((a, b) => a.offset - b.offset);
    let at = HEAP_AT;
    for (const extent of busy) {
      if (extent.offset - at >= length) return at;
      at = Math.max(at, aligned(extent.offset + extent.length));
    }
    if (at + length > this.#nvm.size)
      throw emulatorError("store-full", "the secure element's memory is full; remove a card first", {
        length,
        free: this.#nvm.size - at,
      });
    return at;
  }
}

/** Objects start at multiples of a counter's size, so that its cells never lie on two pages: writing one is one operation. */
const aligned = (offset: number): number => Math.ceil(offset / COUNTER) * COUNTER;

function freeSlot(taken: readonly Extent[]): number {
  const used = new Set(taken.map(({ slot }) => slot));
  for (let slot = 0; slot < SLOTS; slot++) if (!used.has(slot)) return slot;
  throw emulatorError("store-full", `the secure element holds at most ${SLOTS} objects; remove a card first`, {});
}

/** The bytes of a 16-bit counter that nothing was counted with yet, for putting it down together with other objects. */
export const newCounter = (value = 0): Uint8Array => concat(cell(value), new Uint8Array(COUNTER / 2).fill(0xff));

function cell(value: number): Uint8Array {
  const out = roomFor(4);
  out[0] = value >> 8;
  out[1] = value;
  out[2] = ~out[0];
  out[3] = ~out[1];
  return out;
}

function cellValue(bytes: Uint8Array, at: number): number | undefined {
  const whole = (bytes[at]! ^ bytes[at + 2]!) === 0xff && (bytes[at + 1]! ^ bytes[at + 3]!) === 0xff;
  return whole ? (bytes[at]! << 8) | bytes[at + 1]! : undefined;
}
