import type { Tlv } from "../../../src/codec/tlv.js";
import {
  aidsOf,
  applyContactless,
  CRS_TAGS,
  INTERFACES,
  type CrsRefusals,
} from "../../../src/protocols/gp/contactless.js";
import { ACTIVATION, APPLICATION_STATES } from "../../../src/protocols/gp/registry.js";
import { equalBytes } from "../../../src/util/bytes.js";
import { counted, type ApplicationEntry, type CardRegistry, type ContactlessPart } from "./registry.js";

/*
 * The contactless part of the card's registry (Amendment C chapters 3 and 8): who is active over the air, and in which order.
 */

type Via = "contactless" | "wired";

/** What is forgotten with the power: numbers of applications that go before all others, by the device's wish for the next tap. */
export interface VolatilePriority {
  numbers: readonly number[];
}

/** Where an application stands that was never told anything: this card's own default is activated, as its maker ships it. */
const UNTOLD: ContactlessPart = { objects: new Map(), initial: ACTIVATION.activated, updates: 0 };

export const partOf = ({ contactless }: ApplicationEntry): ContactlessPart => contactless ?? UNTOLD;

const objectOf = (entry: ApplicationEntry, tag: number): Uint8Array | undefined => partOf(entry).objects.get(tag);

/** An entry with its contactless part changed, counted. */
const updated = (entry: ApplicationEntry, changes: Partial<ApplicationEntry>): ApplicationEntry => {
  const part = changes.contactless ?? partOf(entry);
  return { ...entry, ...changes, contactless: { ...part, updates: counted(part.updates) } };
};

const usable = ({ lifeCycle }: ApplicationEntry): boolean =>
  (lifeCycle & APPLICATION_STATES.locked) === 0 && lifeCycle >= APPLICATION_STATES.selectable;

/**
 * An application as INSTALL's parameters (tag EF) make it. Undefined: they are not well formed, or it would join a group whose head does not
 * take it.
 */
export function withParameters(
  registry: CardRegistry,
  entry: ApplicationEntry,
  parameters: readonly Tlv[],
): ApplicationEntry | undefined {
  const before = partOf(entry);
  const update = applyContactless(before.objects, parameters);
  if (!update) return undefined;
  const [head] = aidsOf(update.objects.get(CRS_TAGS.head));
  if (head && !heads(registry.application(head), entry.aid)) return undefined;
  const initial = update.initial ?? before.initial;
  if (
    update.objects.size === before.objects.size &&
    update.initial === undefined &&
    same(update.objects, before.objects)
  )
    return entry;
  return updated(entry, { contactless: { ...before, objects: update.objects, initial } });
}

const same = (a: ReadonlyMap<number, Uint8Array>, b: ReadonlyMap<number, Uint8Array>): boolean =>
  [...a].every(([tag, value]) => equalBytes(value, b.get(tag) ?? new Uint8Array(0)));

/** The head of a group names those that may join in its authorization list. */
const heads = (head: ApplicationEntry | undefined, member: Uint8Array): boolean =>
  head !== undefined && aidsOf(objectOf(head, CRS_TAGS.authorized)).some((aid) => equalBytes(aid, member));

/** A new state of life: a lock deactivates; becoming selectable, or losing a lock, takes the initial activation state (8.1, 8.3). */
export function withLifeCycle(entry: ApplicationEntry, lifeCycle: number): ApplicationEntry {
  const next = { ...entry, lifeCycle };
  if (entry.activation === ACTIVATION.nonActivatable || usable(entry) === usable(next)) return next;
  const activation = usable(next) ? partOf(entry).initial : ACTIVATION.deactivated;
  const first = entry.lifeCycle === APPLICATION_STATES.installed;
  return first || activation === entry.activation ? { ...next, activation } : updated(next, { activation });
}

/** Communication interfaces that it may be reached over: both unless INSTALL said otherwise. */
export const interfacesOf = (entry: ApplicationEntry): number =>
  objectOf(entry, CRS_TAGS.interfaces)?.[0] ?? INTERFACES.contact | INTERFACES.proximity;

/** Whether SELECT over that interface may find it. A deactivated application stays where the wired interface finds it. */
export const reachable = (entry: ApplicationEntry, via: Via): boolean =>
  via === "wired"
    ? (interfacesOf(entry) & INTERFACES.contact) !== 0
    : (interfacesOf(entry) & INTERFACES.proximity) !== 0 &&
      (entry.privileges.has("securityDomain") || entry.activation === ACTIVATION.activated);

/** All applications in the order of selection: what is volatile, what was assigned, then by the time of installation. */
export function inOrder(registry: CardRegistry, first: VolatilePriority): readonly ApplicationEntry[] {
  const place = new Map([...registry.contactless.order, ...first.numbers.toReversed()].map((number, i) => [number, i]));
  const assigned = registry.contactless.order.length;
  // A volatile place is found last in the list, and counts backwards from the front.
  const rank = ({ number }: ApplicationEntry): number => {
    const at = place.get(number);
    if (at === undefined) return Number.MAX_SAFE_INTEGER;
    return at < assigned ? at : assigned - 1 - at;
  };
  return registry.applications.toSorted((a, b) => rank(a) - rank(b));
}

/** What an application may see of the contactless registry as it is now: all of it, or those that name it as a listener (CREL). */
export interface ContactlessView {
  readonly updates: number;
  /** In the order of selection, without the issuer's domain. */
  readonly applications: readonly ApplicationEntry[];
  /** The asker's own state over the air; whether it may be that. Activating oneself needs a privilege (7.2), the rest does not. */
  readonly become: (state: number) => boolean;
  /** Only for the application that has the contactless activation privilege. */
  readonly manage?: ContactlessManager;
}

