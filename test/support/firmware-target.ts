import { emulatorError } from "../../emulator/errors.js";
import type { Sim } from "../../emulator/sim/sim.js";
import type { FirmwareTarget } from "../../src/device/firmware/target.js";
import { ManagedDevice } from "../../src/device/management.js";
import { os } from "../../src/protocols/smp/groups/os.js";
import { transportError } from "../../src/transport/errors.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { pause } from "../../src/util/patience.js";
import { MS, type Clock } from "../../src/util/time.js";
import type { Carry } from "./managed-device.js";
import type { Updatable } from "./updatable-device.js";
import type { MessageWire } from "../../src/util/message-wire.js";

/** Virtual time that passes while somebody waits; whoever is woken has their turn before the next thing happens. */
function passing(sim: Sim): Clock {
  let running = false;
  const step = (): void => {
    running = sim.step();
    if (running) setImmediate(step);
  };
  return {
    now: () => sim.now,
    after(delay, run) {
      const cancel = sim.clock.after(delay, run);
      if (!running) setImmediate(step);
      running = true;
      return cancel;
    },
  };
}

export interface TargetOptions {
  readonly up?: Carry | undefined;
  readonly down?: Carry | undefined;
  /** The wire breaks with that message; counted over all connections. */
  readonly breakAt?: ((message: number) => boolean) | undefined;
}

const straight: Carry = (message) => [{ message, late: 0 }];

/** The updatable device as a host reaches it, in virtual time. */
export function firmwareTarget(
  { sim, mcu }: Pick<Updatable, "sim" | "mcu">,
  { up = straight, down = straight, breakAt = () => false }: TargetOptions = {},
) {
  const clock = passing(sim);
  let wires = 0;
  let messages = 0;
  const connect = (): ManagedDevice => {
    let events: Parameters<MessageWire["open"]>[0] | undefined;
    let open = true;
    const end = mcu.attach({
      name: `target ${wires++}`,
      send: (message) => {
        for (const { message: arrives, late } of down(message))
          sim.at(sim.now + MS + late, () => open && events?.message(arrives, sim.now));
      },
    });
    const close = (): void => {
      if (!open) return;
      open = false;
      end.detach();
      events?.closed(transportError("closed", "the wire was unplugged; plug it in again", {}));
    };
    const wire: MessageWire = {
      name: "target",
      get state() {
        return open ? ("open" as const) : ("lost" as const);
      },
      open: (told) => void (events = told),
      send: async (message) => {
        if (breakAt(++messages)) close();
        if (!open) throw transportError("closed", "the wire was unplugged; plug it in again", {});
        for (const { message: arrives, late } of up(message)) sim.at(sim.now + MS + late, () => end.receive(arrives));
        return sim.now;
      },
      close: async () => close(),
    };
    return new ManagedDevice(wire, clock);
  };
  let management = connect();
  const target: FirmwareTarget & { readonly messages: () => number } = {
    get management() {
      return management;
    },
    clock,
    messages: () => messages,
    reconnect: async ({ within, signal }) => {
      const until = sim.now + within;
      for (;;) {
        await management.close();
        management = connect();
        try {
          await management.converse(1, (poller) => poller.ask(os.echo, { d: "" }, 500 * MS), { signal });
          return;
        } catch (error) {
          if (!isTapbenchError(error) || signal?.aborted || sim.now >= until) throw error;
        }
        await pause(clock, 200 * MS, signal);
        if (wires > 500) throw emulatorError("stuck", "the device was tried 500 times", {});
      }
    },
  };
  return target;
}
