import type { Clock, Nanos } from "./time.js";

/** How long somebody waits, and what makes them give up before. */
export interface Patience {
  readonly within: Nanos;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The outcome of `work`, unless time runs out or the signal aborts first: then `late()` or the signal's reason is thrown. What `work` comes
 * to afterwards is nobody's concern; stopping it is the caller's.
 */
export function bounded<T>(
  clock: Clock,
  work: Promise<T>,
  { within, signal }: Patience,
  late: () => Error,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => {
      settle();
      reject(signal!.reason as Error);
    };
    const cancel = clock.after(within, () => {
      settle();
      reject(late());
    });
    const settle = (): void => {
      cancel();
      signal?.removeEventListener("abort", abort);
    };
    const follow = async (): Promise<void> => {
      try {
        const value = await work;
        settle();
        resolve(value);
      } catch (error) {
        settle();
        reject(error);
      }
    };
    void follow();
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort);
  });
}

/** Lets time pass. @throws the signal's reason */
export function pause(clock: Clock, time: Nanos, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      cancel();
      reject(signal!.reason as Error);
    };
    const cancel = clock.after(time, () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    });
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}
