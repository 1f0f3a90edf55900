import { concat } from "../../src/util/bytes.js";
import type { TapbenchError } from "../../src/util/errors.js";
import type { Framer } from "../../src/util/framing.js";
import type { Sim } from "../sim/sim.js";
import { UartLine, type LineCounters, type LineOptions } from "../uart/line.js";
import { openPty, type Pty, type PtyOptions } from "./pty.js";
import type { RealTime } from "./real-time.js";

export interface SerialFaceOptions extends Pick<PtyOptions, "link" | "bridge" | "signal"> {
  readonly sim: Sim;
  /** Has the simulation keep up with what hosts send. */
  readonly time: RealTime;
  /** How messages lie in the bytes, at the device's end. */
  readonly framer: Framer;
  readonly message: (message: Uint8Array) => void;
  /** Text between messages: what somebody types. */
  readonly line?: (line: string) => void;
  /** Absent: as fast as it goes, as USB's serial class does. With it both directions are paced, and may be noisy. */
  readonly uart?: LineOptions | undefined;
  readonly lost?: (cause: TapbenchError) => void;
}

export interface SerialFace {
  /** What hosts open. */
  readonly path: string;
  /** A message to the host. */
  readonly send: (message: Uint8Array) => void;
  /** Bytes beside the messages: a log line, with its line end. */
  readonly write: (bytes: Uint8Array) => void;
  /** What became of bytes from and to the host; undefined: the line is not paced. */
  readonly counters: () => { readonly fromHost: LineCounters; readonly toHost: LineCounters } | undefined;
  readonly close: () => Promise<void>;
}

/** Shows a device's UART on a pseudo-terminal. @throws `emulator/no-pty`, `emulator/link-taken`, the signal's reason */
export async function openSerialFace(options: SerialFaceOptions): Promise<SerialFace> {
  const { sim, time, framer, message, line, uart, link, bridge, signal, lost } = options;
  const hear = (piece: Uint8Array): void => {
    const { messages, lines } = framer.receive(piece, sim.now);
    if (line) for (const each of lines) line(each);
    for (const each of messages) message(each);
  };
  /** Answers of one moment leave in one piece: a byte a write would cost more than the bytes. */
  let leaving: Uint8Array[] = [];
  const leave = (bytes: Uint8Array): void => {
    if (leaving.push(bytes) > 1) return;
    queueMicrotask(() => {
      const [first, ...more] = leaving;
      leaving = [];
      pty.write(more.length === 0 ? first! : concat(first!, ...more));
    });
  };
  const paced = uart && {
    fromHost: new UartLine(sim, uart, hear),
    toHost: new UartLine(sim, { ...uart, fifo: Infinity, random: uart.random?.fork("to-host") }, leave),
  };
  /** Whatever comes then would stand in the line for ever. */
  let closed = false;
  const write = (bytes: Uint8Array): void => {
    if (closed) return;
    if (!paced) return leave(bytes);
    paced.toHost.send(bytes);
    time.catchUp();
  };
  const pty: Pty = await openPty({
    ...(link !== undefined && { link }),
    ...(bridge && { bridge }),
    ...(signal && { signal }),
    ...(lost && { lost }),
    bytes(piece) {
      if (closed) return;
      time.catchUp();
      if (paced) paced.fromHost.send(piece);
      else hear(piece);
      time.catchUp();
    },
  });
  return {
    path: pty.path,
    send: (each) => write(framer.encode(each)),
    write,
    counters: () => paced && { fromHost: paced.fromHost.counters, toHost: paced.toHost.counters },
    async close() {
      closed = true;
      paced?.fromHost.clear();
      paced?.toHost.clear();
      await pty.close();
    },
  };
}
