import type { Listener, Step } from "../../src/util/dialogue.js";
import type { Sim } from "./sim.js";

/** A listener that lives in virtual time: keeps its state, runs its timer, hands on what it sends. */
export class Actor<S, In, Out> {
  state: S;
  readonly #sim: Sim;
  readonly #listener: Listener<S, In, Out>;
  readonly #emit: (send: Step<S, Out>["send"]) => void;
  readonly #timer = (): void => this.receive(undefined);
  #wake: { cancel(): void } | undefined;

  constructor(sim: Sim, listener: Listener<S, In, Out>, initial: S, emit: (send: Step<S, Out>["send"]) => void) {
    this.#sim = sim;
    this.#listener = listener;
    this.state = initial;
    this.#emit = emit;
  }

  /** A message arrived now; undefined: the timer. */
  receive(input: In | undefined): void {
    this.#wake?.cancel();
    this.#wake = undefined;
    const step = this.#listener(this.state, input, this.#sim.now);
    this.state = step.state;
    if (step.send.length > 0) this.#emit(step.send);
    if (step.wakeIn !== undefined) this.#wake = this.#sim.at(this.#sim.now + step.wakeIn, this.#timer);
  }

  /** Power is gone: the timer with it. */
  stop(): void {
    this.#wake?.cancel();
    this.#wake = undefined;
  }
}
