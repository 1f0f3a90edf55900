import { createSocket, type Socket } from "node:dgram";
import type { TapbenchError } from "../../util/errors.js";
import type { MessageWire, WireState } from "../../util/message-wire.js";
import { bounded, type Patience } from "../../util/patience.js";
import { SECOND, type Clock, type Nanos } from "../../util/time.js";
import { transportError } from "../errors.js";

export interface UdpOptions {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  /** Longest datagram either way; longer ones that come are dropped. Default: the most that UDP over IPv4 carries. */
  readonly maxMessage?: number;
}

/** RFC 768 and RFC 791: 65,535 less the headers. */
const MAX_DATAGRAM = 65_507;
const SENDING: Nanos = 5 * SECOND;

/** A connected datagram socket: a message is a datagram. @throws `transport/bad-address`, `transport/time-out`, the signal's reason */
export async function openUdp(options: UdpOptions, patience: Patience): Promise<MessageWire> {
  const { host, port, clock } = options;
  const name = nameOf(options);
  patience.signal?.throwIfAborted();
  const socket = createSocket({ type: host.includes(":") ? "udp6" : "udp4" });
  const connecting = new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve();
    });
    socket.connect(port, host);
  });
  try {
    await bounded(clock, connecting, patience, () =>
      transportError("time-out", `${name} is not found; is the name of the host right?`, { address: name }),
    );
    return new UdpSocket(name, socket, options);
  } catch (error) {
    socket.on("error", () => {}); // of a socket that is given up
    socket.close();
    if (!("syscall" in (error as object))) throw error;
    throw transportError(
      "bad-address",
      `${name} cannot be reached (${(error as Error).message}); write it like 127.0.0.1:1337`,
      { address: name },
      error,
    );
  }
}

const nameOf = ({ host, port }: UdpOptions): string => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);

type Events = Parameters<MessageWire["open"]>[0];

class UdpSocket implements MessageWire {
  readonly name: string;
  state: WireState = "open";
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #maxMessage: number;
  #gone: TapbenchError | undefined;
  #events: Events | undefined;

  constructor(name: string, socket: Socket, { clock, maxMessage = MAX_DATAGRAM }: UdpOptions) {
    this.name = name;
    this.#socket = socket;
    this.#clock = clock;
    this.#maxMessage = Math.min(maxMessage, MAX_DATAGRAM);
    socket.on("error", (error: NodeJS.ErrnoException) => this.#lose(this.#fault(error)));
  }

  open(events: Events): void {
    this.#events = events;
    this.#socket.on("message", (datagram) => {
      if (this.#gone || datagram.length > this.#maxMessage) return;
      const message = new Uint8Array(datagram.buffer, datagram.byteOffset, datagram.length);
      events.message(message, this.#clock.now());
    });
    if (this.state === "lost") events.closed(this.#gone!);
  }

  readonly send = async (message: Uint8Array, patience: Patience = { within: SENDING }): Promise<Nanos> => {
    if (this.#gone) throw this.#gone;
    if (message.length > this.#maxMessage)
      throw transportError(
        "too-long",
        `a message of ${message.length} bytes; ${this.#maxMessage} are the most for ${this.name}`,
        { length: message.length },
      );
    patience.signal?.throwIfAborted();
    const sending = new Promise<void>((resolve, reject) => {
      this.#socket.send(message, (error) => {
        if (!error) return resolve();
        const fault = this.#fault(error);
        if (fault.code !== "transport/too-long") this.#lose(fault);
        reject(fault);
      });
    });
    await bounded(this.#clock, sending, patience, () =>
      transportError("time-out", `${this.name} takes no datagrams; is the network up?`, { address: this.name }),
    );
    return this.#clock.now();
  };

  async close(): Promise<void> {
    if (this.state === "closed") return;
    const cause = transportError("closed", `${this.name} was closed`, { address: this.name });
    this.#lose(cause);
    this.state = "closed";
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  /** What ICMP told of an earlier datagram comes as an error of the socket. */
  #fault(error: NodeJS.ErrnoException): TapbenchError {
    const context = { address: this.name };
    if (error.code === "ECONNREFUSED")
      return transportError(
        "refused",
        `nothing listens on UDP ${this.name}; start the device, or check the port`,
        context,
        error,
      );
    if (error.code === "EMSGSIZE")
      return transportError("too-long", `the message does not fit a datagram to ${this.name}`, context, error);
    return transportError(
      "failed",
      `${this.name} cannot be reached (${error.message}); check the network`,
      context,
      error,
    );
  }

  #lose(cause: TapbenchError): void {
    if (this.#gone) return;
    this.#gone = cause;
    this.state = "lost";
    this.#events?.closed(cause);
  }
}
