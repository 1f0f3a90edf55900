import { findTlv, parseTlv } from "../../../src/codec/tlv.js";
import { aesCheckValue, aesKey } from "../../../src/crypto/aes.js";
import { desKey, keyCheckValue } from "../../../src/crypto/des.js";
import {
  INSTALL,
  InstallForExtradition,
  InstallForInstall,
  InstallForLoad,
  InstallForPersonalization,
  PutKey,
} from "../../../src/protocols/gp/messages.js";
import {
  ACTIVATION,
  APPLICATION_STATES,
  CARD_STATES,
  encodeRegistry,
  LOADED,
  NEXT,
  SCOPES,
  STATUS_FORMAT,
  privilegesOf,
  type Privilege,
  type RegistryEntry,
  type Scope,
} from "../../../src/protocols/gp/registry.js";
import { status, type CommandApdu, type ResponseApdu } from "../../../src/protocols/iso7816/apdu.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import { concat, equalBytes, NO_BYTES } from "../../../src/util/bytes.js";
import { attempt } from "../../../src/util/errors.js";
import type { AppletContext, CardManager } from "../applet.js";
import { withLifeCycle, withParameters } from "./contactless.js";
import { keyVersions, removeKeys, storedKeys, storeKeys, type StoredKeys } from "./keys.js";
import type { ApplicationEntry, CardRegistry, LoadFileEntry } from "./registry.js";
import { deciphered, kindOf, type SecureState } from "./session.js";

/*
 * Card content management (GlobalPlatform Card Specification 2.3.1, chapters 9 and 11): what a security domain does with the card's registry. Every
 * command changes the registry once, or not at all.
 */

/** A load in progress; volatile, so that a load that is cut off never was. */
export interface Loading {
  readonly loadFile: Uint8Array;
  readonly domain: Uint8Array;
  readonly data: Uint8Array;
  readonly nextBlock: number;
}

export interface ContentState {
  readonly secure: SecureState;
  readonly loading?: Loading | undefined;
  /** Whom the next STORE DATA are for, and the state that its applet keeps. */
  readonly personalising?: { readonly number: number; readonly state: unknown } | undefined;
  /** The parts of GET STATUS that were not asked for yet, and what asked. */
  readonly pending?: { readonly asked: Uint8Array; readonly parts: readonly Uint8Array[] } | undefined;
}

export interface ContentStep {
  readonly state: ContentState;
  readonly response: ResponseApdu;
}

type Content = (context: AppletContext, manager: CardManager, state: ContentState, command: CommandApdu) => ContentStep;

const say = (state: ContentState, sw: number): ContentStep => ({ state, response: status(sw) });
/** A command whose answer is one byte 00: no confirmation follows (11.1.6). */
const done = (state: ContentState): ContentStep => ({ state, response: { data: Uint8Array.of(0x00), sw: SW.ok } });

const allowed = ({ own }: CardManager, ...any: readonly Privilege[]): boolean =>
  any.some((privilege) => own.privileges.has(privilege));

/** Whether an application or load file belongs to a domain, or to one below it. */
function below(registry: CardRegistry, domain: Uint8Array, top: Uint8Array): boolean {
  let at = domain;
  for (let depth = 0; depth < 16; depth++) {
    if (equalBytes(at, top)) return true;
    const above = registry.application(at);
    if (!above || equalBytes(above.domain, at)) return false;
    at = above.domain;
  }
  return false;
}

/** Whether the asking domain may see and change an entry: its own tree, or everything with the global privilege. */
const reaches = (manager: CardManager, domain: Uint8Array, globally: Privilege): boolean =>
  allowed(manager, globally) || below(manager.registry, domain, manager.own.aid);

/** Manages content on its own account: the issuer's domain, and those it trusts (9.1.3). */
const manages = (manager: CardManager): boolean => allowed(manager, "authorizedManagement");

const validAid = (aid: Uint8Array): boolean => aid.length >= 5 && aid.length <= 16;

/** INSTALL, by what its P1 says (11.5). */
const install: Content = (context, manager, state, command) => {
  const purpose = INSTALLS.find(([p1]) => p1 === command.p1);
  return purpose ? purpose[1](context, manager, state, command) : say(state, SW.wrongP1P2);
};

