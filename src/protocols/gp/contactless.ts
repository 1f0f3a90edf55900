import { parseTlv, readTag, tlv, type Tlv } from "../../codec/tlv.js";
import { concat, equalBytes, hex, NO_BYTES, readUint, unhex } from "../../util/bytes.js";
import { gpError } from "./errors.js";

/*
 * Contactless registry parameters and the contactless registry service application (CRS), GlobalPlatform Card Specification, Amendment C. The
 * amendment itself was not at hand: tags and values are those that open implementations of it give, named beside the tests.
 */

/** The CRS application (Amendment C 3.11.1). */
export const CRS_AID = unhex("A00000015143525300");
/** Its load file. */
export const CRS_PACKAGE = unhex("A000000151435253");

/** Application families: application family identifiers of ISO/IEC 14443-3, table 12. */
export const FAMILIES = { transport: 0x10, financial: 0x20, identification: 0x30, telecommunication: 0x40 } as const;

/** Communication interfaces that an application may be reached over, bit by bit (A5/82 and 95). */
export const INTERFACES = { contact: 0x80, proximity: 0x40 } as const;

/** What the registry keeps of an application, by the tags of the CRS application's GET STATUS (Amendment C table 3-9). */
export const CRS_TAGS = {
  entry: 0x61,
  aid: 0x4f,
  lifeCycle: 0x9f70,
  /** Display control template: 5F50 an address, 6D an image, 5F45 a text. */
  display: 0x7f20,
  updateCounter: 0x80,
  priority: 0x81,
  /** Group authorization list: told by a security domain only. */
  authorized: 0xa1,
  head: 0xa2,
  members: 0xa3,
  crel: 0xa4,
  restricted: 0xa5,
  discretionary: 0xa6,
  family: 0x87,
  displayRequired: 0x88,
  continuous: 0x8a,
  recognition: 0x8b,
  protocols: 0x8c,
  typeA: 0x8d,
  typeB: 0x8e,
  typeF: 0x93,
  interfaces: 0x95,
} as const;

const EF = 0xef;
/** Contactless protocol parameters, user interaction parameters. */
const PROTOCOL = 0xa0;
const INTERACTION = 0xa1;
const INITIAL = 0x81;
const ACCESS = 0xa5;
const PER_INSTANCE = 0x82;

/** How a parameter of INSTALL changes what the registry keeps. */
type Effect = "replace" | "replaceAids" | "addAids" | "removeAids";

interface Parameter {
  readonly template: number;
  readonly tag: number;
  readonly keeps: number;
  readonly effect: Effect;
  /** Bytes of the value; absent: any. */
  readonly length?: number;
}

const parameter = (template: number, tag: number, keeps: number, effect: Effect = "replace", length?: number) =>
  ({ template, tag, keeps, effect, ...(length !== undefined && { length }) }) satisfies Parameter;

/** Parameters of INSTALL's system specific parameters, tag EF (Amendment C tables 11-3 and 11-5), and where their values go. */
export const PARAMETERS = {
  protocols: parameter(PROTOCOL, 0x80, CRS_TAGS.protocols),
  recognition: parameter(PROTOCOL, 0x83, CRS_TAGS.recognition),
  continuous: parameter(PROTOCOL, 0x84, CRS_TAGS.continuous),
  typeA: parameter(PROTOCOL, 0x86, CRS_TAGS.typeA),
  typeB: parameter(PROTOCOL, 0x87, CRS_TAGS.typeB),
  typeF: parameter(PROTOCOL, 0x88, CRS_TAGS.typeF),
  display: parameter(INTERACTION, 0x7f20, CRS_TAGS.display),
  head: parameter(INTERACTION, 0xa0, CRS_TAGS.head, "replaceAids"),
  authorize: parameter(INTERACTION, 0xa1, CRS_TAGS.authorized, "addAids"),
  unauthorize: parameter(INTERACTION, 0xa2, CRS_TAGS.authorized, "removeAids"),
  crel: parameter(INTERACTION, 0xa3, CRS_TAGS.crel, "addAids"),
  uncrel: parameter(INTERACTION, 0xa4, CRS_TAGS.crel, "removeAids"),
  restricted: parameter(INTERACTION, 0xa5, CRS_TAGS.restricted, "replaceAids"),
  discretionary: parameter(INTERACTION, 0xa6, CRS_TAGS.discretionary),
  family: parameter(INTERACTION, 0x87, CRS_TAGS.family, "replace", 1),
  displayRequired: parameter(INTERACTION, 0x88, CRS_TAGS.displayRequired, "replace", 1),
} as const satisfies Readonly<Record<string, Parameter>>;

