import type { ManagementPort, Mcu } from "../../emulator/mcu/mcu.js";
import type { Sim } from "../../emulator/sim/sim.js";
import { transportError } from "../transport/errors.js";
import type { MessageWire, WireState } from "../util/message-wire.js";
import type { Clock, Nanos } from "../util/time.js";

type Events = Parameters<MessageWire["open"]>[0];

/** A wire to the microcontroller of a device in this process: messages arrive at once. Time passes with `passingClock`. */
export class InProcessWire implements MessageWire {
  readonly name: string;
  state: WireState = "open";
  readonly #sim: Sim;
  readonly #port: ManagementPort;
  readonly #readers = new Set<(line: string) => void>();
  #events: Events | undefined;

  /** `number`: tells it from the other wires of that device. */
  constructor(mcu: Mcu, sim: Sim, name: string, number: number) {
    this.name = name;
    this.#sim = sim;
    this.#port = mcu.attach({
      name: `host ${number}`,
      send: (message) => this.#events?.message(message, sim.now),
      log: (line) => {
        for (const told of this.#readers) told(line);
      },
    });
  }

  open(events: Events): void {
    this.#events = events;
  }

  readonly watchText = (told: (line: string) => void): (() => void) => {
    this.#readers.add(told);
    return () => void this.#readers.delete(told);
  };

  readonly send = async (message: Uint8Array): Promise<Nanos> => {
    if (this.state === "closed") throw closed(this.name);
    this.#port.receive(message);
    return this.#sim.now;
  };

  async close(): Promise<void> {
    if (this.state === "closed") return;
    this.state = "closed";
    this.#port.detach();
    this.#events?.closed(closed(this.name));
  }
}

/** Virtual time that passes while somebody waits: one thing after the other happens, and whoever is woken by it has its turn before the next. */
export function passingClock(sim: Sim): Clock {
  let passing = false;
  const step = (): void => {
    passing = sim.step();
    if (passing) setImmediate(step);
  };
  return {
    now: () => sim.now,
    after(delay, run) {
      const cancel = sim.clock.after(delay, run);
      if (!passing) setImmediate(step);
      passing = true;
      return cancel;
    },
  };
}

const closed = (name: string) => transportError("closed", `${name} was closed`, { device: name });
