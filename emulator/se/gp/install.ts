import { findTlv, parseTlv } from "../../../src/codec/tlv.js";
import { sha1, sha256 } from "../../../src/crypto/hash.js";
import {
  COMBINED,
  INSTALL,
  InstallForExtradition,
  InstallForInstall,
  InstallForLoad,
  InstallForPersonalization,
} from "../../../src/protocols/gp/messages.js";
import { ACTIVATION, APPLICATION_STATES } from "../../../src/protocols/gp/registry.js";
import { status, type CommandApdu } from "../../../src/protocols/iso7816/apdu.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import { concat, equalBytes, NO_BYTES, readUint } from "../../../src/util/bytes.js";
import { attempt } from "../../../src/util/errors.js";
import { done, say, type Content, type ContentState, type ContentStep } from "./content.js";
import type { CardManager } from "../applet.js";
import { withLifeCycle, withParameters } from "./contactless.js";
import { allowed, below, grantable, manages, reaches } from "./privileges.js";
import type { LoadFileEntry } from "./registry.js";

/*
 * INSTALL in all its forms and LOAD (GlobalPlatform Card Specification 2.3.1, 9.3, 9.4, 11.5, 11.6).
 */

const validAid = (aid: Uint8Array): boolean => aid.length >= 5 && aid.length <= 16;

/** System specific parameters, template EF (table 11-49), and those in it that this card has no use for: implicit selection, global service. */
const SYSTEM = 0xef;
const NON_VOLATILE_CODE = 0xc6;
const NON_VOLATILE_DATA = 0xc8;
const NO_USE: readonly number[] = [0xcf, 0xcb];
const APPLICATION_PARAMETERS = 0xc9;

/** INSTALL, by what its P1 says (11.5.2.1). More than one command for one purpose is not taken. */
export const install: Content = (context, manager, state, command) => {
  const row = FORMS.find(([p1]) => p1 === command.p1);
  if (!row || !row[1].includes(command.p2)) return say(state, SW.wrongP1P2);
  return row[2](context, manager, state, command);
};

const forLoad: Content = (_context, manager, state, { p1, data = NO_BYTES }) => {
  const asked = attempt(() => InstallForLoad.decode(data));
  const parameters = asked && attempt(() => parseTlv(asked.parameters));
  if (!asked || !parameters || !validAid(asked.loadFile)) return say(state, SW.wrongData);
  if (![0, ...HASHES.keys()].includes(asked.hash.length)) return say(state, SW.wrongData);
  if (!manages(manager)) return say(state, SW.conditionsOfUse);
  const { registry, own, freeMemory } = manager;
  const domain = asked.domain.length === 0 ? own.aid : asked.domain;
  if (registry.loadFile(asked.loadFile) || registry.application(asked.loadFile)) return say(state, SW.conditionsOfUse);
  if (!registry.application(domain)?.privileges.has("securityDomain")) return say(state, SW.dataNotFound);
  const wanted = findTlv(parameters, SYSTEM, NON_VOLATILE_CODE)?.value ?? NO_BYTES;
  if (wanted.length > 4) return say(state, SW.wrongData);
  if (readUint(wanted) > freeMemory) return say(state, SW.noMemory);
  const combined = p1 === INSTALL.loadInstallAndMakeSelectable;
  const { loadFile, hash } = asked;
  return done({ ...state, loading: { loadFile, domain, hash, data: NO_BYTES, nextBlock: 0, combined } });
};

/** Load file data block hashes by their length (C.2). */
const HASHES: ReadonlyMap<number, (data: Uint8Array) => Uint8Array> = new Map([
  [20, sha1],
  [32, sha256],
]);

/** Longest load file that is put together. */
const MAX_LOAD = 262_144;
const LAST_BLOCK = 0x80;
const LOAD_FILE_DATA_BLOCK = 0xc4;

