/** What is said of many measurements of one thing, in their unit. */
export interface Summary {
  readonly count: number;
  readonly min: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

/**
 * The smallest value that at least `percent` of all values do not exceed: the nearest-rank definition, rank ceil(percent / 100 * count), so always a
 * value that was measured. `sorted`: ascending, one at least. `percent`: above 0, up to 100.
 */
export function percentile(sorted: ArrayLike<number>, percent: number): number {
  const rank = Math.ceil((percent * sorted.length) / 100);
  return sorted[Math.min(sorted.length, Math.max(1, rank)) - 1]!;
}

/** Undefined where nothing was measured. */
export function summary(values: Iterable<number>): Summary | undefined {
  const sorted = Float64Array.from(values).toSorted();
  if (sorted.length === 0) return undefined;
  return {
    count: sorted.length,
    min: sorted[0]!,
    p50: percentile(sorted, 50),
    p95: percentile(sorted, 95),
    max: sorted.at(-1)!,
  };
}
