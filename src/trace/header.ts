import { createHash } from "node:crypto";
import { hex } from "../util/bytes.js";
import { traceError } from "./errors.js";
import { TOOL } from "./version.js";

export const TRACE_FORMAT = "tapbench-trace";
export const TRACE_VERSION = "1.1";

/** What whoever recorded could see of what happened. */
export interface Observed {
  /** Virtual time, a clock beside the wire, or none: then every `at` and `took` is 0. */
  readonly times: "simulated" | "measured" | "none";
  /** Frames on the air. Over PC/SC and in logs of APDUs they are not observable: neither are waiting time extensions. */
  readonly frames: boolean;
}

/** First line of a trace file. No wall time: the same run gives the same file. */
export interface TraceHeader {
  readonly format: typeof TRACE_FORMAT;
  readonly version: string;
  readonly tool: string;
  /** Seed of the run; empty on hardware. */
  readonly seed: string;
  /** Name of the device profile or the spec string of the device. */
  readonly profile: string;
  /** SHA-256 of the resolved configuration, from `configurationHash`. */
  readonly configuration: string;
  /** Account data was taken out: what is left decodes, but cannot be verified. */
  readonly masked: boolean;
  readonly observed: Observed;
  /** Where it comes from when not from a run of ours: the format that it was imported from. */
  readonly source?: string;
}

/** What a run says about itself; the writer adds the rest. */
export type TraceIdentity = Pick<TraceHeader, "seed" | "profile" | "configuration"> &
  Partial<Pick<TraceHeader, "tool" | "observed" | "source">>;

/** Of runs on the emulator, and of traces from before this was said (1.0). */
const SIMULATED: Observed = { times: "simulated", frames: true };

export const traceHeader = (identity: TraceIdentity, masked: boolean): TraceHeader => ({
  format: TRACE_FORMAT,
  version: TRACE_VERSION,
  tool: identity.tool ?? TOOL,
  seed: identity.seed,
  profile: identity.profile,
  configuration: identity.configuration,
  masked,
  observed: identity.observed ?? SIMULATED,
  ...(identity.source !== undefined && { source: identity.source }),
});

/** One line, keys always in the same order. */
export const encodeHeader = (header: TraceHeader): string =>
  JSON.stringify({
    format: header.format,
    version: header.version,
    tool: header.tool,
    seed: header.seed,
    profile: header.profile,
    configuration: header.configuration,
    masked: header.masked,
    observed: { times: header.observed.times, frames: header.observed.frames },
    source: header.source,
  });

const TIMES: readonly unknown[] = ["simulated", "measured", "none"] satisfies Observed["times"][];

function observedOf(value: unknown): Observed {
  const { times, frames } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return {
    times: TIMES.includes(times) ? (times as Observed["times"]) : SIMULATED.times,
    frames: typeof frames === "boolean" ? frames : SIMULATED.frames,
  };
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

/**
 * Older minor versions are read, and newer ones too: they only add. A newer major version means that fields changed their meaning.
 * @throws `trace/not-a-trace`, `trace/newer-version`
 */
export function decodeHeader(line: string): TraceHeader {
  const refuse = (): Error =>
    traceError("not-a-trace", "the file does not begin with a tapbench trace header; give a file that tapbench wrote", {
      line: 1,
    });
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw refuse();
  }
  if (typeof value !== "object" || value === null) throw refuse();
  const fields = value as Record<string, unknown>;
  const version = /^(\d{1,4})\.(\d{1,4})$/.exec(text(fields.version));
  if (fields.format !== TRACE_FORMAT || !version) throw refuse();
  const [ourMajor] = TRACE_VERSION.split(".").map(Number) as [number];
  if (Number(version[1]) > ourMajor)
    throw traceError(
      "newer-version",
      `the trace has version ${version[0]}, this tapbench reads up to ${ourMajor}.x; update tapbench to read it`,
      { version: version[0], reads: TRACE_VERSION, line: 1 },
    );
  return {
    format: TRACE_FORMAT,
    version: version[0],
    tool: text(fields.tool),
    seed: text(fields.seed),
    profile: text(fields.profile),
    configuration: text(fields.configuration),
    masked: fields.masked !== false, // unsaid counts as masked: nobody then trusts a failed check
    observed: observedOf(fields.observed),
    ...(fields.source !== undefined && { source: text(fields.source) }),
  };
}

/** Whether a version has fields and layers that this reader does not know. */
export const isNewerMinor = (version: string): boolean => {
  const [major, minor] = version.split(".").map(Number) as [number, number];
  const [ourMajor, ourMinor] = TRACE_VERSION.split(".").map(Number) as [number, number];
  return major === ourMajor && minor > ourMinor;
};

/**
 * SHA-256, upper-case hex, over a canonical form of a resolved configuration: keys sorted, bytes as hex, big integers as text, maps as
 * sorted pairs. Two runs with the same value had the same profiles, keys and limits.
 */
export const configurationHash = (configuration: unknown): string =>
  hex(new Uint8Array(createHash("sha256").update(canonical(configuration)).digest()));

const byKey = (a: readonly [string, unknown], b: readonly [string, unknown]): number =>
  a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;

function canonical(value: unknown): string {
  if (value instanceof Uint8Array) return `"${hex(value)}"`;
  if (value instanceof Date) return JSON.stringify(value.toISOString());
  if (typeof value === "bigint") return `"${value}"`;
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value instanceof Set) return `[${[...value].map(canonical).toSorted().join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const pairs: [string, unknown][] =
    value instanceof Map ? [...value].map(([key, entry]) => [String(key), entry]) : Object.entries(value);
  return `{${pairs
    .filter(([, entry]) => entry !== undefined && typeof entry !== "function")
    .toSorted(byKey)
    .map(([key, entry]) => `${JSON.stringify(key)}:${canonical(entry)}`)
    .join(",")}}`;
}
