import { formatVersion } from "../../src/protocols/mcuboot/version.js";
import { smpDispatcher, type Dispatcher } from "../../src/protocols/smp/listener.js";
import type { ManagementProfile } from "../../src/profiles/types.js";
import type { Step } from "../../src/util/dialogue.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { US, type Nanos } from "../../src/util/time.js";
import { Flash, flashArea, type FlashSnapshot } from "../boot/flash.js";
import { emulatorError } from "../errors.js";
import { Actor } from "../sim/actor.js";
import type { Sim } from "../sim/sim.js";
import { battery } from "./battery.js";
import { elementCommands, nfcCommands, walletCommands } from "./device-commands.js";
import { FileSystem } from "./file-system.js";
import { imageCommands } from "./image-commands.js";
import type { Firmware } from "./image-slots.js";
import { enumerationCommands, osCommands } from "./os-commands.js";
import type { ElementPort, Identity, McuParts, NfcPort } from "./parts.js";
import { SettingsStore } from "./settings-store.js";
import { runLine, shellCommands } from "./shell-commands.js";
import { booted, counted, logged, shifted, unpowered, type McuState } from "./state.js";
import { fileCommands, settingsCommands } from "./storage-commands.js";

/** What any request costs, and each operation on flash: a model of a microcontroller of 64 MHz. */
const REQUEST: Nanos = 200 * US;
const FLASH_OPERATION: Nanos = 100 * US;
const MAX_PORTS = 16;

/** A wire's end in the device. Messages arrive whole. */
export interface ManagementPort {
  /** A whole SMP message has arrived. */
  readonly receive: (message: Uint8Array) => void;
  /** A line that was typed at the console; what it prints comes back with `log`. */
  readonly type: (line: string) => void;
  readonly detach: () => void;
}

/** What a wire does with what the device says. */
export interface PortEvents {
  /** Tells one wire from another: transfers belong to one. */
  readonly name: string;
  /** A whole SMP message, at the time at which its first byte may leave. */
  readonly send: (message: Uint8Array) => void;
  /** A line of text for the console, without its end. */
  readonly log?: (line: string) => void;
}

export interface McuOptions {
  readonly identity: Identity;
  readonly profile: ManagementProfile;
  readonly element: ElementPort;
  readonly nfc: NfcPort;
  readonly holderVerified: () => boolean;
  /** Absent: it has no boot loader. */
  readonly firmware?: Firmware | undefined;
  /** The microcontroller restarts: whatever hangs on it does, too. */
  readonly onReset: () => void;
}

/** At rest. */
export interface McuSnapshot {
  readonly state: McuState;
  readonly flash: FlashSnapshot;
  /** When it was taken: the times in `state` are of that run. */
  readonly at: Nanos;
}

interface Incoming {
  readonly from: string;
  readonly message?: Uint8Array;
  readonly line?: string;
}
interface Outgoing {
  readonly to: string;
  readonly message: Uint8Array;
}

/** The emulated microcontroller: answers SMP on any number of wires, keeps settings and files in its flash, and restarts. */
export class Mcu {
  readonly flash: Flash;
  readonly #sim: Sim;
  readonly #options: McuOptions;
  readonly #ports = new Map<string, PortEvents>();
  readonly #actor: Actor<McuState, Incoming, Outgoing>;
  #parts!: McuParts;
  #dispatch!: Dispatcher<McuState>;
  /** Answers that have not left: after a restart they never do. */
  readonly #leaving = new Set<{ readonly cancel: () => void }>();
  #told = 0;

