import { createSocket, type RemoteInfo } from "node:dgram";
import { emulatorError } from "../errors.js";

/** Who sent a message, and gets its answer. */
export interface UdpPeer {
  /** As `host:port`. */
  readonly name: string;
  readonly send: (message: Uint8Array) => void;
}

export interface UdpFaceOptions {
  /** Default: this machine only. */
  readonly host?: string | undefined;
  /** Default: SMP's. 0: any that is free. */
  readonly port?: number | undefined;
  readonly message: (message: Uint8Array, peer: UdpPeer) => void;
  /** Longer datagrams are dropped. */
  readonly maxMessage: number;
}

export interface UdpFace {
  readonly host: string;
  readonly port: number;
  readonly close: () => Promise<void>;
}

const LOOPBACK = "127.0.0.1";
/** Zephyr, CONFIG_MCUMGR_TRANSPORT_UDP_PORT. */
export const SMP_PORT = 1337;
/** Datagrams that the system has not taken yet. What does not fit is lost, as datagrams are. */
const MAX_PENDING = 256;

/** Shows a device on a UDP port. Hosts are told apart by their addresses; nothing is kept of them. @throws `emulator/port-taken` */
export async function openUdpFace(options: UdpFaceOptions): Promise<UdpFace> {
  const { host = LOOPBACK, port = SMP_PORT, maxMessage, message } = options;
  const socket = createSocket({ type: host.includes(":") ? "udp6" : "udp4" });
  let pending = 0;
  let closed = false;
  const peerOf = (from: RemoteInfo): UdpPeer => ({
    name: `${from.address}:${from.port}`,
    send(answer) {
      if (closed || pending >= MAX_PENDING) return;
      pending++;
      // A host that has gone is not told of it.
      socket.send(answer, from.port, from.address, () => void pending--);
    },
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", (error) => {
      socket.close();
      reject(
        emulatorError(
          "port-taken",
          `UDP ${host}:${port} cannot be listened on (${error.message}); choose another with --udp=host:port`,
          { host, port },
          error,
        ),
      );
    });
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.removeAllListeners("error");
      socket.on("error", () => {}); // of one datagram; the next one may do better
      resolve();
    });
  });
  socket.on("message", (datagram, from) => {
    if (datagram.length > maxMessage) return;
    message(new Uint8Array(datagram.buffer, datagram.byteOffset, datagram.length), peerOf(from));
  });
  return {
    host,
    port: socket.address().port,
    close: () =>
      new Promise((resolve) => {
        if (closed) return resolve();
        closed = true;
        socket.close(() => resolve());
      }),
  };
}
