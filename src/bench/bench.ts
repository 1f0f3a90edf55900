import { parseFault } from "../../emulator/rf/faults.js";
import { Sim } from "../../emulator/sim/sim.js";
import { caKeysOf, type CaKeys, type CaPublicKey } from "../emv/oda.js";
import { createIssuer, type Issuer } from "../issuer/issuer.js";
import { loadCaKeys } from "../profiles/ca-keys.js";
import { loadKeySet } from "../profiles/key-sets.js";
import { loadProfile, profileNames } from "../profiles/load.js";
import type { TerminalProfile } from "../profiles/types.js";
import { combinationsOf } from "../terminal/data.js";
import { checkPin, encipheredPin } from "../terminal/pin.js";
import { monotonicClock } from "../transport/clock.js";
import type { PcscDriver } from "../transport/pcsc/driver.js";
import { nativePcsc } from "../transport/pcsc/native-driver.js";
import type { SerialDriver, SerialPortInfo } from "../transport/serial/driver.js";
import { nativeSerial } from "../transport/serial/native-driver.js";
import { seededRandom, type Random } from "../util/random.js";
import type { Clock } from "../util/time.js";
import type { Tracer } from "../util/tracer.js";
import { hex } from "../util/bytes.js";
import { tapOnReader } from "./card-tap.js";
import { tapEmulated } from "./emulated-tap.js";
import { emulatedDevices, type EmulatedBenchDevice, type HeldCard, type ProvisionReport } from "./emulated-devices.js";
import { benchError } from "./errors.js";
import { InProcessWire, passingClock } from "./in-process-wire.js";
import {
  managed,
  openSerialDevice,
  openUdpDevice,
  SERIAL_FORM,
  SERIAL_PARAMETERS,
  UDP_FORM,
  type ManagedBenchDevice,
} from "./managed.js";
import { notManaged, showManagement, type ManagementFaces, type ShownManagement } from "./management-faces.js";
import {
  listReaders,
  openPcsc,
  PCSC_FORM,
  PCSC_PARAMETERS,
  watchReaders,
  type CardBenchDevice,
  type ReaderEvent,
  type ReaderListing,
} from "./pcsc.js";
import { openSpec, type Opener } from "./spec.js";
import { openStateFolder, otherSeed, type StateFolder } from "./state.js";
import type { CardTapReport, TapReport } from "./tap-report.js";
import { showOnReader, type ShowOptions, type ShownDevice } from "./virtual-reader.js";

/** The date of a run that names none: runs repeat, so it is not today. */
export const DEFAULT_DATE = new Date("2026-06-15T10:00:00Z");
export const DEFAULT_SEED = "1";

export interface BenchOptions {
  /** Everything random follows from it. Default `1`. */
  readonly seed?: string;
  /** Date of payments, UTC. Default `DEFAULT_DATE`. */
  readonly at?: Date;
  /** Date on which cards are issued. Default: that of the payments. */
  readonly issued?: Date | undefined;
  readonly tracer?: Tracer | undefined;
  /** CA key files that terminals trust besides those that their profiles name. */
  readonly caKeys?: readonly string[];
  /** Real time, for what is measured and waited for on wires. Default: the machine's monotonic clock. */
  readonly clock?: Clock;
  /** Folder that keeps the emulated device, and its issuer, from run to run: what is opened is what was left there. Default: a fresh device. */
  readonly state?: string | undefined;
  /** How readers are reached. Default: the PC/SC service of this machine. */
  readonly pcsc?: PcscDriver;
  /** How serial ports are reached. Default: the native packages, where they are installed. */
  readonly serial?: SerialDriver;
}

/** A device on the bench: one that is emulated here, whatever lies on a reader, or one that is managed over a wire. */
export type BenchDevice = EmulatedBenchDevice | CardBenchDevice | ManagedBenchDevice;

/** Anything else is closed. @throws `bench/emulated-only` */
export async function emulatedOnly(device: BenchDevice): Promise<EmulatedBenchDevice> {
  if (device.kind === "emulated") return device;
  await device.close();
  throw benchError(
    "emulated-only",
    `${device.spec} is ${WHAT[device.kind]}, and this is done with emulated devices only, such as emu:band-s1`,
    { device: device.spec },
  );
}

