import type { Privilege } from "../../../src/protocols/gp/registry.js";
import { ACTIVATION, APPLICATION_STATES, CARD_STATES } from "../../../src/protocols/gp/registry.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import { NO_BYTES } from "../../../src/util/bytes.js";
import { emulatorError } from "../../errors.js";
import type { AnyApplet, AppletContext, AppletStorage, CardManager, CardSettings } from "../applet.js";
import { InstanceStorage } from "../instance-storage.js";
import { contactlessView, inOrder, reachable, type ContactlessView, type VolatilePriority } from "./contactless.js";
import type { ObjectStore } from "../store.js";
import { storeKeys, type StoredKeys } from "./keys.js";
import { CardRegistry, type ApplicationEntry, type LoadFileEntry } from "./registry.js";

/*
 * A GlobalPlatform card under the element's operating system: what its maker put in, and what security domains may do with it.
 */

/** A security domain as the card leaves its maker. */
export interface DomainAtStart {
  readonly aid: Uint8Array;
  readonly version: number;
  readonly keys: StoredKeys;
}

/** How a GlobalPlatform card is made. */
export interface CardAtStart {
  readonly settings: CardSettings;
  readonly issuer: DomainAtStart;
  /** Owner of the applications that are there from the start. */
  readonly domain: DomainAtStart;
}

/** What each instance runs. */
export interface Instance {
  readonly number: number;
  readonly aid: Uint8Array;
  readonly applet: AnyApplet;
  readonly entry?: ApplicationEntry;
}

const ISSUER_PRIVILEGES: readonly Privilege[] = [
  "securityDomain",
  "cardLock",
  "cardTerminate",
  "cardReset",
  "cvmManagement",
  "trustedPath",
  "authorizedManagement",
  "tokenVerification",
  "globalDelete",
  "globalLock",
  "globalRegistry",
  "finalApplication",
  "receiptGeneration",
];

const DOMAIN_MODULE = "security-domain";

/** Applications that the card's maker gives privileges and takes off the air; they are the issuer's. */
const ISSUERS_OWN: ReadonlyMap<string, readonly Privilege[]> = new Map([
  ["crs", ["contactlessActivation", "globalRegistry"]],
]);

/** The load file in which the built-in domain is: loaded by the card's maker. */
const packageOf = (settings: CardSettings, applet: string): Omit<LoadFileEntry, "domain"> => {
  const found = settings.packages.find(({ modules }) => modules.some((module) => module.applet === applet));
  if (!found)
    throw emulatorError("unknown-module", `there is no package with applet module '${applet}'`, { module: applet });
  return found;
};

/** Puts a new card's issuer domain, its payment domain and its applications into an empty store; none of it is an APDU's doing. */
export function manufacture(
  store: ObjectStore,
  { settings, issuer, domain }: CardAtStart,
  applications: readonly { readonly module: string; readonly aid: Uint8Array }[],
): void {
  const registry = new CardRegistry(store);
  const add = (
    applet: string,
    aid: Uint8Array,
    owner: Uint8Array,
    privileges: readonly Privilege[],
    lifeCycle: number,
    activation: number = ACTIVATION.activated,
  ): ApplicationEntry => {
    const file = packageOf(settings, applet);
    if (!registry.loadFile(file.aid)) registry.putLoadFile({ ...file, domain: issuer.aid });
    const entry = {
      number: registry.freeNumber(),
      aid,
      applet,
      loadFile: file.aid,
      module: file.modules.find((module) => module.applet === applet)!.aid,
      domain: owner,
      privileges: new Set(privileges),
      lifeCycle,
      activation,
    };
    registry.putApplications([entry]);
    return entry;
  };
  const { personalized, selectable } = APPLICATION_STATES;
  const first = add(DOMAIN_MODULE, issuer.aid, issuer.aid, ISSUER_PRIVILEGES, personalized);
  storeKeys(new InstanceStorage(store, first.number), issuer.version, issuer.keys);
  const owner = add(DOMAIN_MODULE, domain.aid, issuer.aid, ["securityDomain", "trustedPath"], personalized);
  storeKeys(new InstanceStorage(store, owner.number), domain.version, domain.keys);
  for (const { module, aid } of applications) {
    const own = ISSUERS_OWN.get(module);
    if (own) add(module, aid, issuer.aid, own, selectable, ACTIVATION.deactivated);
    else add(module, aid, domain.aid, [], selectable);
  }
  // Whoever looks at a new card starts to count at zero (Amendment C 3.11.2.3).
  registry.change([], { updates: 0 });
  registry.cardState = CARD_STATES.secured;
}

interface Kept {
  readonly changes: number;
  readonly first: readonly number[];
  /** In the order of selection. */
  readonly order: readonly Instance[];
  readonly views: Map<number, ContactlessView>;
}

/** The card while it has power: its registry, and the instances that follow from it. */
export class GpCard {
  readonly registry: CardRegistry;
  readonly #store: ObjectStore;
  readonly #settings: CardSettings;
  readonly #modules: ReadonlyMap<string, AnyApplet>;
  readonly #first: VolatilePriority;
  #seen = -1;
  /** What follows from the registry and the volatile priority, until either changes. */
  #kept: Kept | undefined;
  #instances: readonly Instance[] = [];

  constructor(store: ObjectStore, settings: CardSettings, modules: readonly AnyApplet[], first: VolatilePriority) {
    this.#first = first;
    this.#store = store;
    this.#settings = settings;
    this.#modules = new Map(modules.map((applet) => [applet.module, applet]));
    this.registry = new CardRegistry(store);
  }

