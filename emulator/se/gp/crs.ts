import { findTlv, parseTlv, tlv, type Tlv } from "../../../src/codec/tlv.js";
import {
  CRS_INTERFACE,
  CRS_PRIORITY,
  CRS_SET,
  CRS_TAGS,
  encodeAids,
  encodeCrsRefusals,
  INTERFACES,
  tagsOf,
  type CrsRefusals,
} from "../../../src/protocols/gp/contactless.js";
import { ACTIVATION, NEXT, SCOPES } from "../../../src/protocols/gp/registry.js";
import { status, type CommandApdu, type ResponseApdu } from "../../../src/protocols/iso7816/apdu.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import { concat, equalBytes, NO_BYTES, u16be } from "../../../src/util/bytes.js";
import { attempt } from "../../../src/util/errors.js";
import { applet, type AppletContext } from "../applet.js";
import { interfacesOf, partOf, type ContactlessManager, type ContactlessView } from "./contactless.js";
import type { ApplicationEntry } from "./registry.js";

/*
 * The contactless registry service application (Amendment C 3.11): shows the device who is active over the air, and takes its wishes. Nobody
 * authenticates: who holds the wired interface holds the device. So over the air nothing can be changed, and as the card is made the
 * application is deactivated there: a reader in passing need not know which cards somebody has.
 */

/** Parts of GET STATUS that were not asked for yet, and what asked. */
interface CrsState {
  readonly pending?: { readonly asked: Uint8Array; readonly parts: readonly Uint8Array[] } | undefined;
}

interface CrsStep {
  readonly state: CrsState;
  readonly response: ResponseApdu;
}

const INITIAL: CrsState = {};
/** Version of the application, tag 9F08. */
const VERSION = Uint8Array.of(0x01, 0x00);
const CLA = 0x80;
/** Most of an answer's data: a short APDU. */
const MOST = 256;
const TAG_LIST = 0x5c;
/** Objects that may be searched for, besides the AID: state over the air, family, display required. */
const CRITERIA: readonly number[] = [CRS_TAGS.lifeCycle, CRS_TAGS.family, CRS_TAGS.displayRequired];
/** Objects that every entry has, asked for or not. */
const ALWAYS: readonly number[] = [CRS_TAGS.aid, CRS_TAGS.lifeCycle];

const say = (sw: number): CrsStep => ({ state: INITIAL, response: status(sw) });

/** Version and global update counter: in the answer to SELECT, and GET DATA 00A5. */
const proprietary = ({ updates }: ContactlessView): Uint8Array =>
  tlv(0xa5, tlv(0x9f08, VERSION), tlv(CRS_TAGS.updateCounter, u16be(updates)));

type Objects = readonly (readonly [tag: number, value: Uint8Array])[];

/** Everything that is known of an application, in the order of table 3-9. */
function objectsOf(entry: ApplicationEntry, priority: number, all: readonly ApplicationEntry[]): Objects {
  const { objects, updates } = partOf(entry);
  const isMember = (other: ApplicationEntry): boolean => {
    const head = partOf(other).objects.get(CRS_TAGS.head);
    return head !== undefined && equalBytes(head, concat(...encodeAids([entry.aid])));
  };
  const members = concat(...encodeAids(all.filter(isMember).map(({ aid }) => aid)));
  const known = new Map<number, Uint8Array | undefined>([
    ...objects,
    [CRS_TAGS.aid, entry.aid],
    [CRS_TAGS.lifeCycle, Uint8Array.of(entry.lifeCycle, entry.activation)],
    [CRS_TAGS.updateCounter, u16be(updates)],
    [CRS_TAGS.priority, Uint8Array.of(Math.min(priority, 0xff))],
    [CRS_TAGS.members, members.length > 0 ? members : undefined],
    [CRS_TAGS.interfaces, Uint8Array.of(interfacesOf(entry))],
  ]);
  return TOLD.flatMap((tag) => {
    const value = known.get(tag);
    return value === undefined ? [] : [[tag, value] as const];
  });
}

