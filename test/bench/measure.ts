import { performance } from "node:perf_hooks";

const ROUNDS = 15;
/** A tap runs a lot of code once: the compiler needs thousands of taps to settle. In slices. */
const WARM_UP = 45;

/**
 * Rates (a second) of several things, measured in turn, so that a machine whose speed drifts drifts for all of them. One warm-up round is not
 * counted. Each list has a rate a round.
 */
export function alternate<K extends string>(
  work: Readonly<Record<K, () => void>>,
  seconds: number,
): Record<K, number[]> {
  const names = Object.keys(work) as K[];
  const rates = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<K, number[]>;
  const slice = (seconds * 1000) / ROUNDS;
  for (let round = -1; round < ROUNDS; round++)
    for (const name of names) {
      const rate = rateOf(work[name], round < 0 ? slice * WARM_UP : slice);
      if (round >= 0) rates[name].push(rate);
    }
  return rates;
}

function rateOf(once: () => void, millis: number): number {
  const start = performance.now();
  let count = 0;
  let elapsed: number;
  do {
    once();
    count++;
    elapsed = performance.now() - start;
  } while (elapsed < millis);
  return (count * 1000) / elapsed;
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

/** Heap bytes allocated each time, from the growth of the heap between collections. */
export function bytesAllocated(once: () => unknown, times: number): number {
  let sum = 0;
  let counted = 0;
  for (let i = 0; i < times; i++) {
    const before = process.memoryUsage().heapUsed;
    once();
    const grown = process.memoryUsage().heapUsed - before;
    if (grown < 0) continue; // a collection came between
    sum += grown;
    counted++;
  }
  return sum / counted;
}