const installForLoad: Content = (_context, manager, state, { data = NO_BYTES }) => {
  const asked = attempt(() => InstallForLoad.decode(data));
  if (!asked || !validAid(asked.loadFile)) return say(state, SW.wrongData);
  if (!manages(manager)) return say(state, SW.conditionsOfUse);
  const domain = asked.domain.length === 0 ? manager.own.aid : asked.domain;
  if (manager.registry.loadFile(asked.loadFile) || manager.registry.application(asked.loadFile))
    return say(state, SW.conditionsOfUse);
  if (!manager.registry.application(domain)?.privileges.has("securityDomain")) return say(state, SW.dataNotFound);
  return done({ ...state, loading: { loadFile: asked.loadFile, domain, data: NO_BYTES, nextBlock: 0 } });
};

/** Longest load file that is put together. */
const MAX_LOAD = 262_144;
const LAST_BLOCK = 0x80;

/** LOAD (11.6): with the last block the file has to be one that this card's maker knows. */
const load: Content = (_context, manager, state, { p1, p2, data = NO_BYTES }) => {
  const { loading, ...rest } = state;
  if (!loading) return say(state, SW.conditionsOfUse);
  if ((p1 & ~LAST_BLOCK) !== 0 || p2 !== (loading.nextBlock & 0xff)) return say(rest, SW.wrongP1P2);
  const all = concat(loading.data, data);
  if (all.length > MAX_LOAD) return say(rest, SW.noMemory);
  if (!(p1 & LAST_BLOCK))
    return done({ ...rest, loading: { ...loading, data: all, nextBlock: loading.nextBlock + 1 } });
  const block = attempt(() => parseTlv(all, { bytes: MAX_LOAD }))?.find(({ tag }) => tag === 0xc4);
  if (!block) return say(rest, SW.wrongData);
  const known = manager.settings.packages.find(({ aid }) => equalBytes(aid, loading.loadFile));
  // Real code cannot run here: a load file stands for the built-in classes under its name, and a card without them refuses it.
  if (!known) return say(rest, SW.dataNotFound);
  manager.registry.putLoadFile({ ...known, domain: loading.domain });
  return done(rest);
};

const installForInstall: Content = (context, manager, state, { p1, data = NO_BYTES }) => {
  const asked = attempt(() => InstallForInstall.decode(data));
  if (!asked || !validAid(asked.application)) return say(state, SW.wrongData);
  if (!manages(manager)) return say(state, SW.conditionsOfUse);
  const { registry } = manager;
  const loadFile = registry.loadFile(asked.loadFile);
  if (!loadFile?.modules.some(({ aid }) => equalBytes(aid, asked.module))) return say(state, SW.dataNotFound);
  if (registry.application(asked.application) || registry.loadFile(asked.application))
    return say(state, SW.conditionsOfUse);
  const parameters = attempt(() => parseTlv(asked.parameters));
  if (!parameters) return say(state, SW.wrongData);
  const selectable = (p1 & INSTALL.makeSelectable) !== 0;
  const quota = findTlv(parameters, 0xef, 0xc8)?.value;
  const entry = withParameters(
    registry,
    {
      number: 0,
      applet: "",
      aid: Uint8Array.from(asked.application),
      loadFile: loadFile.aid,
      module: Uint8Array.from(asked.module),
      domain: loadFile.domain,
      privileges: privilegesOf(asked.privileges),
      lifeCycle: APPLICATION_STATES.installed,
      activation: ACTIVATION.deactivated,
      ...(quota && { quota: quota.reduce((sum, byte) => sum * 256 + byte, 0) }),
    },
    parameters,
  );
  if (!entry) return say(state, SW.wrongData);
  const sw = manager.install(
    selectable ? withLifeCycle(entry, APPLICATION_STATES.selectable) : entry,
    findTlv(parameters, 0xc9)?.value ?? NO_BYTES,
  );
  return sw === SW.ok ? done(state) : say(state, sw);
};

const makeSelectable: Content = (_context, manager, state, { data = NO_BYTES }) => {
  const asked = attempt(() => InstallForInstall.decode(data));
  const entry = asked && manager.registry.application(asked.application);
  if (!asked) return say(state, SW.wrongData);
  if (!entry || !reaches(manager, entry.domain, "globalRegistry")) return say(state, SW.dataNotFound);
  if (!manages(manager) || entry.lifeCycle !== APPLICATION_STATES.installed) return say(state, SW.conditionsOfUse);
  manager.registry.putApplication(withLifeCycle(entry, APPLICATION_STATES.selectable));
  return done(state);
};