/** Tags in the order in which they are told; who may join a group is for its domain to know. */
const TOLD: readonly number[] = Object.values(CRS_TAGS).filter(
  (tag) => tag !== CRS_TAGS.entry && tag !== CRS_TAGS.authorized,
);

interface Query {
  readonly prefix: Uint8Array;
  readonly criteria: readonly Tlv[];
  readonly tags?: readonly number[] | undefined;
}

/** Search: an AID or the beginning of one, further criteria that all have to hold, and the tags that are wanted. */
function queryOf(data: Uint8Array): Query | undefined {
  const objects = attempt(() => parseTlv(data));
  const prefix = objects && findTlv(objects, CRS_TAGS.aid)?.value;
  if (!objects || !prefix || objects.some(({ tag }) => !QUALIFIERS.includes(tag))) return undefined;
  if ([CRS_TAGS.aid, TAG_LIST].some((tag) => objects.filter((object) => object.tag === tag).length > 1))
    return undefined;
  const list = findTlv(objects, TAG_LIST)?.value;
  const tags = list && attempt(() => tagsOf(list));
  if (list && !tags) return undefined;
  return { prefix, criteria: objects.filter(({ tag }) => CRITERIA.includes(tag)), tags };
}

const QUALIFIERS: readonly number[] = [CRS_TAGS.aid, TAG_LIST, ...CRITERIA];

const matches = (objects: Objects, { prefix, criteria }: Query): boolean =>
  criteria.every(({ tag, value }) => {
    const own = objects.find(([known]) => known === tag)?.[1];
    if (!own) return false;
    // Of the two bytes of 9F70 only the second counts: the state over the air (3.11.3.2.3).
    return tag === CRS_TAGS.lifeCycle ? value.length === 2 && value[1] === own[1] : equalBytes(value, own);
  }) && equalBytes((objects[0]?.[1] ?? NO_BYTES).subarray(0, prefix.length), prefix);

/** GET STATUS (3.11.3): applications in the order of selection, whole templates in parts of at most a short answer. */
function getStatus(view: ContactlessView, state: CrsState, { p1, p2, data = NO_BYTES }: CommandApdu): CrsStep {
  if (p1 !== SCOPES.applications || (p2 & ~NEXT) !== 0) return say(SW.wrongP1P2);
  if (p2 === NEXT) {
    if (!state.pending || !equalBytes(state.pending.asked, data)) return say(SW.conditionsOfUse);
    return answerPart(data, state.pending.parts);
  }
  const query = queryOf(data);
  if (!query) return say(SW.wrongData);
  const { tags } = query;
  const { applications } = view;
  const found = applications
    .map((entry, priority) => objectsOf(entry, priority, applications))
    .filter((objects) => matches(objects, query));
  if (found.length === 0 || (tags && !found.some((objects) => objects.some(([tag]) => tags.includes(tag)))))
    return say(SW.dataNotFound);
  const parts: Uint8Array[] = [];
  for (const objects of found) {
    const wanted = objects.filter(([tag]) => !tags || ALWAYS.includes(tag) || tags.includes(tag));
    const template = tlv(CRS_TAGS.entry, ...wanted.map(([tag, value]) => tlv(tag, value)));
    const last = parts.at(-1);
    if (last && last.length + template.length <= MOST) parts[parts.length - 1] = concat(last, template);
    else parts.push(template);
  }
  return answerPart(data, parts);
}

function answerPart(asked: Uint8Array, [part = NO_BYTES, ...left]: readonly Uint8Array[]): CrsStep {
  const more = left.length > 0;
  return {
    state: { pending: more ? { asked, parts: left } : undefined },
    response: { data: part, sw: more ? SW.moreData : SW.ok },
  };
}

/** AIDs and nothing else. */
function namesOf(data: Uint8Array): readonly Uint8Array[] | undefined {
  const objects = attempt(() => parseTlv(data));
  if (!objects?.length || objects.some(({ tag, value }) => tag !== CRS_TAGS.aid || value.length > 16)) return undefined;
  return objects.map(({ value }) => value);
}

