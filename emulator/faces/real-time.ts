import { MS, type Nanos } from "../../src/util/time.js";
import type { Sim } from "../sim/sim.js";

/** Timers are not finer: what is due so soon happens at once. */
const AHEAD: Nanos = MS;

/**
 * Lets virtual time pass as real time does, where something paced is shown to the outside. When virtual time ran ahead, because something
 * was computed in it, nobody waits for that: real time is counted from there.
 */
export class RealTime {
  readonly #sim: Sim;
  /** Virtual less real time. */
  #offset: Nanos;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #running = false;

  constructor(sim: Sim) {
    this.#sim = sim;
    this.#offset = sim.now - realNow();
  }

  /** Has happen what is due; to be called before something that comes from outside is put in, and after. */
  catchUp(): void {
    if (this.#stopped || this.#running) return; // what happens now puts something in: the loop finds it
    const now = realNow() + this.#offset;
    this.#offset += Math.max(0, this.#sim.now - now - AHEAD);
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
