import { emulatorError } from "../errors.js";
import type { AppletStorage } from "./applet.js";
import type { ObjectStore } from "./store.js";
import type { StoreChange } from "./transaction.js";

/** One instance's part of the store: its numbers, moved out of the way of others'. */
export class InstanceStorage implements AppletStorage {
  readonly #store: ObjectStore;
  readonly #base: number;
  readonly #quota: number | undefined;

  constructor(store: ObjectStore, instance: number, quota?: number) {
    this.#store = store;
    this.#base = instance * 0x10000;
    this.#quota = quota;
  }

  get ids(): readonly number[] {
    const base = this.#base;
    return this.#store.ids.filter((id) => id >= base && id < base + 0x10000).map((id) => id - base);
  }

  get(id: number): Uint8Array | undefined {
    return this.#store.get(this.#base + id);
  }

  putAll(changes: readonly StoreChange[]): void {
    if (this.#quota !== undefined) this.#checkQuota(changes, this.#quota);
    this.#store.putAll(changes.map(([id, value]) => [this.#base + id, value]));
  }

  transaction<R>(work: () => R): R {
    return this.#store.transaction(work);
  }

  counter(id: number): number {
    return this.#store.counter(this.#base + id);
  }

  setCounter(id: number, value: number): void {
    this.#store.setCounter(this.#base + id, value);
  }

  writeCounter(id: number, value: number): void {
    this.#store.writeCounter(this.#base + id, value);
  }

  #checkQuota(changes: readonly StoreChange[], quota: number): void {
    const after = new Map(this.ids.map((id) => [id, this.get(id)?.length ?? 0]));
    for (const [id, value] of changes) after.set(id, value ? this.#store.lengthOf(value) : 0);
    const wanted = [...after.values()].reduce((sum, length) => sum + length, 0);
    if (wanted > quota)
      throw emulatorError("store-full", `the application may have ${quota} bytes and wants ${wanted}`, {
        quota,
        wanted,
      });
  }
}
