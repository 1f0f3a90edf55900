import type { Clock, Nanos } from "../util/time.js";

const LONGEST_TIMER_MS = 0x7fff_ffff;

/** The machine's monotonic clock: nanoseconds since this clock was made. */
export function monotonicClock(): Clock {
  const start = process.hrtime.bigint();
  return {
    now: (): Nanos => Number(process.hrtime.bigint() - start),
    after: (delay, run) => {
      const timer = setTimeout(run, Math.min(LONGEST_TIMER_MS, Math.max(0, Math.ceil(delay / 1e6))));
      return () => clearTimeout(timer);
    },
  };
}
