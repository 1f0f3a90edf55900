import { emulatorError } from "../errors.js";
import { openVpcd, type VpcdConnection, type VpcdEvents, type VpcdOptions } from "./vpcd.js";

/** Why a card is no longer seen: it was taken out, was lost during a command, or the reader's driver has gone. */
export type Gone = "taken-out" | "card-lost" | "reader-gone";

export interface SlotEvents extends Pick<VpcdEvents, "exchanged" | "trouble"> {
  /** pcscd sees the card. */
  readonly visible: (atr: Uint8Array) => void;
  /** It was seen, and is no longer. */
  readonly gone: (why: Gone) => void;
}

export interface SlotOptions extends Omit<VpcdOptions, "events"> {
  readonly events: SlotEvents;
  /** Milliseconds after which pcscd must have looked at the card that is shown first. */
  readonly patience: number;
}

/** After a command that was broken off, a card that is back within 600 ms may never be seen again (measured, pcscd 1.9.9 with vpcd 3.3). */
const AFTER_TORN = 1000;
/** How often a driver that has gone is looked for. */
const AGAIN = 250;

/** One slot of the virtual reader, and whether our card is in it. Keeps the card there while pcscd comes and goes. */
export class VpcdSlot {
  readonly #options: SlotOptions;
  #wanted = false;
  #connection: VpcdConnection | undefined;
  #connecting = false;
  #timer: NodeJS.Timeout | undefined;
  #notBefore = 0;
  #visible = false;
  /** The connection that is open was told to close. */
  #leaving = false;
  /** Runs when nothing is open any more. */
  #onIdle: (() => void) | undefined;
  #settleFirst: ((error?: Error) => void) | undefined;

  constructor(options: SlotOptions) {
    this.#options = options;
  }

  /**
   * Puts the card in for the first time, and waits until pcscd has seen it.
   * @throws `emulator/no-reader-driver`, `emulator/slot-taken`, and the signal's reason
   */
  async open(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { host, port, patience } = this.#options;
    const seen = new Promise<void>((resolve, reject) => {
      this.#settleFirst = (error) => (error ? reject(error) : resolve());
    });
    const timer = setTimeout(
      () =>
        this.#settleFirst?.(
          emulatorError(
            "slot-taken",
            `${host}:${port} does not look at the card; take the other card out of this slot, or use --slot 2`,
            { host, port },
          ),
        ),
      patience,
    );
    const abort = (): void => this.#settleFirst?.(signal!.reason as Error);
    signal?.addEventListener("abort", abort);
    this.insert();
    try {
      await seen;
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      this.#settleFirst = undefined;
    }
  }

  insert(): void {
    this.#wanted = true;
    this.#schedule(0);
  }

  eject(): void {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#leave();
  }

  #leave(): void {
    if (!this.#connection) return;
    this.#leaving = true;
    this.#connection.close();
  }

  /** Takes the card out for good; resolves when its socket is closed. */
  async close(): Promise<void> {
    const idle = new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.eject();
    this.#tellIdle();
    await idle;
  }

  #tellIdle(): void {
    if (!this.#connection && !this.#connecting) this.#onIdle?.();
  }

  #schedule(delay: number): void {
    if (!this.#wanted || this.#connection || this.#connecting || this.#timer) return;
    const wait = Math.max(delay, this.#notBefore - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#connect();
    }, wait);
  }

  async #connect(): Promise<void> {
    const { events, card, host, port } = this.#options;
    card.powerOn();
    if (!card.atr()) {
      events.trouble("the device cannot be activated over ISO 14443; it is tried again");
      return this.#schedule(AFTER_TORN);
    }
    this.#connecting = true;
    const closed: VpcdEvents["closed"] = (torn) => this.#closed(torn);
    try {
      const visible: VpcdEvents["visible"] = (atr) => this.#seen(atr);
      const { exchanged, trouble } = events;
      this.#connection = await openVpcd({ ...this.#options, events: { exchanged, trouble, visible, closed } });
    } catch (error) {
      this.#settleFirst?.(
        emulatorError(
          "no-reader-driver",
          `nothing listens on ${host}:${port}; install the virtual reader with 'apt-get install pcscd vsmartcard-vpcd' and start it with 'systemctl restart pcscd' (or 'pcscd -f')`,
          { host, port },
          error,
        ),
      );
    } finally {
      this.#connecting = false;
    }
    if (!this.#wanted) this.#leave();
    if (!this.#connection) this.#schedule(AGAIN);
    this.#tellIdle();
  }

  #seen(atr: Uint8Array): void {
    this.#visible = true;
    this.#options.events.visible(atr);
    this.#settleFirst?.();
  }

  #closed(torn: boolean): void {
    const { card, events } = this.#options;
    const leaving = this.#leaving;
    this.#leaving = false;
    this.#connection = undefined;
    if (torn) this.#notBefore = performance.now() + AFTER_TORN;
    const lost = card.atr() === undefined;
    card.powerOff();
    if (this.#visible) {
      this.#visible = false;
      events.gone(leaving ? "taken-out" : lost ? "card-lost" : "reader-gone");
    }
    this.#schedule(leaving ? 0 : AGAIN);
    this.#tellIdle();
  }
}
