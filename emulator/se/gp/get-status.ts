import { findTlv, parseTlv } from "../../../src/codec/tlv.js";
import {
  encodeRegistry,
  LOADED,
  NEXT,
  REGISTRY_TAGS,
  SCOPES,
  STATUS_FORMAT,
  type RegistryEntry,
  type Scope,
} from "../../../src/protocols/gp/registry.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import { equalBytes, NO_BYTES } from "../../../src/util/bytes.js";
import { attempt } from "../../../src/util/errors.js";
import type { CardManager } from "../applet.js";
import { say, type Content } from "./content.js";
import { reaches } from "./privileges.js";
import type { ApplicationEntry } from "./registry.js";

/** Most of an answer's data; R-MAC and encryption need the rest. */
const MOST = 223;

/** Which objects of an entry are wanted, with the criteria (11.4.2.3). */
const TAG_LIST = 0x5c;

/** Tags behind one another; undefined: the last one ends early. */
function tagsIn(list: Uint8Array): readonly number[] | undefined {
  const tags: number[] = [];
  for (let at = 0; at < list.length;) {
    let tag = list[at++]!;
    if ((tag & 0x1f) === 0x1f)
      do {
        if (at >= list.length || tag > 0xff_ffff) return undefined;
        tag = tag * 256 + list[at]!;
      } while ((list[at++]! & 0x80) !== 0);
    tags.push(tag);
  }
  return tags;
}

/** GET STATUS (11.4). */
export const getStatus: Content = (_context, manager, state, { p1, p2, data = NO_BYTES }) => {
  const scope = (Object.keys(SCOPES) as Scope[]).find((name) => SCOPES[name] === p1);
  const format = (p2 & STATUS_FORMAT.tlv) !== 0 ? "tlv" : "list";
  if (!scope || (p2 & ~(STATUS_FORMAT.tlv | NEXT)) !== 0) return say(state, SW.wrongP1P2);
  const asked = Uint8Array.of(p1, p2 & ~NEXT, ...data);
  let parts: readonly Uint8Array[];
  if (p2 & NEXT) {
    if (!state.pending || !equalBytes(state.pending.asked, asked)) return say(state, SW.conditionsOfUse);
    ({ parts } = state.pending);
  } else {
    const criteria = attempt(() => parseTlv(data));
    const prefix = criteria && findTlv(criteria, REGISTRY_TAGS.aid)?.value;
    const wanted = criteria && findTlv(criteria, TAG_LIST)?.value;
    const tags = wanted && tagsIn(wanted);
    if (!prefix || prefix.length > 16 || (wanted && !tags)) return say(state, SW.wrongData);
    const entries = told(manager, scope).filter(({ aid }) => equalBytes(aid.subarray(0, prefix.length), prefix));
    parts = encodeRegistry(entries, scope, format, MOST, tags);
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
