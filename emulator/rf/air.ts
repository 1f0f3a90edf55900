import type { SyncLink } from "../../src/util/converse.js";
import type { Turn, Wake } from "../../src/util/dialogue.js";
import type { Nanos } from "../../src/util/time.js";
import type { Tracer } from "../../src/util/tracer.js";
import { airTime, bitAt, kbps, type Frame } from "../../src/protocols/iso14443/frame.js";
import { SimPort } from "../sim/port.js";
import type { Sim } from "../sim/sim.js";

/** A card as the field sees it. It answers through `transmit`, once it has power. */
export interface Picc {
  powerOn(transmit: (frame: Frame, after: Nanos) => void): void;
  powerOff(): void;
  /** A frame's last bit has arrived. */
  receive(frame: Frame): void;
}

/** What happens to frames on the way. Undefined: lost. The same frame: unharmed. */
export type Disturbance = (frame: Frame, from: "pcd" | "picc") => Frame | undefined;

export interface AirOptions {
  /** From a card's last bit to the reader's next frame, at least. */
  readonly frameDelay: Nanos;
  readonly tracer?: Tracer | undefined;
}

interface Transmission {
  readonly frame: Frame;
  readonly start: Nanos;
}

/** Field strength is on for this long before the first command (EMV Contactless Book D, t_P at least 5.1 ms). */
export const POWER_ON_TIME: Nanos = 5_100_000;

/**
 * The air between one reader and the cards in its field: power, pace, noise, and collisions bit by bit. The reader's protocol
 * drives it as a link; it is the reader's antenna, too, so it keeps the frame delay that a reader's hardware keeps.
 */
export class Air implements SyncLink<Frame, Frame> {
  readonly #sim: Sim;
  readonly #options: AirOptions;
  readonly #port: SimPort<Frame, Frame>;
  readonly #cards = new Set<Picc>();
  #on = false;
  /** The reader may not send before. */
  #quietUntil: Nanos = 0;
  /** Until then the reader sends, and hears nothing. */
  #sendingUntil: Nanos = 0;
  /** Answers to the frame that is being delivered. */
  #answers: Transmission[] = [];
  #delivering = false;
  /** Counts the times that the field went off: what was on the air or about to be before that (`outages` was less) does not happen. */
  #outages = 0;
  #answering = 0;

  disturb: Disturbance | undefined;
  /** Runs when a frame's last bit has reached the cards: for faults that strike right there. */
  onDelivered: (() => void) | undefined;
  frames = 0;
  /** Time during which bits were on the air. */
  busy: Nanos = 0;

  constructor(sim: Sim, options: AirOptions) {
    this.#sim = sim;
    this.#options = options;
    this.#port = new SimPort(sim, (frame) => this.#transmit(frame));
  }

  get fieldOn(): boolean {
    return this.#on;
  }

