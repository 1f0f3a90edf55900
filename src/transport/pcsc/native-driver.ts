import { spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import type { TapbenchError } from "../../util/errors.js";
import { unhex } from "../../util/bytes.js";
import { SECOND, type Nanos } from "../../util/time.js";
import { transportError } from "../errors.js";
import type { PcscClient, PcscDriver, PcscEvents } from "./driver.js";
import {
  decodeJson,
  encodeFrame,
  encodeJson,
  frameReader,
  KIND,
  TRANSMIT_HEADER,
  type Ask,
  type HelperEvent,
  type HelperFailure,
} from "./helper-frames.js";
import { readerState, scardError } from "./scard.js";

/** How to get what is missing. */
const INSTALL: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  linux: "apt-get install pcscd libpcsclite-dev g++ make python3 && npm install nfc-pcsc@0.8.1",
};
const NPM_INSTALL = "npm install nfc-pcsc@0.8.1";
const START: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  linux: "start it with: systemctl start pcscd, or: pcscd",
};

/** Source and build lie beside each other's helper: a checkout that is run without a build needs a loader for TypeScript. */
const HELPER = import.meta.url.endsWith(".ts")
  ? { file: new URL("helper.ts", import.meta.url), flags: ["--import", "tsx"] }
  : { file: new URL("helper.js", import.meta.url), flags: [] };

/** On a machine that is busy with other things. */
const START_HELPER: Nanos = 30 * SECOND;

export interface NativeOptions {
  /** Where pcscd listens, when it is another one than this machine's. */
  readonly socket?: string;
}

interface Call {
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: Error) => void;
  readonly reader: string;
}

/**
 * PC/SC through @pokusew/pcsclite, nfc-pcsc's binding, in a process of its own: killing that is the one way to end a native call that does not
 * return. A client is such a process.
 */
export const nativePcsc = ({ socket }: NativeOptions = {}): PcscDriver => ({
  startsWithin: START_HELPER,
  open: (events, signal) =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [...HELPER.flags, fileURLToPath(HELPER.file)], {
        stdio: ["ignore", "ignore", "ignore", "pipe"],
        // Options of the one who runs us (a debugger's port, say) are not meant for it.
        env: { ...process.env, NODE_OPTIONS: "", ...(socket !== undefined && { PCSCLITE_CSOCK_NAME: socket }) },
      });
      const channel = child.stdio[3] as Duplex;
      const calls = new Map<number, Call>();
      const names: string[] = [];
      let count = 0;
      let opened = false;
      let over: TapbenchError | undefined;

      const finish = (cause: TapbenchError): void => {
        if (over) return;
        over = cause;
        channel.destroy();
        child.kill("SIGKILL");
        for (const call of calls.values()) call.reject(cause);
        calls.clear();
        if (opened) events.closed(cause);
        else reject(cause);
      };
      const send = (reader: string, frame: (call: number) => Buffer): Promise<Uint8Array> =>
        new Promise((resolve, reject) => {
          if (over) return reject(over);
          const call = (count = (count + 1) >>> 0);
          calls.set(call, { resolve, reject, reader });
          channel.write(frame(call));
        });
      const numberOf = (reader: string): number => {
        const number = names.indexOf(reader);
        if (number < 0) throw scardError("SCardConnect", 0x80100009, reader);
        return number;
      };
      const ask = async (reader: string, what: (reader: number) => Ask): Promise<Uint8Array> => {
        const asked = what(numberOf(reader));
        return send(reader, (call) => encodeJson(KIND.ask, call, asked));
      };

      const client: PcscClient = {
        connect: async (reader, share) =>
          void (await ask(reader, (number) => ({ do: "connect", reader: number, share }))),
        disconnect: async (reader, leaving) =>
          void (await ask(reader, (number) => ({ do: "disconnect", reader: number, leaving }))),
        control: (reader, code, data, room) =>
          ask(reader, (number) => ({
            do: "control",
            reader: number,
            code,
            room,
            data: Buffer.from(data).toString("hex"),
          })),
        transmit: async (reader, apdu, room) => {
          const body = Buffer.allocUnsafe(TRANSMIT_HEADER + apdu.length);
          body.writeUInt16BE(numberOf(reader), 0);
          body.writeUInt32BE(room, 2);
          body.set(apdu, TRANSMIT_HEADER);
          return send(reader, (call) => encodeFrame(KIND.transmit, call, body));
        },
        close: async () => {
          if (child.exitCode !== null || child.signalCode !== null) return;
          const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
          opened = false; // who closes does not need to be told
          finish(transportError("closed", "the connection with the PC/SC service was closed", {}));
          await gone;
        },
      };

      const happened = (event: HelperEvent): void => {
        switch (event.says) {
          case "readers":
            for (const { number, name } of event.readers) names[number] = name;
            if (!opened) {
              opened = true;
              resolve(client);
            }
            return events.readers(event.readers.map(({ name }) => name));
          case "state":
            return tellState(events, names[event.reader], event.bits, event.atr);
          case "started":
            return events.started?.();
          case "missing":
            return finish(missing(event.why));
          case "no-service":
            return finish(noService(event.why));
          case "closed":
            return finish(serviceLost(event.why));
        }
      };

      const read = frameReader(({ kind, call, body }) => {
        if (kind === KIND.event) return happened(decodeJson(body) as HelperEvent);
        const waiting = calls.get(call);
        calls.delete(call);
        if (kind !== KIND.failed) return waiting?.resolve(new Uint8Array(body));
        const failure = decodeJson(body) as HelperFailure;
        waiting?.reject(scardError(failure.call, failure.code, waiting.reader, failure.says));
      });
      channel.on("data", (piece: Buffer) => {
        if (!read(piece)) finish(serviceLost("the helper process sent something that is none of its messages"));
      });
      channel.on("error", (error) => finish(serviceLost(error.message)));
      channel.on("close", () => finish(serviceLost("the helper process ended")));
      child.on("error", (error) => finish(serviceLost(`the helper process cannot be started: ${error.message}`)));
      child.on("exit", () => channel.destroy());
      signal.addEventListener("abort", () => finish(noService("no answer")), { once: true });
    }),
});

function tellState(events: PcscEvents, reader: string | undefined, bits: number, atr: string): void {
  if (reader !== undefined) events.state(reader, readerState(bits, unhex(atr)));
}

const missing = (why: string): TapbenchError =>
  transportError(
    "driver-missing",
    `PC/SC readers need the package nfc-pcsc, which is not installed here; to get it: ${INSTALL[process.platform] ?? NPM_INSTALL}`,
    { why },
  );

const noService = (why: string): TapbenchError =>
  transportError(
    "no-service",
    `the PC/SC service does not answer (${why}); ${START[process.platform] ?? "start the smart card service"}`,
    { why },
  );

const serviceLost = (why: string): TapbenchError =>
  transportError("service-lost", `the PC/SC service went away (${why}); start it again and repeat the command`, {
    why,
  });
