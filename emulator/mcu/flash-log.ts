import { crc32 } from "../../src/codec/crc.js";
import { concat, roomFor, u32be } from "../../src/util/bytes.js";
import { ERASED, type FlashArea } from "../boot/flash.js";
import { emulatorError } from "../errors.js";

/*
 * Layout: two banks of the same size. Each:  header | record | record | ... | erased
 *
 *   header   magic "TBLG" (4), generation (4), CRC-32 of both (4), padding
 *   record   CRC-32 of the rest (4), length of the data (4), kind (1), length of the name (1), name, data, padding
 *
 * Records are only ever added. When the bank is full, what is still wanted is copied to the other bank, whose header is written last: until then
 * the old bank counts, from then on the new one. A record that was cut off fails its CRC: it and everything behind it does not count.
 */
const MAGIC = 0x54424c47;
const HEADER = 12;
const RECORD = 10;

/** Where a record's data lies. */
export interface LogRecord {
  readonly kind: number;
  readonly name: string;
  /** Of the data, in the partition. */
  readonly at: number;
  readonly length: number;
}

/** A record to keep when the log is packed. */
export interface KeptRecord {
  readonly kind: number;
  readonly name: string;
  readonly data: Uint8Array;
}

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

/** Records in a partition of flash, each whole or not there, whatever a power cut does. */
export class FlashLog {
  readonly #flash: FlashArea;
  readonly #bankBytes: number;
  #bank = 0;
  #generation = 0;
  /** Where the next record goes, in the bank. */
  #end = 0;
  /** Behind the last record something was cut off: the bank takes no more. */
  #torn = false;

  /** Opens what is there; anything else than a log is taken for empty. Tells every record, oldest first. */
  constructor(flash: FlashArea, found: (record: LogRecord) => void) {
    this.#flash = flash;
    this.#bankBytes = Math.floor(flash.size / flash.sectorBytes / 2) * flash.sectorBytes;
    if (this.#bankBytes === 0) throw emulatorError("flash-range", "a log needs two sectors", { size: flash.size });
    const generations = [0, 1].map((bank) => this.#readHeader(bank));
    const best = generations[1]! > generations[0]! ? 1 : 0;
    if (generations[best]! > 0) {
      this.#bank = best;
      this.#generation = generations[best]!;
      this.#scan(found);
    }
  }

  /** Bytes that records can still take before the log is packed. */
  get free(): number {
    return this.#generation === 0 || this.#torn ? 0 : this.#bankBytes - this.#end;
  }

  /** Bytes that one bank holds. */
  get capacity(): number {
    return this.#bankBytes - this.#padded(HEADER);
  }

  /** What a record takes of a bank. */
  costOf(name: string, length: number): number {
    return this.#padded(RECORD + utf8.encode(name).length + length);
  }

  read({ at, length }: LogRecord): Uint8Array {
    return this.#flash.read(at, length);
  }

  /** Adds a record; `wanted` gives those to keep when the log has to be packed first, which tells them again. @throws `emulator/log-full`, and nothing is changed then */
  add(record: KeptRecord, wanted: () => readonly KeptRecord[], moved: (record: LogRecord) => void): LogRecord {
    const cost = this.costOf(record.name, record.data.length);
    if (cost > this.free) {
      const kept = wanted();
      const needed = kept.reduce((sum, each) => sum + this.costOf(each.name, each.data.length), cost);
      if (needed > this.capacity)
        throw emulatorError("log-full", `${needed} bytes do not fit the storage of ${this.capacity}`, { needed });
      this.#pack(kept, moved);
    }
    return this.#append(record);
  }

  /** Starts again, empty. */
  erase(): void {
    this.#pack([], () => {});
  }

  /** Copies what is wanted to the other bank; its header makes it count. */
  #pack(kept: readonly KeptRecord[], moved: (record: LogRecord) => void): void {
    const bank = this.#generation === 0 ? 0 : 1 - this.#bank;
    this.#flash.erase(bank * this.#bankBytes, this.#bankBytes);
    this.#bank = bank;
    this.#end = this.#padded(HEADER);
    const placed = kept.map((each) => this.#append(each));
    const body = concat(u32be(MAGIC), u32be(this.#generation + 1));
    this.#program(0, concat(body, u32be(crc32(body))));
    this.#generation++;
    this.#torn = false;
    placed.forEach(moved);
  }

  #append({ kind, name, data }: KeptRecord): LogRecord {
    const label = utf8.encode(name);
    const body = concat(u32be(data.length), Uint8Array.of(kind, label.length), label, data);
    const start = this.#end;
    this.#program(start, concat(u32be(crc32(body)), body));
    this.#end = start + this.#padded(body.length + 4);
    return { kind, name, at: this.#bank * this.#bankBytes + start + RECORD + label.length, length: data.length };
  }

  #program(offset: number, bytes: Uint8Array): void {
    const padded = roomFor(this.#padded(bytes.length)).fill(ERASED);
    padded.set(bytes);
    this.#flash.program(this.#bank * this.#bankBytes + offset, padded);
  }

  #padded(length: number): number {
    const { writeBytes } = this.#flash;
    return Math.ceil(length / writeBytes) * writeBytes;
  }

  /** The generation of a bank; 0: it has none. */
  #readHeader(bank: number): number {
    const bytes = this.#flash.read(bank * this.#bankBytes, HEADER);
    const words = new DataView(bytes.buffer, bytes.byteOffset);
    const whole = words.getUint32(0) === MAGIC && words.getUint32(8) === crc32(bytes.subarray(0, 8));
    return whole ? words.getUint32(4) : 0;
  }

  #scan(found: (record: LogRecord) => void): void {
    const base = this.#bank * this.#bankBytes;
    const bank = this.#flash.read(base, this.#bankBytes);
    const words = new DataView(bank.buffer, bank.byteOffset);
    let at = this.#padded(HEADER);
    while (at + RECORD <= bank.length) {
      const length = words.getUint32(at + 4);
      const nameLength = bank[at + 9]!;
      const end = at + RECORD + nameLength + length;
      if (end > bank.length || words.getUint32(at) !== crc32(bank.subarray(at + 4, end))) break;
      const name = fromUtf8.decode(bank.subarray(at + RECORD, at + RECORD + nameLength));
      found({ kind: bank[at + 8]!, name, at: base + at + RECORD + nameLength, length });
      at = this.#padded(end);
    }
    this.#end = at;
    this.#torn = bank.subarray(at).some((byte) => byte !== ERASED);
  }
}