  /** In the order of their installation. The same array until the registry changes. */
  get instances(): readonly Instance[] {
    if (this.#seen !== this.registry.changes) {
      this.#instances = this.registry.applications.map((entry) => this.#instance(entry));
      this.#seen = this.registry.changes;
    }
    return this.#instances;
  }

  /** In the order in which SELECT by a part of a name looks at them: over the air by priority (Amendment C chapter 6). */
  candidates(via: AppletContext["via"]): readonly Instance[] {
    if (via === "wired") return this.instances;
    return this.#keep().order;
  }

  /** Whether an interface's SELECT finds it: life cycles, and over the air the contactless activation state. */
  selectable({ entry }: Instance, via: AppletContext["via"]): boolean {
    if (!entry) return true;
    const { locked, selectable } = APPLICATION_STATES;
    const { cardState } = this.registry;
    if (cardState === CARD_STATES.cardLocked && !entry.privileges.has("finalApplication")) return false;
    if ((entry.lifeCycle & locked) !== 0 || entry.lifeCycle < selectable) return false;
    return reachable(entry, via);
  }

  /** Whether commands reach an application that is selected: on a locked card only the final one, on a terminated one the issuer's domain (5.1.1). */
  serves({ number, entry }: Instance): boolean {
    const { cardState } = this.registry;
    if (cardState === CARD_STATES.terminated) return number === this.issuer.number;
    return cardState !== CARD_STATES.cardLocked || entry?.privileges.has("finalApplication") === true;
  }

  /** Locked, or at its end: no logical channels are opened (11.7.3.2). */
  get locked(): boolean {
    const { cardState } = this.registry;
    return cardState === CARD_STATES.cardLocked || cardState === CARD_STATES.terminated;
  }

  get terminated(): boolean {
    return this.registry.cardState === CARD_STATES.terminated;
  }

  /** The issuer's domain: selected by a name of no bytes. */
  get issuer(): Instance {
    return this.instances[0]!;
  }

  /** Selected when nothing is: whoever has the Card Reset privilege, the issuer's domain where that one is not selectable. */
  defaultFor(via: AppletContext["via"]): Instance {
    const chosen = this.instances.find(({ entry }) => entry?.privileges.has("cardReset"));
    return chosen && this.selectable(chosen, via) ? chosen : this.issuer;
  }

  #keep(): Kept {
    const { changes } = this.registry;
    const first = this.#first.numbers;
    if (this.#kept?.changes !== changes || this.#kept.first !== first) {
      const byNumber = new Map(this.instances.map((instance) => [instance.number, instance]));
      const order = inOrder(this.registry, this.#first).map(({ number }) => byNumber.get(number)!);
      this.#kept = { changes, first, order, views: new Map() };
    }
    return this.#kept;
  }

  /** The contactless registry for one of the card's applications. The same object until something changes. */
  contactlessFor({ number, entry }: Instance): ContactlessView | undefined {
    if (!entry) return undefined;
    const { views } = this.#keep();
    let view = views.get(number);
    if (!view) views.set(number, (view = contactlessView(this.registry, this.#first, entry)));
    return view;
  }

  /** What a domain is given; other applications get nothing. */
  managerFor(
    instance: Instance,
    contextFor: (instance: Instance, secured: boolean) => AppletContext,
    selected: (number: number) => boolean,
  ): CardManager | undefined {
    const { entry } = instance;
    if (!entry?.privileges.has("securityDomain")) return undefined;
    const { registry } = this;
    return {
      registry,
      own: entry,
      settings: this.#settings,
      freeMemory: this.#store.free,
      selected: ({ number }) => selected(number),
      storageOf: (domain): AppletStorage => new InstanceStorage(this.#store, domain.number),
      install: (wanted, parameters, loadFile) => this.#install(wanted, parameters, loadFile, contextFor),
      forward: (to, state, command, decipher) => {
        const target = this.#instance(to);
        const targets = { ...contextFor(target, true), decipher };
        return target.applet.process(targets, state ?? target.applet.initial, command);
      },
    };
  }

  #install(
    wanted: Omit<ApplicationEntry, "number" | "applet">,
    parameters: Uint8Array,
    file: LoadFileEntry,
    contextFor: (instance: Instance, secured: boolean) => AppletContext,
  ): number {
    const applet = file.modules.find(({ aid }) => Buffer.compare(aid, wanted.module) === 0)?.applet;
    if (applet === undefined || !this.#modules.has(applet)) return SW.dataNotFound;
    if (wanted.privileges.has("securityDomain") !== (applet === DOMAIN_MODULE)) return SW.wrongData;
    const entry: ApplicationEntry = { ...wanted, number: this.registry.freeNumber(), applet };
    const instance = this.#instance(entry);
    // What the applet stores before its entry is there belongs to nobody, and is cleared away after a power cut or a fault.
    const sw = instance.applet.install?.(contextFor(instance, true), parameters ?? NO_BYTES) ?? SW.ok;
    if (sw === SW.ok) this.registry.putApplications([entry], file);
    else this.registry.clear();
    return sw;
  }

  #instance(entry: ApplicationEntry): Instance {
    const applet = this.#modules.get(entry.applet);
    if (!applet)
      throw emulatorError(
        "unknown-module",
        `there is no applet module '${entry.applet}'; known: ${[...this.#modules.keys()].join(", ")}`,
        { module: entry.applet },
      );
    return { number: entry.number, aid: entry.aid, applet, entry };
  }
}
