import type { Nanos } from "../../src/util/time.js";

export interface LogLine {
  /** Counts lines since the device was made. */
  readonly number: number;
  readonly text: string;
}

/** Counters of one statistics group by name. */
export type Counters = Readonly<Record<string, number>>;

/** A long command on its way to the element, or its long response. */
export interface LongApdu {
  readonly from: string;
  readonly command?: { readonly bytes: Uint8Array; readonly length: number };
  readonly response?: Uint8Array;
}

/** The one upload of an image that the device knows of: in its memory, so gone with a reset. */
export interface ImageSession {
  readonly image: number;
  /** Bytes of the whole. */
  readonly length: number;
  /** Bytes that it has. */
  readonly off: number;
  /** Nothing: the host did not say, and the upload cannot go on after a break. */
  readonly sha: Uint8Array;
  /** The last bytes, which do not fill a write block yet. */
  readonly rest: Uint8Array;
}

/** What the microcontroller has in its memory: gone with its power, except where it says otherwise. A value: it is never changed in place. */
export interface McuState {
  readonly bootedAt: Nanos;
  /** Until then it boots, and hears nothing. */
  readonly readyAt: Nanos;
  /** Restarts since it was made; survives. */
  readonly boots: number;
  /** Wall clock as it was set: milliseconds since 1970 at that time. Survives a reset, as in a domain of its own. */
  readonly clock?: { readonly at: Nanos; readonly epochMillis: number } | undefined;
  readonly counters: Readonly<Record<string, Counters>>;
  /** Settings in use; the saved ones are in flash. */
  readonly settings: Readonly<Record<string, Uint8Array>>;
  /** The one upload that the file system group knows of. */
  readonly upload?:
    | { readonly from: string; readonly path: string; readonly length?: number | undefined; readonly at: Nanos }
    | undefined;
  readonly image?: ImageSession | undefined;
  readonly apdu?: LongApdu | undefined;
  readonly listening: boolean;
  readonly routing: "element" | "none";
  readonly resetAt?: Nanos | undefined;
  /** When the answers to what it is working on will be out. */
  readonly busy: readonly Nanos[];
  /** Buffers that were in use at once, at most. */
  readonly mostBusy: number;
  /** The last lines; numbers survive. */
  readonly log: readonly LogLine[];
  readonly lines: number;
}

const LOG_LINES = 64;
const LINE = 200;

/** Counts in counters of one group, which exist from then on: how much in each, by name. */
export function counted(state: McuState, group: string, by: Counters): McuState {
  const counters: Record<string, number> = { ...state.counters[group] };
  for (const [name, more] of Object.entries(by)) counters[name] = (counters[name] ?? 0) + more;
  return { ...state, counters: { ...state.counters, [group]: counters } };
}

/** With one more line in the log, stamped as Zephyr stamps them. */
export function logged(
  state: McuState,
  now: Nanos,
  level: "inf" | "wrn" | "err",
  source: string,
  says: string,
): McuState {
  const number = state.lines + 1;
  const text = `[${stamp(now - state.bootedAt)}] <${level}> ${source}: ${says}`.slice(0, LINE);
  return { ...state, lines: number, log: [...state.log, { number, text }].slice(-LOG_LINES) };
}

function stamp(uptime: Nanos): string {
  const micros = Math.floor(uptime / 1000);
  const part = (value: number, digits: number): string => String(value).padStart(digits, "0");
  const seconds = Math.floor(micros / 1_000_000);
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((each) => part(each, 2));
  return `${clock.join(":")}.${part(Math.floor(micros / 1000) % 1000, 3)},${part(micros % 1000, 3)}`;
}

/** The same in a run in which it is `by` later. */
export const shifted = (state: McuState, by: Nanos): McuState => ({
  ...state,
  bootedAt: state.bootedAt + by,
  readyAt: state.readyAt + by,
  clock: state.clock && { ...state.clock, at: state.clock.at + by },
  upload: state.upload && { ...state.upload, at: state.upload.at + by },
  resetAt: state.resetAt === undefined ? undefined : state.resetAt + by,
  busy: state.busy.map((end) => end + by),
});

/** Without power: it never becomes ready, and the clock is lost. The rest goes when it boots. */
export const unpowered = (state: McuState): McuState => ({
  ...state,
  readyAt: Infinity,
  clock: undefined,
  resetAt: undefined,
  busy: [],
});

/** After power-up or a reset: what survives is taken from `before`. */
export function booted(
  before: Pick<McuState, "boots" | "clock" | "lines" | "counters"> | undefined,
  settings: McuState["settings"],
  now: Nanos,
  bootTime: Nanos,
): McuState {
  const state: McuState = {
    bootedAt: now,
    readyAt: now + bootTime,
    boots: (before?.boots ?? 0) + 1,
    clock: before?.clock,
    counters: {},
    settings,
    listening: true,
    routing: "element",
    busy: [],
    mostBusy: 0,
    log: [],
    lines: before?.lines ?? 0,
  };
  return logged(state, now, "inf", "mcu", `boot ${state.boots}`);
}
