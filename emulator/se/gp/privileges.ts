import { privilegeBytes, privilegesOf, type Privilege } from "../../../src/protocols/gp/registry.js";
import { concat, equalBytes } from "../../../src/util/bytes.js";
import type { CardManager } from "../applet.js";
import { ONLY_ONE, type ApplicationEntry, type CardRegistry } from "./registry.js";

/*
 * Privileges (GlobalPlatform Card Specification 2.3.1, 6.6): what each does on this card, and who may have it. One that would do nothing is refused.
 */

/** `domain`: only with the Security Domain privilege. `nobody`: the card has no such function; only its issuer's domain may carry the name. */
const HOLDERS: Readonly<Record<Privilege, "domain" | "anybody" | "nobody">> = {
  securityDomain: "domain",
  // No load file is verified for a third party here, and none comes enciphered: built-in classes stand for code.
  dapVerification: "nobody",
  mandatedDapVerification: "nobody",
  cipheredLoadFileDataBlock: "nobody",
  // Delegated management needs tokens, and answers with receipts; this card verifies and makes neither.
  delegatedManagement: "nobody",
  tokenVerification: "nobody",
  receiptGeneration: "nobody",
  // No application here offers or uses a shared PIN or another service.
  cvmManagement: "nobody",
  globalService: "nobody",
  /** Locks and unlocks the card with SET STATUS. */
  cardLock: "domain",
  cardTerminate: "domain",
  /** Is selected where nothing else is. */
  cardReset: "anybody",
  /** Hands STORE DATA on to its applications. */
  trustedPath: "domain",
  /** Loads, installs, extradites and deletes on its own account. */
  authorizedManagement: "domain",
  globalDelete: "domain",
  globalLock: "domain",
  /** Sees all of the registry: a domain with GET STATUS, the CRS application with its own. */
  globalRegistry: "anybody",
  /** Is selectable on a locked card. */
  finalApplication: "anybody",
  contactlessActivation: "anybody",
  contactlessSelfActivation: "anybody",
};

/** Whether the asking domain has one of them. */
export const allowed = ({ own }: CardManager, ...any: readonly Privilege[]): boolean =>
  any.some((privilege) => own.privileges.has(privilege));

/** Manages content on its own account: the issuer's domain, and those it trusts (9.1.3). */
export const manages = (manager: CardManager): boolean => allowed(manager, "authorizedManagement");

/** Whether an application or load file belongs to a domain, or to one below it. */
export function below(registry: CardRegistry, domain: Uint8Array, top: Uint8Array): boolean {
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
export const reaches = (manager: CardManager, domain: Uint8Array, globally: Privilege): boolean =>
  allowed(manager, globally) || below(manager.registry, domain, manager.own.aid);

/**
 * The privileges that one or three bytes ask for (tables 11-7 to 11-9); undefined where they are no such bytes, or where this card has no use for
 * one of them. `before`: what the application has already.
 */
export function grantable(
  registry: CardRegistry,
  bytes: Uint8Array,
  before?: ApplicationEntry,
): ReadonlySet<Privilege> | undefined {
  if (bytes.length !== 1 && bytes.length !== 3) return undefined;
  const wanted = privilegesOf(bytes);
  if (!equalBytes(privilegeBytes(wanted), concat(bytes, new Uint8Array(3 - bytes.length)))) return undefined;
  const domain = wanted.has("securityDomain");
  const fits = [...wanted].every((privilege) => {
    if (before?.privileges.has(privilege) === true) return true;
    const holder = HOLDERS[privilege];
    return holder === "anybody" || (holder === "domain" && domain);
  });
  return fits && !taken(registry, wanted, before) ? wanted : undefined;
}

/** Whether another application than the issuer's domain has what only one may have. */
const taken = (
  { applications }: CardRegistry,
  wanted: ReadonlySet<Privilege>,
  before: ApplicationEntry | undefined,
): boolean =>
  ONLY_ONE.some(
    (privilege) =>
      wanted.has(privilege) &&
      applications.some(
        (entry) =>
          entry.privileges.has(privilege) && entry.number !== before?.number && !equalBytes(entry.domain, entry.aid),
      ),
  );