type Named = keyof typeof PARAMETERS;
type ListName = "head" | "authorize" | "unauthorize" | "crel" | "uncrel" | "restricted";

/** What an owner asks the registry to keep of an application. Values as the tags hold them, lists as AIDs. */
export type ContactlessRequest = {
  readonly [name in Exclude<Named, ListName>]?: Uint8Array;
} & { readonly [name in ListName]?: readonly Uint8Array[] } & {
  /** Initial contactless activation state: taken when the application becomes selectable, and when a lock comes off. */
  readonly activated?: boolean;
  /** `INTERFACES` that it may be reached over. */
  readonly interfaces?: number;
};

/** AIDs one after another, each a 4F. */
export const encodeAids = (aids: readonly Uint8Array[]): Uint8Array[] => aids.map((aid) => tlv(CRS_TAGS.aid, aid));

/** The EF template of INSTALL [for install] and [for registry update]. */
export function encodeContactless(request: ContactlessRequest): Uint8Array {
  const protocol: Uint8Array[] = [];
  const interaction: Uint8Array[] = [];
  const { activated, interfaces } = request;
  if (activated !== undefined) protocol.push(tlv(INITIAL, Uint8Array.of(activated ? 1 : 0)));
  if (interfaces !== undefined) protocol.push(tlv(ACCESS, tlv(PER_INSTANCE, Uint8Array.of(interfaces))));
  for (const name of Object.keys(PARAMETERS) as Named[]) {
    const value: Uint8Array | readonly Uint8Array[] | undefined = request[name];
    if (value === undefined) continue;
    const { template, tag } = PARAMETERS[name];
    const parts = value instanceof Uint8Array ? [value] : encodeAids(value);
    (template === PROTOCOL ? protocol : interaction).push(tlv(tag, ...parts));
  }
  // In the order of their numbers, as the amendment's tables have them.
  protocol.sort((a, b) => (a[0]! & 0x1f) - (b[0]! & 0x1f));
  return tlv(
    EF,
    protocol.length > 0 ? tlv(PROTOCOL, ...protocol) : NO_BYTES,
    interaction.length > 0 ? tlv(INTERACTION, ...interaction) : NO_BYTES,
  );
}

/** What the registry keeps, by tag; lists are AIDs one after another, each a 4F. */
export type ContactlessObjects = ReadonlyMap<number, Uint8Array>;

/** What INSTALL's parameters say: the objects afterwards, and the initial state where it is named. */
export interface ContactlessUpdate {
  readonly objects: ContactlessObjects;
  readonly initial?: number;
}

const validAids = (objects: readonly Tlv[]): boolean =>
  objects.every(({ tag, value }) => tag === CRS_TAGS.aid && value.length >= 5 && value.length <= 16);

/** AIDs of a list as the registry keeps it. */
export const aidsOf = (list: Uint8Array | undefined): readonly Uint8Array[] =>
  list === undefined ? [] : parseTlv(list).map(({ value }) => value);

/** Each once. */
const joined = (aids: readonly Uint8Array[]): Uint8Array =>
  concat(...encodeAids([...new Map(aids.map((aid) => [hex(aid), aid])).values()]));

/** Objects as they are once the parameters are applied. An empty value takes the object away. Undefined: the parameters are not well formed. */
export function applyContactless(
  before: ContactlessObjects,
  parameters: readonly Tlv[],
): ContactlessUpdate | undefined {
  const templates = parameters.find(({ tag }) => tag === EF)?.children ?? [];
  const objects = new Map(before);
  let initial: number | undefined;
  for (const template of templates) {
    if (template.tag !== PROTOCOL && template.tag !== INTERACTION) continue;
    for (const object of template.children ?? []) {
      const { tag, value } = object;
      if (template.tag === PROTOCOL && tag === INITIAL) {
        // 00 and 01 only: an application becomes non-activatable by itself.
        if (value.length !== 1 || value[0]! > 1) return undefined;
        initial = value[0];
      } else if (template.tag === PROTOCOL && tag === ACCESS) {
        const own = object.children?.find((child) => child.tag === PER_INSTANCE)?.value;
        if (own?.length === 1) objects.set(CRS_TAGS.interfaces, Uint8Array.from(own));
      } else if (!applyParameter(objects, template.tag, object)) return undefined;
    }
  }
  return { objects, ...(initial !== undefined && { initial }) };
}