/** LOAD (11.6): with the last block the file has to be one that this card's maker knows. */
export const load: Content = (_context, manager, state, { p1, p2, data = NO_BYTES }) => {
  const { loading, ...rest } = state;
  if (!loading || loading.whole) return say(rest, SW.conditionsOfUse);
  if ((p1 & ~LAST_BLOCK) !== 0 || p2 !== (loading.nextBlock & 0xff)) return say(rest, SW.wrongP1P2);
  const all = concat(loading.data, data);
  if (all.length > MAX_LOAD) return say(rest, SW.noMemory);
  if (!(p1 & LAST_BLOCK))
    return done({ ...rest, loading: { ...loading, data: all, nextBlock: loading.nextBlock + 1 } });
  const objects = attempt(() => parseTlv(all, { bytes: MAX_LOAD }));
  // One data block: a signature in front of it (E2) would be for a domain that verifies, a ciphered one (D4) for one that deciphers.
  const [block] = objects ?? [];
  if (!block || objects?.length !== 1 || block.tag !== LOAD_FILE_DATA_BLOCK) return say(rest, SW.wrongData);
  const digest = HASHES.get(loading.hash.length);
  if (digest && !equalBytes(digest(block.value), loading.hash)) return say(rest, SW.wrongData);
  const known = manager.settings.packages.find(({ aid }) => equalBytes(aid, loading.loadFile));
  // Real code cannot run here: a load file stands for the built-in classes under its name, and a card without them refuses it.
  if (!known) return say(rest, SW.dataNotFound);
  const whole = { ...known, domain: loading.domain };
  if (loading.combined) return done({ ...rest, loading: { ...loading, data: NO_BYTES, whole } });
  manager.registry.putLoadFile(whole);
  return done(rest);
};

const forInstall: Content = (_context, manager, state, command) => {
  const asked = attempt(() => InstallForInstall.decode(command.data ?? NO_BYTES));
  const loadFile = asked && manager.registry.loadFile(asked.loadFile);
  return installFrom(manager, state, command, loadFile);
};

/** [for load, install and make selectable]: its beginning is a load's, its end an installation's. */
const combined: Content = (context, manager, state, command) => {
  if (command.p2 === COMBINED.begins) return forLoad(context, manager, state, command);
  const { loading, ...rest } = state;
  const asked = attempt(() => InstallForInstall.decode(command.data ?? NO_BYTES));
  if (!loading?.whole || !asked) return say(rest, loading?.whole ? SW.wrongData : SW.conditionsOfUse);
  // The names of the file and the domain were said at the beginning; said again they have to be the same.
  if (asked.loadFile.length > 0 && !equalBytes(asked.loadFile, loading.loadFile)) return say(rest, SW.wrongData);
  return installFrom(manager, rest, command, loading.whole);
};

function installFrom(
  manager: CardManager,
  state: ContentState,
  { p1, data = NO_BYTES }: CommandApdu,
  loadFile: LoadFileEntry | undefined,
): ContentStep {
  const asked = attempt(() => InstallForInstall.decode(data));
  const parameters = asked && attempt(() => parseTlv(asked.parameters));
  if (!asked || !parameters || !validAid(asked.application)) return say(state, SW.wrongData);
  if (!manages(manager)) return say(state, SW.conditionsOfUse);
  const { registry } = manager;
  if (!loadFile?.modules.some(({ aid }) => equalBytes(aid, asked.module))) return say(state, SW.dataNotFound);
  if (registry.application(asked.application) || registry.loadFile(asked.application))
    return say(state, SW.conditionsOfUse);
  const privileges = grantable(registry, asked.privileges);
  const quota = findTlv(parameters, SYSTEM, NON_VOLATILE_DATA)?.value;
  if (!privileges || (quota && quota.length > 4) || NO_USE.some((tag) => findTlv(parameters, SYSTEM, tag)))
    return say(state, SW.wrongData);
  // An application is selected by default, or on a locked card, only once it can be selected.
  const selectable = (p1 & INSTALL.makeSelectable) !== 0;
  const entry = withParameters(
    registry,
    {
      number: 0,
      applet: "",
      aid: Uint8Array.from(asked.application),
      loadFile: loadFile.aid,
      module: Uint8Array.from(asked.module),
      domain: loadFile.domain,
      privileges,
      lifeCycle: APPLICATION_STATES.installed,
      activation: ACTIVATION.deactivated,
      ...(quota && { quota: readUint(quota) }),
    },
    parameters,
  );
  if (!entry) return say(state, SW.wrongData);
  const sw = manager.install(
    selectable ? withLifeCycle(entry, APPLICATION_STATES.selectable) : entry,
    findTlv(parameters, APPLICATION_PARAMETERS)?.value ?? NO_BYTES,
    loadFile,
  );
  return sw === SW.ok ? done(state) : say(state, sw);
}