const extradite: Content = (_context, manager, state, { data = NO_BYTES }) => {
  const asked = attempt(() => InstallForExtradition.decode(data));
  if (!asked) return say(state, SW.wrongData);
  const { registry } = manager;
  const entry = registry.application(asked.application);
  const file = registry.loadFile(asked.application);
  const from = entry?.domain ?? file?.domain;
  const to = registry.application(asked.domain);
  if (!from || !to?.privileges.has("securityDomain") || !reaches(manager, from, "globalRegistry"))
    return say(state, SW.dataNotFound);
  // A domain can neither leave itself nor go below itself.
  if (!manages(manager) || (entry && below(registry, to.aid, entry.aid))) return say(state, SW.conditionsOfUse);
  if (entry) registry.putApplication({ ...entry, domain: to.aid });
  else registry.putLoadFile({ ...file!, domain: to.aid });
  return done(state);
};

const updateRegistry: Content = (_context, manager, state, { data = NO_BYTES }) => {
  const asked = attempt(() => InstallForInstall.decode(data));
  const entry = asked && manager.registry.application(asked.application);
  if (!asked) return say(state, SW.wrongData);
  if (!entry || !reaches(manager, entry.domain, "globalRegistry")) return say(state, SW.dataNotFound);
  // What an application does over the air is its own domain's business; privileges are for those who manage content.
  if (!manages(manager) && (asked.privileges.length > 0 || !equalBytes(entry.domain, manager.own.aid)))
    return say(state, SW.conditionsOfUse);
  const parameters = attempt(() => parseTlv(asked.parameters));
  if (!parameters) return say(state, SW.wrongData);
  const privileges = asked.privileges.length > 0 ? privilegesOf(asked.privileges) : entry.privileges;
  // What makes a domain cannot be given or taken later.
  if (privileges.has("securityDomain") !== entry.privileges.has("securityDomain"))
    return say(state, SW.conditionsOfUse);
  const changed = withParameters(manager.registry, { ...entry, privileges }, parameters);
  if (!changed) return say(state, SW.wrongData);
  manager.registry.putApplication(changed);
  return done(state);
};

const startPersonalization: Content = (_context, manager, state, { data = NO_BYTES }) => {
  const asked = attempt(() => InstallForPersonalization.decode(data));
  const entry = asked && manager.registry.application(asked.application);
  if (!asked) return say(state, SW.wrongData);
  // Only applications of this very domain take data from it.
  if (!entry || !equalBytes(entry.domain, manager.own.aid)) return say(state, SW.dataNotFound);
  if ((entry.lifeCycle & APPLICATION_STATES.locked) !== 0) return say(state, SW.conditionsOfUse);
  return { state: { ...state, personalising: { number: entry.number, state: undefined } }, response: status(SW.ok) };
};

const INSTALLS: readonly (readonly [p1: number, handler: Content])[] = [
  [INSTALL.load, installForLoad],
  [INSTALL.install, installForInstall],
  [INSTALL.installAndMakeSelectable, installForInstall],
  [INSTALL.makeSelectable, makeSelectable],
  [INSTALL.extradition, extradite],
  [INSTALL.registryUpdate, updateRegistry],
  [INSTALL.personalization, startPersonalization],
];

/** DELETE: an application, a load file, with what was made from it where that is asked for, or a key version (11.2). */
const remove: Content = (_context, manager, state, { p1, p2, data = NO_BYTES }) => {
  if (p1 !== 0 || (p2 & 0x7f) !== 0) return say(state, SW.wrongP1P2);
  const objects = attempt(() => parseTlv(data));
  if (!objects) return say(state, SW.wrongData);
  const version = findTlv(objects, 0xd2)?.value[0];
  if (version !== undefined) return removeKeyVersion(manager, state, version);
  const aid = findTlv(objects, 0x4f)?.value;
  if (!aid) return say(state, SW.wrongData);
  const { registry } = manager;
  const entry = registry.application(aid);
  const file = registry.loadFile(aid);
  const domain = entry?.domain ?? file?.domain;
  if (domain === undefined || !reaches(manager, domain, "globalDelete")) return say(state, SW.dataNotFound);
  if (!manages(manager)) return say(state, SW.conditionsOfUse);
  return entry ? removeApplication(manager, state, entry) : removeLoadFile(manager, state, file!, (p2 & 0x80) !== 0);
};

const hasDependents = ({ registry }: CardManager, { aid, privileges }: ApplicationEntry): boolean =>
  privileges.has("securityDomain") &&
  [...registry.applications, ...registry.loadFiles].some(
    (other) => !equalBytes(other.aid, aid) && equalBytes(other.domain, aid),
  );