  /** Switches the field on and gives the cards time to start. */
  powerOn(): void {
    if (this.#on) return;
    this.#on = true;
    this.#options.tracer?.record({ layer: "field", at: this.#sim.now, on: true });
    this.#port.flush();
    for (const card of this.#cards) this.#start(card);
    this.#quietUntil = this.#sim.now + POWER_ON_TIME;
  }

  /** Field off: cards forget all but their memory, and what is on the air breaks off. */
  powerOff(): void {
    if (!this.#on) return;
    this.#on = false;
    this.#options.tracer?.record({ layer: "field", at: this.#sim.now, on: false });
    this.#outages++;
    for (const card of this.#cards) card.powerOff();
    if (this.#answering > 0) {
      this.#answering = 0;
      this.#port.brokeOff();
    }
  }

  /** Puts a card into the field. */
  place(card: Picc): void {
    this.#cards.add(card);
    if (this.#on) this.#start(card);
  }

  remove(card: Picc): void {
    if (this.#cards.delete(card) && this.#on) card.powerOff();
  }

  turn(turn: Turn<Frame>): Wake<Frame> {
    return this.#port.turn(turn);
  }

  begin(turn: Turn<Frame>, resume: (wake: Wake<Frame>) => void): void {
    this.#port.begin(turn, resume);
  }

  #start(card: Picc): void {
    card.powerOn((frame, after) => {
      const start = this.#sim.now + after;
      if (this.#delivering) this.#answers.push({ frame, start });
      else this.#answer(frame, start);
    });
  }

  /** The reader sends; returns when its last bit leaves. */
  #transmit(frame: Frame): Nanos {
    const start = Math.max(this.#sim.now, this.#quietUntil);
    const took = airTime(frame);
    const end = start + took;
    this.#quietUntil = this.#sendingUntil = end;
    this.#port.flush(); // what came unasked is gone
    this.frames++;
    this.busy += took;
    const arriving = this.#on ? this.#way(frame, "pcd") : undefined;
    this.#record(frame, arriving, "pcd", start, took);
    if (arriving) {
      const outages = this.#outages;
      this.#sim.at(end, () => this.#deliver(arriving, outages));
    }
    return end;
  }

  #deliver(frame: Frame, outages: number): void {
    if (outages !== this.#outages) return;
    const answers: Transmission[] = (this.#answers = []);
    this.#delivering = true;
    for (const card of this.#cards) card.receive(frame);
    this.#delivering = false;
    this.onDelivered?.();
    if (answers.length === 1) this.#answer(answers[0]!.frame, answers[0]!.start);
    else if (answers.length > 1) this.#answer(superpose(answers), Math.min(...answers.map(({ start }) => start)));
  }

  /** A card, or several in one voice, will send. */
  #answer(frame: Frame, start: Nanos): void {
    if (!this.#on) return;
    const outages = this.#outages;
    this.#sim.at(start, () => this.#answerStarts(frame, start, outages));
  }

  #answerStarts(frame: Frame, start: Nanos, outages: number): void {
    if (outages !== this.#outages) return;
    const took = airTime(frame);
    const heard = start >= this.#sendingUntil;
    const arriving = heard ? this.#way(frame, "picc") : undefined;
    this.frames++;
    this.busy += took;
    this.#record(frame, arriving, "picc", start, took);
    if (heard) this.#quietUntil = start + took + this.#options.frameDelay;
    if (!arriving) return;
    this.#answering++;
    this.#port.answerStarts();
    this.#sim.at(start + took, () => {
      if (outages !== this.#outages) return;
      this.#answering--;
      this.#port.arrived(arriving);
    });
  }

  #way(frame: Frame, from: "pcd" | "picc"): Frame | undefined {
    return this.disturb ? this.disturb(frame, from) : frame;
  }

  #record(sent: Frame, arrived: Frame | undefined, from: "pcd" | "picc", at: Nanos, took: Nanos): void {
    const { tracer } = this.#options;
    if (!tracer) return;
    const shown = arrived ?? sent;
    const fault = !arrived
      ? "lost"
      : arrived.collision !== undefined
        ? "collision"
        : arrived !== sent
          ? "corrupted"
          : undefined;
    tracer.record({
      layer: "frame",
      at,
      took,
      from,
      bytes: shown.bytes,
      bits: shown.bits,
      kbps: kbps(shown.rate),
      ...(fault && { fault }),
    });
  }
}

/**
 * Several cards at once. Bits on which all agree come through; the first on which they differ is a collision (ISO/IEC 14443-3 6.2.3.3).
 * Answers that do not start together cannot be read at all.
 */
export function superpose(answers: readonly Transmission[]): Frame {
  const [first, ...others] = answers as [Transmission, ...Transmission[]];
  const longest = answers.reduce((a, b) => (b.frame.bits > a.frame.bits ? b : a)).frame;
  if (others.some(({ start, frame }) => start !== first.start || frame.rate !== first.frame.rate))
    return { ...longest, damaged: true };
  let collision: number | undefined;
  for (let i = 0; i < longest.bits && collision === undefined; i++) {
    const bit = bitAt(first.frame.bytes, i);
    if (answers.some(({ frame }) => i >= frame.bits || bitAt(frame.bytes, i) !== bit)) collision = i;
  }
  const bytes = longest.bytes.slice();
  for (const { frame } of answers) for (let i = 0; i < frame.bytes.length; i++) bytes[i]! |= frame.bytes[i]!;
  return { bytes, bits: longest.bits, rate: longest.rate, ...(collision !== undefined && { collision }) };
}
