import type { Nanos } from "./time.js";

/*
 * Protocol logic does no I/O. A conversation is a generator: it yields what it wants sent and how long it will wait, and is resumed
 * with what came, and when. Who drives it (converse.ts) decides about wires and time.
 */

/** Put these on the wire, then wake me at the first message, or `within` after the last bit left. `within` bounds the start of an answer. */
export interface Turn<Out> {
  readonly send: readonly Out[];
  readonly within: Nanos;
}

/** Why the dialogue was woken: a message, or (no `got`) the deadline. `sentAt`: when the last bit of the turn left. */
export interface Wake<In> {
  readonly at: Nanos;
  readonly sentAt: Nanos;
  readonly got?: In;
}

/** Link layers: ISO-DEP, ATT, SMP with a window. Nothing yields in `finally`. */
export type Dialogue<Out, In, R> = Generator<Turn<Out>, R, Wake<In>>;

/** An answer, and the time from the last bit of the question to the last bit of the answer. */
export interface Reply<A> {
  readonly answer: A;
  readonly took: Nanos;
}

/** Question and answer, one at a time: kernels, GlobalPlatform. */
export type Asking<Q, A, R> = Generator<Q, R, Reply<A>>;

/** What a device end does with one input: its next state, what it sends and when, and when it wants to be woken by its own timer. */
export interface Step<S, Out> {
  readonly state: S;
  readonly send: readonly { readonly out: Out; readonly after: Nanos }[];
  readonly wakeIn?: Nanos | undefined;
}

/** Device side. `input` undefined: the time asked for with `wakeIn` has come. A new input cancels a pending wake. */
export type Listener<S, In, Out> = (state: S, input: In | undefined, now: Nanos) => Step<S, Out>;

/** Stacks a question-and-answer conversation on a layer that carries one exchange. Errors below surface above; `upper` is always closed. */
export function* over<Q, A, O, I, R>(
  upper: Asking<Q, A, R>,
  carry: (question: Q) => Dialogue<O, I, Reply<A>>,
): Dialogue<O, I, R> {
  let step = upper.next();
  try {
    while (!step.done) {
      let reply: Reply<A>;
      try {
        reply = yield* carry(step.value);
      } catch (error) {
        step = upper.throw(error);
        continue;
      }
      step = upper.next(reply);
    }
    return step.value;
  } finally {
    if (!step.done) upper.return(undefined as never);
  }
}

/** Drives a question-and-answer conversation against something that answers at once: an applet, a recorded tap. */
export function answerWith<Q, A, R>(upper: Asking<Q, A, R>, answer: (question: Q) => Reply<A>): R {
  let step = upper.next();
  while (!step.done) {
    let reply: Reply<A>;
    try {
      reply = answer(step.value);
    } catch (error) {
      step = upper.throw(error);
      continue;
    }
    step = upper.next(reply);
  }
  return step.value;
}
