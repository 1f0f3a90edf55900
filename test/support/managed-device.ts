import { EmulatedDevice } from "../../emulator/device.js";
import type { Mcu } from "../../emulator/mcu/mcu.js";
import { SimPort } from "../../emulator/sim/port.js";
import { Sim } from "../../emulator/sim/sim.js";
import { domainOwners } from "../../src/bench/provisioning.js";
import { loadProfile } from "../../src/profiles/load.js";
import type { ManagementProfile } from "../../src/profiles/types.js";
import { Sequences, SmpPoller, type PollerOptions } from "../../src/protocols/smp/poller.js";
import { converseSync } from "../../src/util/converse.js";
import type { Dialogue } from "../../src/util/dialogue.js";
import { hex, unhex } from "../../src/util/bytes.js";
import { seededRandom } from "../../src/util/random.js";
import { MS, US, type Nanos } from "../../src/util/time.js";

const profile = await loadProfile("device", "band-s1");
const owners = await domainOwners(profile);

/** What becomes of a message on the way: what arrives, and how long after it would. */
export type Carry = (message: Uint8Array) => readonly { readonly message: Uint8Array; readonly late: Nanos }[];
const faithfully: Carry = (message) => [{ message, late: 0 }];
const LATENCY: Nanos = 1 * MS;
const PER_BYTE: Nanos = 10 * US;

export interface Host {
  readonly port: SimPort<Uint8Array, Uint8Array>;
  readonly poller: (options?: PollerOptions) => SmpPoller;
  /** Runs a dialogue to its end, in virtual time. */
  readonly run: <R>(dialogue: Dialogue<Uint8Array, Uint8Array, R>) => R;
  /** A message, in hex, and what comes back within 5 s; undefined: nothing. */
  readonly raw: (message: string) => string | undefined;
  readonly lines: string[];
  readonly detach: () => void;
}

export interface Managed {
  readonly sim: Sim;
  readonly device: EmulatedDevice;
  readonly mcu: Mcu;
  readonly host: (name?: string, up?: Carry, down?: Carry) => Host;
}

/** A reference band, and hosts on wires of its own that take whole messages. */
export function managed(changes: Partial<ManagementProfile> = {}): Managed {
  const sim = new Sim();
  const management = { ...profile.management!, ...changes };
  const device = new EmulatedDevice({ ...profile, management }, sim, seededRandom("managed"), {
    keysFor: owners?.keysFor,
  });
  const mcu = device.management!;
  return {
    sim,
    device,
    mcu,
    host(name = "wire", up = faithfully, down = faithfully) {
      const lines: string[] = [];
      let free = sim.now;
      const end = mcu.attach({
        name,
        send: (message) => {
          for (const { message: arrives, late } of down(message))
            sim.at(sim.now + LATENCY + late, () => port.arrived(arrives));
        },
        log: (line) => lines.push(line),
      });
      const port = new SimPort<Uint8Array, Uint8Array>(sim, (message) => {
        free = Math.max(free, sim.now) + message.length * PER_BYTE;
        for (const { message: arrives, late } of up(message)) sim.at(free + LATENCY + late, () => end.receive(arrives));
        return free;
      });
      const sequences = new Sequences();
      const run = <R>(dialogue: Dialogue<Uint8Array, Uint8Array, R>): R => converseSync(dialogue, port);
      return {
        port,
        lines,
        poller: (options) => new SmpPoller(sequences, options),
        run,
        raw: (message) => {
          const { got } = port.turn({ send: [unhex(message)], within: 5000 * MS });
          return got && hex(got);
        },
        detach: end.detach,
      };
    },
  };
}
