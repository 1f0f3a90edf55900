import { concat } from "../../src/util/bytes.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { emulatorError } from "../errors.js";
import { counterLength, newCells, readCells } from "./counter-cells.js";
import { Directory, SLOTS, DIRECTORY_BYTES, type Extent, type Slot } from "./directory.js";
import { movesFor, placesFor, rounded } from "./heap.js";
import { Journal, type UnitChange } from "./journal.js";
import type { Nvm } from "./nvm.js";
import { layoutOf, MAX_BATCH, MAX_OBJECT, type StoreLayout } from "./store-layout.js";
import { CommitBuffer, type NewCounter, type StoreChange, type StoredValue } from "./transaction.js";
import { VerifiedMemory } from "./verified-memory.js";

/*
 * An object's bytes lie in the heap, its place in the directory. Changing an object writes the new bytes into free heap, then moves the
 * directory entry through the journal: after a cut it is the old object or the new one, never between. Counters are changed in place.
 */
const MAGIC = 0x5442; // "TB"
const VERSION = 2;
const HEADER = 3;
/** Written behind the header, in a unit of its own: formatting came to its end. */
const FORMATTED = 0x00;

/** A counter to be put down together with other objects. */
export const newCounter = (value = 0): NewCounter => ({ counter: value });

/** What stands between objects: at most a granule. */
const PADDING = new Uint8Array(4096).fill(0xff);

/** Bytes of a transaction where nobody says otherwise. */
const COMMIT_BYTES = 1024;

/** A counter: where it is, what it says, and how it is written. */
type CounterAt = { readonly offset: number } & NonNullable<ReturnType<typeof readCells>>;

/** Objects by number in non-volatile memory, each whole or not there. */
export class ObjectStore {
  readonly #memory: VerifiedMemory;
  readonly #layout: StoreLayout;
  readonly #directory: Directory;
  readonly #journal: Journal;
  readonly #slots = new Map<number, Slot>();
  /** Objects as they were last read: the same array until the object changes, so that users can keep what they derive from it. */
  readonly #read = new Map<number, Uint8Array>();
  /** The same for counters. */
  readonly #counters = new Map<number, CounterAt>();
  readonly #commitBytes: number;
  #transaction: CommitBuffer | undefined;
  #taken = 0;
  /** Committed units that are not in the directory's own place yet. */
  #waiting: readonly UnitChange[] = [];