/** Changes of the contactless registry. Each is whole or did not happen. */
export interface ContactlessManager {
  readonly activate: (aids: readonly Uint8Array[], state: number) => CrsRefusals;
  /** Names of those that are not there. */
  readonly prioritise: (aids: readonly Uint8Array[], where: "highest" | "lowest" | "volatile") => readonly Uint8Array[];
  readonly resetVolatile: () => void;
  readonly switchInterface: (on: boolean) => void;
}

export function contactlessView(
  registry: CardRegistry,
  first: VolatilePriority,
  own: ApplicationEntry,
): ContactlessView {
  const manages = own.privileges.has("contactlessActivation");
  const all = manages || own.privileges.has("globalRegistry");
  const listens = (entry: ApplicationEntry): boolean =>
    aidsOf(objectOf(entry, CRS_TAGS.crel)).some((aid) => equalBytes(aid, own.aid));
  let applications: readonly ApplicationEntry[] | undefined;
  return {
    updates: registry.contactless.updates,
    // Few commands look at it.
    get applications() {
      return (applications ??= inOrder(registry, first).filter(
        (entry) => !equalBytes(entry.aid, entry.domain) && (all || listens(entry)),
      ));
    },
    become: (state) => become(registry, own, state),
    ...(manages && { manage: manager(registry, first) }),
  };
}

const manager = (registry: CardRegistry, first: VolatilePriority): ContactlessManager => ({
  activate: (aids, state) => activate(registry, aids, state),
  prioritise(aids, where) {
    const known = aids.flatMap((aid) => withMembers(registry, aid));
    const numbers = [...new Set(known.map(({ number }) => number))];
    if (numbers.length > 0) {
      const rest = inOrder(registry, { numbers: [] })
        .map(({ number }) => number)
        .filter((number) => !numbers.includes(number));
      if (where === "volatile") first.numbers = numbers;
      else
        registry.change([], {
          order: where === "highest" ? [...numbers, ...rest] : [...rest, ...numbers],
        });
    }
    return aids.filter((aid) => withMembers(registry, aid).length === 0);
  },
  resetVolatile: () => (first.numbers = []),
  switchInterface(on) {
    if (registry.contactless.on !== on) registry.change([], { on });
  },
});

/** Members of a group, in the order of their installation. */
export const membersOf = (registry: CardRegistry, head: ApplicationEntry): readonly ApplicationEntry[] =>
  registry.applications.filter((entry) => {
    const [own] = aidsOf(objectOf(entry, CRS_TAGS.head));
    return own !== undefined && equalBytes(own, head.aid);
  });

/** An application and, where it heads a group, its members: what happens to the head happens to them. */
function withMembers(registry: CardRegistry, aid: Uint8Array): readonly ApplicationEntry[] {
  const entry = registry.application(aid);
  if (!entry || equalBytes(entry.aid, entry.domain)) return [];
  return [entry, ...membersOf(registry, entry)];
}

/** An application makes itself non-activatable, and nobody else ends that (3.11.4.2.2). */
function become(registry: CardRegistry, { aid, privileges }: ApplicationEntry, state: number): boolean {
  const own = registry.application(aid);
  if (!own) return false;
  if (state === ACTIVATION.activated) {
    if (!privileges.has("contactlessSelfActivation") && !privileges.has("contactlessActivation")) return false;
    const { failed, conflicts } = activate(registry, [aid], state);
    return failed.length + conflicts.length === 0;
  }
  if (state !== ACTIVATION.deactivated && state !== ACTIVATION.nonActivatable) return false;
  if (own.activation !== state) registry.change([updated(own, { activation: state })]);
  return true;
}

/** Every application by itself: those that cannot be changed are told, the others change together. */
function activate(registry: CardRegistry, aids: readonly Uint8Array[], state: number): CrsRefusals {
  const failed: Uint8Array[] = [];
  const conflicts: { readonly aid: Uint8Array; readonly with: readonly Uint8Array[] }[] = [];
  const now = new Map(registry.applications.map((entry) => [entry.number, entry]));
  const changed = new Map<number, ApplicationEntry>();
  for (const aid of aids) {
    const found = withMembers(registry, aid);
    if (found.length === 0) failed.push(aid);
    for (const { number } of found) {
      const entry = now.get(number)!;
      if (entry.activation === state) continue;
      const rivals = state === ACTIVATION.activated ? rivalsOf(entry, [...now.values()]) : [];
      if (entry.activation === ACTIVATION.nonActivatable || (state === ACTIVATION.activated && !usable(entry)))
        failed.push(entry.aid);
      else if (rivals.length > 0) conflicts.push({ aid: entry.aid, with: rivals.map((rival) => rival.aid) });
      else {
        const next = updated(entry, { activation: state });
        now.set(number, next);
        changed.set(number, next);
      }
    }
  }
  if (changed.size > 0) registry.change([...changed.values()]);
  return { failed, conflicts };
}

/** Active applications that must not be active together with this one, whichever of the two says so (policy restricted applications). */
function rivalsOf(entry: ApplicationEntry, all: readonly ApplicationEntry[]): readonly ApplicationEntry[] {
  const restricts = (one: ApplicationEntry, other: ApplicationEntry): boolean =>
    aidsOf(objectOf(one, CRS_TAGS.restricted)).some((aid) => equalBytes(aid, other.aid));
  return all.filter(
    (other) =>
      other.number !== entry.number &&
      other.activation === ACTIVATION.activated &&
      (restricts(entry, other) || restricts(other, entry)),
  );
}
