import { emulatorError } from "../errors.js";

/** A 16-bit counter that is to be made, or made anew. */
export interface NewCounter {
  readonly counter: number;
}

export type StoredValue = Uint8Array | NewCounter;
/** Undefined removes the object. */
export type StoreChange = readonly [id: number, value: StoredValue | undefined];

/** What each change costs besides its bytes: its entry. */
const ENTRY = 8;

/** Changes that wait for the end of a transaction, in memory of so many bytes (Java Card: the commit buffer). */
export class CommitBuffer {
  readonly #capacity: number;
  readonly #waiting = new Map<number, StoredValue | undefined>();
  #used = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get changes(): readonly StoreChange[] {
    return [...this.#waiting];
  }

  has(id: number): boolean {
    return this.#waiting.has(id);
  }

  get(id: number): StoredValue | undefined {
    return this.#waiting.get(id);
  }

  /** The objects that there are, as the transaction sees them. */
  ids(durable: Iterable<number>): readonly number[] {
    const ids = new Set(durable);
    for (const [id, value] of this.#waiting)
      if (value) ids.add(id);
      else ids.delete(id);
    return [...ids];
  }

  /** @throws `emulator/transaction-full` */
  add(changes: readonly StoreChange[], lengthOf: (value: StoredValue) => number): void {
    const cost = (value: StoredValue | undefined): number => ENTRY + (value ? lengthOf(value) : 0);
    for (const [id, value] of changes) {
      if (this.#waiting.has(id)) this.#used -= cost(this.#waiting.get(id));
      this.#used += cost(value);
      if (this.#used > this.#capacity)
        throw emulatorError(
          "transaction-full",
          `a transaction changes at most ${this.#capacity} bytes; change less at once`,
          { capacity: this.#capacity, wanted: this.#used },
        );
      this.#waiting.set(id, value && "counter" in value ? value : value?.slice());
    }
  }
}
