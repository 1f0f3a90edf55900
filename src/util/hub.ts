import type { Turn, Wake } from "./dialogue.js";
import type { Link } from "./converse.js";
import { utilError, type TapbenchError } from "./errors.js";
import type { Clock, Nanos } from "./time.js";

/** A wire pushes messages. `send` resolves, with the time, when the bytes have left: that is the back-pressure. */
export interface Wire<Out, In> {
  open(events: { message(message: In, at: Nanos): void; closed(cause: TapbenchError): void }): void;
  send(message: Out): Promise<Nanos>;
  close(): Promise<void>;
}

interface View<In> {
  readonly accepts: (message: In) => boolean;
  readonly deliver: (message: In, at: Nanos) => void;
  readonly hangUp: () => void;
}

/**
 * Several conversations on one wire. Each view takes the messages it accepts, in order of opening; what nobody takes goes to `stray`.
 * A view holds at most `bound` unread messages; one more is `util/link-overflow` at its next turn.
 */
export class Hub<Out, In> {
  readonly #views = new Set<View<In>>();
  readonly #wire: Wire<Out, In>;
  readonly #clock: Clock;
  #gone: TapbenchError | undefined;

  constructor(wire: Wire<Out, In>, clock: Clock, stray: (message: In) => void) {
    this.#wire = wire;
    this.#clock = clock;
    wire.open({
      message: (message, at) => {
        for (const view of this.#views) if (view.accepts(message)) return view.deliver(message, at);
        stray(message);
      },
      closed: (cause) => {
        this.#gone = cause;
        for (const view of this.#views) view.hangUp();
      },
    });
  }

  /** How many conversations are open. */
  get views(): number {
    return this.#views.size;
  }

  view(accepts: (message: In) => boolean, bound = 256): Link<Out, In> {
    const unread: { message: In; at: Nanos }[] = [];
    let rouse: (() => void) | undefined;
    let overflow = false;
    let closed = false;
    let sentAt: Nanos = this.#clock.now();

    const view: View<In> = {
      accepts,
      deliver: (message, at) => {
        if (unread.length < bound) unread.push({ message, at });
        else overflow = true;
        rouse?.();
      },
      hangUp: () => rouse?.(),
    };
    this.#views.add(view);

    const sleep = (within: Nanos, signal: AbortSignal | undefined): Promise<void> =>
      new Promise((resolve, reject) => {
        const settle = (): void => {
          cancelTimer();
          signal?.removeEventListener("abort", abort);
          rouse = undefined;
        };
        const wake = (): void => {
          settle();
          resolve();
        };
        const abort = (): void => {
          settle();
          reject(signal!.reason as Error);
        };
        const cancelTimer = this.#clock.after(within, wake);
        signal?.addEventListener("abort", abort);
        rouse = wake;
      });

    return {
      turn: async (turn: Turn<Out>, signal?: AbortSignal): Promise<Wake<In>> => {
        if (closed) throw utilError("link-closed", "this conversation was closed; open a new view of the wire");
        for (const message of turn.send) {
          if (this.#gone) throw this.#gone;
          sentAt = await this.#wire.send(message);
        }
        signal?.throwIfAborted();
        if (unread.length === 0 && !this.#gone && turn.within > 0) await sleep(turn.within, signal);
        if (overflow)
          throw utilError(
            "link-overflow",
            "messages came faster than the conversation read them; raise its bound or read sooner",
            { bound },
          );
        const first = unread.shift();
        if (first) return { at: first.at, sentAt, got: first.message };
        if (this.#gone) throw this.#gone;
        return { at: this.#clock.now(), sentAt };
      },
      close: async () => {
        closed = true;
        this.#views.delete(view);
        rouse?.();
      },
    };
  }
}
