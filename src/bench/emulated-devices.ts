import { EmulatedDevice } from "../../emulator/device.js";
import { factoryFirmware } from "../../emulator/mcu/factory-firmware.js";
import type { Sim } from "../../emulator/sim/sim.js";
import type { IssuedCard, Issuer } from "../issuer/issuer.js";
import type { IssuerDomain } from "../issuer/provision.js";
import type { CardProfile, DeviceProfile } from "../profiles/types.js";
import { maskPan } from "../terminal/receipt.js";
import { equalBytes } from "../util/bytes.js";
import { resumeRandom, seededRandom, type Random } from "../util/random.js";
import type { Nanos } from "../util/time.js";
import type { Tracer } from "../util/tracer.js";
import { carryToElement, domainOwners, inTheClear } from "./provisioning.js";
import type { DeviceSpec } from "./spec.js";
import { otherDevice, otherSeed, stateTaken, type StateFolder } from "./state.js";

/** An emulated device on the bench. */
export interface EmulatedBenchDevice {
  readonly kind: "emulated";
  readonly spec: string;
  readonly title: string;
  readonly profile: DeviceProfile;
  readonly emulated: EmulatedDevice;
}

/** A card that a device holds. */
export interface HeldCard {
  readonly card: string;
  readonly label: string;
  readonly maskedPan: string;
  readonly par: string;
}

export interface ProvisionReport extends HeldCard {
  readonly apdus: number;
  readonly took: Nanos;
}

/** The card of a device that none is named for. */
export const DEFAULT_CARD = "k2-credit";

/** What a device's own taps and faults are drawn from. */
export interface Drawn {
  readonly taps: Random;
  readonly noise: Random;
}

export interface EmulatedDevicesOptions {
  readonly seed: string;
  readonly random: Random;
  readonly sim: Sim;
  readonly issuer: Issuer;
  readonly issuedAt: Date;
  /** Keeps the one device that is opened. */
  readonly state: StateFolder | undefined;
  readonly tracer: Tracer | undefined;
  readonly loadDevice: (name: string) => Promise<DeviceProfile>;
  readonly loadCard: (name: string) => Promise<CardProfile>;
  /** For the taps of the next device that is opened. */
  readonly nextTaps: () => Random;
}

/** The emulated devices of a bench: opened fresh or as they were kept, with cards in them. */
export interface EmulatedDevices {
  readonly open: (spec: DeviceSpec) => Promise<EmulatedBenchDevice>;
  /** Undefined for a device of another bench. */
  readonly drawnFor: (device: EmulatedBenchDevice) => Drawn | undefined;
  readonly provision: (device: EmulatedBenchDevice, card: string) => Promise<ProvisionReport>;
  readonly furnish: (device: EmulatedBenchDevice, card?: string) => Promise<HeldCard | ProvisionReport>;
  /** Writes down the device that is kept. */
  readonly close: () => Promise<void>;
}

