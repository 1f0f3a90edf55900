import { SECOND, type Nanos } from "../../util/time.js";

/** How a transfer goes. */
export interface TransferProgress {
  readonly done: number;
  readonly total: number;
  /** Bytes a second, over the last seconds; undefined: too early to tell. */
  readonly rate: number | undefined;
  readonly left: Nanos | undefined;
}

const OVER: Nanos = 5 * SECOND;

/** Works out rate and time left from how much is done when. */
export function rateMeter(now: () => Nanos): (done: number, total: number) => TransferProgress {
  let marks: { readonly at: Nanos; readonly done: number }[] = [];
  return (done, total) => {
    const at = now();
    const before = marks.at(-1);
    if (before && done < before.done) marks = []; // it begins again
    marks.push({ at, done });
    const old = marks.findLastIndex((mark) => at - mark.at >= OVER);
    if (old > 0) marks = marks.slice(old);
    const first = marks[0]!;
    const rate = at > first.at ? ((done - first.done) * SECOND) / (at - first.at) : 0;
    if (rate <= 0) return { done, total, rate: undefined, left: undefined };
    return { done, total, rate, left: Math.round(((total - done) * SECOND) / rate) };
  };
}
