import { isTapbenchError } from "../../util/errors.js";
import type { Patience } from "../../util/patience.js";
import { formatNanos, SECOND, type Clock, type Nanos } from "../../util/time.js";
import type { ManagedDevice } from "../management.js";
import { firmwareError } from "./errors.js";

/** A device whose firmware can be replaced: it goes away when it restarts, and comes back on the same wire. */
export interface FirmwareTarget {
  /** As connected last. */
  readonly management: ManagedDevice;
  readonly clock: Clock;
  /** Connects anew once the device answers again. @throws `transport/...`, `smp/no-answer` */
  readonly reconnect: (patience: Patience) => Promise<void>;
}

/** How long the caller waits for all of it, and what makes them give up before. */
export interface FirmwareOptions {
  readonly signal?: AbortSignal | undefined;
  /** For all of it, from now. Absent: each step has an end of its own. */
  readonly within?: Nanos | undefined;
}

/** Runs work that ends with the signal or the deadline. @throws `firmware/too-late`, the signal's reason, what `work` throws */
export async function inTime<T>(
  { clock }: Pick<FirmwareTarget, "clock">,
  { signal, within }: FirmwareOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const end = new AbortController();
  const cancel =
    within === undefined
      ? undefined
      : clock.after(within, () =>
          end.abort(
            firmwareError("too-late", `it was not done within ${formatNanos(within)}; what is done stays done`, {
              seconds: within / SECOND,
            }),
          ),
        );
  try {
    return await work(signal ? AbortSignal.any([signal, end.signal]) : end.signal);
  } finally {
    cancel?.();
  }
}

const TRIES = 5;
const RECONNECT: Nanos = 30 * SECOND;

/** Does what may be done twice; when the wire breaks, once more over a new one. @throws what `act` throws */
export async function steadily<T>(
  target: FirmwareTarget,
  signal: AbortSignal,
  act: (device: ManagedDevice) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await act(target.management);
    } catch (error) {
      if (signal.aborted || !isLost(error) || tries === TRIES) throw error;
    }
    await target.reconnect({ within: RECONNECT, signal });
  }
}

/** The wire broke, or the device does not answer: it may come back. */
export const isLost = (error: unknown): boolean =>
  isTapbenchError(error) && (error.code.startsWith("transport/") || error.code === "smp/no-answer");
