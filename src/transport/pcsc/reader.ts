import { isTapbenchError, type TapbenchError } from "../../util/errors.js";
import { bounded, pause, type Patience } from "../../util/patience.js";
import { MS, type Nanos } from "../../util/time.js";
import { transportError } from "../errors.js";
import type { Leaving, PcscClient, ReaderState, Sharing } from "./driver.js";
import type { PcscSession } from "./session.js";

/** A short response: 256 bytes and the status word. Native bindings fail on one that is longer than the room they were given. */
const SHORT_ROOM = 258;
const EXTENDED_ROOM = 65_544;
/** Longest command APDU: extended header, 65,535 bytes, extended Le. */
const MAX_COMMAND = 65_544;
/** Power-up of a card fails now and then with some readers: it gets another chance. */
const CONNECT_ATTEMPTS = 3;
const CONNECT_PAUSE: Nanos = 200 * MS;

/** Errors after which the connection is gone: the next command needs a new one. */
const LOST: ReadonlySet<string> = new Set([
  "transport/removed",
  "transport/reset",
  "transport/no-card",
  "transport/no-reader",
  "transport/service-lost",
  "transport/failed",
  "transport/closed",
]);

/** A first byte of zero behind the header, and two bytes of length: ISO/IEC 7816-4 5.1. */
const isExtended = (apdu: Uint8Array): boolean => apdu.length >= 7 && apdu[4] === 0;

/** One reader: what lies on it, and a connection with that. Recovers by being connected again, whatever happened. */
export class PcscReader {
  readonly name: string;
  readonly #session: PcscSession;
  readonly #share: Sharing;
  #connected: { readonly generation: number } | undefined;
  #busy = false;

  constructor(session: PcscSession, name: string, share: Sharing = "shared") {
    this.#session = session;
    this.name = name;
    this.#share = share;
  }

  /** What is known of it; undefined while the reader or the service is away. */
  get state(): ReaderState | undefined {
    return this.#session.stateOf(this.name);
  }

  /** Calls back at each change of the state; returns how to stop it. */
  watch(run: () => void): () => void {
    return this.#session.watch(run);
  }

