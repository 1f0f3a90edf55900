/** Integer nanoseconds since the bench was switched on. Not a date: a date is another argument. */
export type Nanos = number;

export const US: Nanos = 1_000;
export const MS: Nanos = 1_000_000;
export const SECOND: Nanos = 1_000_000_000;

/** Frequency of the reader's field, ISO/IEC 14443-2 6.1. */
export const CARRIER_HZ = 13_560_000;

/** Time of that many carrier cycles (1/fc), rounded to whole nanoseconds. */
export const carrierCycles = (cycles: number): Nanos => Math.round((cycles * SECOND) / CARRIER_HZ);

/** For people: three significant digits, in the unit that fits. */
export function formatNanos(time: Nanos): string {
  if (time < US) return `${time} ns`;
  if (time < MS) return `${(time / US).toPrecision(3)} us`;
  if (time < SECOND) return `${(time / MS).toPrecision(time < 100 * MS ? 3 : 4)} ms`;
  return `${(time / SECOND).toPrecision(4)} s`;
}

/** Where time comes from and who wakes whom: virtual in the emulator, real beside a wire. */
export interface Clock {
  now(): Nanos;
  /** Runs once after `delay`; returns how to cancel it. */
  after(delay: Nanos, run: () => void): () => void;
}
