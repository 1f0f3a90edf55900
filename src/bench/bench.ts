import { EmulatedDevice } from "../../emulator/device.js";
import { parseFault } from "../../emulator/rf/faults.js";
import { Sim } from "../../emulator/sim/sim.js";
import { caKeysOf, type CaKeys, type CaPublicKey } from "../emv/oda.js";
import { createIssuer, type IssuedCard, type Issuer } from "../issuer/issuer.js";
import { loadCaKeys } from "../profiles/ca-keys.js";
import { loadKeySet } from "../profiles/key-sets.js";
import { loadProfile, profileNames } from "../profiles/load.js";
import type { CardProfile, DeviceProfile, TerminalProfile } from "../profiles/types.js";
import { encodeCommand, decodeResponse } from "../protocols/iso7816/apdu.js";
import { SW, swHex, swMeaning } from "../protocols/iso7816/status.js";
import { combinationsOf } from "../terminal/data.js";
import { checkPin, encipheredPin } from "../terminal/pin.js";
import { maskPan } from "../terminal/receipt.js";
import { seededRandom, type Random } from "../util/random.js";
import type { Nanos } from "../util/time.js";
import type { Tracer } from "../util/tracer.js";
import { equalBytes } from "../util/bytes.js";
import { tapEmulated, type TapReport } from "./emulated-tap.js";
import { benchError } from "./errors.js";
import { openSpec, type Opener } from "./spec.js";
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
}

/** A device on the bench. */
export interface BenchDevice {
  readonly spec: string;
  readonly title: string;
  readonly profile: DeviceProfile;
  readonly emulated: EmulatedDevice;
}

export interface ProvisionReport {
  readonly card: string;
  readonly label: string;
  readonly maskedPan: string;
  readonly par: string;
  readonly apdus: number;
  readonly took: Nanos;
}

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

/** Puts everything together: opens devices, provisions cards into them, taps them on terminals, has an issuer answer. */
export interface Bench {
  readonly seed: string;
  readonly issuer: Issuer;
  listDevices(): Promise<readonly { readonly spec: string; readonly title: string; readonly note?: string }[]>;
  /** @throws `bench/bad-spec`, `bench/unknown-wire`, `bench/bad-parameter`, `profile/...` */
  open(spec: string): Promise<BenchDevice>;
  /** A new account, tokenised, personalised into the device. @throws `bench/provisioning-refused`, `profile/...`, `emulator/power-lost` */
  provision(device: BenchDevice, card: string): Promise<ProvisionReport>;
  /** @throws `iso14443/...` when no card is found, `bench/wrong-currency`, `emulator/bad-fault`, `terminal/...` */
  tap(device: BenchDevice, request: TapRequest): Promise<TapReport>;
  /** The same without loading anything: for doing it very often. */
  prepareTap(device: BenchDevice, request: TapRequest): Promise<() => TapReport>;
  /** Shows the device to other programs, in the virtual reader of pcscd. @throws `emulator/no-reader-driver`, `emulator/slot-taken` */
  show(device: BenchDevice, options: ShowOptions): Promise<ShownDevice>;
  /** All that a run depends on, for the trace's header. */
  configuration(): {
    readonly seed: string;
    readonly at: string;
    readonly issued: string;
    readonly profiles: Readonly<Record<string, unknown>>;
  };
}

