import { concat } from "../../src/util/bytes.js";
import type { FlashArea } from "../boot/flash.js";
import { emulatorError } from "../errors.js";
import { FlashLog, type KeptRecord, type LogRecord } from "./flash-log.js";

const PUT = 1;
const APPEND = 2;
const REMOVE = 3;

export const MAX_FILES = 64;
/** Longest path, in bytes of UTF-8. */
export const MAX_PATH = 64;

interface File {
  readonly pieces: readonly LogRecord[];
  readonly length: number;
}

/** Files by absolute path, in a partition of flash: a log of pieces. A write is whole or not there after a power cut, and so is a removal. */
export class FileSystem {
  readonly #log: FlashLog;
  readonly #files = new Map<string, File>();

  constructor(flash: FlashArea) {
    this.#log = new FlashLog(flash, (record) => this.#adopt(record));
  }

  get paths(): readonly string[] {
    return [...this.#files.keys()].toSorted();
  }

  /** Undefined: there is no such file. */
  length(path: string): number | undefined {
    return this.#files.get(path)?.length;
  }

  /** Up to `most` bytes from `offset`. */
  read(path: string, offset: number, most: number): Uint8Array {
    const parts: Uint8Array[] = [];
    let start = 0;
    for (const piece of this.#files.get(path)?.pieces ?? []) {
      const from = Math.max(offset, start);
      const to = Math.min(offset + most, start + piece.length);
      if (from < to) parts.push(this.#log.read({ ...piece, at: piece.at + from - start, length: to - from }));
      start += piece.length;
    }
    return concat(...parts);
  }

  /** A file of its own, or in place of another. @throws `emulator/log-full`, and nothing is changed then; `emulator/power-lost` */
  put(path: string, data: Uint8Array): void {
    if (!this.#files.has(path) && this.#files.size === MAX_FILES)
      throw emulatorError("log-full", `there are ${MAX_FILES} files, which is all there can be`, { files: MAX_FILES });
    this.#adopt(this.#add({ kind: PUT, name: path, data }));
  }

  /** Adds to a file's end. @throws as `put` */
  append(path: string, data: Uint8Array): void {
    this.#adopt(this.#add({ kind: APPEND, name: path, data }));
  }

  remove(path: string): void {
    if (this.#files.has(path)) this.#adopt(this.#add({ kind: REMOVE, name: path, data: new Uint8Array(0) }));
  }

  erase(): void {
    this.#log.erase();
    this.#files.clear();
  }

  #add(record: KeptRecord): LogRecord {
    const wanted = (): readonly KeptRecord[] =>
      [...this.#files].map(([name, { length }]) => ({ kind: PUT, name, data: this.read(name, 0, length) }));
    return this.#log.add(record, wanted, (moved) => this.#adopt(moved));
  }

  #adopt(record: LogRecord): void {
    const { kind, name, length } = record;
    if (kind === REMOVE) this.#files.delete(name);
    else {
      const before = kind === APPEND ? this.#files.get(name) : undefined;
      this.#files.set(name, {
        pieces: [...(before?.pieces ?? []), record],
        length: (before?.length ?? 0) + length,
      });
    }
  }
}
