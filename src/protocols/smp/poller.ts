import { attempt, isTapbenchError } from "../../util/errors.js";
import type { Dialogue } from "../../util/dialogue.js";
import { SECOND, type Nanos } from "../../util/time.js";
import { decodeAnswer, valueOf, type Outcome } from "./answer.js";
import type { Command } from "./command.js";
import { smpError } from "./errors.js";
import { decodeSmp, encodeSmp, HEADER_BYTES, OP, type SmpMessage, type SmpVersion } from "./header.js";

const SEQUENCES = 256;

/** Sequence numbers of one wire, in turn: a number is free again when its answer came, and used again after all others. */
export class Sequences {
  #next: number;
  readonly #taken = new Set<number>();

  constructor(first = 0) {
    this.#next = first;
  }

  take(): number {
    if (this.#taken.size === SEQUENCES)
      throw smpError("window-closed", "256 requests are under way; wait for answers", { taken: SEQUENCES });
    while (this.#taken.has(this.#next)) this.#next = (this.#next + 1) % SEQUENCES;
    const sequence = this.#next;
    this.#taken.add(sequence);
    this.#next = (sequence + 1) % SEQUENCES;
    return sequence;
  }

  release(sequence: number): void {
    this.#taken.delete(sequence);
  }
}

export interface PollerOptions {
  /** Default 2: errors with their group. */
  readonly version?: SmpVersion;
  /** Requests under way at once; Nordic's clients take the device's buffers less one. Default 1. */
  readonly window?: number;
  /** From the last bit of a request to its answer. Default 2.5 s. */
  readonly within?: Nanos;
  /** How often a request that may be repeated is sent again. Default 4. */
  readonly retries?: number;
}

/** One request on its way. */
export interface Ask<A = unknown> {
  readonly command: Command<unknown, A>;
  readonly request: unknown;
  readonly within?: Nanos | undefined;
}

/** What a conversation has to do: hands out requests while it wants to, takes their outcomes. */
export interface Work {
  /** The next request; undefined: none until something is answered, or, with nothing under way, the end. */
  next(underWay: number): Ask | undefined;
  /** @throws to give up */
  answered(ask: Ask, outcome: Outcome<unknown>): void;
  /** Answers come in the order of requests: with each, requests sent before it are let go of. */
  readonly inOrder?: boolean;
  /** No answer came in time: true lets go of the request, false sends it again if it may be. @throws to give up */
  expired?(ask: Ask): boolean;
}

interface Flight {
  readonly ask: Ask;
  readonly bytes: Uint8Array;
  readonly within: Nanos;
  due: Nanos;
  tries: number;
  /** Counts what is sent. */
  order: number;
  /** Why an answer to it was not understood. */
  cause?: unknown;
}

/**
 * The host's side of SMP on whole messages: one conversation. Answers are matched by sequence number, group, command and operation; late, double
 * and foreign ones are left alone. Requests that may be repeated are sent again, others have one deadline.
 */
export class SmpPoller {
  readonly version: SmpVersion;
  readonly window: number;
  readonly #sequences: Sequences;
  readonly #within: Nanos;
  readonly #retries: number;
  readonly #flights = new Map<number, Flight>();

  /** `sequences` is shared by the conversations of one wire. */
  constructor(
    sequences: Sequences,
    { version = 2, window = 1, within = 2.5 * SECOND, retries = 4 }: PollerOptions = {},
  ) {
    this.#sequences = sequences;
    this.version = version;
    this.window = window;
    this.#within = within;
    this.#retries = retries;
  }

  /** Whether a message answers something that is under way here: for a view of a `Hub`. */
  readonly accepts = (message: Uint8Array): boolean =>
    message.length >= HEADER_BYTES && this.#flights.has(message[6]!) && (message[0]! & 1) === 1;

  /** One request, one answer. @throws `smp/refused`, `smp/no-answer` */
  *ask<Q, A>(command: Command<Q, A>, request: Q, within?: Nanos): Dialogue<Uint8Array, Uint8Array, A> {
    return valueOf(command.name, yield* this.outcome(command, request, within));
  }

  /** The same, with a refusal as a value. @throws `smp/no-answer` */
  *outcome<Q, A>(command: Command<Q, A>, request: Q, within?: Nanos): Dialogue<Uint8Array, Uint8Array, Outcome<A>> {
    let left: Ask | undefined = { command, request, within };
    let outcome: Outcome<unknown> | undefined;
    yield* this.run({
      next: () => {
        const ask = left;
        left = undefined;
        return ask;
      },
      answered: (_ask, came) => {
        outcome = came;
      },
    });
    return outcome as Outcome<A>;
  }

  /** Does work with as many requests under way as the window has room for. @throws `smp/no-answer`, and what `work` throws */
  *run(work: Work): Dialogue<Uint8Array, Uint8Array, void> {
    const flights = this.#flights;
    const own = new Set<number>();
    const letGo = (sequence: number): void => {
      own.delete(sequence);
      this.#land(sequence);
    };
    let sent = 0;
    try {
      let wake = yield { send: [], within: 0 }; // asks for the time
      for (;;) {
        const send: Uint8Array[] = [];
        const fresh: Flight[] = [];
        for (const sequence of own) {
          const flight = flights.get(sequence)!;
          if (flight.due > wake.at) continue;
          if (work.expired?.(flight.ask)) {
            letGo(sequence);
            continue;
          }
          this.#mayRepeat(flight);
          flight.order = sent++;
          send.push(flight.bytes);
          fresh.push(flight);
        }
        while (own.size < this.window) {
          const ask = work.next(own.size);
          if (!ask) break;
          const sequence = this.#sequences.take();
          own.add(sequence);
          const flight = {
            ask,
            bytes: this.#encode(ask, sequence),
            within: ask.within ?? this.#within,
            due: 0,
            tries: 1,
            order: sent++,
          };
          flights.set(sequence, flight);
          send.push(flight.bytes);
          fresh.push(flight);
        }
        if (own.size === 0) return;
        wake = yield { send, within: this.#patience(own, fresh, wake.at) };
        for (const flight of fresh) flight.due = wake.sentAt + flight.within;
        if (wake.got) {
          const answered = this.#match(wake.got, own);
          if (!answered) continue;
          const { sequence, flight, outcome } = answered;
          letGo(sequence);
          if (work.inOrder) for (const other of own) if (flights.get(other)!.order < flight.order) letGo(other);
          work.answered(flight.ask, outcome);
        }
      }
    } finally {
      for (const sequence of own) this.#land(sequence);
    }
  }

  #encode({ command, request }: Ask, sequence: number): Uint8Array {
    const { op, group, id } = command;
    const data = command.request.encode(request);
    return encodeSmp({ op: OP[op], version: this.version, group, sequence, command: id, data });
  }

  /** Until the first deadline. A new request's starts when its last bit has left. */
  #patience(own: ReadonlySet<number>, fresh: readonly Flight[], now: Nanos): Nanos {
    let least = Infinity;
    for (const sequence of own) {
      const flight = this.#flights.get(sequence)!;
      least = Math.min(least, fresh.includes(flight) ? flight.within : flight.due - now);
    }
    return Math.max(0, least);
  }

  #mayRepeat(flight: Flight): void {
    const { ask, tries, within, cause } = flight;
    if (ask.command.repeatable && tries <= this.#retries) {
      flight.tries++;
      return;
    }
    throw smpError(
      "no-answer",
      `the device did not answer ${ask.command.name} within ${within / SECOND} s${tries > 1 ? `, ${tries} times` : ""}; is it running, and the wire whole?`,
      { command: ask.command.name, tries },
      cause,
    );
  }

  /** Which request a message answers; undefined: none of them, or nothing that can be understood. */
  #match(
    bytes: Uint8Array,
    own: ReadonlySet<number>,
  ): { sequence: number; flight: Flight; outcome: Outcome<unknown> } | undefined {
    const message = attempt(() => decodeSmp(bytes));
    if (!message || !own.has(message.sequence)) return undefined;
    const flight = this.#flights.get(message.sequence)!;
    if (!answers(message, flight.ask)) return undefined;
    try {
      const outcome = decodeAnswer(flight.ask.command, message.data);
      return { sequence: message.sequence, flight, outcome };
    } catch (error) {
      if (!isTapbenchError(error)) throw error;
      flight.cause = error; // as if it was lost
      return undefined;
    }
  }

  #land(sequence: number): void {
    this.#flights.delete(sequence);
    this.#sequences.release(sequence);
  }
}

const answers = ({ op, group, command }: SmpMessage, { command: asked }: Ask): boolean =>
  op === OP[asked.op] + 1 && group === asked.group && command === asked.id;
