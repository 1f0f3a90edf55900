import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { connect as connectSocket, Socket } from "node:net";
import process from "node:process";
import type { Leaving, Sharing } from "./driver.js";
import {
  decodeJson,
  encodeFrame,
  encodeJson,
  frameReader,
  KIND,
  TRANSMIT_HEADER,
  type Ask,
  type HelperEvent,
  type HelperFrame,
} from "./helper-frames.js";

/*
 * A program of its own, started by native-driver.ts: the native binding blocks the thread that it runs on (its constructor spins while there is
 * no service; its state events and its closing wait for a transmit that is under way; @pokusew/pcsclite 0.6.0, src/*.cpp), so it runs where it
 * can be killed. nfc-pcsc's own classes are not used: they connect to every card by themselves and lose the errors of doing so.
 */

type Done<T = unknown> = (error: Error | null | undefined, value?: T) => void;

/** The part of @pokusew/pcsclite that is used here. */
interface NativeReader {
  readonly name: string;
  connected: boolean;
  on(type: "status", listener: (status: { readonly state: number; readonly atr?: Buffer }) => void): void;
  on(type: "error", listener: (error: Error) => void): void;
  on(type: "end", listener: () => void): void;
  connect(options: { readonly share_mode: number }, done: Done<number>): void;
  disconnect(disposition: number, done: Done): void;
  transmit(data: Buffer, room: number, protocol: number, done: Done<Buffer>): void;
  control(data: Buffer, code: number, room: number, done: Done<Buffer>): void;
}
interface NativeClient {
  start(done: Done<Buffer>): void;
  readonly readers: Readonly<Record<string, NativeReader>>;
  on(type: "error", listener: (error: Error) => void): void;
  on(type: "reader", listener: (reader: NativeReader) => void): void;
}

/** Values of winscard.h. */
const SHARE: Readonly<Record<Sharing, number>> = { exclusive: 1, shared: 2, direct: 3 };
const LEAVE: Readonly<Record<Leaving, number>> = { leave: 0, reset: 1, unpower: 2 };
const PROTOCOL_T1 = 2;
const CHANNEL = 3;

const channel = new Socket({ fd: CHANNEL });
const tell = (event: HelperEvent): void => void channel.write(encodeJson(KIND.event, 0, event));
const end = (event: HelperEvent): void => void channel.end(encodeJson(KIND.event, 0, event), () => process.exit(0));

channel.on("error", () => process.exit(1));
channel.on("close", () => process.exit(0)); // whoever started this is gone
// Ctrl-C on a terminal reaches the whole group: whoever started this says when it ends.
process.on("SIGINT", () => {});

/** Readers by number, which saves their names in every frame. */
const numbers = new Map<string, number>();
const natives: (NativeReader | undefined)[] = [];
const protocols: number[] = [];
/** The binding does not hold what it is given while it works on it. */
const held = new Set<Buffer>();

function load(): (() => NativeClient) | undefined {
  try {
    const here = createRequire(import.meta.url);
    const inside = createRequire(here.resolve("nfc-pcsc"));
    return inside("@pokusew/pcsclite") as () => NativeClient;
  } catch (error) {
    end({ says: "missing", why: (error as Error).message.split("\n")[0]! });
    return undefined;
  }
}

/** Where pcsclite's daemon listens; elsewhere (macOS, Windows) the service is part of the system. */
const SOCKETS = ["/run/pcscd/pcscd.comm", "/var/run/pcscd/pcscd.comm"];

/** Asks before the binding does: its constructor never comes back without a service. */
function serviceAnswers(then: (why: string | undefined) => void): void {
  if (process.platform !== "linux") return then(undefined);
  const path = process.env["PCSCLITE_CSOCK_NAME"] ?? SOCKETS.find((each) => existsSync(each));
  if (path === undefined) return then("pcscd is not running");
  const socket = connectSocket(path);
  socket.once("connect", () => {
    socket.destroy();
    then(undefined);
  });
  socket.once("error", (error: NodeJS.ErrnoException) =>
    then(error.code === "EACCES" ? `this user may not open ${path}` : "pcscd is not running"),
  );
}

