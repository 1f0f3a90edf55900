import { read, write } from "node:fs";
import { promisify } from "node:util";

/** The part of a port of @serialport/bindings-cpp 13 on Linux and macOS that is used here. */
interface UnixPort {
  readonly fd: number | null;
  readonly poller: {
    once(event: Ready, done: (error: Error | null) => void): void;
    /** Waits for these events, and for no others. */
    poll(events: number): void;
  };
  read(
    buffer: Buffer,
    offset: number,
    length: number,
  ): Promise<{ readonly bytesRead: number; readonly buffer: Buffer }>;
  write(bytes: Buffer): Promise<void>;
}
type Ready = keyof typeof EVENTS;

/** Values of libuv's uv_poll_event. */
const EVENTS = { readable: 1, writable: 2 } as const;

const readAsync = promisify(read);
const writeAsync = promisify(write);
const NOT_NOW: ReadonlySet<unknown> = new Set(["EAGAIN", "EWOULDBLOCK", "EINTR"]);

/**
 * Reads and writes in place of the bindings' own (13.0.1), which have two faults that tests met. A terminal that hung up gives reads of no
 * bytes, which they repeat without end: a device unplugged while it talks keeps a core busy and is never missed. And who waits until there
 * is something to read makes them forget who waits until there is room to write, so that a long message and its answer block each other.
 */
export function steadied<P>(port: P): P {
  if (!isUnix(port)) return port;
  let waiting = 0;
  const ready = async (event: Ready): Promise<void> => {
    if (port.fd === null) throw canceled();
    waiting |= EVENTS[event];
    try {
      await new Promise<void>((resolve, reject) => {
        port.poller.once(event, (error) => (error ? reject(error) : resolve()));
        port.poller.poll(waiting);
      });
    } finally {
      waiting &= ~EVENTS[event];
    }
  };
  /** What the call gives when it can be done. The descriptor does not block. */
  const whenReady = async (event: Ready, call: (fd: number) => Promise<number>): Promise<number> => {
    for (;;) {
      if (port.fd === null) throw canceled();
      try {
        return await call(port.fd);
      } catch (error) {
        if (!NOT_NOW.has((error as NodeJS.ErrnoException).code)) throw error;
      }
      await ready(event);
    }
  };
  port.read = async (buffer, offset, length) => {
    const bytesRead = await whenReady("readable", async (fd) => {
      return (await readAsync(fd, buffer, offset, length, null)).bytesRead;
    });
    if (bytesRead === 0) throw new Error("the terminal hung up");
    return { bytesRead, buffer };
  };
  port.write = async (bytes) => {
    for (let at = 0; at < bytes.length;)
      at += await whenReady("writable", async (fd) => (await writeAsync(fd, bytes, at)).bytesWritten);
  };
  return port;
}

/** @serialport/stream takes it for the end that closing is, not for a device that has gone. */
const canceled = (): Error => Object.assign(new Error("the port was closed"), { canceled: true });

const isUnix = (port: unknown): port is UnixPort =>
  typeof port === "object" && port !== null && "fd" in port && "poller" in port && "read" in port && "write" in port;
