import { typeAListener, type TypeAState } from "../src/protocols/iso14443/listener.js";
import type { CardManagement, DeviceProfile, FactoryDomain, ManagementProfile } from "../src/profiles/types.js";
import { Cplc } from "../src/protocols/gp/messages.js";
import { contactlessAtr } from "../src/protocols/pcsc/messages.js";
import { concat, u16be } from "../src/util/bytes.js";
import { resumeRandom, type Random, type RandomPosition } from "../src/util/random.js";
import type { Nanos } from "../src/util/time.js";
import { emulatorError } from "./errors.js";
import type { Firmware } from "./mcu/image-slots.js";
import { Mcu, type McuSnapshot } from "./mcu/mcu.js";
import { TypeAPicc } from "./rf/picc.js";
import type { AnyApplet } from "./se/applet.js";
import { SecureElement, type ElementSnapshot } from "./se/element.js";
import type { CardAtStart } from "./se/gp/card.js";
import { securityDomain } from "./se/gp/domain.js";
import type { StoredKeys } from "./se/gp/keys.js";
import { crs } from "./se/gp/crs.js";
import { PACKAGES } from "./se/gp/packages.js";
import { mchip } from "./se/mchip/applet.js";
import { ppse } from "./se/ppse.js";
import type { Sim } from "./sim/sim.js";

/** Applets that a profile may name, and the security domain that manages them. */
export const MODULES = [ppse, mchip, securityDomain, crs] as const;

/** A card's own keys, worked out for it by those who own its domains. */
export interface DomainKeysFor {
  /** `diversification` is the card's, as it answers INITIALIZE UPDATE. */
  (label: string, diversification: Uint8Array): StoredKeys;
}

export interface DeviceOptions {
  /** The applets that the profile may name. */
  readonly modules?: readonly AnyApplet[];
  readonly keysFor?: DomainKeysFor | undefined;
  /** The boot loader of a device that is managed, with its images in the flash; absent: the firmware cannot be updated. */
  readonly firmware?: Firmware | undefined;
}

/** A device at rest: everything that survives until it is restored, in this device or another of the same profile. */
export interface DeviceSnapshot {
  readonly profile: string;
  readonly element: ElementSnapshot;
  readonly radio: TypeAState;
  /** Where its random identifiers come from. */
  readonly uids: RandomPosition;
  /** Of a device that is managed. */
  readonly management?: McuSnapshot | undefined;
}

/** Longest command APDU the element takes: extended, all of it. */
const MAX_COMMAND = 65_544;
const LONGEST_PAUSE: Nanos = 1_000_000;
/** New firmware that does not come up, and the old one again. */
const MOST_BOOTS = 4;
/** A random UID has four bytes and starts with 08 (ISO/IEC 14443-3 6.5.4). */
const RANDOM_UID = Uint8Array.of(0x08);

/** An emulated band, watch, ring or phone: radio, secure element, and the wire between its controller and the element. */
export class EmulatedDevice {
  readonly profile: DeviceProfile;
  readonly element: SecureElement;
  /** Its card side: place it in a field. */
  readonly picc: TypeAPicc;
  /** Its microcontroller, where the profile has one. */
  readonly management: Mcu | undefined;
  readonly #sim: Sim;
  #uids: Random;
  /** What the element spent on the last command over the air. */
  lastCompute: Nanos = 0;

