/** What a counter says about a transaction: `late` fills a gap, as a transit gate that stores and forwards does. */
export type AtcVerdict = "next" | "skipped" | "late" | "replayed" | "too-far";

interface Seen {
  readonly highest: number;
  /** Below it, and not seen yet. */
  readonly gaps: ReadonlySet<number>;
}

/** Counters of all tokens: each value counts once. */
export interface AtcRegister {
  /** How far a counter may jump ahead. */
  readonly window: number;
  judge(token: string, atc: number): AtcVerdict;
  /** The value is used up. Only for what a right cryptogram proved. */
  use(token: string, atc: number): void;
  /** Values that were skipped and may still come, lowest first. */
  gaps(token: string): readonly number[];
  /** Highest value so far; 0 when there was none. */
  highest(token: string): number;
  /** All of it, to go on from. */
  save(): AtcState;
}

/** Counters at rest: of each token the highest value, and the gaps below it. */
export type AtcState = readonly (readonly [token: string, highest: number, gaps: readonly number[]])[];

/** @param window how far a counter may jump ahead, and how far back a late one may lie */
export function createAtcRegister(window: number, from: AtcState = []): AtcRegister {
  const all = new Map<string, Seen>(from.map(([token, highest, gaps]) => [token, { highest, gaps: new Set(gaps) }]));
  const of = (token: string): Seen => all.get(token) ?? { highest: 0, gaps: new Set() };

  function judge(token: string, atc: number): AtcVerdict {
    const { highest, gaps } = of(token);
    if (atc > highest + window) return "too-far";
    if (atc > highest) return atc === highest + 1 ? "next" : "skipped";
    return gaps.has(atc) ? "late" : "replayed";
  }

  return {
    window,
    judge,
    use(token, atc) {
      const seen = of(token);
      if (atc === seen.highest + 1 && seen.gaps.size === 0) {
        all.set(token, { highest: atc, gaps: seen.gaps });
        return;
      }
      const gaps = new Set(seen.gaps);
      for (let skipped = Math.max(seen.highest + 1, atc - window); skipped < atc; skipped++) gaps.add(skipped);
      gaps.delete(atc);
      const highest = Math.max(seen.highest, atc);
      for (const gap of gaps) if (gap < highest - window) gaps.delete(gap);
      all.set(token, { highest, gaps });
    },
    gaps: (token) => [...of(token).gaps].toSorted((a, b) => a - b),
    highest: (token) => of(token).highest,
    save: () => [...all].map(([token, { highest, gaps }]) => [token, highest, [...gaps]]),
  };
}
