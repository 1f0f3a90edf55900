import type { Dialogue, Turn, Wake } from "./dialogue.js";

/** A simulated port: time passes inside `turn`. */
export interface SyncLink<Out, In> {
  turn(turn: Turn<Out>): Wake<In>;
}

/** One conversation's view of a real wire. */
export interface Link<Out, In> {
  turn(turn: Turn<Out>, signal?: AbortSignal): Promise<Wake<In>>;
  close(): Promise<void>;
}

/** Runs a dialogue in virtual time, to its end. */
export function converseSync<O, I, R>(dialogue: Dialogue<O, I, R>, link: SyncLink<O, I>): R {
  let step = dialogue.next();
  while (!step.done) {
    let wake: Wake<I>;
    try {
      wake = link.turn(step.value);
    } catch (error) {
      step = dialogue.throw(error);
      continue;
    }
    step = dialogue.next(wake);
  }
  return step.value;
}

export interface ConverseOptions {
  readonly signal?: AbortSignal;
  /** Turns that an aborted dialogue may still take to say goodbye (a DESELECT, say). Default 2. */
  readonly farewell?: number;
}

/**
 * Runs a dialogue on a real wire. On abort the signal's reason is thrown *into* the dialogue, which may take a few farewell turns;
 * then it is closed and the reason is thrown here, unless the dialogue ended by itself.
 */
export async function converse<O, I, R>(
  dialogue: Dialogue<O, I, R>,
  link: Link<O, I>,
  options: ConverseOptions = {},
): Promise<R> {
  let signal = options.signal;
  let turnsLeft = Infinity;
  let step = dialogue.next();
  while (!step.done) {
    if (turnsLeft-- <= 0) {
      dialogue.return(undefined as never);
      throw options.signal?.reason;
    }
    let wake: Wake<I>;
    try {
      signal?.throwIfAborted();
      wake = await link.turn(step.value, signal);
    } catch (error) {
      if (signal?.aborted) {
        turnsLeft = options.farewell ?? 2;
        signal = undefined;
      }
      step = dialogue.throw(error);
      continue;
    }
    step = dialogue.next(wake);
  }
  return step.value;
}
