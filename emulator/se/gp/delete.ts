import { findTlv, parseTlv } from "../../../src/codec/tlv.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import { equalBytes, NO_BYTES } from "../../../src/util/bytes.js";
import { attempt } from "../../../src/util/errors.js";
import type { CardManager } from "../applet.js";
import { done, say, type Content, type ContentState, type ContentStep } from "./content.js";
import { keyVersions, removeKeys, storedKeys } from "./keys.js";
import { manages, reaches } from "./privileges.js";
import type { ApplicationEntry, LoadFileEntry } from "./registry.js";

/** What the data of DELETE names (tables 11-23 and 11-24). */
const NAMES = { aid: 0x4f, keyIdentifier: 0xd0, keyVersion: 0xd2 } as const;

/** DELETE: an application, a load file, with what was made from it where that is asked for, or a key version (11.2). */
export const remove: Content = (_context, manager, state, { p1, p2, data = NO_BYTES }) => {
  if (p1 !== 0 || (p2 & 0x7f) !== 0) return say(state, SW.wrongP1P2);
  const objects = attempt(() => parseTlv(data));
  if (!objects) return say(state, SW.wrongData);
  const aid = findTlv(objects, NAMES.aid)?.value;
  const version = findTlv(objects, NAMES.keyVersion)?.value;
  // A key set goes as a whole: there is no session without one of its keys.
  if (findTlv(objects, NAMES.keyIdentifier) || (aid === undefined) === (version === undefined))
    return say(state, SW.wrongData);
  if (version) return version.length === 1 ? removeKeyVersion(manager, state, version[0]!) : say(state, SW.wrongData);
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

/** It is the domain that is asked, it is selected somewhere, or something belongs to it. */
const cannotGo = (manager: CardManager, entry: ApplicationEntry): boolean =>
  entry.number === manager.own.number || manager.selected(entry) || hasDependents(manager, entry);

function removeApplication(manager: CardManager, state: ContentState, entry: ApplicationEntry): ContentStep {
  if (cannotGo(manager, entry)) return say(state, SW.conditionsOfUse);
  manager.registry.remove([entry]);
  return done(state);
}

function removeLoadFile(manager: CardManager, state: ContentState, file: LoadFileEntry, related: boolean): ContentStep {
  const made = manager.registry.applications.filter((entry) => equalBytes(entry.loadFile, file.aid));
  if (made.length > 0 && !related) return say(state, SW.conditionsOfUse);
  if (made.some((entry) => cannotGo(manager, entry))) return say(state, SW.conditionsOfUse);
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
