import { benchError } from "./errors.js";

/** A device as people name it: `emu:band-s1?seed=7`, `hid:1209:ba4d/SERIAL`, `serial:/dev/ttyACM0?baud=115200`. */
export interface DeviceSpec {
  /** Before the first colon: which opener. */
  readonly wire: string;
  /** What the opener is to find. */
  readonly target: string;
  readonly parameters: ReadonlyMap<string, string>;
  /** As it was written. */
  readonly text: string;
}

/** How a wire is opened: what its specs look like, the parameters it knows, and the opening itself. */
export interface Opener<D> {
  readonly form: string;
  readonly parameters: readonly string[];
  open(spec: DeviceSpec, signal?: AbortSignal): Promise<D>;
}

/** @throws `bench/bad-spec` */
export function parseSpec(text: string): DeviceSpec {
  const match = /^([a-z]{2,12}):([^?]*)(?:\?(.*))?$/s.exec(text);
  if (!match || text.length > 512)
    throw benchError(
      "bad-spec",
      `'${text.slice(0, 60)}' names no device; a device is written like emu:band-s1 or emu:band-s1?seed=7`,
      {},
    );
  const parameters = new Map<string, string>();
  for (const pair of (match[3] ?? "").split("&").filter(Boolean)) {
    const [name, value, ...more] = pair.split("=");
    if (!name || value === undefined || more.length > 0 || parameters.has(name))
      throw benchError("bad-spec", `'${pair}' in '${text}' is not one name=value`, { pair });
    parameters.set(name, decode(value, text));
  }
  return { wire: match[1]!, target: decode(match[2]!, text), parameters, text };
}

function decode(value: string, text: string): string {
  try {
    return decodeURIComponent(value);
  } catch (cause) {
    throw benchError("bad-spec", `'${text}' holds a % that is no escape; write %25 for a percent sign`, {}, cause);
  }
}

/** Finds the wire and opens the device. @throws `bench/unknown-wire`, `bench/bad-parameter`, and what the opener throws */
export async function openSpec<D>(
  text: string,
  openers: Readonly<Record<string, Opener<D>>>,
  signal?: AbortSignal,
): Promise<D> {
  const spec = parseSpec(text);
  const opener = Object.hasOwn(openers, spec.wire) ? openers[spec.wire]! : undefined;
  if (!opener) {
    const forms = Object.values(openers).map(({ form }) => form);
    throw benchError(
      "unknown-wire",
      `'${spec.wire}:' is no wire of this version; what would fit: ${forms.join(", ")}`,
      { wire: spec.wire, forms },
    );
  }
  for (const name of spec.parameters.keys())
    if (!opener.parameters.includes(name))
      throw benchError(
        "bad-parameter",
        `${spec.wire}: knows no parameter '${name}'; it knows ${opener.parameters.join(", ")}`,
        { name, known: opener.parameters },
      );
  return opener.open(spec, signal);
}
