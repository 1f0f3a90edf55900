import { APPLICATION_STATES, CARD_STATES, SCOPES } from "../../../src/protocols/gp/registry.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import { equalBytes, NO_BYTES } from "../../../src/util/bytes.js";
import { withLifeCycle } from "./contactless.js";
import { say, type Content } from "./content.js";
import { allowed, below, reaches } from "./privileges.js";
import type { ApplicationEntry } from "./registry.js";

/*
 * Life cycles (GlobalPlatform Card Specification 2.3.1, chapter 5) and SET STATUS (11.10).
 */

const { opReady, initialized, secured, cardLocked, terminated } = CARD_STATES;

/** The states that follow a card's state, but for its end, which follows all (5.1.1, 5.1.2): forward only, only a lock comes off again. */
const FOLLOWING: ReadonlyMap<number, readonly number[]> = new Map([
  [opReady, [initialized, secured]],
  [initialized, [secured]],
  [secured, [cardLocked]],
  [cardLocked, [secured]],
  [terminated, []],
]);

/** P1 of SET STATUS for a security domain and everything that belongs to it. */
const DOMAIN_AND_APPLICATIONS = 0x60;

export const setStatus: Content = (_context, manager, state, { p1, p2, data = NO_BYTES }) => {
  if (p1 === SCOPES.issuerDomain) return say(state, setCardState(manager, p2));
  if (p1 !== SCOPES.applications && p1 !== DOMAIN_AND_APPLICATIONS) return say(state, SW.wrongP1P2);
  const { registry, own } = manager;
  const entry = registry.application(data);
  // The issuer's domain has the card's life cycle and none of its own.
  if (!entry || equalBytes(entry.domain, entry.aid)) return say(state, SW.dataNotFound);
  if (entry.number !== own.number && !reaches(manager, entry.domain, "globalLock")) return say(state, SW.dataNotFound);
  if (p1 === SCOPES.applications) {
    const lifeCycle = nextState(entry, p2);
    if (lifeCycle === undefined) return say(state, SW.conditionsOfUse);
    registry.putApplications([withLifeCycle(entry, lifeCycle)]);
    return say(state, SW.ok);
  }
  if (!entry.privileges.has("securityDomain")) return say(state, SW.dataNotFound);
  const { locked } = APPLICATION_STATES;
  const locks = p2 & locked;
  const changed = registry.applications
    .filter((each) => below(registry, each.aid, entry.aid) || below(registry, each.domain, entry.aid))
    .filter((each) => (each.lifeCycle & locked) !== locks)
    .map((each) => withLifeCycle(each, (each.lifeCycle & ~locked) | locks));
  if (changed.length === 0) return say(state, SW.conditionsOfUse);
  registry.putApplications(changed);
  return say(state, SW.ok);
};

/** To lock and to unlock is the Card Lock privilege's, to end the Card Terminate privilege's, the rest the issuer's domain's. */
function setCardState(manager: Parameters<Content>[1], next: number): number {
  const { registry, own } = manager;
  const now = registry.cardState;
  if (!FOLLOWING.has(next)) return SW.wrongP1P2;
  const may =
    next === terminated
      ? allowed(manager, "cardTerminate")
      : next === cardLocked || now === cardLocked
        ? allowed(manager, "cardLock")
        : equalBytes(own.domain, own.aid);
  if (!may || (next === terminated ? now === terminated : FOLLOWING.get(now)?.includes(next) !== true))
    return SW.conditionsOfUse;
  registry.cardState = next;
  return SW.ok;
}

/** The state that follows, or none (5.3): of P2 a lock's bit counts, or without one the state as it is to be. The one that it has is none. */
function nextState({ lifeCycle, privileges }: ApplicationEntry, p2: number): number | undefined {
  const { locked, selectable, personalized } = APPLICATION_STATES;
  if (lifeCycle & locked) return p2 & locked ? undefined : lifeCycle & ~locked;
  if (p2 & locked) return lifeCycle | locked;
  // INSTALL makes selectable; the states above it are the application's own and go up, of a domain there is one.
  if (lifeCycle < selectable || p2 <= lifeCycle || (p2 & selectable) !== selectable) return undefined;
  return privileges.has("securityDomain") && p2 !== personalized ? undefined : p2;
}
