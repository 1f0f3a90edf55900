import { describe, expect, test } from "vitest";
import { transportError } from "../../../src/transport/errors.js";
import type { PcscDriver } from "../../../src/transport/pcsc/driver.js";
import { frameReader, encodeFrame, type HelperFrame } from "../../../src/transport/pcsc/helper-frames.js";
import { PcscReader } from "../../../src/transport/pcsc/reader.js";
import { readerState, scardError } from "../../../src/transport/pcsc/scard.js";
import { chooseReader } from "../../../src/transport/pcsc/select.js";
import { PcscSession } from "../../../src/transport/pcsc/session.js";
import { MS, SECOND } from "../../../src/util/time.js";
import { ManualClock, ScriptedPcsc, type ScriptedCard } from "../../support/scripted-pcsc.js";

const ATR = Uint8Array.of(0x3b, 0x80, 0x80, 0x01, 0x01);
const OK = Uint8Array.of(0x90, 0x00);
const SELECT = Uint8Array.of(0x00, 0xa4, 0x04, 0x00);
const good: ScriptedCard = { atr: ATR, transmit: () => OK };
const silent: ScriptedCard = { atr: ATR, transmit: () => new Promise(() => {}) };
const PATIENCE = { within: 5 * SECOND };
const code = (name: string): unknown => expect.objectContaining({ code: `transport/${name}` });
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "no failure",
    (error: unknown) => error,
  );

function scene(...names: string[]) {
  const pcsc = new ScriptedPcsc(...names);
  const clock = new ManualClock();
  const session = new PcscSession(pcsc, clock);
  return { pcsc, clock, session, reader: new PcscReader(session, names[0] ?? "A") };
}

describe("which reader", () => {
  const PICC = "ACS ACR1252 Dual Reader [ACR1252 Dual Reader PICC] 00 00";
  const SAM = "ACS ACR1252 Dual Reader [ACR1252 Dual Reader SAM] 01 00";
  const choose = ({ session }: ReturnType<typeof scene>, wanted: string) =>
    chooseReader(session, { wanted, aside: (name) => name.includes("SAM") }, PATIENCE);

  test("the only one, card or not", async () => {
    expect(await choose(scene("A"), "")).toBe("A");
  });
  test("the first that has a card", async () => {
    const it = scene("A", "B", "C");
    it.pcsc.place("B", good);
    it.pcsc.place("C", good);
    expect(await choose(it, "")).toBe("B");
  });
  test("the first on which a card is put", async () => {
    const it = scene("A", "B");
    const chosen = choose(it, "");
    await it.clock.pass(SECOND);
    it.pcsc.place("B", good);
    expect(await chosen).toBe("B");
  });
  test("a part of its name in any case; a slot for a SAM stands back", async () => {
    const it = scene("Other", SAM, PICC);
    it.pcsc.place(SAM, good);
    expect(await choose(it, "acr1252")).toBe(PICC);
    expect(await choose(it, "sam")).toBe(SAM);
  });
  test("several fit: all of them are told", async () => {
    expect(await failure(choose(scene("Virtual 0", "Virtual 1"), "virtual"))).toMatchObject({
      code: "transport/ambiguous-reader",
      context: { readers: ["Virtual 0", "Virtual 1"] },
    });
  });
  test("none fits: those that are there are told", async () => {
    expect(await failure(choose(scene("A", "B"), "X"))).toMatchObject({
      code: "transport/no-reader",
      context: { readers: ["A", "B"] },
    });
    expect(await failure(choose(scene(), ""))).toEqual(code("no-reader"));
  });
  test("no card comes: an error when the time is up", async () => {
    const it = scene("A", "B");
    const chosen = failure(choose(it, ""));
    await it.clock.pass(6 * SECOND);
    expect(await chosen).toEqual(code("no-card"));
  });
});