const WHAT = { card: "a card on a reader", managed: "a device on a wire" } as const;

export interface TapRequest {
  /** Minor units of the terminal's currency. */
  readonly amount: bigint;
  /** ISO 4217 letters; has to be the terminal's. */
  readonly currency?: string;
  readonly terminal: string;
  /** What the holder enters when an online PIN is asked for; absent: nothing. */
  readonly pin?: string | undefined;
  /** Fault plans, such as `field-loss@before:gpo`. */
  readonly faults?: readonly string[] | undefined;
}

/** What can be asked of a card that is not emulated here: nobody is there to break things or to enter a PIN. */
export type CardTapRequest = Pick<TapRequest, "amount" | "currency" | "terminal">;

/** Puts everything together: opens devices, provisions cards into them, taps them on terminals, has an issuer answer. */
export interface Bench {
  readonly seed: string;
  readonly issuer: Issuer;
  listDevices(): Promise<readonly { readonly spec: string; readonly title: string; readonly note?: string }[]>;
  /** Readers, and what lies on them. @throws `transport/driver-missing`, `transport/no-service` */
  listReaders(signal?: AbortSignal): Promise<readonly ReaderListing[]>;
  /** Tells of readers and cards until the signal aborts. @throws `transport/driver-missing` */
  watchReaders(told: (event: ReaderEvent) => void, signal: AbortSignal): Promise<void>;
  /** @throws `transport/driver-missing` */
  listSerialPorts(): Promise<readonly SerialPortInfo[]>;
  /** What is not emulated here has to be closed. @throws `bench/bad-spec`, `bench/unknown-wire`, `bench/bad-parameter`, `profile/...`, `transport/...` */
  open(spec: `emu:${string}`): Promise<EmulatedBenchDevice>;
  open(spec: string, signal?: AbortSignal): Promise<BenchDevice>;
  /** A new account, tokenised, personalised into the device. @throws `bench/provisioning-refused`, `profile/...`, `emulator/power-lost` */
  provision(device: EmulatedBenchDevice, card: string): Promise<ProvisionReport>;
  /** Sees to a card in the device: the one that is named, else any; it is provisioned where the device does not hold it. @throws as `provision` */
  furnish(device: EmulatedBenchDevice, card?: string): Promise<HeldCard | ProvisionReport>;
  /** @throws `iso14443/...` when no card is found, `bench/wrong-currency`, `emulator/bad-fault`, `terminal/...` */
  tap(device: EmulatedBenchDevice, request: TapRequest): Promise<TapReport>;
  /** The same without loading anything: for doing it very often. */
  prepareTap(device: EmulatedBenchDevice, request: TapRequest): Promise<() => TapReport>;
  /** The CA keys that a terminal has. @throws `profile/...` */
  caKeys(terminal: string): Promise<CaKeys>;
  /** A tap with the card on a reader: waits for one. It counts in the card. @throws `bench/wrong-currency`, `transport/...`, `terminal/...` */
  tapCard(device: CardBenchDevice, request: CardTapRequest, signal?: AbortSignal): Promise<CardTapReport>;
  /** Shows the device to other programs, in the virtual reader of pcscd. @throws `emulator/no-reader-driver`, `emulator/slot-taken` */
  show(device: EmulatedBenchDevice, options: ShowOptions): Promise<ShownDevice>;
  /** The same on a serial port, on UDP, or both: its management. @throws `bench/not-managed`, `emulator/no-pty`, `emulator/link-taken`, `emulator/port-taken` */
  showManagement(device: EmulatedBenchDevice, faces: ManagementFaces): Promise<ShownManagement>;
  /** The device's management: its own wire, or one inside this process. To be closed. @throws `bench/not-managed`, `smp/no-answer` */
  manage(device: BenchDevice, signal?: AbortSignal): Promise<ManagedBenchDevice>;
  /** All that a run depends on, for the trace's header. */
  configuration(): {
    readonly seed: string;
    readonly at: string;
    readonly issued: string;
    readonly profiles: Readonly<Record<string, unknown>>;
  };
  /** Switches the kept device off and writes it down; nothing where no state folder was given. */
  close(): Promise<void>;
}

