import type { SyncLink } from "../../src/util/converse.js";
import type { Dialogue, Turn, Wake } from "../../src/util/dialogue.js";
import type { Nanos } from "../../src/util/time.js";
import { emulatorError } from "../errors.js";
import type { Sim } from "./sim.js";

const MAX_UNREAD = 1024;

/**
 * The host's end of a simulated wire. What the wire is (its pace, losses, who listens) is in `transmit`, which puts one message on it
 * and says when its last bit will have left. The wire tells the port when an answer starts and when it has arrived.
 */
export class SimPort<Out, In> implements SyncLink<Out, In> {
  readonly #sim: Sim;
  readonly #transmit: (message: Out) => Nanos;
  readonly #unread: { at: Nanos; message: In }[] = [];
  #resume: ((wake: Wake<In>) => void) | undefined;
  /** What ended the turn that runs in step with virtual time. */
  #ended: Wake<In> | undefined;
  readonly #end = (wake: Wake<In>): void => {
    this.#ended = wake;
  };
  readonly #timeOut = (): void => this.#wake(undefined);
  #deadline: { cancel(): void } | undefined;
  #sentAt: Nanos;

  constructor(sim: Sim, transmit: (message: Out) => Nanos) {
    this.#sim = sim;
    this.#transmit = transmit;
    this.#sentAt = sim.now;
  }

  /** Starts a turn; `resume` is called once, now or later in virtual time. */
  begin(turn: Turn<Out>, resume: (wake: Wake<In>) => void): void {
    let end = this.#sim.now;
    for (const message of turn.send) this.#sentAt = end = this.#transmit(message);
    const first = this.#unread.length > 0 ? this.#unread.shift() : undefined;
    if (first) return resume({ at: first.at, sentAt: this.#sentAt, got: first.message });
    this.#resume = resume;
    this.#deadline = this.#sim.at(end + turn.within, this.#timeOut);
  }

  turn(turn: Turn<Out>): Wake<In> {
    this.#ended = undefined;
    this.begin(turn, this.#end);
    while (!this.#ended)
      if (!this.#sim.step())
        throw emulatorError("stuck", "nothing is left to happen, and the conversation still waits");
    return this.#ended;
  }

  /** The first bit of an answer is on the wire: the deadline, which bounds the start of an answer, is met. */
  answerStarts(): void {
    this.#deadline?.cancel();
  }

  /** The last bit of a message has arrived. */
  arrived(message: In): void {
    if (this.#resume) this.#wake(message);
    else if (this.#unread.length < MAX_UNREAD) this.#unread.push({ at: this.#sim.now, message });
  }

  /** An answer that had started broke off: the conversation is woken without one. */
  brokeOff(): void {
    this.#wake(undefined);
  }

  /** Forgets what arrived before, as a reader does when it switches the field. */
  flush(): void {
    if (this.#unread.length > 0) this.#unread.length = 0; // setting it is slow
  }

  #wake(message: In | undefined): void {
    const resume = this.#resume;
    if (!resume) return;
    this.#resume = undefined;
    this.#deadline?.cancel();
    this.#deadline = undefined;
    const at = this.#sim.now;
    resume(message === undefined ? { at, sentAt: this.#sentAt } : { at, sentAt: this.#sentAt, got: message });
  }
}

/** How a conversation that was started with `spawn` stands. */
export type Running<R> =
  | { readonly state: "running" }
  | { readonly state: "done"; readonly value: R }
  | { readonly state: "failed"; readonly error: unknown };

/** Starts a conversation that goes on as virtual time passes: several of them can share one `Sim`. */
export function spawn<O, I, R>(dialogue: Dialogue<O, I, R>, port: Pick<SimPort<O, I>, "begin">): () => Running<R> {
  let running: Running<R> = { state: "running" };
  const go = (next: () => IteratorResult<Turn<O>, R>): void => {
    try {
      const step = next();
      if (step.done) running = { state: "done", value: step.value };
      else port.begin(step.value, (wake) => go(() => dialogue.next(wake)));
    } catch (error) {
      running = { state: "failed", error };
    }
  };
  go(() => dialogue.next());
  return () => running;
}
