import { findTlv, parseTlv, tlv, type Tlv } from "../../../src/codec/tlv.js";
import type { ContactlessObjects } from "../../../src/protocols/gp/contactless.js";
import { privilegeBytes, privilegesOf, REGISTRY_TAGS, type Privilege } from "../../../src/protocols/gp/registry.js";
import { ascii, concat, equalBytes, NO_BYTES, readUint, u16be, u32be } from "../../../src/util/bytes.js";
import { isTapbenchError } from "../../../src/util/errors.js";
import { emulatorError } from "../../errors.js";
import type { ObjectStore } from "../store.js";

/*
 * The card's registry (GlobalPlatform Card Specification 2.3.1, 6.4) as objects of the store: one for each application and each load file, so that
 * every change of one is whole or did not happen.
 */

/** An application instance, a security domain among them. Its number keeps its objects apart from others'. */
export interface ApplicationEntry {
  readonly number: number;
  readonly aid: Uint8Array;
  /** The built-in class that it runs. */
  readonly applet: string;
  readonly loadFile: Uint8Array;
  readonly module: Uint8Array;
  /** AID of the security domain that it belongs to; the issuer's belongs to itself. */
  readonly domain: Uint8Array;
  readonly privileges: ReadonlySet<Privilege>;
  readonly lifeCycle: number;
  /** Contactless activation state (Amendment C, table 3-8). */
  readonly activation: number;
  /** Bytes of memory that it may have; absent: no bound of its own. */
  readonly quota?: number;
  /** The rest of its contactless parameters; absent: nothing was ever said of them. */
  readonly contactless?: ContactlessPart | undefined;
}

/** What Amendment C adds to an entry, besides its activation state. */
export interface ContactlessPart {
  readonly objects: ContactlessObjects;
  /** Activation state that is taken when the application becomes selectable, and when a lock comes off. */
  readonly initial: number;
  /** Changes of this entry's contactless part, 0 to 65535 and round again. */
  readonly updates: number;
}

/** What Amendment C keeps for the card as a whole. */
export interface ContactlessCard {
  /** Global update counter, 0 to 65535 and round again. */
  readonly updates: number;
  /** Numbers of applications in the order of selection; those that are not named follow by number. */
  readonly order: readonly number[];
  /** The contactless interface is switched on. */
  readonly on: boolean;
}

/** An executable load file and the modules in it, each a built-in class. */
export interface LoadFileEntry {
  readonly aid: Uint8Array;
  readonly version: Uint8Array;
  readonly domain: Uint8Array;
  readonly modules: readonly { readonly aid: Uint8Array; readonly applet: string }[];
}

/** The operating system's own objects stand above every instance's: 7FFF nnnn. */
const OS_AREA = 0x7fff_0000;
const APPLICATIONS = OS_AREA + 0x0000;
const LOAD_FILES = OS_AREA + 0x1000;
const CARD = OS_AREA + 0xf000;
const CONTACTLESS = OS_AREA + 0xf001;
const LAST_NUMBER = 0x0fff;
/** The instance whose object it is. */
const ownerOf = (id: number): number => Math.floor(id / 0x10000);
const OS_OWNER = ownerOf(OS_AREA);

/** The tags of GET STATUS, and our own for what it does not tell. */
const TAG = {
  ...REGISTRY_TAGS,
  applet: 0x9f50,
  quota: 0xc8,
  modules: 0xe4,
  contactless: 0xe5,
  changes: 0x9f51,
} as const;

const encodePart = ({ objects, initial, updates }: ContactlessPart): Uint8Array =>
  tlv(
    TAG.contactless,
    tlv(TAG.changes, Uint8Array.of(initial), u16be(updates)),
    ...[...objects].map(([tag, value]) => tlv(tag, value)),
  );

const encodeCard = ({ on, updates, order }: ContactlessCard): Uint8Array =>
  concat(Uint8Array.of(on ? 1 : 0), u16be(updates), ...order.map(u16be));