function removeApplication(manager: CardManager, state: ContentState, entry: ApplicationEntry): ContentStep {
  if (entry.number === manager.own.number || hasDependents(manager, entry) || manager.selected(entry))
    return say(state, SW.conditionsOfUse);
  manager.registry.remove([entry]);
  return done(state);
}

function removeLoadFile(manager: CardManager, state: ContentState, file: LoadFileEntry, related: boolean): ContentStep {
  const made = manager.registry.applications.filter((entry) => equalBytes(entry.loadFile, file.aid));
  if (made.length > 0 && !related) return say(state, SW.conditionsOfUse);
  if (
    made.some(
      (entry) => entry.number === manager.own.number || hasDependents(manager, entry) || manager.selected(entry),
    )
  )
    return say(state, SW.conditionsOfUse);
  manager.registry.remove(made, file);
  return done(state);
}

function removeKeyVersion(manager: CardManager, state: ContentState, version: number): ContentStep {
  const storage = manager.storageOf(manager.own);
  if (!storedKeys(storage, version)) return say(state, SW.dataNotFound);
  // The last key set of the issuer's domain stays: without one nobody would reach the card again.
  if (keyVersions(storage).length === 1 && equalBytes(manager.own.domain, manager.own.aid))
    return say(state, SW.conditionsOfUse);
  removeKeys(storage, version);
  return done(state);
}

const SEVERAL = 0x80;
const MAX_VERSION = 0x7f;

/** PUT KEY: three keys at once, new or in place of a version; the check values have to fit (11.8). */
const putKey: Content = (context, manager, state, { p1, p2, data = NO_BYTES }) => {
  if (p2 !== (SEVERAL | 0x01)) return say(state, SW.wrongP1P2);
  const asked = attempt(() => PutKey.decode(data));
  const kind = kindOf(manager);
  if (!asked || asked.keys.length !== 3 || asked.keys.some(({ type }) => type !== kind))
    return say(state, SW.wrongData);
  if (asked.version === 0 || asked.version > MAX_VERSION) return say(state, SW.wrongData);
  const storage = manager.storageOf(manager.own);
  const replaces = p1 === 0 ? undefined : p1;
  if (replaces !== undefined && !storedKeys(storage, replaces)) return say(state, SW.dataNotFound);
  if (asked.version !== replaces && storedKeys(storage, asked.version)) return say(state, SW.conditionsOfUse);
  context.spend({ symmetric: 12 });
  const keys: Uint8Array[] = [];
  for (const { value, check } of asked.keys) {
    const key = clearKey(state.secure, kind, value);
    if (!key || key.length !== (keys[0] ?? key).length) return say(state, SW.wrongData);
    const own = kind === "aes" ? aesCheckValue(aesKey(key)) : keyCheckValue(desKey(key));
    if (check.length > 0 && !equalBytes(own, check)) return say(state, SW.dataNotUsable);
    keys.push(key);
  }
  const [enc, mac, dek] = keys as [Uint8Array, Uint8Array, Uint8Array];
  storeKeys(storage, asked.version, { kind, enc, mac, dek }, replaces);
  const checks = keys.map((key) => (kind === "aes" ? aesCheckValue(aesKey(key)) : keyCheckValue(desKey(key))));
  return { state, response: { data: concat(Uint8Array.of(asked.version), ...checks), sw: SW.ok } };
};

/** A key as it came: AES keys say their length, because they may have been padded (Amendment D 7.2). */
function clearKey(secure: SecureState, kind: StoredKeys["kind"], value: Uint8Array): Uint8Array | undefined {
  if (kind === "des") return value.length === 16 ? deciphered(secure, value) : undefined;
  const length = value[0];
  if (length !== 16 && length !== 24 && length !== 32) return undefined;
  const clear = deciphered(secure, value.subarray(1));
  return clear && clear.length === Math.ceil(length / 16) * 16 ? clear.subarray(0, length) : undefined;
}

