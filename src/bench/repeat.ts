import { setImmediate } from "node:timers/promises";
import { commandName } from "../inspect/apdu-text.js";
import type { MemoryTrace } from "../trace/memory.js";
import { isTapbenchError, type TapbenchError } from "../util/errors.js";
import type { Nanos } from "../util/time.js";
import type { TraceRecord } from "../util/tracer.js";
import type { TapReport } from "./tap-report.js";

export interface Repetition {
  /** One tap; the field is off before it and after it. */
  readonly tap: () => TapReport | Promise<TapReport>;
  readonly times: number;
  /** What the taps are recorded with. Holds what was done before the first of them. */
  readonly tracer: MemoryTrace;
  /** A tap that takes longer has failed. */
  readonly limit?: Nanos | undefined;
  /** Go on after a failure. Default: stop there. */
  readonly keepGoing?: boolean;
  /** Lets go of what the issuer set aside for a tap, by the id of the hold: an account lasts for any number of taps. */
  readonly reverse: (hold: string) => void;
  /** Failures of the device or the wire count as failed taps; what this does not say yes to is thrown. */
  readonly isDeviceFault: (error: TapbenchError) => boolean;
  readonly signal: AbortSignal;
  readonly onTap?: ((tap: OneOfMany) => void) | undefined;
}

/** What is known of one of many taps. */
export interface OneOfMany {
  /** From 1. */
  readonly number: number;
  /** `approved`, `declined`, ...; the code of the error where the device or the wire failed. */
  readonly outcome: string;
  /** From field on to field off; absent where an error ended it. */
  readonly took?: Nanos | undefined;
  /** Approved, but not within the limit. */
  readonly slow: boolean;
  readonly passed: boolean;
  readonly report?: TapReport | undefined;
  readonly error?: TapbenchError | undefined;
}

export interface Repeated {
  readonly made: number;
  readonly passed: number;
  readonly slow: number;
  readonly outcomes: ReadonlyMap<string, number>;
  /** Of every tap that had an end, in order. */
  readonly took: readonly Nanos[];
  /** Of every command by its name, in the order in which they came first. */
  readonly commands: ReadonlyMap<string, readonly Nanos[]>;
  readonly firstFailure?: OneOfMany | undefined;
  /** What was done before the taps, and then the first failed tap, or the last one where none failed. */
  readonly records: readonly TraceRecord[];
}

/** Commands with names of their own; a device that answers at random must not fill the memory. */
const MOST_COMMANDS = 200;
const OTHERS = "other commands";
/** So that Ctrl-C is heard. */
const PAUSE_EVERY = 64;

/** Taps one after the other. Of the records only those of one tap are kept, besides those from before. */
export async function repeatTap(repetition: Repetition): Promise<Repeated> {
  const { times, tracer, limit, signal } = repetition;
  const before = tracer.records;
  const outcomes = new Map<string, number>();
  const took: Nanos[] = [];
  const commands = new Map<string, Nanos[]>();
  let kept: readonly TraceRecord[] = [];
  let firstFailure: OneOfMany | undefined;
  let made = 0;
  let passed = 0;
  let slow = 0;
  while (made < times) {
    if (made % PAUSE_EVERY === 0) await setImmediate();
    signal.throwIfAborted();
    tracer.clear();
    const one = await oneTap(repetition, made + 1, limit);
    made++;
    outcomes.set(one.outcome, (outcomes.get(one.outcome) ?? 0) + 1);
    if (one.took !== undefined) took.push(one.took);
    if (one.passed) passed++;
    if (one.slow) slow++;
    for (const record of tracer.records) {
      if (record.layer === "apdu" && record.via === "contactless") measure(commands, record.command, record.took);
      if (record.layer === "issuer" && typeof record.data?.["hold"] === "string")
        repetition.reverse(record.data["hold"]);
    }
    if (!firstFailure) kept = tracer.records;
    if (!one.passed) firstFailure ??= one;
    repetition.onTap?.(one);
    if (!one.passed && repetition.keepGoing !== true) break;
  }
  return { made, passed, slow, outcomes, took, commands, firstFailure, records: [...before, ...kept] };
}

async function oneTap(
  { tap, isDeviceFault }: Repetition,
  number: number,
  limit: Nanos | undefined,
): Promise<OneOfMany> {
  try {
    const report = await tap();
    const approved = report.outcome === "approved";
    const slow = approved && limit !== undefined && report.total > limit;
    return { number, outcome: report.outcome, took: report.total, slow, passed: approved && !slow, report };
  } catch (error) {
    if (!isTapbenchError(error) || !isDeviceFault(error)) throw error;
    return { number, outcome: error.code, slow: false, passed: false, error };
  }
}

function measure(commands: Map<string, Nanos[]>, command: Uint8Array, time: Nanos): void {
  const own = commandName(command);
  const name = commands.has(own) || commands.size < MOST_COMMANDS ? own : OTHERS;
  const times = commands.get(name);
  if (times) times.push(time);
  else commands.set(name, [time]);
}
