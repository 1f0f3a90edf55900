import type { Nanos } from "../../src/util/time.js";
import type { CardInterface } from "./applet.js";

/**
 * Who may use the element's one processor. Public facts: the Java Card runtime processes APDUs one after another, whichever interface they come
 * over (Runtime Environment Specification 2.2.2, chapter 4); an applet that is not multiselectable, or one of its package, is active on
 * one channel of all interfaces only, and a second SELECT ends in 6985 (4.5.2); losing the field ends the contactless channels and leaves the
 * contacted ones alone (3.6.1). Patents of makers (EP3696759) describe elements that ask for priority when a field appears, and are refused it
 * while they work. Chosen here: first come, first served, without preference; who comes later waits, and what it is told it took includes the
 * wait. A reset of either interface leaves the other alone, because the wired one of a device is a logical interface and not the supply:
 * that differs from 3.6.1, where a reset on the contacts resets the card. A command that its own interface leaves behind is broken off, and
 * the processor is free; what it wrote before stays.
 */
export class Arbiter {
  readonly #now: (() => Nanos) | undefined;
  #busy: { readonly via: CardInterface; readonly until: Nanos }[] = [];

  /** Without a clock nothing waits: commands come when they can. */
  constructor(now: (() => Nanos) | undefined) {
    this.#now = now;
  }

  /** A command that needs that long. How long it waits for those before it. */
  enter(via: CardInterface, took: Nanos): Nanos {
    if (!this.#now) return 0;
    const now = this.#now();
    this.#busy = this.#busy.filter(({ until }) => until > now);
    const from = this.#busy.reduce((latest, { until }) => Math.max(latest, until), now);
    this.#busy.push({ via, until: from + took });
    return from - now;
  }

  /** Nobody waits for the answers of that interface any more. */
  leave(via: CardInterface): void {
    this.#busy = this.#busy.filter((each) => each.via !== via);
  }

  /** Nothing is under way. */
  reset(): void {
    this.#busy = [];
  }
}
