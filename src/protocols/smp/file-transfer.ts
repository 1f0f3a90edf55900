import { numberOf } from "../../codec/cbor.js";
import { crc32 } from "../../codec/crc.js";
import type { Dialogue } from "../../util/dialogue.js";
import { SECOND } from "../../util/time.js";
import { valueOf, type Outcome } from "./answer.js";
import { smpError } from "./errors.js";
import { files } from "./groups/files.js";
import { HEADER_BYTES } from "./header.js";
import type { Ask, SmpPoller, Work } from "./poller.js";
import { groupResult, rc } from "./results.js";

export interface TransferOptions {
  /** Bytes of one of the device's buffers, as its MCUmgr parameters say. */
  readonly bufferBytes: number;
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

type Told = Dialogue<Uint8Array, Uint8Array, void>;

const OFFSET_NOT_VALID = groupResult(8, "offset not valid");
const UNKNOWN = rc("unknown");
/** Times that a transfer may fall back to the same place. */
const FAILURES = 5;
/** The device may have to erase first. */
const FIRST_WITHIN = 10 * SECOND;
const DEFAULT_MOST = 16 * 1024 * 1024;

/** Bytes of a file that fit one request, whatever the offset. */
function roomForData(name: string, bufferBytes: number): number {
  const empty = files.upload.request.encode({ off: 0xffff_ffff, data: new Uint8Array(0), name, len: 0xffff_ffff });
  const room = bufferBytes - HEADER_BYTES - empty.length - 2; // the data's own length takes up to two bytes more
  if (room < 1)
    throw smpError("too-long", `the device's buffers of ${bufferBytes} bytes have no room for a file of that name`, {
      bufferBytes,
      name,
    });
  return room;
}

/** Pieces of a file, several under way; goes back to where the device says it is. */
class Upload implements Work {
  readonly #name: string;
  readonly #data: Uint8Array;
  readonly #piece: number;
  readonly #progress: TransferOptions["progress"];
  #next = 0;
  /** Bytes that the device has. */
  #there = 0;
  #failures = 0;
  /** Nothing more is sent until everything under way is answered: then what it has is asked for, or taken as told. */
  #settle: { readonly to?: number } | undefined;
  #started = false;

  constructor(name: string, data: Uint8Array, { bufferBytes, progress }: TransferOptions) {
    this.#name = name;
    this.#data = data;
    this.#piece = roomForData(name, bufferBytes);
    this.#progress = progress;
  }

