import { expect } from "vitest";
import { Air } from "../../../emulator/rf/air.js";
import { TypeAPicc } from "../../../emulator/rf/picc.js";
import { Sim } from "../../../emulator/sim/sim.js";
import type { Frame, Rate } from "../../../src/protocols/iso14443/frame.js";
import type { CardApp } from "../../../src/protocols/iso14443/isodep-listener.js";
import { poweredUp, typeAListener, type TypeACard, type TypeAState } from "../../../src/protocols/iso14443/listener.js";
import type { ReaderOptions } from "../../../src/protocols/iso14443/poller.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { converseSync } from "../../../src/util/converse.js";
import type { Dialogue, Wake } from "../../../src/util/dialogue.js";
import type { Nanos } from "../../../src/util/time.js";
import type { FieldRecord, FrameRecord } from "../../../src/util/tracer.js";

/** CRC_A bit by bit, as ISO/IEC 14443-3 annex B describes the register: independent of the table in the code. */
export function crcOf(payload: Uint8Array): Uint8Array {
  let register = 0x6363;
  for (const byte of payload)
    for (let i = 0; i < 8; i++) {
      const feedback = ((byte >> i) ^ register) & 1;
      register >>= 1;
      if (feedback) register ^= 0x8408;
    }
  return Uint8Array.of(register & 0xff, register >> 8);
}

/** A frame of whole bytes, exactly these. */
export const raw = (text: string, rate: Rate = 1): Frame => {
  const bytes = unhex(text);
  return { bytes, bits: bytes.length * 8, rate };
};
/** These bytes and their CRC_A. */
export const block = (text: string, rate: Rate = 1): Frame => raw(`${text} ${hex(crcOf(unhex(text)))}`, rate);
export const short = (command: number): Frame => ({ bytes: Uint8Array.of(command), bits: 7, rate: 1 });
/** The same frame with one bit wrong; the parity is right, only the CRC shows it. */
export const spoilt = (frame: Frame, bit = 3): Frame => {
  const bytes = frame.bytes.slice();
  bytes[bit >> 3]! ^= 1 << (bit & 7);
  return { ...frame, bytes };
};
/** The bytes of a frame in hex, without spaces. */
export const text = (frame: Frame): string => hex(frame.bytes);
export const plain = (spaced: string): string => spaced.replaceAll(" ", "").toUpperCase();

/** What a phone sends as ATS `05 78 80 70 02`: FSCI 8, FWI 7, SFGI 0, CID. */
export const PHONE: TypeACard = {
  atqa: 0x0004,
  sak: 0x20,
  fsci: 8,
  fwi: 7,
  sfgi: 0,
  cid: true,
  toCard: [1],
  toReader: [1],
  sameRates: true,
  historical: new Uint8Array(0),
  maxCommand: 65_544,
};
export const READER: ReaderOptions = { fsdi: 8, maxRate: 1, retries: 2 };

export const echo: CardApp = (apdu) => ({ response: Uint8Array.of(...apdu, 0x90, 0x00), took: 0 });

export interface Place {
  readonly uid: string;
  readonly card?: Partial<TypeACard>;
  readonly app?: CardApp;
}

export type AirRecord = FieldRecord | FrameRecord;

/** Cards in a field that is on, a reader's antenna, and all frames that were on the air. */
export function field(places: readonly Place[], frameDelay: Nanos = 500_000) {
  const sim = new Sim();
  const records: AirRecord[] = [];
  const tracer = {
    record: (record: { layer: string }): void => {
      if (record.layer === "frame" || record.layer === "field") records.push(record as AirRecord);
    },
  };
  const air = new Air(sim, { frameDelay, tracer });
  const cards = places.map(({ uid, card, app }) => {
    const listener = typeAListener({ ...PHONE, ...card }, app ?? echo);
    const picc = new TypeAPicc(sim, listener, () => unhex(uid));
    air.place(picc);
    return picc;
  });
  air.powerOn();
  const frames = (): FrameRecord[] => records.filter((record) => record.layer === "frame");
  return {
    sim,
    air,
    cards,
    frames,
    run: <R>(dialogue: Dialogue<Frame, Frame, R>): R => converseSync(dialogue, air),
    /** `pcd 9320`, `picc 08...`: what was said, in order. */
    said: (): string[] => frames().map(({ from, bytes }) => `${from} ${hex(bytes)}`),
  };
}

/** A listener by itself: frames in, frames out, time by hand. */
export function lone(uid: string, card: Partial<TypeACard> = {}, app: CardApp = echo) {
  const listener = typeAListener({ ...PHONE, ...card }, app);
  let state: TypeAState = poweredUp(unhex(uid));
  let now: Nanos = 0;
  let wakeAt: Nanos | undefined;
  const take = (input: Frame | undefined): Frame | undefined => {
    const step = listener(state, input, now);
    state = step.state;
    wakeAt = step.wakeIn === undefined ? undefined : now + step.wakeIn;
    expect(step.send.length).toBeLessThanOrEqual(1);
    return step.send[0]?.out;
  };
  const self = {
    get state(): TypeAState {
      return state;
    },
    get now(): Nanos {
      return now;
    },
    get wakeAt(): Nanos | undefined {
      return wakeAt;
    },
    wait: (time: Nanos): void => {
      now += time;
    },
    /** What it says at once. */
    hear: (frame: Frame): string | undefined => {
      const answer = take(frame);
      return answer && text(answer);
    },
    heard: (frame: Frame): Frame | undefined => take(frame),
    /** What it says by its own timer, if that runs. */
    timer: (): Frame | undefined => {
      if (wakeAt === undefined) return undefined;
      now = wakeAt;
      return take(undefined);
    },
    /** What it says at once or, when it is at work, later. */
    ask: (frame: Frame): string | undefined => {
      const answer = take(frame) ?? self.timer();
      return answer && text(answer);
    },
    /** Up to ACTIVE. */
    select: (): void => {
      const level = unhex(uid);
      expect(level).toHaveLength(4);
      const bcc = level.reduce((sum, byte) => sum ^ byte, 0);
      expect(self.hear(short(0x52))).toBeDefined();
      expect(self.hear(block(`93 70 ${uid} ${hex(Uint8Array.of(bcc))}`))).toBeDefined();
      expect(self.state.phase).toBe("active");
    },
    /** Up to the block protocol. */
    activate: (rats = "E0 80"): void => {
      self.select();
      expect(self.hear(block(rats))).toBeDefined();
    },
  };
  return self;
}

/** One step of a script: what the reader must send, and what comes back (nothing: the deadline passes). Sends "": it only waits. */
export type Line = readonly [sends: string, comes?: Frame];

/** Drives a dialogue against a script. Time: a millisecond a turn. */
export function follow<R>(dialogue: Dialogue<Frame, Frame, R>, lines: readonly Line[]): R {
  let step = dialogue.next();
  let at = 0;
  for (const [sends, comes] of lines) {
    if (step.done) throw new Error(`ended before '${sends}'`);
    expect(step.value.send.map(text)).toEqual(sends === "" ? [] : [plain(sends)]);
    at += 1_000_000;
    const wake: Wake<Frame> = { at, sentAt: at - 500_000, ...(comes && { got: comes }) };
    step = dialogue.next(wake);
  }
  if (!step.done) throw new Error(`goes on with ${step.value.send.map(text).join(", ")}`);
  return step.value;
}

/** The code of what it throws. */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return "nothing thrown";
}
