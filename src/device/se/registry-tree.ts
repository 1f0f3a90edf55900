import { getStatus, type SecuredCard } from "../../protocols/gp/poller.js";
import { APPLICATION_STATES, CARD_STATES, LOADED, type RegistryEntry } from "../../protocols/gp/registry.js";
import type { CardAsking } from "../../protocols/iso7816/poller.js";
import { hex } from "../../util/bytes.js";
import { isTapbenchError } from "../../util/errors.js";

/** All that a security domain is told of the registry. */
export interface Registry {
  /** The issuer's domain; absent: this one may not know of it. */
  readonly issuer?: RegistryEntry;
  readonly applications: readonly RegistryEntry[];
  readonly loadFiles: readonly RegistryEntry[];
}

/** GET STATUS of everything: elements that tell no modules, or no TLV, are asked for less. @throws `gp/refused`, `gp/bad-registry` */
export function* readRegistry(card: SecuredCard): CardAsking<Registry> {
  function* scope(name: Parameters<typeof getStatus>[1], other?: Parameters<typeof getStatus>[1]) {
    try {
      return yield* getStatus(card, name);
    } catch (error) {
      if (!isTapbenchError(error, "gp/refused") || other === undefined) throw error;
      return yield* getStatus(card, other);
    }
  }
  const [issuer] = yield* scope("issuerDomain");
  const applications = yield* scope("applications");
  const loadFiles = yield* scope("loadFilesAndModules", "loadFiles");
  return { ...(issuer && { issuer }), applications, loadFiles };
}

/** The entry of an application or domain. */
export const entryOf = ({ issuer, applications }: Registry, aid: Uint8Array): RegistryEntry | undefined =>
  [...(issuer ? [issuer] : []), ...applications].find((entry) => hex(entry.aid) === hex(aid));

/** Entries below the domain that they belong to. Those whose domain is not told stand at the top. */
export interface Branch {
  readonly entry: RegistryEntry;
  readonly kind: "issuer domain" | "domain" | "application" | "load file";
  readonly below: readonly Branch[];
}

export function registryTree({ issuer, applications, loadFiles }: Registry): readonly Branch[] {
  const domains = new Set([issuer, ...applications].flatMap((entry) => (entry ? [hex(entry.aid)] : [])));
  /** Of each entry once: cards have told of domains in circles. */
  const told = new Set<RegistryEntry>();
  const branch = (entry: RegistryEntry, kind: Branch["kind"]): Branch => {
    told.add(entry);
    const name = hex(entry.aid);
    const under = (all: readonly RegistryEntry[]): RegistryEntry[] =>
      all.filter((one) => one.domain && hex(one.domain) === name && one !== entry && !told.has(one));
    const apps = kind === "load file" ? [] : under(applications).map((one) => branch(one, kindOf(one)));
    const files = kind === "load file" ? [] : under(loadFiles).map((one) => branch(one, "load file"));
    return { entry, kind, below: [...apps, ...files] };
  };
  const top = issuer ? [branch(issuer, "issuer domain")] : [];
  const hasParent = ({ domain, aid }: RegistryEntry): boolean =>
    domain !== undefined && domains.has(hex(domain)) && hex(domain) !== hex(aid);
  for (const pass of [false, true])
    for (const [all, kind] of [
      [applications, undefined],
      [loadFiles, "load file"],
    ] as const)
      for (const entry of all)
        if (!told.has(entry) && (pass || !hasParent(entry))) top.push(branch(entry, kind ?? kindOf(entry)));
  return top;
}

const kindOf = ({ privileges }: RegistryEntry): Branch["kind"] =>
  privileges?.has("securityDomain") ? "domain" : "application";

const nameIn = (states: Readonly<Record<string, number>>, state: number): string | undefined =>
  Object.entries(states).find(([, value]) => value === state)?.[0];

/** `cardLocked` to `CARD_LOCKED`: as the specification spells it. */
const spelt = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

/** A life cycle state by its name (tables 11-3, 11-4, 11-6); of an application's own states the number. */
export function lifeCycleName(lifeCycle: number, kind: Branch["kind"]): string {
  const number = lifeCycle.toString(16).toUpperCase().padStart(2, "0");
  if (kind === "issuer domain") return spelt(nameIn(CARD_STATES, lifeCycle) ?? number);
  if (kind === "load file") return lifeCycle === LOADED ? "LOADED" : number;
  const { locked, ...states } = APPLICATION_STATES;
  const under = spelt(nameIn(states, lifeCycle & ~locked) ?? number);
  return (lifeCycle & locked) === 0 ? under : `LOCKED (${under})`;
}
