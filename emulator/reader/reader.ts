import { activateTypeA, type ActivatedCard, type ReaderOptions } from "../../src/protocols/iso14443/poller.js";
import { decodeCommand, encodeResponse, status, type CommandApdu } from "../../src/protocols/iso7816/apdu.js";
import { SW } from "../../src/protocols/iso7816/status.js";
import { isForReader, readerAnswer } from "../../src/protocols/pcsc/listener.js";
import { contactlessAtr } from "../../src/protocols/pcsc/messages.js";
import { converseSync } from "../../src/util/converse.js";
import { isTapbenchError, type TapbenchError } from "../../src/util/errors.js";
import { MS, type Nanos } from "../../src/util/time.js";
import type { Tracer } from "../../src/util/tracer.js";
import type { EmulatedDevice } from "../device.js";
import { Air } from "../rf/air.js";
import type { Sim } from "../sim/sim.js";

export interface ContactlessReaderOptions {
  readonly reader: ReaderOptions;
  /** From a card's last bit to the reader's next frame, at least. */
  readonly frameDelay: Nanos;
  readonly tracer?: Tracer | undefined;
}

/** How long the field stays off in a reset (EMV Contactless Book D, t_RESET: 5.1 to 10 ms). */
const RESET_TIME: Nanos = 5.1 * MS;

/**
 * A PC/SC contactless reader with one antenna and an emulated device that is put on it and taken away. It activates the device over ISO 14443,
 * makes up its ATR, answers the commands that PC/SC readers answer themselves, and carries all others over ISO-DEP. In virtual time.
 */
export class ContactlessReader {
  /** Its field: for faults. */
  readonly air: Air;
  readonly #sim: Sim;
  readonly #device: EmulatedDevice;
  readonly #options: ContactlessReaderOptions;
  #placed = false;
  #card: ActivatedCard | undefined;
  /** Why there is no activated card though the field is on and the device in it. */
  #failure: TapbenchError | undefined;

  constructor(sim: Sim, device: EmulatedDevice, options: ContactlessReaderOptions) {
    this.#sim = sim;
    this.#device = device;
    this.#options = options;
    this.air = new Air(sim, { frameDelay: options.frameDelay, tracer: options.tracer });
  }

  get placed(): boolean {
    return this.#placed;
  }

  /** The activated card. */
  get card(): ActivatedCard | undefined {
    return this.#card;
  }

  /** Why the last activation or command failed; undefined when it did not. */
  get failure(): TapbenchError | undefined {
    return this.#failure;
  }

  /** Puts the device on the reader. */
  place(): void {
    if (this.#placed) return;
    this.#placed = true;
    this.air.place(this.#device.picc);
  }

  /** Takes it away, whatever it is doing. */
  remove(): void {
    if (!this.#placed) return;
    this.#placed = false;
    this.#card = undefined;
    this.air.remove(this.#device.picc);
  }

  /** Field on, and the card activated unless it is already. Returns its ATR; undefined: no card, or none that can be activated. */
  powerOn(): Uint8Array | undefined {
    if (!this.#card) {
      if (this.air.fieldOn) this.#interruptField(); // a card whose session broke off would not answer
      this.air.powerOn();
      this.#activate();
    }
    return this.#card && contactlessAtr(this.#card.parameters.historical);
  }

  /** Field off: the card forgets what was selected. */
  powerOff(): void {
    this.#card = undefined;
    this.air.powerOff();
  }

  /** Field off and on. Returns as `powerOn` does. */
  reset(): Uint8Array | undefined {
    this.#interruptField();
    return this.powerOn();
  }

  /** One command APDU. Undefined: no card, or it was lost during the command and has to be activated anew. */
  transmit(apdu: Uint8Array): Uint8Array | undefined {
    const card = this.#card;
    if (!card) return undefined;
    if (isForReader(apdu)) return ownAnswer(apdu, card);
    try {
      const { answer, from, until } = converseSync(card.link.exchange(apdu), this.air);
      this.#options.tracer?.record({
        layer: "apdu",
        at: from,
        took: until - from,
        command: apdu,
        response: answer,
        compute: this.#device.lastCompute,
        via: "contactless",
      });
      // Two bytes at least, or no software behind the reader could make sense of it.
      return answer.length < 2 ? encodeResponse(status(SW.noDiagnosis)) : answer;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  #interruptField(): void {
    this.powerOff();
    this.#sim.runUntil(this.#sim.now + RESET_TIME);
  }

  #activate(): void {
    this.#failure = undefined;
    try {
      this.#card = converseSync(activateTypeA(this.#options.reader), this.air);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The card's session is over. Faults of the air are expected; bugs go on up. */
  #fail(error: unknown): void {
    this.#card = undefined;
    if (!isTapbenchError(error) || !error.code.startsWith("iso14443/")) throw error;
    this.#failure = error;
  }
}

function ownAnswer(apdu: Uint8Array, { uid, parameters }: ActivatedCard): Uint8Array {
  let command: CommandApdu;
  try {
    command = decodeCommand(apdu);
  } catch (error) {
    if (!isTapbenchError(error)) throw error;
    return encodeResponse(status(SW.wrongLength));
  }
  return encodeResponse(readerAnswer(command, { uid, historical: parameters.historical }));
}
