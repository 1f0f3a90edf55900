import { parseTlv, type Tlv } from "../../../src/codec/tlv.js";
import { STORE_DATA } from "../../../src/protocols/gp/messages.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import { concat, NO_BYTES } from "../../../src/util/bytes.js";
import { attempt } from "../../../src/util/errors.js";
import { NO_PERSONALISATION, takeBlock, taken, type PersonalisationState } from "../personalisation.js";
import { say, type Content, type ContentState } from "./content.js";
import { isOwnObject } from "./data-objects.js";
import { deciphered } from "./session.js";

/*
 * STORE DATA (GlobalPlatform Card Specification 2.3.1, 7.3.3 and 11.11): to the application that INSTALL [for personalization] named until its last block,
 * else the domain's own objects.
 */

export const storeData: Content = (context, manager, state, command) => {
  const { personalising, ...rest } = state;
  const decipher = (data: Uint8Array): Uint8Array | undefined => deciphered(state.secure, data);
  if (!personalising) return storeOwn({ ...context, decipher }, manager, state, command);
  const entry = manager.registry.applications.find(({ number }) => number === personalising.number);
  if (!entry) return say(rest, SW.conditionsOfUse);
  const step = manager.forward(entry, personalising.state, command, decipher);
  const ended = (command.p1 & STORE_DATA.last) !== 0 || step.response.sw !== SW.ok;
  return {
    state: ended ? rest : { ...state, personalising: { number: entry.number, state: step.state } },
    response: step.response,
  };
};

/** Longest that is put together before the last block. */
const MAX_OBJECTS = 1024;
/** The grouping that a domain's own objects come in. */
const OWN_OBJECTS = 0x0070;

/** Objects as they are, or in groupings; all at once with the last block. */
export const storeOwn: Content = (context, _manager, { storing, ...rest }, command) => {
  const { p1, p2, data = NO_BYTES } = command;
  const { structure, encryption } = STORE_DATA;
  const asked = p1 & structure.mask;
  const groupings = storing?.groupings ?? NO_PERSONALISATION;
  if (storing && storing.structure !== asked) return say(rest, SW.wrongP1P2);
  const last = (p1 & STORE_DATA.last) !== 0;
  if (asked === structure.dgi) {
    const next = takeBlock(context, groupings, command);
    if (typeof next === "number") return say(rest, next);
    if (!last) return say({ ...rest, storing: { structure: asked, groupings: next, objects: NO_BYTES } }, SW.ok);
    return say(rest, keep(context, objectsIn(next)));
  }
  // Without a structure named it is the one that a domain's objects have.
  if (asked !== structure.berTlv && asked !== structure.none) return say(rest, SW.wrongP1P2);
  if ((p1 & (encryption.mask | STORE_DATA.reserved)) !== 0) return say(rest, SW.wrongP1P2);
  if (p2 !== (groupings.nextBlock & 0xff)) return say(rest, SW.wrongP1P2);
  const objects = concat(storing?.objects ?? NO_BYTES, data);
  if (objects.length > MAX_OBJECTS) return say(rest, SW.noMemory);
  const state: ContentState = rest;
  if (last)
    return say(
      state,
      keep(
        context,
        attempt(() => parseTlv(objects)),
      ),
    );
  const counted = { ...groupings, nextBlock: groupings.nextBlock + 1 };
  return say({ ...state, storing: { structure: asked, groupings: counted, objects } }, SW.ok);
};

/** What stands in the groupings: a domain knows one. */
function objectsIn({ groupings }: PersonalisationState): readonly Tlv[] | number {
  const found: Tlv[] = [];
  for (const grouping of groupings) {
    const value = taken(grouping, (dgi, bytes) =>
      dgi !== OWN_OBJECTS ? SW.dataNotFound : attempt(() => parseTlv(bytes)) ? SW.ok : SW.wrongData,
    );
    if (typeof value === "number") return value;
    found.push(...parseTlv(value));
  }
  return found;
}

function keep({ storage }: Parameters<Content>[0], objects: readonly Tlv[] | number | undefined): number {
  if (typeof objects === "number") return objects;
  if (!objects || objects.length === 0 || !objects.every(({ tag }) => isOwnObject(tag))) return SW.wrongData;
  storage.putAll(objects.map(({ tag, value }) => [tag, value]));
  return SW.ok;
}