describe("the service", () => {
  test("is not there: said at once", async () => {
    const { pcsc, session } = scene("A");
    pcsc.running = false;
    expect(await failure(session.client(PATIENCE))).toEqual(code("no-service"));
  });
  test("does not answer: given up when the time is up, and what was started ends", async () => {
    const { pcsc, session, clock } = scene("A");
    pcsc.stuck = true;
    const client = failure(session.client({ within: 10 * SECOND }));
    await clock.pass(6 * SECOND);
    expect(await client).toEqual(code("no-service"));
  });
  test("does not answer a driver that took its time to start: its time counts from then", async () => {
    const clock = new ManualClock();
    let started = (): void => {};
    const driver: PcscDriver = {
      startsWithin: 30 * SECOND,
      open: (events, signal) =>
        new Promise((_, reject) => {
          started = () => events.started!();
          signal.addEventListener("abort", () => reject(transportError("no-service", "stuck", {})));
        }),
    };
    const ended: unknown[] = [];
    const client = failure(new PcscSession(driver, clock).client({ within: 60 * SECOND })).then((why) =>
      ended.push(why),
    );
    await clock.pass(20 * SECOND);
    started();
    await clock.pass(4 * SECOND);
    expect(ended).toEqual([]);
    await clock.pass(2 * SECOND);
    await client;
    expect(ended).toEqual([code("no-service")]);
  });
  test("goes away and comes back while somebody waits for a card: they get it from a new client", async () => {
    const { pcsc, session, reader, clock } = scene("A");
    await session.client(PATIENCE);
    const atr = reader.waitForCard({ within: 60 * SECOND });
    pcsc.stop();
    await clock.pass(10 * SECOND);
    pcsc.running = true;
    pcsc.place("A", good);
    await clock.pass(SECOND);
    expect(await atr).toBe(ATR);
  });
  test("goes away under a connection: the next command says so, the next connection works", async () => {
    const { pcsc, reader } = scene("A");
    pcsc.place("A", good);
    await reader.connect(PATIENCE);
    pcsc.stop();
    expect(await failure(reader.transmit(SELECT, PATIENCE))).toEqual(code("service-lost"));
    expect(await failure(reader.connect({ within: 0 }))).toEqual(code("no-service"));
    pcsc.running = true;
    await reader.connect(PATIENCE);
    expect(await reader.transmit(SELECT, PATIENCE)).toBe(OK);
  });
  test("a closed session opens nothing any more", async () => {
    const { session } = scene("A");
    await session.close();
    expect(await failure(session.client(PATIENCE))).toEqual(code("closed"));
  });
});

describe("a card", () => {
  test("is talked to with room for what it may answer: 258 bytes, and 65,544 for extended commands", async () => {
    const { pcsc, reader } = scene("A");
    pcsc.place("A", good);
    await reader.connect(PATIENCE);
    await reader.transmit(SELECT, PATIENCE);
    await reader.transmit(Uint8Array.of(0, 0xb0, 0, 0, 0, 0, 0), PATIENCE);
    expect(pcsc.calls).toEqual(["open", "connect A shared", "transmit A 258", "transmit A 65544"]);
  });
  test("that never answers: the deadline holds, the client goes, and the next one waits a second", async () => {
    const { pcsc, reader, clock } = scene("A");
    pcsc.place("A", silent);
    await reader.connect(PATIENCE);
    const answer = failure(reader.transmit(SELECT, { within: 2 * SECOND }));
    await clock.pass(2 * SECOND);
    expect(await answer).toEqual(code("time-out"));
    expect(pcsc.calls.at(-1)).toBe("close");
    pcsc.place("A", good);
    const connected = reader.connect(PATIENCE);
    await clock.pass(999 * MS);
    expect(pcsc.calls.at(-1)).toBe("close");
    await clock.pass(MS);
    await connected;
    expect(pcsc.calls.slice(-2)).toEqual(["open", "connect A shared"]);
    expect(await reader.transmit(SELECT, PATIENCE)).toBe(OK);
  });
  test("somebody gives up: the signal's reason is thrown", async () => {
    const { pcsc, reader } = scene("A");
    pcsc.place("A", silent);
    await reader.connect(PATIENCE);
    const stop = new AbortController();
    const answer = failure(reader.transmit(SELECT, { ...PATIENCE, signal: stop.signal }));
    const reason = new Error("enough");
    stop.abort(reason);
    expect(await answer).toBe(reason);
  });
  test("one command at a time", async () => {
    const { pcsc, reader } = scene("A");
    pcsc.place("A", silent);
    await reader.connect(PATIENCE);
    void reader.transmit(SELECT, PATIENCE);
    expect(await failure(reader.transmit(SELECT, PATIENCE))).toEqual(code("overlap"));
  });
  test("taken away: said, and another one is connected with", async () => {
    const { pcsc, reader, clock } = scene("A");
    pcsc.place("A", good);
    await reader.connect(PATIENCE);
    pcsc.remove("A");
    expect(await failure(reader.transmit(SELECT, PATIENCE))).toEqual(code("removed"));
    pcsc.place("A", good);
    const again = reader.connect(PATIENCE);
    await clock.pass(SECOND);
    await again;
    expect(await reader.transmit(SELECT, PATIENCE)).toBe(OK);
  });
  test("that powers up at the third attempt is connected with; a fourth is not made", async () => {
    const { pcsc, reader, clock } = scene("A");
    const mute = (): Error => scardError("SCardConnect", 0x80100066, "A");
    pcsc.place("A", good);
    pcsc.connectErrors.push(mute(), mute());
    const connected = reader.connect(PATIENCE);
    await clock.pass(SECOND);
    expect(await connected).toBe(ATR);
    await reader.disconnect("reset", PATIENCE);
    pcsc.connectErrors.push(mute(), mute(), mute());
    const failed = failure(reader.connect(PATIENCE));
    await clock.pass(SECOND);
    expect(await failed).toEqual(code("no-card"));
  });
  test("another program has it: said at once", async () => {
    const { pcsc, reader } = scene("A");
    pcsc.place("A", good);
    pcsc.connectErrors.push(scardError("SCardConnect", 0x8010000b, "A"));
    expect(await failure(reader.connect(PATIENCE))).toEqual(code("busy"));
  });
  test("a reader that was unplugged is missed", async () => {
    const { pcsc, reader, session, clock } = scene("A");
    await session.client(PATIENCE);
    pcsc.unplug("A");
    const card = failure(reader.waitForCard(PATIENCE));
    await clock.pass(6 * SECOND);
    expect(await card).toEqual(code("no-reader"));
  });
  test("nothing is connected: said", async () => {
    expect(await failure(scene("A").reader.transmit(SELECT, PATIENCE))).toEqual(code("not-connected"));
  });
});