  constructor(sim: Sim, options: McuOptions) {
    const { bytes, sectorBytes, writeBytes } = options.profile.flash;
    this.#sim = sim;
    this.#options = options;
    this.flash = new Flash({ size: bytes, sectorBytes, writeBytes }, options.firmware?.factory?.());
    this.#mount();
    // Out of the box it has been running for as long as anybody asks: the first boot takes no time.
    const initial = booted(undefined, {}, sim.now, 0);
    this.#actor = new Actor(
      sim,
      (state, input, now) => this.#step(state, input, now),
      initial,
      (send) => {
        for (const { out, after } of send) {
          const answer = sim.at(sim.now + after, () => {
            this.#leaving.delete(answer);
            this.#ports.get(out.to)?.send(out.message);
          });
          this.#leaving.add(answer);
        }
      },
    );
    this.#told = initial.lines;
  }

  get state(): McuState {
    return this.#actor.state;
  }

  /** Connects a wire. @throws `emulator/too-many-ports`, also for a name that is taken */
  attach(events: PortEvents): ManagementPort {
    const { name } = events;
    if (this.#ports.has(name) || this.#ports.size === MAX_PORTS)
      throw emulatorError(
        "too-many-ports",
        `the device has ${this.#ports.size} wires, and ${name} cannot be one more`,
        {
          name,
          ports: this.#ports.size,
        },
      );
    this.#ports.set(name, events);
    return {
      receive: (message) => this.#receive({ from: name, message }),
      type: (line) => this.#receive({ from: name, line }),
      detach: () => void this.#ports.delete(name),
    };
  }

  /** No battery: what it was at ends there, and nothing is heard until `powerUp`. What is in flash stays. */
  powerOff(): void {
    this.#actor.stop();
    this.#silence();
    this.#actor.state = unpowered(this.#actor.state);
  }

  /** Power is back, after `powerOff` or a cut of the flash's: it boots. */
  powerUp(bootTime: Nanos = this.#options.profile.bootTime): void {
    this.flash.powerUp();
    this.#actor.stop();
    this.#actor.state = this.#boot(this.#actor.state, this.#sim.now, bootTime);
    this.#actor.receive(undefined); // a watchdog may be running
  }

  snapshot(): McuSnapshot {
    return { state: this.#actor.state, flash: this.flash.snapshot(), at: this.#sim.now };
  }

  /** @throws `emulator/snapshot-mismatch` */
  restore(snapshot: McuSnapshot): void {
    this.flash.restore(snapshot.flash);
    this.#silence();
    this.#mount();
    this.#actor.stop();
    this.#actor.state = shifted(snapshot.state, this.#sim.now - snapshot.at);
    this.#told = snapshot.state.lines;
    this.#options.nfc.listen(snapshot.state.listening && snapshot.state.routing === "element");
  }

  #mount(): void {
    const { profile, identity, element, nfc, holderVerified } = this.#options;
    const { settings, files } = profile.flash.partitions;
    const images = this.#options.firmware?.slots(this.flash);
    const [first] = images?.images ?? [];
    const running = first?.slots[first.active].found();
    this.#parts = {
      identity: running ? { ...identity, firmware: formatVersion(running.version) } : identity,
      profile,
      element,
      nfc,
      holderVerified,
      settings: new SettingsStore(flashArea(this.flash, settings.offset, settings.bytes)),
      files: new FileSystem(flashArea(this.flash, files.offset, files.bytes)),
      images,
      flashOperations: () => this.flash.operations,
      battery: battery(profile.batteryHours),
    };
    const rows = [
      osCommands(this.#parts),
      enumerationCommands(this.#parts),
      settingsCommands(this.#parts),
      fileCommands(this.#parts),
      this.#parts.images ? imageCommands(this.#parts.images) : [],
      shellCommands(this.#parts),
      elementCommands(this.#parts),
      walletCommands(this.#parts),
      nfcCommands(this.#parts),
    ].flat();
    this.#dispatch = smpDispatcher(rows, profile);
  }

  #boot(before: McuState, now: Nanos, bootTime: Nanos): McuState {
    this.#silence();
    const report = this.#options.firmware?.boot(this.flash);
    this.#mount();
    this.#options.onReset();
    this.#options.nfc.listen(true);
    const after = now + (report?.took ?? 0);
    const state = booted(before, this.#parts.settings.all(), after, bootTime);
    if (report?.runs !== false) return state;
    // It hears nothing until the watchdog resets it.
    return { ...state, readyAt: Infinity, ...(report.watchdog !== undefined && { resetAt: after + report.watchdog }) };
  }

  #silence(): void {
    for (const answer of this.#leaving) answer.cancel();
    this.#leaving.clear();
  }

  #receive(incoming: Incoming): void {
    this.#actor.receive(incoming);
    this.#tell();
  }

  /** New lines of the log go to every console. */
  #tell(): void {
    const { log, lines } = this.#actor.state;
    if (lines === this.#told) return;
    const fresh = log.filter(({ number }) => number > this.#told);
    this.#told = lines;
    for (const port of this.#ports.values()) for (const { text } of fresh) port.log?.(text);
  }

  #step(state: McuState, input: Incoming | undefined, now: Nanos): Step<McuState, Outgoing> {
    if (this.flash.dead) return { state: { ...state, resetAt: undefined }, send: [] };
    if (!input) {
      if (state.resetAt === undefined || state.resetAt > now) return this.#wait(state, [], now);
      const down = { ...state, resetAt: undefined };
      return this.#powered(down, () => {
        const next = this.#boot(down, now, this.#options.profile.bootTime);
        this.#sim.at(now, () => this.#tell());
        return this.#wait(next, [], now);
      });
    }
    if (now < state.readyAt) return this.#wait(state, [], now);
    const busy = state.busy.filter((end) => end > now);
    if (busy.length >= this.#options.profile.bufferCount)
      return this.#wait(counted({ ...state, busy }, "smp", { dropped: 1 }), [], now);
    const operations = this.flash.operations;
    const mostBusy = Math.max(state.mostBusy, busy.length + 1);
    return this.#powered(state, () => this.#serve({ ...state, busy, mostBusy }, input, now, operations));
  }

  /** When the flash's power is cut in it, the device is dark until somebody gives it power again. */
  #powered(state: McuState, act: () => Step<McuState, Outgoing>): Step<McuState, Outgoing> {
    try {
      return act();
    } catch (error) {
      if (!isTapbenchError(error, "emulator/power-lost")) throw error;
      this.#silence(); // dark until somebody gives it power again
      return { state, send: [] };
    }
  }

  #serve(state: McuState, input: Incoming, now: Nanos, operations: number): Step<McuState, Outgoing> {
    const { from, message, line } = input;
    if (!message) {
      const { state: next, out } = runLine([line ?? ""], { state, now, parts: this.#parts });
      for (const each of out.split("\n")) this.#ports.get(from)?.log?.(each);
      return this.#wait(next, [], now);
    }
    const { state: next, answer, took, result } = this.#dispatch(state, message, { now, from });
    const work = REQUEST + took + (this.flash.operations - operations) * FLASH_OPERATION;
    const end = Math.max(now, state.busy.at(-1) ?? now) + work;
    let counting = counted(answer ? { ...next, busy: [...state.busy, end] } : next, "smp", {
      ...(result === "noise" ? { noise: 1 } : { requests: 1, [result]: 1 }),
      bytes_in: message.length,
      ...(answer && { bytes_out: answer.length }),
    });
    if (result === "noise" && message.length > 0)
      counting = logged(counting, now, "wrn", "smp", `${message.length} bytes that are no request, on ${from}`);
    return this.#wait(counting, answer ? [{ out: { to: from, message: answer }, after: end - now }] : [], now);
  }

  /** With the timer for a reset that was asked for, which any input takes back. */
  #wait(state: McuState, send: Step<McuState, Outgoing>["send"], now: Nanos): Step<McuState, Outgoing> {
    return { state, send, ...(state.resetAt !== undefined && { wakeIn: Math.max(0, state.resetAt - now) }) };
  }
}
