import type { Clock, Nanos } from "../util/time.js";

const LONGEST_TIMER_MS = 0x7fff_ffff;

/** Somebody who waits. */
interface Waiter {
  readonly due: Nanos;
  readonly run: () => void;
}

/**
 * The machine's monotonic clock: nanoseconds since this clock was made. All who wait share one timer, which stays when they need it no longer: a
 * deadline is set for every request and hardly ever comes, and to set and clear a timer costs more than the request (measured: 19 us).
 */
export function monotonicClock(): Clock {
  const start = process.hrtime.bigint();
  const now = (): Nanos => Number(process.hrtime.bigint() - start);
  const waiting = new Set<Waiter>();
  let timer: NodeJS.Timeout | undefined;
  let rings = Infinity;

  const arm = (due: Nanos): void => {
    clearTimeout(timer);
    rings = due;
    timer = setTimeout(ring, Math.min(LONGEST_TIMER_MS, Math.max(0, Math.ceil((due - now()) / 1e6))));
  };
  const ring = (): void => {
    timer = undefined;
    rings = Infinity;
    const at = now();
    // Who is due may make others wait, or no longer: those that are still there, in order of their time.
    const due = [...waiting].filter((each) => each.due <= at).toSorted((a, b) => a.due - b.due);
    try {
      for (const each of due) if (waiting.delete(each)) each.run();
    } finally {
      const next = Math.min(...[...waiting].map((each) => each.due));
      if (waiting.size > 0 && (timer === undefined || next < rings)) arm(next);
    }
  };
  return {
    now,
    after: (delay, run) => {
      const waiter = { due: now() + Math.max(0, delay), run };
      waiting.add(waiter);
      if (timer === undefined || waiter.due < rings) arm(waiter.due);
      else timer.ref();
      return () => {
        // A timer that nobody needs keeps no process alive.
        if (waiting.delete(waiter) && waiting.size === 0) timer?.unref();
      };
    },
  };
}
