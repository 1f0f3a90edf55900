import type { ShownDevice } from "../../bench/virtual-reader.js";
import type { ScheduleStep } from "../schedule.js";

/** Whether pcscd sees the device. */
export interface Presence {
  tell(placed: boolean): void;
  /** Runs once pcscd sees the device, or sees it no more; at once when that is so already. It takes the place of what waited before. */
  when(placed: boolean, run: () => void): void;
  forget(): void;
}

export function watchedPresence(): Presence {
  let now = false;
  let waiting: { readonly placed: boolean; readonly run: () => void } | undefined;
  const settle = (): void => {
    if (waiting?.placed !== now) return;
    const { run } = waiting;
    waiting = undefined;
    run();
  };
  return {
    tell(placed) {
      now = placed;
      settle();
    },
    when(placed, run) {
      waiting = { placed, run };
      settle();
    },
    forget: () => void (waiting = undefined),
  };
}

/** Places and removes the device by a schedule, over and over; a step's time runs from when pcscd has seen it. Returns how to stop. */
export function followSchedule(schedule: readonly ScheduleStep[], shown: ShownDevice, presence: Presence): () => void {
  let timer: NodeJS.Timeout | undefined;
  const follow = (index: number): void => {
    const step = schedule[index % schedule.length]!;
    if (step.placed) shown.place();
    else shown.remove();
    presence.when(step.placed, () => {
      timer = setTimeout(() => follow(index + 1), step.millis);
    });
  };
  follow(0);
  return () => {
    presence.forget();
    clearTimeout(timer);
  };
}
