import type { Duplex } from "node:stream";
import type { TapbenchError } from "../../util/errors.js";
import { transportError } from "../errors.js";
import type { PortSettings, SerialConnection, SerialDriver, SerialPortInfo } from "./driver.js";
import { listDeviceFiles } from "./list.js";
import { steadied } from "./unix-port.js";

/** The part of @serialport/stream 13 that is used here. */
interface Port extends Duplex {
  readonly isOpen: boolean;
  open(done: Done): void;
  close(done: Done): void;
  flush(done: Done): void;
  set(lines: { readonly dtr: boolean; readonly rts: boolean }, done: Done): void;
}
type Done = (error: Error | null) => void;
interface Binding {
  open(options: object): Promise<unknown>;
  list(): Promise<readonly ListedPort[]>;
}
interface ListedPort {
  readonly path: string;
  readonly pnpId?: string | undefined;
  readonly manufacturer?: string | undefined;
  readonly serialNumber?: string | undefined;
  readonly vendorId?: string | undefined;
  readonly productId?: string | undefined;
}
interface Native {
  readonly binding: Binding;
  readonly port: (settings: PortSettings) => Port;
}

const INSTALL = "npm install @serialport/stream@13.0.0 @serialport/bindings-cpp@13.0.1";

/** Serial ports through @serialport/stream and @serialport/bindings-cpp, loaded when the first port is opened or listed. */
export function nativeSerial(modules: Modules = installedModules): SerialDriver {
  let loading: Promise<Native> | undefined;
  const native = (): Promise<Native> => (loading ??= load(modules));
  return {
    async open(settings) {
      const port = (await native()).port(settings);
      port.on("error", () => {}); // callbacks and `close` tell the same
      await calling((done) => port.open(done), settings.path);
      await raiseLines(port, settings.path);
      // What came for whoever had it open before is not ours.
      await calling((done) => port.flush(done), settings.path);
      return connectionOf(port, settings.path);
    },
    async list() {
      const { binding } = await native();
      try {
        return (await binding.list()).map(listed);
      } catch (error) {
        // Linux: the list comes from the program udevadm, which slim systems lack.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw failed("the serial ports", error);
        return listDeviceFiles();
      }
    },
  };
}

type Modules = () => Promise<readonly unknown[]>;
const installedModules: Modules = () => Promise.all([import("@serialport/stream"), import("@serialport/bindings-cpp")]);

async function load(modules: Modules): Promise<Native> {
  try {
    const [{ SerialPortStream }, { autoDetect }] = (await modules()) as [
      { readonly SerialPortStream: new (options: object) => Port },
      { readonly autoDetect: () => Binding },
    ];
    const binding = autoDetect();
    const steady = { open: async (options: object) => steadied(await binding.open(options)) };
    const port = ({ path, baud }: PortSettings): Port =>
      new SerialPortStream({ binding: steady, path, baudRate: baud, autoOpen: false });
    return { binding, port };
  } catch (error) {
    throw transportError(
      "driver-missing",
      `serial ports need the packages @serialport/stream and @serialport/bindings-cpp, which cannot be loaded here; to get them: ${INSTALL}`,
      { why: error instanceof Error ? error.message.split("\n")[0] : String(error) },
      error,
    );
  }
}

function calling(call: (done: Done) => void, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => {
      if (error) reject(portError(path, error));
      else resolve();
    });
  });
}

/** Firmware on USB often stays silent until DTR is there. A pseudo-terminal has no such lines (ENOTTY), and needs none. */
async function raiseLines(port: Port, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    port.set({ dtr: true, rts: true }, (error) => {
      if (!error || /inappropriate ioctl/i.test(error.message)) resolve();
      else port.close(() => reject(portError(path, error)));
    });
  });
}

function connectionOf(port: Port, path: string): SerialConnection {
  const pending = new Set<(cause: TapbenchError) => void>();
  let over: TapbenchError | undefined;
  const finish = (cause: TapbenchError): void => {
    over ??= cause;
    for (const reject of pending) reject(over);
    pending.clear();
  };
  return {
    start({ bytes, lost }) {
      port.on("close", () => {
        if (over) return;
        finish(unplugged(path));
        lost(over!);
      });
      port.on("data", (piece: Buffer) => {
        if (!over) bytes(new Uint8Array(piece.buffer, piece.byteOffset, piece.length));
      });
    },
    write: (bytes) =>
      new Promise((resolve, reject) => {
        if (over) return reject(over);
        pending.add(reject);
        port.write(Buffer.from(bytes), (error) => {
          if (!pending.delete(reject)) return;
          if (error) reject(over ?? unplugged(path, error));
          else resolve();
        });
      }),
    async close() {
      const wasWriting = pending.size > 0;
      finish(transportError("closed", `${path} was closed`, { port: path }));
      if (!port.isOpen) return;
      // A device that does not listen would hold the closing up.
      if (wasWriting) await new Promise<void>((resolve) => port.flush(() => resolve()));
      await new Promise<void>((resolve) => port.close(() => resolve()));
    },
  };
}

const listed = ({ path, pnpId, manufacturer, serialNumber, vendorId, productId }: ListedPort): SerialPortInfo => ({
  path,
  ...(pnpId && { stable: `/dev/serial/by-id/${pnpId}` }),
  ...(manufacturer && { manufacturer }),
  ...(serialNumber && { serialNumber }),
  ...(vendorId && { vendorId: vendorId.toLowerCase() }),
  ...(productId && { productId: productId.toLowerCase() }),
});

/** The bindings tell in words: @serialport/bindings-cpp 13, src/serialport_unix.cpp. */
function portError(path: string, error: Error): TapbenchError {
  const { message } = error;
  const context = { port: path };
  if (/cannot lock port|resource busy|access denied/i.test(message))
    return transportError("busy", `${path} is open in another program; close that and try again`, context, error);
  if (/no such (file|device)|file not found|cannot find/i.test(message))
    return transportError(
      "no-port",
      `there is no serial port ${path}; tapbench devices lists those that there are`,
      context,
      error,
    );
  if (/permission denied/i.test(message))
    return transportError(
      "no-permission",
      `this user may not open ${path}; on Linux: sudo usermod -aG dialout $USER, then log in again`,
      context,
      error,
    );
  if (/inappropriate ioctl|is a directory/i.test(message))
    return transportError("no-port", `${path} is no serial port`, context, error);
  return failed(path, error);
}

const failed = (path: string, error: unknown): TapbenchError =>
  transportError(
    "failed",
    `${path} cannot be used (${(error as Error).message}); plug the device in again and repeat the command`,
    { port: path },
    error,
  );

const unplugged = (path: string, cause?: Error): TapbenchError =>
  transportError("unplugged", `${path} went away; plug the device in again`, { port: path }, cause);
