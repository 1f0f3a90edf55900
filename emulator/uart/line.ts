import { roomFor } from "../../src/util/bytes.js";
import type { Random } from "../../src/util/random.js";
import { SECOND, type Nanos } from "../../src/util/time.js";
import type { Sim } from "../sim/sim.js";

/** A start bit, eight data bits, a stop bit. */
const BITS_A_BYTE = 10;
/** What the sender's buffer holds. */
const MAX_QUEUED = 1 << 20;
const MILLION = 1_000_000;

export interface LineOptions {
  /** Bits a second. */
  readonly baud: number;
  /** Bytes that the receiver holds until they are taken out; what comes while it is full is lost. Default: no bound. */
  readonly fifo?: number;
  /** From the first byte in the FIFO until all are taken out of it. Default 0: each at once. */
  readonly latency?: Nanos;
  /** Probability that a byte arrives with one bit wrong. */
  readonly noise?: number;
  /** Probability that a byte does not arrive: its start bit was missed. */
  readonly loss?: number;
  /** Decides about noise and loss. */
  readonly random?: Random | undefined;
}

export interface LineCounters {
  readonly delivered: number;
  readonly damaged: number;
  readonly lost: number;
  /** Came while the FIFO was full. */
  readonly overruns: number;
  /** Did not fit the sender's buffer. */
  readonly refused: number;
}

/** Bytes on their way. The nth of them, counted from 1, has arrived `before + n` byte times after `from`. */
interface Queued {
  readonly bytes: Uint8Array;
  readonly from: Nanos;
  readonly before: number;
}

/** One direction of a UART in virtual time: bytes go in whenever they like, and come out at the line's rate. */
export class UartLine {
  readonly #sim: Sim;
  readonly #options: LineOptions;
  readonly #arrive: (bytes: Uint8Array) => void;
  readonly #byteTime: number;
  readonly #queue: Queued[] = [];
  /** Of the first in the queue. */
  #taken = 0;
  #queued = 0;
  /** Since when the line has been busy without a pause, and the bytes sent since. */
  #from: Nanos = 0;
  #count = 0;
  #service: { cancel(): void } | undefined;
  readonly #counters = { delivered: 0, damaged: 0, lost: 0, overruns: 0, refused: 0 };

  constructor(sim: Sim, options: LineOptions, arrive: (bytes: Uint8Array) => void) {
    this.#sim = sim;
    this.#options = options;
    this.#arrive = arrive;
    this.#byteTime = (BITS_A_BYTE * SECOND) / options.baud;
  }

  get counters(): LineCounters {
    return this.#counters;
  }

  /** When the last bit of what was sent so far has left. */
  get freeAt(): Nanos {
    return Math.max(this.#sim.now, this.#arrival(this.#from, this.#count));
  }

  send(bytes: Uint8Array): void {
    const fits = Math.min(bytes.length, MAX_QUEUED - this.#queued);
    this.#counters.refused += bytes.length - fits;
    if (fits === 0) return;
    const now = this.#sim.now;
    if (this.#count === 0 || this.#arrival(this.#from, this.#count) <= now) {
      this.#from = now;
      this.#count = 0;
    }
    this.#queue.push({ bytes: bytes.slice(0, fits), from: this.#from, before: this.#count });
    this.#count += fits;
    this.#queued += fits;
    if (!this.#service) this.#schedule();
  }

  /** The cable is out, or the power: what is on its way is gone. */
  clear(): void {
    this.#service?.cancel();
    this.#service = undefined;
    this.#queue.length = 0;
    this.#taken = this.#queued = this.#count = 0;
  }

  #arrival(from: Nanos, count: number): Nanos {
    return Math.round(from + count * this.#byteTime);
  }

  #schedule(): void {
    const [first] = this.#queue;
    if (!first) return;
    const arrives = this.#arrival(first.from, first.before + this.#taken + 1);
    this.#service = this.#sim.at(arrives + (this.#options.latency ?? 0), () => {
      this.#service = undefined;
      const bytes = this.#disturbed(this.#arrived());
      this.#schedule();
      if (bytes.length > 0) this.#arrive(bytes);
    });
  }

  /** Takes out what has arrived, less what found the FIFO full. */
  #arrived(): Uint8Array {
    const room = this.#options.fifo ?? MAX_QUEUED;
    const out = roomFor(Math.min(room, this.#queued));
    let count = 0;
    for (;;) {
      const [first] = this.#queue;
      if (!first) break;
      // Rounded to whole nanoseconds, the last of them has arrived by now.
      const sent = Math.floor((this.#sim.now - first.from + 0.5) / this.#byteTime) - first.before;
      const end = Math.min(sent, first.bytes.length);
      if (end <= this.#taken) break;
      const fit = Math.min(end - this.#taken, room - count);
      out.set(first.bytes.subarray(this.#taken, this.#taken + fit), count);
      count += fit;
      this.#counters.overruns += end - this.#taken - fit;
      this.#queued -= end - this.#taken;
      this.#taken = end;
      if (end < first.bytes.length) break;
      this.#queue.shift();
      this.#taken = 0;
    }
    return out.subarray(0, count);
  }

  #disturbed(bytes: Uint8Array): Uint8Array {
    const { noise = 0, loss = 0, random } = this.#options;
    let count = bytes.length;
    if (random && (noise > 0 || loss > 0)) {
      count = 0;
      for (const byte of bytes) {
        if (loss > 0 && random.below(MILLION) < loss * MILLION) {
          this.#counters.lost++;
          continue;
        }
        const hit = noise > 0 && random.below(MILLION) < noise * MILLION;
        if (hit) this.#counters.damaged++;
        bytes[count++] = hit ? byte ^ (1 << random.below(8)) : byte;
      }
    }
    this.#counters.delivered += count;
    return bytes.subarray(0, count);
  }
}