  next(underWay: number): Ask | undefined {
    if (this.#settle) {
      if (underWay > 0) return undefined;
      const { to } = this.#settle;
      if (to === undefined) return { command: files.status, request: { name: this.#name } };
      this.#settle = undefined;
      this.#next = this.#there = to;
    }
    const started = this.#started;
    // The first piece goes alone: it makes the file.
    if (!started && underWay > 0) return undefined;
    if (this.#next >= this.#data.length && (started || underWay > 0)) return undefined;
    const off = this.#next;
    const data = this.#data.subarray(off, off + this.#piece);
    this.#next += data.length;
    const request = { off, data, name: this.#name, ...(off === 0 && { len: this.#data.length }) };
    return { command: files.upload, request, ...(off === 0 && { within: FIRST_WITHIN }) };
  }

  answered({ command, request }: Ask, outcome: Outcome<unknown>): void {
    if (command === files.status) {
      const { len } = valueOf("files.status", outcome as Outcome<{ len: number }>);
      return this.#fallBack(len);
    }
    const { off: sent } = request as { off: number };
    if (outcome.failure) return this.#refused(sent, outcome);
    const { off } = outcome.value as { off: number };
    this.#started = true;
    if (off > this.#there) {
      this.#there = off;
      this.#failures = 0;
      this.#progress?.(off, this.#data.length);
    }
    if (this.#settle?.to !== undefined && off > this.#settle.to) this.#settle = { to: off };
    // It wrote something else than what was sent: go to where it is.
    const sentEnd = Math.min(sent + this.#piece, this.#data.length);
    if (off !== sentEnd) this.#fallBack(off);
  }

  #refused(sent: number, outcome: Extract<Outcome<unknown>, { failure: object }>): void {
    const { failure, also } = outcome;
    // Version 1 has one code for much that may have gone wrong.
    const misplaced = failure.group === undefined ? failure.rc === UNKNOWN : failure.rc === OFFSET_NOT_VALID;
    if (sent === 0 || !misplaced) valueOf(files.upload.name, outcome);
    const len = numberOf(also?.["len"]);
    if (len !== undefined) this.#fallBack(len);
    else this.#settle ??= {};
  }

  #fallBack(to: number): void {
    if (to > this.#data.length) to = 0; // somebody else writes there: start again
    if (!this.#settle && to <= this.#there && ++this.#failures > FAILURES)
      throw smpError("stuck-transfer", `the upload of ${this.#name} does not get beyond byte ${to}`, {
        name: this.#name,
        off: to,
      });
    this.#settle = { to };
  }
}

/**
 * Writes a file, and compares its CRC-32 with what the device computes where it can.
 * @throws `smp/refused`, `smp/no-answer`, `smp/too-long`, `smp/stuck-transfer`, `smp/wrong-transfer`
 */
export function* uploadFile(poller: SmpPoller, name: string, data: Uint8Array, options: TransferOptions): Told {
  yield* poller.run(new Upload(name, data, options));
  if (data.length === 0) return;
  const outcome = yield* poller.outcome(files.hash, { name, type: "crc32" });
  if (outcome.failure) return; // an optional command
  const { len, output } = outcome.value;
  if (len !== data.length || output !== crc32(data))
    throw smpError("wrong-transfer", `the device's ${name} is not what was sent; upload it again`, {
      name,
      sent: data.length,
      there: len,
    });
}

/** Reads pieces of a file; the device says how long a piece is, so the first one goes alone. */
class Download implements Work {
  readonly #name: string;
  readonly #most: number;
  readonly #progress: TransferOptions["progress"];
  #data: Uint8Array | undefined;
  #piece = 0;
  #next = 0;
  #done = 0;
  #asked = false;
  /** Where pieces were shorter than the first. */
  readonly #gaps: number[] = [];

  constructor(name: string, most: number, progress: TransferOptions["progress"]) {
    this.#name = name;
    this.#most = most;
    this.#progress = progress;
  }

  get data(): Uint8Array {
    return this.#data ?? new Uint8Array(0);
  }

  next(): Ask | undefined {
    if (!this.#data) {
      if (this.#asked) return undefined;
      this.#asked = true;
      return this.#ask(0);
    }
    const gap = this.#gaps.shift();
    if (gap !== undefined) return this.#ask(gap);
    if (this.#next >= this.#data.length) return undefined;
    const off = this.#next;
    this.#next += this.#piece;
    return this.#ask(off);
  }

  #ask(off: number): Ask {
    return { command: files.download, request: { off, name: this.#name } };
  }

  answered(_ask: Ask, outcome: Outcome<unknown>): void {
    const { off, data, len } = valueOf(
      files.download.name,
      outcome as Outcome<{ off: number; data: Uint8Array; len?: number }>,
    );
    if (!this.#data) this.#start(len, data.length);
    const whole = this.#data!;
    if (off + data.length > whole.length || (data.length === 0 && off < whole.length))
      throw smpError("wrong-transfer", `${this.#name} changed while it was read; download it again`, {
        name: this.#name,
        off,
      });
    whole.set(data, off);
    this.#done += data.length;
    const end = off + data.length;
    const due = Math.min(whole.length, (Math.floor(off / Math.max(1, this.#piece)) + 1) * this.#piece);
    if (end < due) this.#gaps.push(end);
    this.#progress?.(this.#done, whole.length);
  }

  #start(len: number | undefined, piece: number): void {
    if (len === undefined)
      throw smpError("wrong-transfer", `the device did not say how long ${this.#name} is`, { name: this.#name });
    if (len > this.#most)
      throw smpError("too-long", `${this.#name} has ${len} bytes, more than ${this.#most}`, {
        name: this.#name,
        length: len,
      });
    this.#data = new Uint8Array(len);
    this.#piece = this.#next = piece;
  }
}

/** Reads a file of at most `most` bytes (16 MiB). @throws `smp/refused`, `smp/no-answer`, `smp/too-long`, `smp/wrong-transfer` */
export function* downloadFile(
  poller: SmpPoller,
  name: string,
  { most = DEFAULT_MOST, progress }: { readonly most?: number; readonly progress?: TransferOptions["progress"] } = {},
): Dialogue<Uint8Array, Uint8Array, Uint8Array> {
  const work = new Download(name, most, progress);
  yield* poller.run(work);
  return work.data;
}