  /** Without `keysFor` the element has no card management: applets take personalisation as it comes over the wired interface. */
  constructor(profile: DeviceProfile, sim: Sim, random: Random, options: DeviceOptions = {}) {
    this.profile = profile;
    this.#sim = sim;
    const { nfc, element, compute } = profile;
    const { modules = MODULES, keysFor } = options;
    this.element = new SecureElement({
      ...element,
      compute,
      modules,
      random: random.fork("element"),
      now: () => sim.now,
      card: element.card && keysFor && cardAtStart(element.card, keysFor, random.fork("card")),
    });
    this.element.holderVerified = profile.verification !== "none";
    this.#uids = random.fork("uid");
    const card = {
      atqa: nfc.atqa,
      sak: nfc.sak,
      fsci: nfc.fsci,
      fwi: nfc.fwi,
      sfgi: nfc.sfgi,
      cid: nfc.cid,
      toCard: nfc.ratesToDevice,
      toReader: nfc.ratesFromDevice,
      sameRates: nfc.sameRates === true,
      historical: nfc.historicalBytes,
      maxCommand: MAX_COMMAND,
    };
    const app = (apdu: Uint8Array): { response: Uint8Array; took: Nanos } | undefined => {
      const answer = this.element.process(apdu, "contactless");
      this.lastCompute = answer?.took ?? 0;
      return answer;
    };
    const uid = nfc.uid;
    const newUid =
      uid.kind === "fixed" ? (): Uint8Array => uid.bytes : (): Uint8Array => concat(RANDOM_UID, this.#uids.bytes(3));
    this.picc = new TypeAPicc(
      sim,
      typeAListener(card, app),
      newUid,
      () => this.element.powerOff("contactless"),
      () => this.element.contactlessOn,
    );
    this.management = profile.management && this.#mcu(profile.management, options.firmware);
  }

  #mcu(management: ManagementProfile, bootLoader: Firmware | undefined): Mcu {
    const { name, title, firmware, verification, nfc } = this.profile;
    const reset = (): void => this.element.powerOff("wired");
    return new Mcu(this.#sim, {
      identity: { model: name, title, firmware, verification },
      firmware: bootLoader,
      profile: management,
      element: {
        transmit: (apdu) => this.#process(apdu),
        reset,
        // T=0 and T=1 offered, no interface bytes: the profile knows no ATR of the wired interface.
        atr: contactlessAtr(nfc.historicalBytes),
      },
      nfc: {
        field: () => this.picc.powered,
        listen: (on) => {
          this.picc.listening = on;
        },
      },
      holderVerified: () => this.element.holderVerified,
      onReset: reset,
    });
  }

  /** One APDU over the element's wired interface, from the device's own controller. Virtual time passes. @throws `emulator/power-lost` */
  wired(apdu: Uint8Array): { response: Uint8Array; took: Nanos } {
    const answer = this.#process(apdu);
    if (!answer)
      throw emulatorError("power-lost", "the element lost its power during a command on the wired interface", {});
    this.#sim.runUntil(this.#sim.now + answer.took);
    return answer;
  }

  /** No field, no battery: what the element had selected is forgotten; what it wrote is not, nor what the microcontroller has in flash. */
  powerOff(): void {
    this.element.powerOff("contactless");
    this.element.powerOff("wired");
    this.management?.powerOff();
  }

  /** The battery is back, and the microcontroller has booted, as in a device that is new. */
  powerOn(): void {
    this.management?.powerUp(0);
    for (let boots = 0; boots < MOST_BOOTS; boots++) {
      const { readyAt = 0, resetAt } = this.management?.state ?? {};
      // What does not come up is reset by its watchdog.
      const next = readyAt === Infinity ? resetAt : readyAt;
      if (next === undefined || next <= this.#sim.now) return;
      this.#sim.runUntil(next);
    }
  }

  /** No time passes; undefined: the power was cut in it, and is back. */
  #process(apdu: Uint8Array): { response: Uint8Array; took: Nanos } | undefined {
    const answer = this.element.process(apdu, "wired");
    if (!answer) this.element.powerOff("wired");
    return answer;
  }

  /** @throws `emulator/busy` while something is still going on */
  snapshot(): DeviceSnapshot {
    if (!this.#sim.idle) this.#sim.runUntil(this.#sim.now + LONGEST_PAUSE);
    if (!this.#sim.idle)
      throw emulatorError("busy", "the device is still working; take the snapshot between commands", {});
    return {
      profile: this.profile.name,
      element: this.element.snapshot(),
      radio: this.picc.state,
      uids: this.#uids.position(),
      ...(this.management && { management: this.management.snapshot() }),
    };
  }

  /** Becomes what the snapshot was. @throws `emulator/snapshot-mismatch` */
  restore(snapshot: DeviceSnapshot): void {
    if (snapshot.profile !== this.profile.name)
      throw emulatorError(
        "snapshot-mismatch",
        `the snapshot is of ${snapshot.profile}; this device is ${this.profile.name}`,
        { snapshot: snapshot.profile, device: this.profile.name },
      );
    this.element.restore(snapshot.element);
    this.picc.state = snapshot.radio;
    this.#uids = resumeRandom(snapshot.uids);
    if (snapshot.management) this.management?.restore(snapshot.management);
  }
}

const FABRICATOR = 0x5442; // "TB": nobody's registered number

/** The card as its maker hands it over: identity drawn, domains with their keys. */
function cardAtStart(card: CardManagement, keysFor: DomainKeysFor, random: Random): CardAtStart {
  const { scp, i, maxFailures, issuerDomain, paymentDomain } = card;
  const serial = random.bytes(4);
  const batch = random.bytes(2);
  const diversification = concat(u16be(FABRICATOR), batch, serial, Uint8Array.of(0, 0));
  const nothing = {
    ...NO_DATES,
    prePersonalizationEquipment: new Uint8Array(4),
    personalizationEquipment: new Uint8Array(4),
  };
  const cplc = Cplc.encode({ ...nothing, fabricator: FABRICATOR, type: 0x0001, system: 0x0001, serial, batch });
  const withKeys = ({ aid, version, keys }: FactoryDomain) => ({ aid, version, keys: keysFor(keys, diversification) });
  return {
    settings: { cplc, diversification, scp, i, maxFailures, packages: PACKAGES },
    issuer: withKeys(issuerDomain),
    domain: withKeys(paymentDomain),
  };
}

/** Runs repeat, so a card is made on no particular day, by nobody in particular. */
const NO_DATES = {
  systemDate: 0,
  systemLevel: 0x0100,
  fabricationDate: 0,
  moduleFabricator: FABRICATOR,
  moduleDate: 0,
  iccManufacturer: FABRICATOR,
  embeddingDate: 0,
  prePersonalizer: FABRICATOR,
  prePersonalizationDate: 0,
  personalizer: FABRICATOR,
  personalizationDate: 0,
};