export function emulatedDevices(options: EmulatedDevicesOptions): EmulatedDevices {
  const { seed, random, sim, issuer, issuedAt, state, tracer, loadDevice, loadCard, nextTaps } = options;
  const kept = state?.device;
  const drawn = new Map<EmulatedDevice, Drawn>();
  const cards = new Map<EmulatedDevice, readonly IssuedCard[]>();
  /** The issuer's security domain on each device that has card management. */
  const domains = new Map<EmulatedDevice, IssuerDomain>();
  /** How many devices of each profile were opened. */
  const opened = new Map<string, number>();
  /** The device that the state folder keeps. */
  let keeping: { readonly device: EmulatedDevice; readonly ownSeed: string | undefined } | undefined;

  async function open(spec: DeviceSpec): Promise<EmulatedBenchDevice> {
    const profile = await loadDevice(spec.target);
    const own = spec.parameters.get("seed");
    if (state && keeping) throw stateTaken(state);
    if (kept && kept.snapshot.profile !== profile.name) throw otherDevice(state, kept.snapshot.profile);
    if (kept && own !== undefined && own !== kept.ownSeed) throw otherSeed(state, kept.ownSeed ?? kept.seed);
    const count = (opened.get(profile.name) ?? 0) + 1;
    opened.set(profile.name, count);
    // Two of a kind are two devices: they share neither UIDs nor card secrets.
    const label = count === 1 ? `device/${profile.name}` : `device/${profile.name}/${count}`;
    const owners = await domainOwners(profile);
    const emulated = new EmulatedDevice(profile, sim, own === undefined ? random.fork(label) : seededRandom(own), {
      keysFor: owners?.keysFor,
      firmware: factoryFirmware(profile),
    });
    if (owners) domains.set(emulated, owners.issuer);
    // A device's taps go on drawing where the last one stopped: no two have the same unpredictable number.
    const taps = kept ? resumeRandom(kept.taps) : nextTaps();
    drawn.set(emulated, { taps, noise: kept ? resumeRandom(kept.noise) : taps.fork("faults") });
    if (kept) {
      emulated.restore(kept.snapshot);
      emulated.powerOn();
      const held = issuer.cards().filter(({ token }) => kept.cards.includes(token.id));
      cards.set(emulated, held);
    }
    if (state) keeping = { device: emulated, ownSeed: own ?? kept?.ownSeed };
    return { kind: "emulated", spec: spec.text, title: profile.title, profile, emulated };
  }

  async function provision(device: EmulatedBenchDevice, cardName: string): Promise<ProvisionReport> {
    const profile = await loadCard(cardName);
    // A card takes the place of the one with its AID.
    const own = (cards.get(device.emulated) ?? []).filter((other) => !equalBytes(other.profile.aid, profile.aid));
    const card = issuer.issue(profile, issuedAt, { active: false });
    const how = { others: own, form: device.profile.form };
    const domain = domains.get(device.emulated);
    const start = sim.now;
    tracer?.record({
      layer: "wallet",
      at: start,
      rule: "wallet.provision",
      says: `Card ${profile.name} is provisioned into ${device.title}.`,
      data: { card: profile.name, pan: maskPan(card.token.dpan), par: card.token.par },
    });
    const dialogue = domain ? issuer.provision(card, domain, how) : inTheClear(issuer.personalise(card, how).commands);
    const apdus = carryToElement(device.emulated, dialogue, profile.name, sim, tracer);
    // Nobody else talks over the wired interface: what the issuer had open there is closed.
    device.emulated.element.powerOff("wired");
    issuer.activate(card.token.id);
    cards.set(device.emulated, [...own, card]);
    return { ...heldCard(card), apdus, took: sim.now - start };
  }

  async function furnish(device: EmulatedBenchDevice, named?: string): Promise<HeldCard | ProvisionReport> {
    const wanted = named === undefined ? undefined : await loadCard(named);
    const held = cards.get(device.emulated) ?? [];
    const there = wanted ? held.find(({ profile }) => profile.name === wanted.name) : held[0];
    return there ? heldCard(there) : provision(device, named ?? DEFAULT_CARD);
  }

  async function close(): Promise<void> {
    if (!state) return;
    try {
      if (!keeping) return;
      const { device, ownSeed } = keeping;
      device.powerOff();
      const { taps, noise } = drawn.get(device)!;
      const held = (cards.get(device) ?? []).map(({ token }) => token.id);
      const own = { taps: taps.position(), noise: noise.position(), cards: held };
      await state.save({ seed, ownSeed, snapshot: device.snapshot(), ...own }, issuer.save());
    } finally {
      await state.close();
    }
  }

  return { open, drawnFor: ({ emulated }) => drawn.get(emulated), provision, furnish, close };
}

const heldCard = ({ profile, token }: IssuedCard): HeldCard => ({
  card: profile.name,
  label: profile.label,
  maskedPan: maskPan(token.dpan),
  par: token.par,
});
