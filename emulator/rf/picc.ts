import type { Listener } from "../../src/util/dialogue.js";
import type { Nanos } from "../../src/util/time.js";
import type { Frame } from "../../src/protocols/iso14443/frame.js";
import { poweredUp, type TypeAState } from "../../src/protocols/iso14443/listener.js";
import { Actor } from "../sim/actor.js";
import type { Sim } from "../sim/sim.js";
import type { Picc } from "./air.js";

/** A type A listener with power that comes and goes. */
export class TypeAPicc implements Picc {
  readonly #actor: Actor<TypeAState, Frame, Frame>;
  readonly #uid: () => Uint8Array;
  readonly #onPowerOff: () => void;
  readonly #switchedOn: () => boolean;
  /** Whether it answers at all: the device's controller can switch that off. */
  listening = true;
  #transmit: ((frame: Frame, after: Nanos) => void) | undefined;

  /** `uid` is asked for at each power-up: some devices change it. Switched off, the field finds nobody. */
  constructor(
    sim: Sim,
    listener: Listener<TypeAState, Frame, Frame>,
    uid: () => Uint8Array,
    onPowerOff: () => void = () => {},
    switchedOn: () => boolean = () => true,
  ) {
    this.#switchedOn = switchedOn;
    this.#uid = uid;
    this.#onPowerOff = onPowerOff;
    this.#actor = new Actor(sim, listener, poweredUp(Uint8Array.of(8, 0, 0, 0)), (send) => {
      for (const { out, after } of send) this.#transmit?.(out, after);
    });
  }

  /** It is in a field. */
  get powered(): boolean {
    return this.#transmit !== undefined;
  }

  get state(): TypeAState {
    return this.#actor.state;
  }

  set state(state: TypeAState) {
    this.#actor.state = state;
  }

  powerOn(transmit: (frame: Frame, after: Nanos) => void): void {
    this.#transmit = this.#switchedOn() ? transmit : undefined;
    this.#actor.state = poweredUp(this.#uid());
  }

  powerOff(): void {
    this.#transmit = undefined;
    this.#actor.stop();
    this.#onPowerOff();
  }

  receive(frame: Frame): void {
    if (this.listening) this.#actor.receive(frame);
  }
}
