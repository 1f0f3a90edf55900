import type { Combination, Indicators } from "./combination.js";
import { kernelNumber, requestedKernel, type DirectoryEntry } from "./directory.js";

/** A combination of the terminal after pre-processing. */
export interface Prepared {
  readonly combination: Combination;
  readonly indicators: Indicators;
}

/** An application of the card that a combination of the terminal can serve. */
export interface Candidate extends Prepared {
  readonly adf: Uint8Array;
  readonly priority: number;
  readonly label?: Uint8Array | undefined;
  /** What SELECT carries behind the ADF name. */
  readonly extended?: Uint8Array | undefined;
}

/**
 * What card and terminal have in common, best first (EMV Contactless Book B 3.3.2.4 to 3.3.2.7): by the card's priority, then in the
 * card's order. Where two AIDs of one kernel fit an entry, the longer one serves it.
 */
export function findCandidates(
  entries: readonly DirectoryEntry[],
  prepared: readonly Prepared[],
): readonly Candidate[] {
  const found: Candidate[] = [];
  for (const entry of entries) {
    const requested = requestedKernel(entry);
    if (requested === undefined) continue;
    const perKernel = new Map<string, Prepared>();
    for (const one of prepared) {
      const { combination, indicators } = one;
      if (indicators.notAllowed || !serves(combination, entry.adf)) continue;
      if (requested !== "any" && kernelNumber(combination.kernel) !== requested) continue;
      const other = perKernel.get(combination.kernel);
      if (!other || combination.aid.length > other.combination.aid.length) perKernel.set(combination.kernel, one);
    }
    for (const one of perKernel.values()) found.push(candidate(entry, one));
  }
  // 0 is "no priority": behind all others. The sort is stable, so equals stay in the card's order.
  return found.toSorted((a, b) => (a.priority || 16) - (b.priority || 16));
}

function candidate(
  { adf, priority, label, extended }: DirectoryEntry,
  { combination, indicators }: Prepared,
): Candidate {
  const extend =
    combination.extendedSelection === true &&
    extended !== undefined &&
    extended.length > 0 &&
    adf.length + extended.length <= 16;
  return { adf, priority, combination, indicators, label, extended: extend ? extended : undefined };
}

/** Whether a combination's AID is the card's ADF name, or the start of it where that may be. */
function serves({ aid, partial }: Combination, adf: Uint8Array): boolean {
  if (aid.length > adf.length || (aid.length < adf.length && partial === false)) return false;
  for (let i = 0; i < aid.length; i++) if (adf[i] !== aid[i]) return false;
  return true;
}
