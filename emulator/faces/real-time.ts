import { MS, type Nanos } from "../../src/util/time.js";
import type { Sim } from "../sim/sim.js";

/** Timers are not finer: what is due so soon happens at once. */
const AHEAD: Nanos = MS;

export interface RealTimeOptions {
  /** Something has a rate that must come out right: what happened ahead of its time is waited for afterwards. */
  readonly paced?: boolean;
}

/**
 * Lets virtual time pass as real time does, where something is shown to the outside. When virtual time ran ahead, because something was computed in it,
 * nobody waits for that: real time is counted from there. Without a pace that goes for what is done too soon for timers, too: else whoever
 * asks again and again would wait for a timer every few times.
 */
export class RealTime {
  readonly #sim: Sim;
  /** Virtual less real time. */
  #offset: Nanos;
  readonly #owed: Nanos;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #running = false;

  constructor(sim: Sim, { paced = true }: RealTimeOptions = {}) {
    this.#sim = sim;
    this.#owed = paced ? AHEAD : 0;
    this.#offset = sim.now - realNow();
  }

  /** Has happen what is due; to be called before something that comes from outside is put in, and after. */
  catchUp(): void {
    if (this.#stopped || this.#running) return; // what happens now puts something in: the loop finds it
    this.#offset = Math.max(this.#offset, this.#sim.now - this.#owed - realNow());
    const now = realNow() + this.#offset;
    this.#running = true;
    try {
      for (let { next } = this.#sim; next !== undefined && next <= now + AHEAD; { next } = this.#sim) this.#sim.step();
      if (this.#sim.now < now) this.#sim.runUntil(now);
    } finally {
      this.#running = false;
    }
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const { next } = this.#sim;
    if (next === undefined || this.#stopped) return;
    const wait = (next - realNow() - this.#offset) / MS;
    this.#timer = setTimeout(() => this.catchUp(), Math.max(0, Math.ceil(wait)));
  }
}

const realNow = (): Nanos => Math.round(performance.now() * MS);
