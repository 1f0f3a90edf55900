import { os } from "../../protocols/smp/groups/os.js";
import { isTapbenchError } from "../../util/errors.js";
import { pause } from "../../util/patience.js";
import { formatNanos, MS, SECOND, type Nanos } from "../../util/time.js";
import { firmwareError } from "./errors.js";
import { listImages, type ListedImage } from "./list.js";
import { isLost, type FirmwareTarget } from "./target.js";

/** A device leaves its answer some time to get out before it restarts. */
const SETTLE: Nanos = 500 * MS;
/** A request that was lost is made again. */
const ASK_AGAIN: Nanos = 10 * SECOND;
/** Swapping the slots of a large image takes tens of seconds. */
export const RESTART_WITHIN: Nanos = 120 * SECOND;

export interface RestartOptions {
  readonly signal?: AbortSignal | undefined;
  /** From the request until the device answers again; 120 s unless given. */
  readonly within?: Nanos | undefined;
}

/**
 * Restarts the device and waits until it is back and its images are as `arrived` wants them: until then it has not restarted yet.
 * @throws `firmware/lost-device`, `firmware/no-restart`, `smp/refused`, the signal's reason
 */
export async function restart(
  target: FirmwareTarget,
  arrived: (listed: readonly ListedImage[]) => boolean,
  { signal, within = RESTART_WITHIN }: RestartOptions = {},
): Promise<readonly ListedImage[]> {
  const { clock } = target;
  const end = clock.now() + within;
  let askAt = clock.now();
  for (;;) {
    if (clock.now() >= askAt) {
      await ask(target, signal);
      askAt = clock.now() + ASK_AGAIN;
    }
    await pause(clock, SETTLE, signal);
    const listed = await back(target, end, within, signal);
    if (listed && arrived(listed)) return listed;
    if (clock.now() < end) continue;
    throw firmwareError(
      "no-restart",
      `the device was asked to restart and has not done so in ${formatNanos(within)}; restart it by hand`,
      { seconds: within / SECOND },
    );
  }
}

/** It may restart before its answer is out. */
async function ask({ management }: FirmwareTarget, signal: AbortSignal | undefined): Promise<void> {
  try {
    await management.request(os.reset, {}, { signal });
  } catch (error) {
    if (signal?.aborted || !isLost(error)) throw error;
  }
}

/** Its images, once it answers; undefined: it went away again. */
async function back(
  target: FirmwareTarget,
  end: Nanos,
  within: Nanos,
  signal: AbortSignal | undefined,
): Promise<readonly ListedImage[] | undefined> {
  try {
    await target.reconnect({ within: Math.max(SETTLE, end - target.clock.now()), signal });
  } catch (cause) {
    if (signal?.aborted || !isTapbenchError(cause)) throw cause;
    throw firmwareError(
      "lost-device",
      `the device did not come back within ${formatNanos(within)} of its restart; power it off and on: a trial that nobody confirmed is then over`,
      { seconds: within / SECOND },
      cause,
    );
  }
  try {
    return await listImages(target.management, { signal });
  } catch (error) {
    if (signal?.aborted || !isLost(error)) throw error;
    return undefined;
  }
}