const outcome = (refusals: CrsRefusals): CrsStep => {
  const data = encodeCrsRefusals(refusals);
  return { state: INITIAL, response: { data, sw: data.length > 0 ? SW.notAll : SW.ok } };
};

type Setter = (manage: ContactlessManager, command: CommandApdu) => CrsStep;

/** P2 says the state; non-activatable an application becomes only by itself (3.11.4.2.2). */
const setActivation: Setter = (manage, { p2, data = NO_BYTES }) => {
  if (p2 === ACTIVATION.nonActivatable) return say(SW.wrongP1P2);
  if (p2 !== ACTIVATION.activated && p2 !== ACTIVATION.deactivated) return say(SW.wrongData);
  const aids = namesOf(data);
  return aids ? outcome(manage.activate(aids, p2)) : say(SW.wrongData);
};

const PLACES = new Map<number, "highest" | "lowest" | "volatile">([
  [CRS_PRIORITY.highest, "highest"],
  [CRS_PRIORITY.lowest, "lowest"],
  [CRS_PRIORITY.volatile, "volatile"],
]);

/** Several names come to stand in the order in which they are named. */
const setPriority: Setter = (manage, { p2, data = NO_BYTES }) => {
  if (p2 === CRS_PRIORITY.reset) {
    if (data.length > 0) return say(SW.wrongData);
    manage.resetVolatile();
    return say(SW.ok);
  }
  const where = PLACES.get(p2);
  if (!where) return say(SW.wrongP1P2);
  const aids = namesOf(data);
  return aids ? outcome({ failed: manage.prioritise(aids, where), conflicts: [] }) : say(SW.wrongData);
};

/** The one interface that can be switched is the one over the air: 80 01 40. */
const setInterface: Setter = (manage, { p2, data = NO_BYTES }) => {
  if (p2 !== CRS_INTERFACE.on && p2 !== CRS_INTERFACE.off) return say(SW.wrongP1P2);
  if (!equalBytes(data, PROXIMITY)) return say(SW.wrongData);
  manage.switchInterface(p2 === CRS_INTERFACE.on);
  return say(SW.ok);
};

const PROXIMITY = tlv(0x80, Uint8Array.of(INTERFACES.proximity));

const SETTERS: ReadonlyMap<number, Setter> = new Map([
  [CRS_SET.activation, setActivation],
  [CRS_SET.priority, setPriority],
  [CRS_SET.interface, setInterface],
  // The rest of an answer: ours are always whole.
  [CRS_SET.rest, () => say(SW.conditionsOfUse)],
]);

/** SET STATUS (3.11.4), over the wired interface only. */
function setStatus(context: AppletContext, view: ContactlessView, command: CommandApdu): CrsStep {
  const setter = SETTERS.get(command.p1);
  if (!setter) return say(SW.wrongP1P2);
  if (!view.manage || context.via !== "wired") return say(SW.conditionsOfUse);
  return setter(view.manage, command);
}

export const crs = applet<CrsState>({
  module: "crs",
  initial: INITIAL,
  multiSelectable: true,
  select({ contactless }, aid) {
    if (!contactless) return say(SW.notFound);
    return {
      state: INITIAL,
      response: { data: tlv(0x6f, tlv(0x84, aid), proprietary(contactless)), sw: SW.ok },
    };
  },
  process(context, state, command) {
    const { contactless } = context;
    if (!contactless) return say(SW.conditionsOfUse);
    if (command.cla !== CLA) return { state, response: status(SW.classNotSupported) };
    if (command.ins === 0xf2) return getStatus(contactless, state, command);
    if (command.ins === 0xf0) return setStatus(context, contactless, command);
    if (command.ins !== 0xca) return { state, response: status(SW.instructionNotSupported) };
    if (command.p1 !== 0x00 || command.p2 !== 0xa5) return { state, response: status(SW.wrongP1P2) };
    return { state, response: { data: proprietary(contactless), sw: SW.ok } };
  },
});