const makeSelectable: Content = (_context, manager, state, { data = NO_BYTES }) => {
  const asked = attempt(() => InstallForInstall.decode(data));
  const entry = asked && manager.registry.application(asked.application);
  if (!asked) return say(state, SW.wrongData);
  if (!entry || !reaches(manager, entry.domain, "globalRegistry")) return say(state, SW.dataNotFound);
  if (!manages(manager) || entry.lifeCycle !== APPLICATION_STATES.installed) return say(state, SW.conditionsOfUse);
  const privileges =
    asked.privileges.length > 0 ? grantable(manager.registry, asked.privileges, entry) : entry.privileges;
  if (privileges?.has("securityDomain") !== entry.privileges.has("securityDomain")) return say(state, SW.wrongData);
  manager.registry.putApplications([withLifeCycle({ ...entry, privileges }, APPLICATION_STATES.selectable)]);
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
  if (entry) registry.putApplications([{ ...entry, domain: to.aid }]);
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
  if (!parameters || NO_USE.some((tag) => findTlv(parameters, SYSTEM, tag))) return say(state, SW.wrongData);
  const privileges =
    asked.privileges.length > 0 ? grantable(manager.registry, asked.privileges, entry) : entry.privileges;
  // What makes a domain cannot be given or taken later.
  if (privileges?.has("securityDomain") !== entry.privileges.has("securityDomain")) return say(state, SW.wrongData);
  const changed = withParameters(manager.registry, { ...entry, privileges }, parameters);
  if (!changed) return say(state, SW.wrongData);
  manager.registry.putApplications([changed]);
  return done(state);
};

const startPersonalization: Content = (_context, manager, state, { data = NO_BYTES }) => {
  const asked = attempt(() => InstallForPersonalization.decode(data));
  const entry = asked && manager.registry.application(asked.application);
  if (!asked) return say(state, SW.wrongData);
  // Only applications of this very domain take data from it.
  if (!entry || !equalBytes(entry.domain, manager.own.aid)) return say(state, SW.dataNotFound);
  if (!allowed(manager, "trustedPath") || (entry.lifeCycle & APPLICATION_STATES.locked) !== 0)
    return say(state, SW.conditionsOfUse);
  return { state: { ...state, personalising: { number: entry.number, state: undefined } }, response: status(SW.ok) };
};

const ALONE = [COMBINED.none];

/** P1, the values of P2 that go with it, what it does. */
const FORMS: readonly (readonly [p1: number, p2: readonly number[], form: Content])[] = [
  [INSTALL.load, ALONE, forLoad],
  [INSTALL.install, ALONE, forInstall],
  [INSTALL.installAndMakeSelectable, ALONE, forInstall],
  [INSTALL.loadInstallAndMakeSelectable, [COMBINED.begins, COMBINED.ends], combined],
  [INSTALL.makeSelectable, ALONE, makeSelectable],
  [INSTALL.extradition, ALONE, extradite],
  [INSTALL.registryUpdate, ALONE, updateRegistry],
  [INSTALL.personalization, ALONE, startPersonalization],
];