/** Values of winscard.h and pcsclite.h. */
describe("codes of PC/SC", () => {
  test.each([
    [0x8010000b, "busy"],
    [0x8010000c, "no-card"],
    [0x80100009, "no-reader"],
    [0x80100016, "failed"],
    [0x8010001d, "service-lost"],
    [0x80100066, "no-card"],
    [0x80100068, "reset"],
    [0x80100069, "removed"],
  ])("%i", (scard, name) => {
    expect(scardError("SCardConnect", scard, "A")).toEqual(code(name));
  });
  test("state bits: PRESENT 0020, EXCLUSIVE 0080, INUSE 0100, MUTE 0200, EMPTY 0010", () => {
    expect(readerState(0x0010, new Uint8Array(0))).toMatchObject({ present: false, mute: false });
    expect(readerState(0x0122, ATR)).toMatchObject({ present: true, inUse: true, exclusive: false, atr: ATR });
    expect(readerState(0x02a0, new Uint8Array(0))).toMatchObject({ present: true, mute: true, exclusive: true });
  });
});

describe("frames to and from the helper", () => {
  const bytes = encodeFrame(3, 0x01020304, Uint8Array.of(0xaa, 0xbb));
  test("a length, a kind, a number, a body", () => {
    expect([...bytes]).toEqual([0, 0, 0, 7, 3, 1, 2, 3, 4, 0xaa, 0xbb]);
  });
  test("come together and in pieces", () => {
    const frames: HelperFrame[] = [];
    const read = frameReader((frame) => frames.push(frame));
    const stream = Buffer.concat([bytes, bytes, bytes]);
    for (const byte of stream.subarray(0, 15)) expect(read(Uint8Array.of(byte))).toBe(true);
    expect(read(stream.subarray(15))).toBe(true);
    expect(frames.map(({ kind, call, body }) => [kind, call, ...body])).toEqual(
      Array.from({ length: 3 }, () => [3, 0x01020304, 0xaa, 0xbb]),
    );
  });
  test.each([[[0, 0, 0, 4]], [[0, 4, 0, 1]], [[255, 255, 255, 255]]])("%j is no length", (length) => {
    expect(frameReader(() => {})(Uint8Array.from(length))).toBe(false);
  });
});

test("an error that the driver has itself passes through", async () => {
  const missing = transportError("driver-missing", "none", {});
  const session = new PcscSession({ open: () => Promise.reject(missing) }, new ManualClock());
  expect(await failure(session.client(PATIENCE))).toBe(missing);
});