const NEW_CARD: ContactlessCard = { on: true, updates: 0, order: [] };

const decodeCard = (bytes: Uint8Array | undefined): ContactlessCard =>
  bytes
    ? {
        on: bytes[0] === 1,
        updates: readUint(bytes.subarray(1, 3)),
        order: Array.from({ length: (bytes.length - 3) / 2 }, (_, i) => readUint(bytes.subarray(3 + 2 * i, 5 + 2 * i))),
      }
    : NEW_CARD;

/** One further change, as the counters count. */
export const counted = (updates: number, by = 1): number => (updates + by) & 0xffff;

const encodeApplication = (entry: ApplicationEntry): Uint8Array =>
  tlv(
    TAG.entry,
    tlv(TAG.aid, entry.aid),
    tlv(TAG.lifeCycle, Uint8Array.of(entry.lifeCycle, entry.activation)),
    tlv(TAG.privileges, privilegeBytes(entry.privileges)),
    tlv(TAG.loadFile, entry.loadFile),
    tlv(TAG.module, entry.module),
    tlv(TAG.domain, entry.domain),
    tlv(TAG.applet, ascii(entry.applet)),
    entry.quota === undefined ? NO_BYTES : tlv(TAG.quota, u32be(entry.quota)),
    entry.contactless ? encodePart(entry.contactless) : NO_BYTES,
  );

const encodeLoadFile = (entry: LoadFileEntry): Uint8Array =>
  tlv(
    TAG.entry,
    tlv(TAG.aid, entry.aid),
    tlv(TAG.version, entry.version),
    tlv(TAG.domain, entry.domain),
    ...entry.modules.map(({ aid, applet }) => tlv(TAG.modules, tlv(TAG.module, aid), tlv(TAG.applet, ascii(applet)))),
  );

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

function decodeApplication(number: number, bytes: Uint8Array): ApplicationEntry {
  const objects = parseTlv(bytes);
  const value = (tag: number): Uint8Array => findTlv(objects, TAG.entry, tag)?.value ?? NO_BYTES;
  const [lifeCycle = 0, activation = 0] = value(TAG.lifeCycle);
  const quota = findTlv(objects, TAG.entry, TAG.quota)?.value;
  const part = findTlv(objects, TAG.entry, TAG.contactless);
  return {
    number,
    aid: value(TAG.aid),
    applet: text(value(TAG.applet)),
    loadFile: value(TAG.loadFile),
    module: value(TAG.module),
    domain: value(TAG.domain),
    privileges: privilegesOf(value(TAG.privileges)),
    lifeCycle,
    activation,
    ...(quota && { quota: quota.reduce((sum, byte) => sum * 256 + byte, 0) }),
    ...(part?.children && { contactless: decodePart(part.children) }),
  };
}

function decodePart(children: readonly Tlv[]): ContactlessPart {
  const objects = new Map(children.map(({ tag, value }) => [tag, value]));
  const [initial = 0, ...updates] = objects.get(TAG.changes) ?? NO_BYTES;
  objects.delete(TAG.changes);
  return { objects, initial, updates: readUint(Uint8Array.from(updates)) };
}

function decodeLoadFile(bytes: Uint8Array): LoadFileEntry {
  const objects = parseTlv(bytes);
  const value = (tag: number): Uint8Array => findTlv(objects, TAG.entry, tag)?.value ?? NO_BYTES;
  const modules = (objects[0]?.children ?? [])
    .filter(({ tag }) => tag === TAG.modules)
    .map((object) => ({
      aid: findTlv([object], TAG.modules, TAG.module)?.value ?? NO_BYTES,
      applet: text(findTlv([object], TAG.modules, TAG.applet)?.value ?? NO_BYTES),
    }));
  return { aid: value(TAG.aid), version: value(TAG.version), domain: value(TAG.domain), modules };
}

