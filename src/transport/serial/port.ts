import { isTapbenchError, type TapbenchError } from "../../util/errors.js";
import type { Framer } from "../../util/framing.js";
import type { MessageWire, WireState } from "../../util/message-wire.js";
import { bounded, pause, type Patience } from "../../util/patience.js";
import { MS, SECOND, type Clock, type Nanos } from "../../util/time.js";
import { transportError } from "../errors.js";
import type { PortSettings, SerialConnection, SerialDriver } from "./driver.js";

export interface SerialOptions extends PortSettings {
  readonly driver: SerialDriver;
  readonly clock: Clock;
  /** How messages lie in the bytes: protocols know. */
  readonly framer: Framer;
}

/** No message takes this long at the slowest rate that is used; a device that does not listen does. */
const SENDING: Nanos = 5 * SECOND;
/** How often a port that is away is looked for. */
const AGAIN: Nanos = 100 * MS;
/** Faults that pass while a device starts: its port appears, udev sets the rights, a modem manager has a look. */
const PASSING: ReadonlySet<string> = new Set([
  "transport/no-port",
  "transport/no-permission",
  "transport/busy",
  "transport/failed",
  "transport/unplugged",
]);

/** Opens a port, now or never. @throws `transport/driver-missing`, `transport/no-port`, `transport/busy`, `transport/no-permission`, `transport/time-out`, `transport/failed`, the signal's reason */
export async function openSerial(options: SerialOptions, patience: Patience): Promise<MessageWire> {
  const { driver, clock, path } = options;
  patience.signal?.throwIfAborted();
  const opening = driver.open(options);
  const late = timeOut(path, "does not open; is the device running");
  try {
    return new SerialPort(options, await bounded(clock, opening, patience, () => late));
  } catch (error) {
    // A port that opens after all is closed again: nobody would.
    if (error === late || patience.signal?.aborted === true) void opening.then((late) => late.close(), passedBy);
    throw error;
  }
}

/** Opens a port that comes or comes back: after a reset, or when it is plugged in. @throws as `openSerial`, when the time is over */
export async function reopenSerial(options: SerialOptions, patience: Patience): Promise<MessageWire> {
  const { clock } = options;
  const end = clock.now() + patience.within;
  for (;;) {
    const left = end - clock.now();
    try {
      return await openSerial(options, { within: left, signal: patience.signal });
    } catch (error) {
      if (!isTapbenchError(error) || !PASSING.has(error.code) || end - clock.now() <= AGAIN) throw error;
    }
    await pause(clock, AGAIN, patience.signal);
  }
}

/** Whoever asked has been told already. */
function passedBy(error: unknown): void {
  if (!isTapbenchError(error)) throw error;
}

type Events = Parameters<MessageWire["open"]>[0];

class SerialPort implements MessageWire {
  readonly name: string;
  state: WireState = "open";
  readonly #options: SerialOptions;
  readonly #connection: SerialConnection;
  #gone: TapbenchError | undefined;
  #events: Events | undefined;
  readonly #readers = new Set<(line: string) => void>();

  constructor(options: SerialOptions, connection: SerialConnection) {
    this.name = options.path;
    this.#options = options;
    this.#connection = connection;
  }

  /** Bytes are read from here on. Once. */
  open(events: Events): void {
    const { clock, framer } = this.#options;
    this.#events = events;
    this.#connection.start({
      bytes: (piece) => {
        const at = clock.now();
        const { messages, lines } = framer.receive(piece, at);
        for (const line of lines) for (const told of this.#readers) told(line);
        for (const message of messages) events.message(message, at);
      },
      lost: (cause) => this.#lose(cause),
    });
  }

  readonly watchText = (told: (line: string) => void): (() => void) => {
    this.#readers.add(told);
    return () => void this.#readers.delete(told);
  };

  readonly send = async (message: Uint8Array, patience: Patience = { within: SENDING }): Promise<Nanos> => {
    if (this.#gone) throw this.#gone;
    patience.signal?.throwIfAborted();
    const { clock, framer } = this.#options;
    // An error is dear to make, and seldom needed.
    let late: TapbenchError | undefined;
    const tooLate = (): TapbenchError =>
      (late = timeOut(this.name, "takes no bytes; is the device running, and at this baud rate"));
    try {
      await bounded(clock, this.#connection.write(framer.encode(message)), patience, tooLate);
      return clock.now();
    } catch (error) {
      if (late) {
        this.#lose(late);
        await this.#connection.close();
      } else if (isTapbenchError(error, "transport/unplugged")) this.#lose(error);
      throw error;
    }
  };

  async close(): Promise<void> {
    if (this.state === "closed") return;
    const cause = transportError("closed", `${this.name} was closed`, { port: this.name });
    this.#lose(cause);
    this.state = "closed";
    await this.#connection.close();
  }

  #lose(cause: TapbenchError): void {
    if (this.#gone) return;
    this.#gone = cause;
    this.state = "lost";
    this.#events?.closed(cause);
  }
}

const timeOut = (path: string, what: string): TapbenchError =>
  transportError("time-out", `${path} ${what}?`, { port: path });
