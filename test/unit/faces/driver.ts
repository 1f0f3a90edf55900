import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { hex, unhex } from "../../../src/util/bytes.js";

/** One card's connection, as the reader's driver has it. */
export interface Accepted {
  /** Bytes as they stand, each call a write of its own. */
  send(text: string): void;
  /** So many bytes of what the card sent, in hex. Rejects when it closes before. */
  read(count: number): Promise<string>;
  /** Bytes that have come and were not read. */
  readonly unread: number;
  /** The card has said that it sends no more. */
  readonly ended: Promise<void>;
  readonly closed: Promise<void>;
  hangUp(): void;
}

/** A stand-in for vpcd: listens, takes cards one after the other, sends what a test tells it. */
export interface Driver {
  readonly port: number;
  accept(): Promise<Accepted>;
  close(): Promise<void>;
}

/** `patient`: it notices only when told that a card has left, as vpcd notices at its next look. */
export async function startDriver(port = 0, patient = false): Promise<Driver> {
  const arrived: Accepted[] = [];
  const waiting: ((accepted: Accepted) => void)[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer({ noDelay: true, allowHalfOpen: patient }, (socket) => {
    sockets.add(socket);
    const accepted = acceptedFrom(socket);
    const next = waiting.shift();
    if (next) next(accepted);
    else arrived.push(accepted);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    accept: async () => arrived.shift() ?? (await new Promise<Accepted>((resolve) => waiting.push(resolve))),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function acceptedFrom(socket: Socket): Accepted {
  let bytes = Buffer.alloc(0);
  let gone = false;
  let wake = (): void => {};
  socket.on("data", (piece: Buffer) => {
    bytes = Buffer.concat([bytes, piece]);
    wake();
  });
  socket.on("error", () => {}); // a reset counts as closed
  const ended = new Promise<void>((resolve) => socket.once("end", resolve));
  const closed = new Promise<void>((resolve) =>
    socket.once("close", () => {
      gone = true;
      wake();
      resolve();
    }),
  );
  return {
    send: (text) => void socket.write(unhex(text)),
    async read(count) {
      while (bytes.length < count) {
        if (gone) throw new Error(`the card closed after ${hex(bytes)}, ${count} bytes were expected`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
      const taken = hex(bytes.subarray(0, count));
      bytes = bytes.subarray(count);
      return taken;
    },
    get unread() {
      return bytes.length;
    },
    ended,
    closed,
    hangUp: () => socket.destroySoon(),
  };
}
