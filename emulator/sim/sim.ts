import type { Clock, Nanos } from "../../src/util/time.js";

/** Something that is going to happen, unless it is cancelled. */
class Event {
  readonly at: Nanos;
  readonly order: number;
  run: (() => void) | undefined;

  constructor(at: Nanos, order: number, run: () => void) {
    this.at = at;
    this.order = order;
    this.run = run;
  }

  cancel(): void {
    this.run = undefined;
  }
}

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Virtual time: events by time, then by order of asking. Everything simulated hangs on one of these. */
export class Sim {
  #now: Nanos = 0;
  #order = 0;
  readonly #heap: Event[] = [];

  get now(): Nanos {
    return this.#now;
  }

  /** Runs at that time, unless cancelled before. A time in the past is now. */
  at(time: Nanos, run: () => void): { cancel(): void } {
    const event = new Event(Math.max(time, this.#now), this.#order++, run);
    const heap = this.#heap;
    let i = heap.push(event) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(event, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = event;
    return event;
  }

  /** The next event happens; false when there is none left. */
  step(): boolean {
    for (;;) {
      const next = this.#pop();
      if (!next) return false;
      if (!next.run) continue; // cancelled: time does not pass for it
      this.#now = next.at;
      next.run();
      return true;
    }
  }

  /** Lets time pass: everything due until `time` happens. */
  runUntil(time: Nanos): void {
    for (;;) {
      const top = this.#heap[0];
      if (!top || top.at > time) break;
      if (top.run) this.step();
      else this.#pop();
    }
    this.#now = Math.max(this.#now, time);
  }

  /** When the next thing happens; undefined: nothing will. */
  get next(): Nanos | undefined {
    while (this.#heap[0] && !this.#heap[0].run) this.#pop();
    return this.#heap[0]?.at;
  }

  /** Whether anything is still going to happen. */
  get idle(): boolean {
    return this.#heap.every((event) => !event.run);
  }

  /** Virtual time for those who want a clock. */
  get clock(): Clock {
    return {
      now: () => this.#now,
      after: (delay, run) => {
        const event = this.at(this.#now + delay, run);
        return () => event.cancel();
      },
    };
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (!top || !last || heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (before(last, heap[child]!)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return top;
  }
}