  /** Waits for a card that answers. Returns its ATR. @throws `transport/no-card`, `transport/no-reader`, `transport/no-service` */
  waitForCard(patience: Patience): Promise<Uint8Array> {
    const look = (): Uint8Array | undefined => {
      const { state } = this;
      return state?.present === true && !state.mute ? (state.atr ?? new Uint8Array(0)) : undefined;
    };
    return this.#session.until(look, patience, () =>
      this.state === undefined
        ? transportError("no-reader", `${this.name} is not there any more; plug it in again`, { reader: this.name })
        : transportError("no-card", `there is no card on ${this.name}; put one on it`, { reader: this.name }),
    );
  }

  /** @throws `transport/time-out`, `transport/no-service` */
  async waitForRemoval(patience: Patience): Promise<void> {
    await this.#session.until(
      () => (this.state?.present === true ? undefined : true),
      patience,
      () => transportError("time-out", `the card still lies on ${this.name}; take it off`, { reader: this.name }),
    );
  }

  /** Waits for a card, powers it up and connects with it; a connection there is stays. Returns the ATR. @throws `transport/...` */
  async connect(patience: Patience): Promise<Uint8Array> {
    const { clock } = this.#session;
    const end = clock.now() + patience.within;
    for (let attempt = 1; ; attempt++) {
      const left = (): Patience => ({ within: end - clock.now(), signal: patience.signal });
      await this.#session.settled(patience.signal);
      const atr = this.#share === "direct" ? new Uint8Array(0) : await this.waitForCard(left());
      if (this.#client()) return atr;
      try {
        const client = await this.#session.client(left());
        const { generation } = this.#session;
        await this.#exclusively(client, left(), () => client.connect(this.name, this.#share));
        this.#connected = { generation };
        return atr;
      } catch (error) {
        patience.signal?.throwIfAborted();
        const again = isTapbenchError(error) && LOST.has(error.code) && error.code !== "transport/closed";
        if (!again || attempt === CONNECT_ATTEMPTS || end - clock.now() <= CONNECT_PAUSE) throw error;
        await pause(clock, CONNECT_PAUSE, patience.signal);
      }
    }
  }

  /** Cuts the card's power and gives it back: nothing is selected. @throws as `connect` */
  async reset(patience: Patience): Promise<Uint8Array> {
    const client = this.#client();
    if (client) {
      this.#connected = undefined;
      await this.#exclusively(client, patience, () => client.disconnect(this.name, "unpower")).catch(forgive);
    }
    return this.connect(patience);
  }

  /**
   * One APDU. When the time runs out the command is torn: its native call is ended, and the next connection waits a second.
   * @throws `transport/not-connected`, `transport/removed`, `transport/reset`, `transport/time-out`, `transport/failed`, ..., the signal's reason
   */
  async transmit(apdu: Uint8Array, patience: Patience): Promise<Uint8Array> {
    if (apdu.length > MAX_COMMAND)
      throw transportError(
        "too-long",
        `a command of ${apdu.length} bytes; ${MAX_COMMAND} are the most that PC/SC takes`,
        {
          length: apdu.length,
        },
      );
    const room = isExtended(apdu) ? EXTENDED_ROOM : SHORT_ROOM;
    return this.#talk(patience, (client) => client.transmit(this.name, apdu, room));
  }

  /** A control code with its data: LEDs, buzzers, polling. Most readers want a card for it, or a `direct` connection. @throws as `transmit` */
  control(code: number, data: Uint8Array, patience: Patience): Promise<Uint8Array> {
    return this.#talk(patience, (client) => client.control(this.name, code, data, SHORT_ROOM));
  }

  /** Ends the connection; the card is reset unless it is to be left as it is. The reader can be connected again. */
  async disconnect(leaving: Leaving, patience: Patience): Promise<void> {
    const client = this.#client();
    this.#connected = undefined;
    if (client) await this.#exclusively(client, patience, () => client.disconnect(this.name, leaving)).catch(forgive);
  }

  #client(): PcscClient | undefined {
    return this.#connected && this.#session.clientOf(this.#connected.generation);
  }

  async #talk(patience: Patience, call: (client: PcscClient) => Promise<Uint8Array>): Promise<Uint8Array> {
    patience.signal?.throwIfAborted();
    const client = this.#client();
    if (!client) throw this.#lost();
    try {
      return await this.#exclusively(client, patience, () => call(client));
    } catch (error) {
      if (isTapbenchError(error) && LOST.has(error.code)) this.#connected = undefined;
      // The card may have been on its way out: what came of the command is unknown.
      if (isTapbenchError(error, "transport/failed") || isTapbenchError(error, "transport/removed"))
        this.#session.stayAway();
      throw error;
    }
  }

  /** One call at a time, and never longer than there is patience: then the whole client goes. */
  async #exclusively<T>(client: PcscClient, patience: Patience, call: () => Promise<T>): Promise<T> {
    if (this.#busy)
      throw transportError("overlap", `${this.name} is still busy with the command before; wait for its answer`, {
        reader: this.name,
      });
    this.#busy = true;
    const late = this.#late();
    try {
      return await bounded(this.#session.clock, call(), patience, () => late);
    } catch (error) {
      if (error === late || patience.signal?.aborted === true) {
        this.#connected = undefined;
        this.#session.tear(client);
      }
      throw error;
    } finally {
      this.#busy = false;
    }
  }

  /** Why there is no connection: the service took it along, or nobody made one. */
  #lost(): TapbenchError {
    const context = { reader: this.name };
    return this.#connected
      ? transportError(
          "service-lost",
          "the PC/SC service went away; start it again (pcscd) and repeat the command",
          context,
        )
      : transportError("not-connected", `nothing is connected on ${this.name}; connect with its card first`, context);
  }

  #late(): TapbenchError {
    return transportError(
      "time-out",
      `${this.name} gave no answer in time; take the card off, put it back and try again`,
      {
        reader: this.name,
      },
    );
  }
}

/** A connection that cannot be ended any more has ended. */
function forgive(error: unknown): void {
  if (!isTapbenchError(error)) throw error;
}