function applyParameter(objects: Map<number, Uint8Array>, template: number, { tag, value, children }: Tlv): boolean {
  const found: Parameter | undefined = Object.values(PARAMETERS).find(
    (row) => row.template === template && row.tag === tag,
  );
  if (!found) return true; // of a later version: not for us
  const { keeps, effect, length } = found;
  if (effect !== "replace" && !validAids(children ?? [])) return false;
  if (length !== undefined && value.length !== length && value.length !== 0) return false;
  const named = effect === "replace" ? [] : (children ?? []).map((child) => child.value);
  const old = effect === "replace" ? [] : aidsOf(objects.get(keeps));
  const isNamed = (aid: Uint8Array): boolean => named.some((other) => equalBytes(other, aid));
  const next: Readonly<Record<Effect, () => Uint8Array>> = {
    replace: () => Uint8Array.from(value),
    replaceAids: () => joined(named),
    addAids: () => joined([...old, ...named]),
    removeAids: () => joined(old.filter((aid) => !isNamed(aid))),
  };
  const now = next[effect]();
  if (now.length === 0) objects.delete(keeps);
  else objects.set(keeps, now);
  return true;
}

/** One application as the CRS application's GET STATUS tells it. */
export interface CrsEntry {
  readonly aid: Uint8Array;
  readonly lifeCycle: number;
  /** `ACTIVATION`. */
  readonly activation: number;
  /** All objects that came, by tag. */
  readonly objects: ContactlessObjects;
  /** Place in the order of selection, 0 first; absent: not told. */
  readonly priority?: number;
}

/** Parts of GET STATUS's answer, put together. @throws `gp/bad-registry`, `codec/...` */
export function decodeCrsStatus(data: Uint8Array): CrsEntry[] {
  return parseTlv(data).map(({ tag, children = [] }) => {
    const objects = new Map(children.map((child) => [child.tag, child.value]));
    const aid = objects.get(CRS_TAGS.aid);
    const state = objects.get(CRS_TAGS.lifeCycle);
    if (tag !== CRS_TAGS.entry || !aid || state?.length !== 2)
      throw gpError(
        "bad-registry",
        "the card's answer to GET STATUS is not a list of 61 templates with 4F and 9F70 of two bytes",
        {},
      );
    const priority = objects.get(CRS_TAGS.priority);
    return {
      aid,
      lifeCycle: state[0]!,
      activation: state[1]!,
      objects,
      ...(priority && { priority: readUint(priority) }),
    };
  });
}

/** What SET STATUS of the CRS application did not do. Both empty: everything that was asked for. */
export interface CrsRefusals {
  /** Applications that are not there, or may not be in the state that was asked for (A1). */
  readonly failed: readonly Uint8Array[];
  /** Applications that must not be active together with others that are (A0 in a 61 template). */
  readonly conflicts: readonly { readonly aid: Uint8Array; readonly with: readonly Uint8Array[] }[];
}

const CONFLICTING = 0xa0;
const FAILED = 0xa1;

export const encodeCrsRefusals = ({ failed, conflicts }: CrsRefusals): Uint8Array => {
  const parts = conflicts.map((each) =>
    tlv(CRS_TAGS.entry, tlv(CRS_TAGS.aid, each.aid), tlv(CONFLICTING, ...encodeAids(each.with))),
  );
  if (failed.length > 0) parts.push(tlv(FAILED, ...encodeAids(failed)));
  return concat(...parts);
};

/** @throws `codec/...` */
export function decodeCrsRefusals(data: Uint8Array): CrsRefusals {
  const objects = parseTlv(data);
  const aidsIn = (parent: Tlv): Uint8Array[] =>
    (parent.children ?? []).filter(({ tag }) => tag === CRS_TAGS.aid).map(({ value }) => value);
  return {
    failed: objects.filter(({ tag }) => tag === FAILED).flatMap(aidsIn),
    conflicts: objects
      .filter(({ tag }) => tag === CRS_TAGS.entry)
      .flatMap((entry) => {
        const [aid] = aidsIn(entry);
        const others = entry.children?.find(({ tag }) => tag === CONFLICTING);
        return aid ? [{ aid, with: others ? aidsIn(others) : [] }] : [];
      }),
  };
}

/** Tags one after another, as 5C lists them. @throws `codec/truncated`, `codec/bad-tag` */
export function tagsOf(list: Uint8Array): number[] {
  const tags: number[] = [];
  for (let at = 0; at < list.length;) {
    const { tag, next } = readTag(list, at);
    tags.push(tag);
    at = next;
  }
  return tags;
}

/** P1 of the CRS application's SET STATUS. */
export const CRS_SET = { activation: 0x01, priority: 0x02, interface: 0x04, rest: 0x80 } as const;
/** Its P2 with P1 02. */
export const CRS_PRIORITY = { highest: 0x01, lowest: 0x81, volatile: 0x02, reset: 0x82 } as const;
/** Its P2 with P1 04. */
export const CRS_INTERFACE = { off: 0x00, on: 0x80 } as const;
