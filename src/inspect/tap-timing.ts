import type { Observed } from "../trace/header.js";
import { MS, type Nanos } from "../util/time.js";
import type { FrameRecord, TraceRecord } from "../util/tracer.js";
import { isWtx } from "./frame-groups.js";
import type { Figure, Known, Timing } from "./verdict.js";
import type { Waterfall } from "./waterfall.js";

/** What a whole tap is usually asked not to take longer than, card and reader together. No specification's limit: a rule of thumb of the trade. */
const USUAL_LIMIT: Timing["limit"] = { value: 500 * MS, says: "usual target for a whole tap" };

/** How times are known in a trace. */
export const timesKnown = ({ times }: Observed): Known => (times === "none" ? "not-observable" : times);

/** R(NAK): the reader asks for a block again. ISO/IEC 14443-4 7.1.1.1. */
const isNak = ({ from, bytes, bits }: FrameRecord): boolean =>
  from === "pcd" && bits >= 24 && (bytes[0]! & 0xf6) === 0xb2;

/** Part 6 of a verdict: time against the limit, bit rate, extensions, retries. `records` of one tap, `times` their waterfall. */
export function timingOf(
  records: readonly TraceRecord[],
  times: Waterfall,
  observed: Observed,
  limit: Timing["limit"] = USUAL_LIMIT,
): Timing {
  const known = timesKnown(observed);
  const timed = <T>(value: T): Figure<T> =>
    known === "not-observable" ? { known, note: "no times were recorded" } : { known, value };
  const frames = records.filter((record): record is FrameRecord => record.layer === "frame");
  const seen = observed.frames && frames.length > 0;
  const onAir = <T>(value: T): Figure<T> =>
    seen
      ? { known: known === "simulated" ? "simulated" : "measured", value }
      : { known: "not-observable", note: "frames were not recorded; over PC/SC they cannot be seen" };

  const slowest = times.rows.reduce<{ label: string; took: Nanos } | undefined>(
    (most, row) => (!most || row.took > most.took ? row : most),
    undefined,
  );
  return {
    total: timed(times.total),
    limit,
    ...(slowest && known !== "not-observable" && { slowest: { command: slowest.label, took: timed(slowest.took) } }),
    commands: times.apdus,
    bitRate: onAir(rates(frames)),
    wtx: onAir(frames.filter((frame) => frame.from === "picc" && isWtx(frame)).length),
    retries: onAir(frames.filter((frame) => frame.fault !== undefined || isNak(frame)).length),
  };
}

/** The highest rate each way, kbit/s: activation is always at 106. */
function rates(frames: readonly FrameRecord[]): string {
  const most = (from: FrameRecord["from"]): number =>
    frames.reduce((rate, frame) => (frame.from === from ? Math.max(rate, frame.kbps) : rate), 0);
  const shown = (rate: number): string => (rate === 0 ? "-" : String(Math.floor(rate)));
  return `${shown(most("pcd"))} / ${shown(most("picc"))}`;
}
