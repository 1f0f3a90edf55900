import type { ReaderProfile } from "../profiles/types.js";
import { decodeResponse, encodeCommand, type CommandApdu } from "../protocols/iso7816/apdu.js";
import { SW } from "../protocols/iso7816/status.js";
import { describeAtr, type AtrMeaning } from "../protocols/pcsc/atr-meaning.js";
import { getHistoricalBytes, getUid } from "../protocols/pcsc/messages.js";
import { isTapbenchError } from "../util/errors.js";
import type { Reply } from "../util/dialogue.js";
import type { Patience } from "../util/patience.js";
import type { Clock, Nanos } from "../util/time.js";
import { deviceError } from "./errors.js";
import { askForLess, checkCommand } from "./limits.js";
import type { CardWire } from "./wire.js";

/** What the reader tells of the card on it. */
export interface CardFacts {
  readonly atr: Uint8Array;
  readonly meaning: AtrMeaning;
  /** Absent: the reader does not tell. */
  readonly uid?: Uint8Array;
  /** As the reader answers for it: historical bytes by PC/SC part 3, with some readers the whole ATS. */
  readonly ats?: Uint8Array;
}

/** An answer and when it was on its way: `from` the command's first bit at the earliest, as this machine's clock saw it. */
export interface MeasuredReply extends Reply<Uint8Array> {
  readonly from: Nanos;
  readonly until: Nanos;
}

export type CardEvent = { readonly kind: "placed"; readonly atr: Uint8Array } | { readonly kind: "removed" };

/** A device as the host sees it through a reader that activates cards: bytes in, bytes out, and when. */
export class CardDevice {
  /** What is known of the reader's model; undefined: nothing. */
  readonly model: ReaderProfile | undefined;
  readonly #wire: CardWire;
  readonly #clock: Clock;

  constructor(wire: CardWire, clock: Clock, model?: ReaderProfile) {
    this.#wire = wire;
    this.#clock = clock;
    this.model = model;
  }

  /** The reader's name. */
  get reader(): string {
    return this.#wire.name;
  }

  /** Now, on the clock that `apdu` measures with. */
  get now(): Nanos {
    return this.#clock.now();
  }

  /** The card freshly powered up, so that nothing is selected in it: waits for one. Returns the ATR. @throws `transport/...` */
  activate(patience: Patience): Promise<Uint8Array> {
    return this.#wire.reset(patience);
  }

  /** Connected as it is, without resetting what another program selected. @throws `transport/...` */
  connect(patience: Patience): Promise<Uint8Array> {
    return this.#wire.connect(patience);
  }

  /**
   * One APDU, raw, there and back.
   * @throws `device/extended-unsupported`, `device/command-too-long`, `device/response-256`, `device/short-answer`, `transport/...`
   */
  async apdu(apdu: Uint8Array, patience: Patience): Promise<MeasuredReply> {
    if (this.model) checkCommand(apdu, this.model);
    const from = this.#clock.now();
    const answer = await this.#transmit(apdu, patience);
    const until = this.#clock.now();
    if (answer.length < 2)
      throw deviceError("short-answer", `${this.reader} answered ${answer.length} byte(s), not even a status word`, {
        length: answer.length,
      });
    return { answer, took: until - from, from, until };
  }

  async #transmit(apdu: Uint8Array, patience: Patience): Promise<Uint8Array> {
    try {
      return await this.#wire.transmit(apdu, patience);
    } catch (error) {
      const less = this.model && askForLess(apdu, this.model);
      if (!less || !isTapbenchError(error, "transport/failed")) throw error;
      return this.#again(less, patience, error);
    }
  }

  /** The reader may have lost a response of 256 bytes: the card is still there, and is asked for 255. */
  async #again(apdu: Uint8Array, patience: Patience, cause: Error): Promise<Uint8Array> {
    const failed = deviceError(
      "response-256",
      `${this.reader} loses responses of exactly 256 bytes, and the card gives this one no other way; use another reader`,
      { reader: this.reader },
      cause,
    );
    try {
      await this.#wire.connect(patience);
      const answer = await this.#wire.transmit(apdu, patience);
      // 6C00: the card insists on all 256 bytes.
      if (answer.length === 2 && answer[0] === 0x6c && answer[1] === 0) throw failed;
      return answer;
    } catch (error) {
      throw isTapbenchError(error, "transport/failed") ? failed : error;
    }
  }

  /** ATR, UID and ATS, as far as the reader tells. Connects when nothing is. @throws `transport/...` */
  async facts(patience: Patience): Promise<CardFacts> {
    const atr = await this.#wire.connect(patience);
    const uid = await this.#ask(getUid, patience);
    const ats = await this.#ask(getHistoricalBytes, patience);
    return { atr, meaning: describeAtr(atr), ...(uid && { uid }), ...(ats && { ats }) };
  }

  /** The reader's own commands are optional, and some readers forward them to the card: anything but 9000 is no answer. */
  async #ask(command: CommandApdu, patience: Patience): Promise<Uint8Array | undefined> {
    const { data, sw } = decodeResponse((await this.apdu(encodeCommand(command), patience)).answer);
    return sw === SW.ok && data.length > 0 ? data : undefined;
  }

  /** Calls back when a card is placed or removed; returns how to stop it. */
  watch(happened: (event: CardEvent) => void): () => void {
    let there = this.#wire.state?.present === true;
    return this.#wire.watch(() => {
      const { state } = this.#wire;
      const present = state?.present === true;
      if (present === there) return;
      there = present;
      happened(present ? { kind: "placed", atr: state?.atr ?? new Uint8Array(0) } : { kind: "removed" });
    });
  }

  /** Ends the connection with the card; it is reset unless it is to be left as it is. */
  release(patience: Patience, leaving: "leave" | "reset" = "reset"): Promise<void> {
    return this.#wire.disconnect(leaving, patience);
  }
}