/** The issuer's domain is made first. */
const ISSUER = 1;
/** What one application at most has (GlobalPlatform Card Specification 2.3.1, 6.6). */
export const ONLY_ONE: readonly Privilege[] = ["cardReset", "finalApplication"];

type Change = readonly [id: number, bytes: Uint8Array | undefined];

/** What is installed, as last read from the store; gone and read again after a power cut. */
export class CardRegistry {
  readonly #store: ObjectStore;
  #applications: ReadonlyMap<number, ApplicationEntry> = new Map();
  readonly #loadFiles = new Map<number, LoadFileEntry>();
  #cardState = 0;
  #contactless: ContactlessCard = NEW_CARD;
  /** Counts changes, for those who keep what follows from the registry. */
  changes = 0;

  constructor(store: ObjectStore) {
    this.#store = store;
    this.reload();
  }

  /** Reads what the store holds, and clears away what belongs to nobody: after power-up, and after a change that the store did not bring to its end. */
  reload(): void {
    const store = this.#store;
    const applications = new Map<number, ApplicationEntry>();
    this.#loadFiles.clear();
    for (const id of store.ids) {
      if (id > APPLICATIONS && id <= APPLICATIONS + LAST_NUMBER)
        applications.set(id - APPLICATIONS, decodeApplication(id - APPLICATIONS, store.get(id)!));
      else if (id >= LOAD_FILES && id < CARD) this.#loadFiles.set(id, decodeLoadFile(store.get(id)!));
    }
    this.#applications = applications;
    this.#cardState = store.get(CARD)?.[0] ?? 0;
    this.#contactless = decodeCard(store.get(CONTACTLESS));
    this.changes++;
    this.clear();
  }

