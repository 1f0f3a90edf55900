import type { FlashArea } from "../boot/flash.js";
import { FlashLog, type KeptRecord, type LogRecord } from "./flash-log.js";

const PUT = 1;
const REMOVE = 2;

/** Saved settings by key, in a partition of flash. Each change is whole or not there after a power cut. */
export class SettingsStore {
  readonly #log: FlashLog;
  readonly #records = new Map<string, LogRecord>();

  constructor(flash: FlashArea) {
    this.#log = new FlashLog(flash, (record) => this.#adopt(record));
  }

  all(): Readonly<Record<string, Uint8Array>> {
    return Object.fromEntries([...this.#records].map(([key, record]) => [key, this.#log.read(record)]));
  }

  get(key: string): Uint8Array | undefined {
    const record = this.#records.get(key);
    return record && this.#log.read(record);
  }

  /** @throws `emulator/log-full`, and nothing is changed then; `emulator/power-lost` */
  put(key: string, value: Uint8Array): void {
    this.#adopt(this.#add({ kind: PUT, name: key, data: value }));
  }

  remove(key: string): void {
    if (this.#records.has(key)) this.#adopt(this.#add({ kind: REMOVE, name: key, data: new Uint8Array(0) }));
  }

  erase(): void {
    this.#log.erase();
    this.#records.clear();
  }

  #add(record: KeptRecord): LogRecord {
    const wanted = (): readonly KeptRecord[] =>
      [...this.#records].map(([name, each]) => ({ kind: PUT, name, data: this.#log.read(each) }));
    return this.#log.add(record, wanted, (moved) => this.#adopt(moved));
  }

  #adopt(record: LogRecord): void {
    if (record.kind === PUT) this.#records.set(record.name, record);
    else this.#records.delete(record.name);
  }
}
