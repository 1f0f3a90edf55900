import { ManagedDevice } from "../device/management.js";
import { loadProfile, profileNames } from "../profiles/load.js";
import type { DeviceProfile } from "../profiles/types.js";
import { consoleFraming } from "../protocols/smp/console-frames.js";
import { os } from "../protocols/smp/groups/os.js";
import { rawFraming } from "../protocols/smp/raw-frames.js";
import type { SerialDriver } from "../transport/serial/driver.js";
import { openSerial, reopenSerial } from "../transport/serial/port.js";
import { openUdp } from "../transport/udp/socket.js";
import { isTapbenchError } from "../util/errors.js";
import { framerOf, type Framer } from "../util/framing.js";
import type { MessageWire } from "../util/message-wire.js";
import { pause, type Patience } from "../util/patience.js";
import { MS, SECOND, type Clock, type Nanos } from "../util/time.js";
import { benchError } from "./errors.js";
import type { DeviceSpec } from "./spec.js";

/** A device on a wire that carries management: it is asked over SMP what it is, and its element is reached that way. */
export interface ManagedBenchDevice {
  readonly kind: "managed";
  readonly spec: string;
  readonly title: string;
  /** Found by what the device says it is; absent: no profile is of that name. */
  readonly profile?: DeviceProfile | undefined;
  /** What waits and times are measured with: virtual for a device in this process. */
  readonly clock: Clock;
  /** As connected last. */
  readonly management: ManagedDevice;
  /** Connects anew once the device answers again: after a reset, or when it was unplugged. @throws `transport/...`, `smp/no-answer` */
  readonly reconnect: (patience: Patience) => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface WireOptions {
  readonly clock: Clock;
  readonly serial: SerialDriver;
}

export const SERIAL_FORM = "serial:<path>?baud=115200&framing=console";
export const SERIAL_PARAMETERS: readonly string[] = ["baud", "framing"];
export const UDP_FORM = "udp:<host>:<port>";

const OPEN: Nanos = 6 * SECOND;
const FIRST_ANSWER: Nanos = SECOND;
const AGAIN: Nanos = 100 * MS;
const DEFAULT_BAUD = "115200";
const MAX_BAUD = 12_000_000;
const SMP_PORT = 1337;
/** Zephyr's raw UART gives a message up after a time of its own; no message pauses for so long. */
const RAW_TIME_OUT: Nanos = 500 * MS;

/** How messages lie in a serial line's bytes, by the name that specs and options have for it. */
const FRAMINGS = {
  console: (): Framer => framerOf(consoleFraming()),
  raw: (): Framer => framerOf(rawFraming({ timeOut: RAW_TIME_OUT })),
} as const;
type FramingName = keyof typeof FRAMINGS;

/** @throws `bench/bad-parameter` */
export function framingNamed(name: string): () => Framer {
  if (Object.hasOwn(FRAMINGS, name)) return FRAMINGS[name as FramingName];
  throw benchError("bad-parameter", `framing=${name.slice(0, 20)} is not known; it is console or raw`, {
    framing: name,
  });
}

/** @throws `bench/bad-parameter` */
export function baudOf(text: string): number {
  const baud = /^\d{2,8}$/.test(text) ? Number(text) : 0;
  if (baud >= 50 && baud <= MAX_BAUD) return baud;
  throw benchError("bad-parameter", `baud=${text.slice(0, 20)} is no rate from 50 to ${MAX_BAUD} bits a second`, {
    baud: text,
  });
}

/** Host and port of `127.0.0.1:1337`, `[::1]:1337` or a host alone. @throws `bench/bad-spec` */
export function udpAddress(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([\da-fA-F:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(text);
  const port = match?.[3] === undefined ? SMP_PORT : Number(match[3]);
  if (match && port <= 65_535) return { host: match[1] ?? match[2]!, port };
  throw benchError("bad-spec", `'${text.slice(0, 60)}' is no address; write it like 127.0.0.1:1337`, {});
}

/** @throws `bench/bad-parameter`, `transport/...`, `smp/no-answer` */
export function openSerialDevice(
  spec: DeviceSpec,
  { clock, serial }: WireOptions,
  signal: AbortSignal | undefined,
): Promise<ManagedBenchDevice> {
  const baud = baudOf(spec.parameters.get("baud") ?? DEFAULT_BAUD);
  const framing = framingNamed(spec.parameters.get("framing") ?? "console");
  if (spec.target === "")
    throw benchError("bad-spec", `'${spec.text}' names no port; write it like serial:/dev/ttyACM0`, {});
  const settings = () => ({ driver: serial, clock, path: spec.target, baud, framer: framing() });
  return managed(spec, clock, {
    open: (patience) => openSerial(settings(), patience),
    reopen: (patience) => reopenSerial(settings(), patience),
    signal,
  });
}

/** @throws `bench/bad-spec`, `transport/...`, `smp/no-answer` */
export function openUdpDevice(
  spec: DeviceSpec,
  { clock }: WireOptions,
  signal: AbortSignal | undefined,
): Promise<ManagedBenchDevice> {
  const address = udpAddress(spec.target);
  const open = (patience: Patience): Promise<MessageWire> => openUdp({ ...address, clock }, patience);
  return managed(spec, clock, { open, reopen: open, signal });
}

interface WireOpener {
  readonly open: (patience: Patience) => Promise<MessageWire>;
  readonly reopen: (patience: Patience) => Promise<MessageWire>;
  readonly signal: AbortSignal | undefined;
}

/** Opens the wire and asks who is there. */
export async function managed(
  { text: spec }: Pick<DeviceSpec, "text">,
  clock: Clock,
  { open, reopen, signal }: WireOpener,
): Promise<ManagedBenchDevice> {
  const connect = async (wire: MessageWire, within: Nanos, signal?: AbortSignal) => {
    const management = new ManagedDevice(wire, clock);
    try {
      return { management, model: await modelOf(management, within, signal) };
    } catch (error) {
      await management.close();
      throw error;
    }
  };
  const first = await connect(await open({ within: OPEN, signal }), FIRST_ANSWER, signal);
  let { management } = first;
  const profile = await profileOf(first.model);
  return {
    kind: "managed",
    spec,
    title: profile?.title ?? first.model ?? spec,
    profile,
    clock,
    get management() {
      return management;
    },
    async reconnect({ within, signal }) {
      await management.close();
      const end = clock.now() + within;
      for (;;) {
        const left = end - clock.now();
        try {
          const wire = await reopen({ within: left, signal });
          ({ management } = await connect(wire, Math.min(FIRST_ANSWER, Math.max(AGAIN, left / 5)), signal));
          return;
        } catch (error) {
          signal?.throwIfAborted();
          if (!isTapbenchError(error) || !STARTING.has(error.code) || end - clock.now() <= AGAIN) throw error;
        }
        await pause(clock, AGAIN, signal);
      }
    },
    close: () => management.close(),
  };
}

/** What a device that is starting does: not answer, refuse datagrams, go away once more. */
const STARTING: ReadonlySet<string> = new Set(["smp/no-answer", "transport/refused", "transport/unplugged"]);

/** The hardware platform, `i` of os info; undefined: the device does not tell. @throws `smp/no-answer`, `transport/...` */
async function modelOf(
  management: ManagedDevice,
  within: Nanos,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    return (await management.request(os.info, { format: "i" }, { within, signal })).output;
  } catch (error) {
    if (isTapbenchError(error, "smp/refused")) return undefined; // an optional command
    throw error;
  }
}

async function profileOf(model: string | undefined): Promise<DeviceProfile | undefined> {
  const known = model !== undefined && (await profileNames("device")).includes(model);
  return known ? loadProfile("device", model) : undefined;
}