  /** By number: the order in which they were installed, and in which a partial name finds them. */
  get applications(): readonly ApplicationEntry[] {
    return [...this.#applications.values()].toSorted((a, b) => a.number - b.number);
  }

  /** In the order in which they came, as far as places were not taken again. */
  get loadFiles(): readonly LoadFileEntry[] {
    return [...this.#loadFiles].toSorted(([a], [b]) => a - b).map(([, entry]) => entry);
  }

  /** Card life cycle, table 11-6; 0: not manufactured yet. */
  get cardState(): number {
    return this.#cardState;
  }

  set cardState(state: number) {
    this.#store.put(CARD, Uint8Array.of(state));
    this.#cardState = state;
    this.changes++;
  }

  application(aid: Uint8Array): ApplicationEntry | undefined {
    for (const entry of this.#applications.values()) if (equalBytes(entry.aid, aid)) return entry;
    return undefined;
  }

  loadFile(aid: Uint8Array): LoadFileEntry | undefined {
    for (const entry of this.#loadFiles.values()) if (equalBytes(entry.aid, aid)) return entry;
    return undefined;
  }

  /** The lowest number that nobody has, and no object that could not be cleared away. @throws `emulator/store-full` */
  freeNumber(): number {
    const owners = new Set(this.#store.ids.map(ownerOf));
    for (let number = 1; number <= LAST_NUMBER; number++)
      if (!this.#applications.has(number) && !owners.has(number)) return number;
    throw emulatorError("store-full", `a card has at most ${LAST_NUMBER} applications; remove one first`, {});
  }

  get contactless(): ContactlessCard {
    return this.#contactless;
  }

  /** Adds applications, or changes them, with a load file that is new, all at once. @throws `emulator/store-full`, and nothing is changed then */
  putApplications(entries: readonly ApplicationEntry[], loadFile?: LoadFileEntry): void {
    this.change(entries, {}, loadFile);
  }

  /**
   * Adds or changes applications, and what is kept for the card, all at once. The global update counter counts them unless `card` says what it is.
   * @throws `emulator/store-full`, and nothing is changed then
   */
  change(entries: readonly ApplicationEntry[], card: Partial<ContactlessCard> = {}, loadFile?: LoadFileEntry): void {
    const now = this.#contactless;
    const added = entries.map(({ number }) => number).filter((number) => !this.#applications.has(number));
    const next = {
      ...now,
      updates: counted(now.updates, Math.max(1, entries.length)),
      order: [...now.order, ...added],
      ...card,
    };
    const after = this.#settled(
      new Map([...this.#applications, ...entries.map((entry) => [entry.number, entry] as const)]),
    );
    this.#commit(after, next, loadFile && [this.#fileNumber(loadFile.aid), loadFile]);
  }

  /** What only one application has is the newcomer's, and the issuer's domain's again when nobody has it (6.6). */
  #settled(all: Map<number, ApplicationEntry>): ReadonlyMap<number, ApplicationEntry> {
    const issuer = all.get(ISSUER);
    if (!issuer) return all;
    const privileges = new Set(issuer.privileges);
    for (const privilege of ONLY_ONE) {
      const taken = [...all.values()].some((entry) => entry.number !== ISSUER && entry.privileges.has(privilege));
      if (taken) privileges.delete(privilege);
      else privileges.add(privilege);
    }
    return all.set(ISSUER, { ...issuer, privileges });
  }

  /** Brings the store to what the registry is to be; one entry that differs is one object. */
  #commit(
    after: ReadonlyMap<number, ApplicationEntry>,
    contactless: ContactlessCard,
    file?: readonly [id: number, entry: LoadFileEntry | undefined],
  ): void {
    const wanted: Change[] = [...after].map(([number, entry]) => [APPLICATIONS + number, encodeApplication(entry)]);
    for (const number of this.#applications.keys())
      if (!after.has(number)) wanted.push([APPLICATIONS + number, undefined]);
    if (file) wanted.push([file[0], file[1] && encodeLoadFile(file[1])]);
    wanted.push([CONTACTLESS, encodeCard(contactless)]);
    const changes = wanted.filter(([id, bytes]) => {
      const before = this.#store.get(id);
      return !bytes || !before || !equalBytes(before, bytes);
    });
    this.#store.putAll(changes);
    this.#applications = after;
    this.#contactless = contactless;
    if (file?.[1]) this.#loadFiles.set(file[0], file[1]);
    else if (file) this.#loadFiles.delete(file[0]);
    this.changes++;
  }

  /** The place of a load file: its own, or the first that is free. */
  #fileNumber(aid: Uint8Array): number {
    for (const [id, entry] of this.#loadFiles) if (equalBytes(entry.aid, aid)) return id;
    let id = LOAD_FILES;
    while (this.#loadFiles.has(id)) id++;
    return id;
  }

  /** Adds a load file, or changes it. @throws `emulator/store-full` */
  putLoadFile(entry: LoadFileEntry): void {
    this.#commit(this.#applications, this.#contactless, [this.#fileNumber(entry.aid), entry]);
  }

  /** All of them at once, their registry entries first: after a cut they are there whole or not at all. */
  remove(applications: readonly ApplicationEntry[], loadFile?: LoadFileEntry): void {
    const after = new Map(this.#applications);
    for (const { number } of applications) after.delete(number);
    const { updates, order, on } = this.#contactless;
    const next = { on, updates: counted(updates), order: order.filter((number) => after.has(number)) };
    this.#commit(this.#settled(after), next, loadFile && [this.#fileNumber(loadFile.aid), undefined]);
    this.clear();
  }

  /**
   * Removes objects that no application owns: a deletion ends here, at once or after a power cut, and so does an installation that failed. A memory
   * that is worn out may keep them: nobody finds them, and their number is given to nobody.
   */
  clear(): void {
    if (this.#cardState === 0) return; // before it is manufactured, a card has instances without a registry
    try {
      for (const id of this.#store.ids)
        if (ownerOf(id) !== OS_OWNER && !this.#applications.has(ownerOf(id))) this.#store.remove(id);
    } catch (error) {
      if (!isTapbenchError(error, "emulator/memory-worn")) throw error;
    }
  }
}