export async function openBench(options: BenchOptions = {}): Promise<Bench> {
  const seed = options.seed ?? DEFAULT_SEED;
  const at = options.at ?? DEFAULT_DATE;
  const { tracer } = options;
  const random = seededRandom(seed);
  const sim = new Sim();
  const used: Record<string, unknown> = {};
  const issuer = createIssuer({
    random: random.fork("issuer"),
    keys: await loadKeySet("test:default"),
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

  const pinKey = random.fork("pin-pad").bytes(16);
  const drawn = new Map<EmulatedDevice, { readonly taps: Random; readonly noise: Random }>();
  /** How many devices of each profile were opened. */
  const opened = new Map<string, number>();
  const openers: Readonly<Record<string, Opener<BenchDevice>>> = {
    emu: {
      form: "emu:<profile>",
      parameters: ["seed"],
      open: async (spec) => {
        const profile = await load("device", spec.target);
        const count = (opened.get(profile.name) ?? 0) + 1;
        opened.set(profile.name, count);
        // Two of a kind are two devices: they share neither UIDs nor card secrets.
        const own = spec.parameters.get("seed");
        const label = count === 1 ? `device/${profile.name}` : `device/${profile.name}/${count}`;
        const emulated = new EmulatedDevice(profile, sim, own === undefined ? random.fork(label) : seededRandom(own));
        // A device's taps go on drawing where the last one stopped: no two have the same unpredictable number.
        const taps = random.fork(`taps/${label}`);
        drawn.set(emulated, { taps, noise: taps.fork("faults") });
        return { spec: spec.text, title: profile.title, profile, emulated };
      },
    },
  };

  const cards = new Map<EmulatedDevice, IssuedCard[]>();
  async function prepareTap(device: BenchDevice, request: TapRequest): Promise<() => TapReport> {
    const terminal = await load("terminal", request.terminal);
    if (request.currency !== undefined && request.currency !== terminal.currency.code)
      throw benchError(
        "wrong-currency",
        `terminal ${terminal.name} takes ${terminal.currency.code}, not ${request.currency}; choose another with --terminal`,
        { terminal: terminal.name },
      );
    const faults = (request.faults ?? []).map(parseFault);
    const published = await publishedKeys(terminal);
    const testKeys = terminal.caKeys.includes("test");
    const own = drawn.get(device.emulated);
    if (!own) throw benchError("not-of-this-bench", `${device.spec} was opened on another bench; open it here`, {});
    const transaction = { amount: request.amount, at };
    const combinations = combinationsOf(terminal, transaction);
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
    open: (spec) => openSpec(spec, openers),
    async provision(device, cardName) {
      const profile = await load("card", cardName);
      // A card takes the place of the one with its AID.
      const own = (cards.get(device.emulated) ?? []).filter((other) => !equalBytes(other.profile.aid, profile.aid));
      const card = issuer.issue(profile, options.issued ?? at, { active: false });
      const { commands } = issuer.personalise(card, { others: own, form: device.profile.form });
      const start = sim.now;
      tracer?.record({
        layer: "wallet",
        at: start,
        rule: "wallet.provision",
        says: `Card ${profile.name} is provisioned into ${device.title}.`,
        data: { card: profile.name, pan: maskPan(card.token.dpan), par: card.token.par },
      });
      for (const command of commands) personaliseStep(device.emulated, encodeCommand(command), profile, sim, tracer);
      issuer.activate(card.token.id);
      cards.set(device.emulated, [...own, card]);
      return {
        card: profile.name,
        label: profile.label,
        maskedPan: maskPan(card.token.dpan),
        par: card.token.par,
        apdus: commands.length,
        took: sim.now - start,
      };
    },
    tap: async (device, request) => (await prepareTap(device, request))(),
    prepareTap,
    show: (device, how) => showOnReader(sim, device.emulated, tracer, how),
    configuration: () => ({ seed, at: at.toISOString(), issued: (options.issued ?? at).toISOString(), profiles: used }),
  };
}

function personaliseStep(
  device: EmulatedDevice,
  command: Uint8Array,
  profile: CardProfile,
  sim: Sim,
  tracer: Tracer | undefined,
): void {
  const at = sim.now;
  const { response, took } = device.wired(command);
  tracer?.record({ layer: "apdu", at, took, command, response, compute: took, via: "wired" });
  const { sw } = decodeResponse(response);
  if (sw !== SW.ok)
    throw benchError(
      "provisioning-refused",
      `the secure element refused card ${profile.name} with ${swHex(sw)} (${swMeaning(sw)}); does the device's profile have an applet for its AID?`,
      { sw: swHex(sw), card: profile.name },
    );
}