function run(pcsclite: () => NativeClient): void {
  let client: NativeClient;
  try {
    client = pcsclite();
  } catch (error) {
    return end({ says: "no-service", why: (error as Error).message });
  }
  // The binding does not say when it has listed all readers, or that there is none: its own callback does.
  const start = client.start.bind(client);
  client.start = (done) =>
    start((error, names) => {
      done(error, names);
      if (!error) tellReaders(client);
    });
  client.on("error", (error) => end({ says: "closed", why: error.message }));
  client.on("reader", (reader) => {
    const number = numbers.get(reader.name) ?? numbers.size;
    numbers.set(reader.name, number);
    natives[number] = reader;
    reader.on("error", (error) => end({ says: "closed", why: error.message }));
    reader.on("status", ({ state, atr }) =>
      tell({ says: "state", reader: number, bits: state & 0xffff, atr: (atr ?? Buffer.alloc(0)).toString("hex") }),
    );
    reader.on("end", () => {
      if (natives[number] === reader) natives[number] = undefined;
      tellReaders(client);
    });
  });
}

function tellReaders(client: NativeClient): void {
  const readers = Object.keys(client.readers).map((name) => ({ name, number: numbers.get(name)! }));
  tell({ says: "readers", readers });
}

function answer(frame: HelperFrame): void {
  if (frame.kind === KIND.transmit) return transmit(frame);
  const ask = decodeJson(frame.body) as Ask;
  const reader = natives[ask.reader];
  const done =
    (call: string, then?: (value: unknown) => Buffer): Done =>
    (error, value) => {
      if (error) fail(frame.call, call, error);
      else channel.write(then?.(value) ?? encodeFrame(KIND.done, frame.call, new Uint8Array(0)));
    };
  if (!reader) return fail(frame.call, "SCardConnect", new Error("gone (0x80100009)"));
  switch (ask.do) {
    case "connect": {
      const connect = (): void =>
        reader.connect(
          { share_mode: SHARE[ask.share] },
          done("SCardConnect", (protocol) => {
            protocols[ask.reader] = (protocol as number) || PROTOCOL_T1;
            return encodeFrame(KIND.done, frame.call, new Uint8Array(0));
          }),
        );
      if (!reader.connected) return connect();
      // The binding takes a connection whose card is gone for a good one.
      return reader.disconnect(LEAVE.leave, () => {
        reader.connected = false;
        connect();
      });
    }
    case "disconnect":
      return reader.disconnect(LEAVE[ask.leaving], (error) => {
        reader.connected = false;
        done("SCardDisconnect")(error);
      });
    case "control": {
      const data = Buffer.from(ask.data, "hex");
      held.add(data);
      return reader.control(data, ask.code, ask.room, (error, bytes) => {
        held.delete(data);
        done("SCardControl", () => encodeFrame(KIND.bytes, frame.call, bytes!))(error);
      });
    }
  }
}

function transmit({ call, body }: HelperFrame): void {
  const frame = Buffer.from(body.buffer, body.byteOffset, body.length);
  const number = frame.readUInt16BE(0);
  const reader = natives[number];
  if (!reader?.connected) return fail(call, "SCardTransmit", new Error("not connected (0x80100069)"));
  reader.transmit(
    frame.subarray(TRANSMIT_HEADER),
    frame.readUInt32BE(2),
    protocols[number] ?? PROTOCOL_T1,
    (error, response) => {
      if (error || !response) fail(call, "SCardTransmit", error ?? new Error("no response"));
      else channel.write(encodeFrame(KIND.bytes, call, response));
    },
  );
}

/** The binding tells codes in its texts: `SCardConnect error: Sharing violation.(0x8010000B)`. */
function fail(call: number, name: string, { message }: Error): void {
  const code = parseInt(/\(0x([0-9a-f]{8,16})\)\s*$/i.exec(message)?.[1]?.slice(-8) ?? "0", 16);
  channel.write(encodeJson(KIND.failed, call, { call: name, code, says: message }));
}

const pcsclite = load();
if (pcsclite) {
  tell({ says: "started" });
  serviceAnswers((why) => {
    if (why !== undefined) return end({ says: "no-service", why });
    const read = frameReader(answer);
    channel.on("data", (piece: Buffer) => {
      if (!read(piece)) process.exit(1);
    });
    run(pcsclite);
  });
}