  /** Opens what is there, finishing what a power cut interrupted; an erased memory is formatted. @throws `emulator/store-damaged`, `emulator/store-full` */
  constructor(nvm: Nvm, commitBytes = COMMIT_BYTES) {
    const memory = new VerifiedMemory(nvm);
    this.#memory = memory;
    this.#layout = layoutOf(memory);
    this.#commitBytes = commitBytes;
    this.#format();
    const { journal, directoryAt, heap } = this.#layout;
    this.#journal = new Journal(memory, journal);
    const image = memory.read(directoryAt, DIRECTORY_BYTES);
    this.#directory = new Directory(image, memory.unit, heap.granule);
    this.#waiting = this.#journal.last.filter((change) => this.#directory.adopt(change));
    for (const slot of this.#directory.slots()) this.#keep(slot.id, slot);
    try {
      this.#settle();
    } catch (error) {
      // What is there can be read; the next change fails for the same reason.
      if (!isTapbenchError(error, "emulator/memory-worn")) throw error;
    }
  }

  get ids(): readonly number[] {
    if (!this.#transaction) return [...this.#slots.keys()];
    return this.#transaction.ids(this.#slots.keys());
  }

  /** Bytes of heap that no object has; not all of them in one piece. */
  get free(): number {
    const { from, to } = this.#layout.heap;
    return to - from - this.#taken;
  }

  get(id: number): Uint8Array | undefined {
    if (this.#transaction?.has(id)) return this.#bytesOf(this.#transaction.get(id));
    const known = this.#read.get(id);
    if (known) return known;
    const extent = this.#slots.get(id);
    if (!extent) return undefined;
    const bytes = this.#memory.read(extent.offset, extent.length);
    this.#read.set(id, bytes);
    return bytes;
  }

  put(id: number, value: StoredValue): void {
    this.putAll([[id, value]]);
  }

  remove(id: number): void {
    this.putAll([[id, undefined]]);
  }

  /**
   * All of them or none; of several for one object the last. Inside a transaction they wait for its end.
   * @throws `emulator/store-full`, and nothing is changed then; `emulator/transaction-full`; `emulator/memory-worn`
   */
  putAll(wanted: readonly StoreChange[]): void {
    if (this.#transaction) this.#transaction.add(wanted, (value) => this.lengthOf(value));
    else this.#commit([...new Map(wanted)].filter(([id, value]) => value !== undefined || this.#slots.has(id)));
  }

  /**
   * All changes that `work` makes become durable together when it returns, or not at all: it threw, the power was cut, there was no room. It
   * reads its own changes. Counters that exist already are written at once all the same (Java Card: non-atomic updates).
   * @throws `emulator/transaction-nested`, `emulator/transaction-full`, what `work` throws, and what `putAll` does
   */
  transaction<R>(work: () => R): R {
    if (this.#transaction)
      throw emulatorError("transaction-nested", "a transaction is in progress; one inside another there is none", {});
    const transaction = new CommitBuffer(this.#commitBytes);
    this.#transaction = transaction;
    let result: R;
    try {
      result = work();
    } finally {
      this.#transaction = undefined;
    }
    this.putAll(transaction.changes);
    return result;
  }

  /** Bytes that a value takes in the memory, before they are rounded up. */
  lengthOf(value: StoredValue): number {
    return "counter" in value ? counterLength(this.#memory.unit) : value.length;
  }

  /** Makes a 16-bit counter, or sets it. */
  setCounter(id: number, value: number): void {
    this.put(id, newCounter(value));
  }

  /** @throws `emulator/store-damaged` when there is no such counter or neither cell holds */
  counter(id: number): number {
    const waiting = this.#transaction?.get(id);
    return waiting && "counter" in waiting ? waiting.counter : this.#cells(id).value;
  }

  /** Durable before it returns, in a transaction, too; one operation, and a cut in it leaves the value as it was. */
  writeCounter(id: number, value: number): void {
    if (this.#transaction?.has(id)) return this.setCounter(id, Math.max(value, this.counter(id)));
    const { offset, next } = this.#cells(id);
    this.#forget(id);
    const { at, bytes } = next(value);
    this.#memory.write(offset + at, bytes);
  }

  #cells(id: number): CounterAt {
    const known = this.#counters.get(id);
    if (known) return known;
    const extent = this.#slots.get(id);
    if (extent?.counter !== true) throw emulatorError("store-damaged", "there is no such counter", { id });
    const cells = readCells(this.#memory.read(extent.offset, extent.length), this.#memory.unit);
    if (!cells) throw emulatorError("store-damaged", "both cells of a counter are damaged", { id });
    const counter = { offset: extent.offset, ...cells };
    this.#counters.set(id, counter);
    return counter;
  }

  /** It is read anew. */
  #forget(id: number): void {
    this.#read.delete(id);
    this.#counters.delete(id);
  }

  #bytesOf(value: StoredValue | undefined): Uint8Array | undefined {
    return value && "counter" in value ? newCells(value.counter, this.#memory.unit) : value;
  }

  #format(): void {
    const { unit } = this.#memory;
    const header = this.#memory.read(0, HEADER);
    if (this.#memory.read(unit, 1)[0] === 0xff) {
      this.#memory.write(0, Uint8Array.of(MAGIC >> 8, MAGIC & 0xff, VERSION));
      this.#memory.write(unit, Uint8Array.of(FORMATTED));
    } else if (((header[0]! << 8) | header[1]!) !== MAGIC || header[2] !== VERSION)
      throw emulatorError("store-damaged", "this memory does not hold an object store; start from an erased one", {
        header: [...header],
      });
  }

  #commit(changes: readonly StoreChange[]): void {
    if (changes.length === 0) return;
    if (changes.length > MAX_BATCH)
      throw emulatorError("store-full", `at most ${MAX_BATCH} objects change at once`, { changes: changes.length });
    const places = this.#room(changes);
    const free = this.#freeSlots();
    const planned = changes.map(([id, value], i) => {
      const slot = this.#slots.get(id)?.slot ?? free.next().value;
      if (slot === undefined)
        throw emulatorError("store-full", `the secure element holds at most ${SLOTS} objects; remove a card first`, {});
      return { slot, id, value, extent: value && { offset: places[i]!, ...this.#shapeOf(value) } };
    });
    this.#fill(planned);
    this.#enter(planned);
  }

  /** Writes new objects into their places; neighbours together, because a page is one operation. */
  #fill(planned: readonly { value: StoredValue | undefined; extent: Extent | undefined }[]): void {
    const { heap } = this.#layout;
    const pieces = planned
      .flatMap(({ value, extent }) => (extent && value ? [{ at: extent.offset, bytes: this.#bytesOf(value)! }] : []))
      .toSorted((a, b) => a.at - b.at);
    for (let i = 0; i < pieces.length;) {
      const { at } = pieces[i]!;
      const run: Uint8Array[] = [];
      for (let end = at; i < pieces.length && pieces[i]!.at === end; i++) {
        const { bytes } = pieces[i]!;
        end += rounded(bytes.length, heap);
        run.push(bytes, PADDING.subarray(0, end - pieces[i]!.at - bytes.length));
      }
      run.pop();
      this.#memory.write(at, concat(...run));
    }
  }

  /** Journal, then directory. */
  #enter(changes: readonly { slot: number; id: number; extent: Extent | undefined }[]): void {
    this.#settle();
    const units = this.#directory.changed(changes, this.#memory.pageBytes, MAX_BATCH);
    this.#journal.commit(units);
    for (const unit of units) this.#directory.adopt(unit);
    this.#waiting = units;
    for (const { slot, id, extent } of changes) this.#keep(id, extent && { slot, id, ...extent });
    this.#settle();
  }

  /** Writes units to their place; neighbours together, because a page is one operation. */
  #settle(): void {
    const { unit } = this.#memory;
    const sorted = this.#waiting.toSorted((a, b) => a.unit - b.unit);
    for (let i = 0; i < sorted.length;) {
      const first = sorted[i]!.unit;
      const run = sorted.slice(i).filter((each, k) => each.unit === first + k);
      const bytes = new Uint8Array(run.length * unit);
      run.forEach((each, k) => bytes.set(each.bytes, k * unit));
      this.#memory.write(this.#layout.directoryAt + first * unit, bytes);
      i += run.length;
    }
    this.#waiting = [];
  }

  #keep(id: number, slot: Slot | undefined): void {
    const { heap } = this.#layout;
    this.#taken -= rounded(this.#slots.get(id)?.length ?? 0, heap);
    this.#taken += rounded(slot?.length ?? 0, heap);
    this.#forget(id);
    if (slot) this.#slots.set(id, slot);
    else this.#slots.delete(id);
  }

  #shapeOf(value: StoredValue): { length: number; counter: boolean } {
    return { length: this.lengthOf(value), counter: "counter" in value };
  }

  *#freeSlots(): Generator<number, undefined> {
    const used = new Set([...this.#slots.values()].map(({ slot }) => slot));
    for (let slot = 0; slot < SLOTS; slot++) if (!used.has(slot)) yield slot;
    return undefined;
  }

  /** Where the new objects go, beside the old ones: those go last. Moves objects where that makes room. */
  #room(changes: readonly StoreChange[]): readonly number[] {
    const lengths = changes.map(([, value]) => (value ? this.lengthOf(value) : 0));
    const longest = Math.max(...lengths);
    if (longest > MAX_OBJECT)
      throw emulatorError("store-full", `an object has at most ${MAX_OBJECT} bytes, not ${longest}`, {
        length: longest,
      });
    const { heap } = this.#layout;
    const places = placesFor(this.#pieces(), heap, lengths);
    if (places) return places;
    const wanted = lengths.reduce((sum, length) => sum + rounded(length, heap), 0);
    const moves = wanted > this.free ? undefined : movesFor(this.#pieces(), heap, lengths);
    if (!moves)
      throw emulatorError("store-full", "the secure element's memory is full; remove a card first", {
        wanted,
        free: this.free,
      });
    for (const { piece, to } of moves) {
      this.#memory.write(to, this.#memory.read(piece.offset, piece.slot.length));
      this.#enter([{ slot: piece.slot.slot, id: piece.slot.id, extent: { ...piece.slot, offset: to } }]);
    }
    return placesFor(this.#pieces(), heap, lengths)!;
  }

  #pieces(): { offset: number; length: number; slot: Slot }[] {
    const { heap } = this.#layout;
    return [...this.#slots.values()]
      .filter(({ length }) => length > 0)
      .map((slot) => ({ offset: slot.offset, length: rounded(slot.length, heap), slot }))
      .toSorted((a, b) => a.offset - b.offset);
  }
}