/** @throws `bench/state-...` where the state folder cannot be used */
export async function openBench(options: BenchOptions = {}): Promise<Bench> {
  const state = options.state === undefined ? undefined : await openStateFolder(options.state);
  try {
    return await benchOn(options, state);
  } catch (error) {
    await state?.close();
    throw error;
  }
}

async function benchOn(options: BenchOptions, state: StateFolder | undefined): Promise<Bench> {
  const kept = state?.device;
  if (kept && options.seed !== undefined && options.seed !== kept.seed) throw otherSeed(state, kept.seed);
  const seed = kept?.seed ?? options.seed ?? DEFAULT_SEED;
  const at = options.at ?? DEFAULT_DATE;
  const { tracer } = options;
  const random = seededRandom(seed);
  const sim = new Sim();
  const used: Record<string, unknown> = {};
  const issuer = createIssuer({
    random: random.fork("issuer"),
    keys: await loadKeySet("test:default"),
    from: state?.issuer,
    ...(tracer && { onRule: (rule) => tracer.record({ layer: "issuer", at: sim.now, ...rule }) }),
  });

  async function load<K extends "device" | "card" | "terminal">(
    kind: K,
    name: string,
  ): ReturnType<typeof loadProfile<K>> {
    const profile = await loadProfile(kind, name);
    used[`${kind}/${profile.name}`] = profile;
    return profile;
  }

  /** Keys from files: those that the terminal's profile names, and those of the run. */
  async function publishedKeys(terminal: TerminalProfile): Promise<readonly CaPublicKey[]> {
    const sets = [...terminal.caKeys.filter((set) => set !== "test"), ...(options.caKeys ?? [])];
    return (await Promise.all(sets.map((set) => loadCaKeys(set)))).flat();
  }

  const clock = options.clock ?? monotonicClock();
  const pcsc = { driver: options.pcsc ?? nativePcsc(), clock };
  const wires = { serial: options.serial ?? nativeSerial(), clock };
  const passing = passingClock(sim);
  /** How many wires there are to devices in this process. */
  let inProcess = 0;
  /** How many devices were opened: each draws for its own taps, whatever it is, so that one seed gives one tap on every wire. */
  let devices = 0;
  const nextTaps = (): Random => random.fork(`taps/${++devices}`);

  const pinKey = random.fork("pin-pad").bytes(16);
  const drawnOnReaders = new Map<CardBenchDevice, Random>();
  const emulated = emulatedDevices({
    seed,
    random,
    sim,
    issuer,
    issuedAt: options.issued ?? at,
    state,
    tracer,
    loadDevice: (name) => load("device", name),
    loadCard: (name) => load("card", name),
    nextTaps,
  });
  const openers: Readonly<Record<string, Opener<BenchDevice>>> = {
    emu: {
      form: "emu:<profile>",
      parameters: ["seed"],
      open: (spec) => emulated.open(spec),
    },
    pcsc: {
      form: PCSC_FORM,
      parameters: PCSC_PARAMETERS,
      open: async (spec, signal) => {
        const device = await openPcsc(spec, pcsc, signal);
        drawnOnReaders.set(device, nextTaps());
        return device;
      },
    },
    serial: {
      form: SERIAL_FORM,
      parameters: SERIAL_PARAMETERS,
      open: (spec, signal) => openSerialDevice(spec, wires, signal),
    },
    udp: { form: UDP_FORM, parameters: [], open: (spec, signal) => openUdpDevice(spec, wires, signal) },
  };

  /** Terminal, transaction and what they bring together. */
  async function atTerminal(request: CardTapRequest) {
    const terminal = await load("terminal", request.terminal);
    if (request.currency !== undefined && request.currency !== terminal.currency.code)
      throw benchError(
        "wrong-currency",
        `terminal ${terminal.name} takes ${terminal.currency.code}, not ${request.currency}; choose another with --terminal`,
        { terminal: terminal.name },
      );
    const transaction = { amount: request.amount, at };
    const combinations = combinationsOf(terminal, transaction);
    const published = await publishedKeys(terminal);
    return { terminal, transaction, combinations, published, testKeys: terminal.caKeys.includes("test") };
  }

  async function prepareTap(device: EmulatedBenchDevice, request: TapRequest): Promise<() => TapReport> {
    const { terminal, transaction, combinations, published, testKeys } = await atTerminal(request);
    const faults = (request.faults ?? []).map(parseFault);
    const own = emulated.drawnFor(device);
    if (!own) throw notOfThisBench(device);
    const { pin } = request;
    if (pin !== undefined) checkPin(pin);
    const enterPin = pin === undefined ? undefined : (pan: string) => encipheredPin(pin, pan, pinKey);
    let caKeys: CaKeys | undefined;
    return () =>
      tapEmulated({
        sim,
        device: device.emulated,
        terminal,
        transaction,
        combinations,
        // The test CA certifies as cards are issued, which may be after this was prepared.
        caKeys: (caKeys ??= caKeysOf([...(testKeys ? issuer.caPublicKeys() : []), ...published])),
        random: own.taps,
        authorise: issuer.authorise,
        enterPin,
        faults,
        noise: own.noise,
        tracer,
      });
  }

  async function tapCard(
    device: CardBenchDevice,
    request: CardTapRequest,
    signal: AbortSignal | undefined,
  ): Promise<CardTapReport> {
    const { terminal, transaction, combinations, published, testKeys } = await atTerminal(request);
    const taps = drawnOnReaders.get(device);
    if (!taps) throw notOfThisBench(device);
    // The test CA of every scheme that the terminal knows: which one the card is of shows in the tap only.
    const rids = new Map(combinations.map(({ aid }) => [hex(aid.slice(0, RID_BYTES)), aid.slice(0, RID_BYTES)]));
    const caKeys = caKeysOf([...(testKeys ? issuer.caPublicKeys([...rids.values()]) : []), ...published]);
    const { card, wait } = device;
    return tapOnReader({
      device: card,
      terminal,
      transaction,
      combinations,
      caKeys,
      random: taps,
      tracer,
      wait,
      signal,
    });
  }

  return {
    seed,
    issuer,
    listDevices: async () =>
      Promise.all(
        (await profileNames("device")).map(async (name) => ({
          spec: `emu:${name}`,
          title: (await loadProfile("device", name)).title,
          note: "emulated",
        })),
      ),
    listReaders: (signal) => listReaders(pcsc, signal),
    listSerialPorts: () => wires.serial.list(),
    watchReaders: (told, signal) => watchReaders(pcsc, told, signal),
    // An `emu:` spec opens an emulated device: that is what the overloads say.
    open: ((spec: string, signal?: AbortSignal) => openSpec(spec, openers, signal)) as Bench["open"],
    provision: (device, card) => emulated.provision(device, card),
    furnish: (device, card) => emulated.furnish(device, card),
    tap: async (device, request) => (await prepareTap(device, request))(),
    prepareTap,
    async caKeys(name) {
      const terminal = await load("terminal", name);
      const published = await publishedKeys(terminal);
      return caKeysOf([...(terminal.caKeys.includes("test") ? issuer.caPublicKeys() : []), ...published]);
    },
    tapCard: (device, request, signal) => tapCard(device, request, signal),
    show: (device, how) => showOnReader(sim, device.emulated, tracer, how),
    showManagement: (device, faces) => showManagement(sim, device.emulated, faces, random.fork("line")),
    async manage(device, signal) {
      if (device.kind === "managed") return device;
      if (device.kind === "card") throw notManaged(device.spec);
      const { management: mcu } = device.emulated;
      if (!mcu) throw notManaged(device.spec);
      const open = async () => new InProcessWire(mcu, sim, device.spec, ++inProcess);
      return managed({ text: device.spec }, passing, { open, reopen: open, signal });
    },
    configuration: () => ({ seed, at: at.toISOString(), issued: (options.issued ?? at).toISOString(), profiles: used }),
    close: () => emulated.close(),
  };
}

const RID_BYTES = 5;

const notOfThisBench = ({ spec }: BenchDevice): Error =>
  benchError("not-of-this-bench", `${spec} was opened on another bench; open it here`, {});
