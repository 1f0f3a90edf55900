import { EmulatedDevice } from "../../emulator/device.js";
import { ContactlessReader } from "../../emulator/reader/reader.js";
import { Sim } from "../../emulator/sim/sim.js";
import { createIssuer } from "../../src/issuer/issuer.js";
import { loadKeySet } from "../../src/profiles/key-sets.js";
import { loadProfile } from "../../src/profiles/load.js";
import { FDT_PCD_ISO } from "../../src/protocols/iso14443/timing.js";
import { encodeCommand } from "../../src/protocols/iso7816/apdu.js";
import { transportError } from "../../src/transport/errors.js";
import type { PcscDriver, PcscEvents, ReaderState } from "../../src/transport/pcsc/driver.js";
import { scardError } from "../../src/transport/pcsc/scard.js";
import { seededRandom } from "../../src/util/random.js";
import type { Clock, Nanos } from "../../src/util/time.js";

/** What lies on a scripted reader. A response that never comes: a promise that never resolves. */
export interface ScriptedCard {
  readonly atr: Uint8Array;
  readonly transmit: (apdu: Uint8Array) => Uint8Array | Promise<Uint8Array>;
  readonly powerUp?: () => void;
}

const EMPTY: ReaderState = { present: false, mute: false, exclusive: false, inUse: false, unavailable: false };

/** A PC/SC service that does as it is told. */
export class ScriptedPcsc implements PcscDriver {
  /** What was called, in order: `open`, `connect A shared`, `transmit A 258`, ... */
  readonly calls: string[] = [];
  /** Errors for the next connects, first come, first served. */
  readonly connectErrors: Error[] = [];
  running = true;
  /** Never answers when somebody opens it. */
  stuck = false;
  readonly #readers = new Map<string, { state: ReaderState; card?: ScriptedCard | undefined }>();
  #events: PcscEvents | undefined;

  constructor(...readers: readonly string[]) {
    for (const name of readers) this.#readers.set(name, { state: EMPTY });
  }

  place(reader: string, card: ScriptedCard, more: Partial<ReaderState> = {}): void {
    this.#set(reader, { ...EMPTY, present: true, atr: card.atr, ...more }, card);
  }
  remove(reader: string): void {
    this.#set(reader, EMPTY);
  }
  unplug(reader: string): void {
    this.#readers.delete(reader);
    this.#events?.readers([...this.#readers.keys()]);
  }
  stop(): void {
    this.running = false;
    const events = this.#events;
    this.#events = undefined;
    events?.closed(scardError("SCardGetStatusChange", 0x8010001d, undefined));
  }

  readonly open: PcscDriver["open"] = async (events, signal) => {
    this.calls.push("open");
    if (this.stuck)
      await new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(transportError("no-service", "stuck", {}))),
      );
    if (!this.running) throw transportError("no-service", "pcscd is not running", {});
    this.#events = events;
    events.readers([...this.#readers.keys()]);
    for (const [name, { state }] of this.#readers) events.state(name, state);
    const connected = new Set<string>();
    const cardOf = (reader: string): ScriptedCard => {
      const { card } = this.#readers.get(reader) ?? {};
      if (!card) throw scardError("SCardTransmit", 0x80100069, reader);
      return card;
    };
    return {
      connect: async (reader, share) => {
        this.calls.push(`connect ${reader} ${share}`);
        const error = this.connectErrors.shift();
        if (error) throw error;
        cardOf(reader).powerUp?.();
        connected.add(reader);
      },
      disconnect: async (reader, leaving) => {
        this.calls.push(`disconnect ${reader} ${leaving}`);
        connected.delete(reader);
      },
      transmit: async (reader, apdu, room) => {
        this.calls.push(`transmit ${reader} ${room}`);
        if (!connected.has(reader)) throw scardError("SCardTransmit", 0x80100069, reader);
        return cardOf(reader).transmit(apdu);
      },
      control: async (reader, code) => {
        this.calls.push(`control ${reader} ${code}`);
        return Uint8Array.of(0x90, 0);
      },
      close: async () => {
        this.calls.push("close");
        if (this.#events === events) this.#events = undefined;
      },
    };
  };

  #set(reader: string, state: ReaderState, card?: ScriptedCard): void {
    this.#readers.set(reader, { state, card });
    this.#events?.state(reader, state);
  }
}

/** Time that passes when it is told to. */
export class ManualClock implements Clock {
  #now: Nanos = 0;
  readonly #waiting = new Set<{ readonly at: Nanos; readonly run: () => void }>();

  now(): Nanos {
    return this.#now;
  }
  after(delay: Nanos, run: () => void): () => void {
    const entry = { at: this.#now + Math.max(0, delay), run };
    this.#waiting.add(entry);
    return () => this.#waiting.delete(entry);
  }
  /** Lets time pass, in the order in which things were due, with room for what they set off. */
  async pass(time: Nanos): Promise<void> {
    const end = this.#now + time;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const due = [...this.#waiting].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#waiting.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.run();
    }
    this.#now = end;
  }
}

/** An emulated band with a card in it, as a scripted reader's: what `tapbench emulate` shows with that seed. */
export async function bandOnReader(seed: string, cardName = "k2-credit"): Promise<ScriptedCard> {
  const sim = new Sim();
  const random = seededRandom(seed);
  const profile = await loadProfile("device", "band-s1");
  const device = new EmulatedDevice(profile, sim, random.fork("device/band-s1"));
  const issuer = createIssuer({ random: random.fork("issuer"), keys: await loadKeySet("test:default") });
  const card = issuer.issue(await loadProfile("card", cardName), new Date("2026-06-15T10:00:00Z"));
  for (const command of issuer.personalise(card, { form: profile.form }).commands) device.wired(encodeCommand(command));
  const reader = new ContactlessReader(sim, device, {
    reader: { fsdi: 8, maxRate: 8, retries: 2 },
    frameDelay: FDT_PCD_ISO,
  });
  reader.place();
  return {
    atr: reader.powerOn()!,
    powerUp: () => void reader.reset(),
    transmit(apdu) {
      const response = reader.transmit(apdu);
      if (!response) throw scardError("SCardTransmit", 0x80100069, "scripted");
      return response;
    },
  };
}