/** SET STATUS: the card's life cycle, an application's lock and its own states (11.10). */
const setStatus: Content = (_context, manager, state, { p1, p2, data = NO_BYTES }) => {
  const { registry, own } = manager;
  if (p1 === SCOPES.issuerDomain) {
    const next = p2 === CARD_STATES.terminated ? "cardTerminate" : "cardLock";
    if (!allowed(manager, next)) return say(state, SW.conditionsOfUse);
    if (!cardMayBecome(registry.cardState, p2)) return say(state, SW.conditionsOfUse);
    registry.cardState = p2;
    return say(state, SW.ok);
  }
  if (p1 !== SCOPES.applications && p1 !== 0x60) return say(state, SW.wrongP1P2);
  const entry = registry.application(data);
  if (!entry || (entry.number !== own.number && !reaches(manager, entry.domain, "globalLock")))
    return say(state, SW.dataNotFound);
  const locks = (p2 & APPLICATION_STATES.locked) !== 0;
  const locked = (entry.lifeCycle & APPLICATION_STATES.locked) !== 0;
  const lifeCycle =
    locks === locked
      ? p2
      : locks
        ? entry.lifeCycle | APPLICATION_STATES.locked
        : entry.lifeCycle & ~APPLICATION_STATES.locked;
  // States go up; only a lock comes off again.
  if (locks === locked && (lifeCycle < entry.lifeCycle || (lifeCycle & 0x07) !== APPLICATION_STATES.selectable))
    return say(state, SW.conditionsOfUse);
  registry.putApplication(withLifeCycle(entry, lifeCycle));
  return say(state, SW.ok);
};

/** Forward only, but for a lock, which comes off again; the end is the end (5.1.1). */
function cardMayBecome(now: number, next: number): boolean {
  const { opReady, initialized, secured, cardLocked, terminated } = CARD_STATES;
  if (now === terminated) return false;
  if (next === terminated) return true;
  if (now === cardLocked) return next === secured;
  if (next === cardLocked) return now === secured;
  const order: readonly number[] = [opReady, initialized, secured];
  return order.includes(next) && order.indexOf(next) > order.indexOf(now);
}

/** Most of an answer's data; R-MAC and encryption need the rest. */
const MOST = 223;

/** GET STATUS (11.4). */
const getStatus: Content = (_context, manager, state, { p1, p2, data = NO_BYTES }) => {
  const scope = (Object.keys(SCOPES) as Scope[]).find((name) => SCOPES[name] === p1);
  const format = (p2 & STATUS_FORMAT.tlv) !== 0 ? "tlv" : "list";
  if (!scope || (p2 & ~(STATUS_FORMAT.tlv | NEXT)) !== 0) return say(state, SW.wrongP1P2);
  const asked = Uint8Array.of(p1, p2 & ~NEXT, ...data);
  let parts: readonly Uint8Array[];
  if (p2 & NEXT) {
    if (!state.pending || !equalBytes(state.pending.asked, asked)) return say(state, SW.conditionsOfUse);
    ({ parts } = state.pending);
  } else {
    const prefix = attempt(() => parseTlv(data))?.find(({ tag }) => tag === 0x4f)?.value;
    if (!prefix) return say(state, SW.wrongData);
    const entries = told(manager, scope).filter(({ aid }) => equalBytes(aid.subarray(0, prefix.length), prefix));
    parts = encodeRegistry(entries, scope, format, MOST);
  }
  const [part, ...left] = parts;
  if (!part) return say({ ...state, pending: undefined }, SW.dataNotFound);
  const more = left.length > 0;
  return {
    state: { ...state, pending: more ? { asked, parts: left } : undefined },
    response: { data: part, sw: more ? SW.moreData : SW.ok },
  };
};

/** The entries of a scope that this domain may know of. */
function told(manager: CardManager, scope: Scope): RegistryEntry[] {
  const { registry } = manager;
  const issuer = (entry: ApplicationEntry): boolean => equalBytes(entry.domain, entry.aid);
  if (scope === "loadFiles" || scope === "loadFilesAndModules")
    return registry.loadFiles
      .filter(({ domain }) => reaches(manager, domain, "globalRegistry"))
      .map(({ aid, version, domain, modules }) => ({
        aid,
        lifeCycle: LOADED,
        version,
        domain,
        ...(scope === "loadFilesAndModules" && { modules: modules.map((module) => module.aid) }),
      }));
  return registry.applications
    .filter((entry) => issuer(entry) === (scope === "issuerDomain"))
    .filter((entry) => entry.number === manager.own.number || reaches(manager, entry.domain, "globalRegistry"))
    .map((entry) => ({
      aid: entry.aid,
      lifeCycle: scope === "issuerDomain" ? registry.cardState : entry.lifeCycle,
      privileges: entry.privileges,
      ...(scope === "applications" && { activation: entry.activation, loadFile: entry.loadFile, domain: entry.domain }),
    }));
}

/** Content commands by instruction. All of them need an open secure channel. */
export const CONTENT: ReadonlyMap<number, Content> = new Map([
  [0xe6, install],
  [0xe8, load],
  [0xe4, remove],
  [0xd8, putKey],
  [0xf0, setStatus],
  [0xf2, getStatus],
]);
