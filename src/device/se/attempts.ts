import type { TapbenchError } from "../../util/errors.js";
import { hex } from "../../util/bytes.js";
import { seError } from "./errors.js";

/*
 * What keeps an element from being blocked by mistake. No standard object tells how many authentications an element still allows, and some count
 * INITIALIZE UPDATE as one: so each is written down before it is sent, and keys that failed on an element are not tried there a second time.
 */

/**
 * `begun`: INITIALIZE UPDATE was about to be sent, and nothing more is known. `fits`: the card's cryptogram showed the keys to be right, and no
 * authentication followed. `refused`: the card gave no challenge. `wrong-keys`: they are not the card's.
 */
export const OUTCOMES = ["begun", "fits", "refused", "wrong-keys"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** One INITIALIZE UPDATE. Those of a key version that ended in a session are not kept. */
export interface Attempt {
  /** AID of the security domain in hex; `issuer` where it does not tell. */
  readonly domain: string;
  /** Key version that was asked for; 0: the card's own choice. */
  readonly asked: number;
  /** Key version that the card answered with. */
  readonly version?: number;
  /** Salted digest of the keys. */
  readonly keys: string;
  /** What the key set is called. */
  readonly label: string;
  readonly outcome: Outcome;
}

/** So many authentications in a row that came to nothing, and one has to look first. Elements allow some ten, a few of them three. */
const MOST_UNSETTLED = 3;
/** Attempts that are kept: more than that only repeat. */
const MOST_KEPT = 64;

const sameVersion = (attempt: Attempt, asked: number): boolean =>
  asked === 0 || attempt.asked === asked || attempt.version === asked;

const versionText = (version: number): string =>
  version === 0 ? "the card's default key version" : `key version 0x${hex(Uint8Array.of(version))}`;

/**
 * Why these keys should not be tried now; undefined: nothing is known against it. Version 0 may be any version: keys that failed on one count.
 * `authenticates`: EXTERNAL AUTHENTICATE would follow, which settles it.
 */
export function against(
  attempts: readonly Attempt[],
  wanted: Pick<Attempt, "domain" | "asked" | "keys" | "label">,
  authenticates: boolean,
): TapbenchError | undefined {
  const there = attempts.filter((it) => it.domain === wanted.domain && sameVersion(it, wanted.asked));
  const mine = there.filter(({ keys }) => keys === wanted.keys);
  const failed = mine.find(({ outcome }) => outcome === "wrong-keys");
  const { domain, asked } = wanted;
  if (failed)
    return seError(
      "keys-failed-before",
      `the keys ${wanted.label} failed on this element before (${versionText(failed.version ?? failed.asked)}), and another failure may block it: nothing was sent; give the right keys, or say --try-again`,
      { domain, version: failed.version ?? failed.asked, label: wanted.label },
    );
  const unsettled = there.filter(({ outcome }) => outcome === "begun" || outcome === "fits");
  const known = authenticates && mine.some(({ outcome }) => outcome === "fits");
  if (unsettled.length < MOST_UNSETTLED || known) return undefined;
  return seError(
    "unsettled-attempts",
    `${unsettled.length} attempts in a row on this element came to no authentication (${versionText(asked)}), and it may count them: nothing was sent; look at the wire, then say --try-again`,
    { domain, version: asked, attempts: unsettled.length },
  );
}

/** With one more attempt, that is about to be made. Of those that came to nothing the last is kept: many of them push no warning out. */
export const begun = (
  attempts: readonly Attempt[],
  attempt: Omit<Attempt, "outcome" | "version">,
): readonly Attempt[] =>
  [...attempts.filter(({ outcome }) => outcome !== "refused"), { ...attempt, outcome: "begun" as const }].slice(
    -MOST_KEPT,
  );

/** With what the last one came to. */
export const settled = (
  attempts: readonly Attempt[],
  outcome: Exclude<Outcome, "begun">,
  version?: number,
): readonly Attempt[] => {
  const last = attempts.at(-1);
  if (!last) return attempts;
  return [...attempts.slice(0, -1), { ...last, ...(version !== undefined && { version }), outcome }];
};

/** After an authentication that succeeded: elements forgive earlier failures then, so nothing of that key version counts any more. */
export const cleared = (attempts: readonly Attempt[], domain: string, version: number): readonly Attempt[] => {
  const last = attempts.at(-1);
  // Of one that the card never answered, what was asked for says which version it was: the same as now.
  const versionOf = (it: Attempt): number => it.version ?? (it.asked === last?.asked ? version : it.asked);
  return attempts.filter((it) => it !== last && (it.domain !== domain || versionOf(it) !== version));
};
