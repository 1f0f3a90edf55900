import { baudOf, framingNamed, udpAddress } from "../../bench/managed.js";
import type { ManagementFaces, ShownManagement } from "../../bench/management-faces.js";
import type { ShownDevice, ShowOptions } from "../../bench/virtual-reader.js";
import { writeTraceFile } from "../../trace/file.js";
import { configurationHash } from "../../trace/header.js";
import { liveMask } from "../../trace/mask-live.js";
import { memoryTrace } from "../../trace/memory.js";
import type { Tracer } from "../../util/tracer.js";
import type { Context } from "../context.js";
import type { EmulateOptions } from "../emulate-options.js";
import { cliError } from "../errors.js";
import { EXIT, type ExitCode } from "../output.js";
import { scheduleOf } from "../schedule.js";
import { emulationLog, type EmulationLog } from "./emulation-log.js";
import { followSchedule, watchedPresence } from "./emulation-schedule.js";

/** A trace keeps so many records: an emulation may run for days. */
const MAX_RECORDS = 1_000_000;

/** `tapbench emulate <profile> --pcsc --serial --udp` */
export async function emulate(profile: string, options: EmulateOptions, context: Context): Promise<ExitCode> {
  const { signal } = context.io;
  const management = managementFaces(options);
  if (options.pcsc === undefined && !management.serial && !management.udp)
    throw cliError(
      "missing-argument",
      `say how ${profile} is to be shown: --pcsc, in the virtual reader of pcscd; --serial, on a pseudo-terminal; --udp`,
      {},
    );
  if (options.pcsc === undefined && (options.schedule !== undefined || options.port !== undefined))
    throw cliError("bad-value", "--schedule and --port go with --pcsc: add it, or leave them out", {});
  if (options.seed === "") throw cliError("bad-value", "--seed is empty; give it any text, or leave it out", {});
  const where = { ...addressOf(options), slot: slotOf(options.slot) };
  const schedule = options.schedule === undefined ? undefined : scheduleOf(options.schedule);

  const memory = memoryTrace();
  const tracer: Tracer = {
    record(record) {
      if (options.trace !== undefined && memory.records.length < MAX_RECORDS) memory.record(record);
    },
  };
  const bench = await context.openBench({
    tracer,
    state: options.state,
    ...(options.seed !== undefined && { seed: options.seed }),
  });
  const device = await bench.open(`emu:${encodeURIComponent(profile)}`);
  const holds = await bench.furnish(device, options.card);

  const log = emulationLog(context.io, options.jsonLines === true);
  const mask = liveMask(new Set(bench.issuer.cards().map(({ token }) => token.dpan)));
  let exchanges = 0;
  let shown: ShownDevice | undefined;
  let managed: ShownManagement | undefined;
  /** What ended it that nobody asked for. */
  const broken = new AbortController();
  const presence = watchedPresence();
  const events: ShowOptions["events"] = {
    visible: (atr) => {
      if (shown) log.tell("placed", { atr });
      presence.tell(true);
    },
    gone: (why) => {
      if (shown) log.tell("removed", { why });
      presence.tell(false);
    },
    exchanged: (command, response) => {
      exchanges++;
      if (options.apdus === true) for (const each of mask.push({ command, response })) log.apdu(each);
    },
    trouble: (says) => log.warn(says),
  };
  try {
    if (options.pcsc !== undefined) shown = await bench.show(device, { ...where, events, signal });
    if (management.serial || management.udp)
      managed = await bench.showManagement(device, {
        ...management,
        ...(options.logs === true && { log: (line) => log.tell("log", { line }) }),
        lost: (cause) => broken.abort(cause),
        signal,
      });
    if (shown?.slow !== undefined)
      log.warn(`each command takes 40 ms longer than it needs to: ${shown.slow}; npm install koffi helps on Linux`);
    log.tell("ready", {
      ...(shown && { reader: shown.reader, atr: shown.atr }),
      ...(managed?.serial !== undefined && { serial: managed.serial }),
      ...(managed?.udp !== undefined && { udp: managed.udp }),
      profile: device.profile.name,
      card: holds.card,
      pan: holds.maskedPan,
      seed: bench.seed,
    });
    await untilStopped(
      shown,
      schedule && shown && followSchedule.bind(undefined, schedule, shown, presence),
      log,
      context,
      options,
      broken.signal,
    );
  } catch (error) {
    if (!signal.aborted) throw error; // to be stopped is what was asked for
  } finally {
    await managed?.close();
    await shown?.close();
    for (const each of options.apdus === true ? mask.flush() : []) log.apdu(each);
    if (options.trace !== undefined) {
      const configuration = configurationHash({ ...bench.configuration(), device: device.spec, shown: where });
      await writeTraceFile(options.trace, { seed: bench.seed, profile: device.spec, configuration }, memory.records);
      if (memory.records.length >= MAX_RECORDS) log.warn(`the trace holds the first ${MAX_RECORDS} records only`);
    }
  }
  log.tell("stopped", { exchanges, ...(options.trace !== undefined && { trace: options.trace }) });
  return EXIT.ok;
}

/** `--pcsc=host:port`, `--pcsc=host` and `--port`. @throws `cli/bad-value` */
function addressOf({ pcsc, port }: EmulateOptions): { host?: string; port?: number } {
  const match = typeof pcsc === "string" ? /^(\[[\da-fA-F:]+\]|[\w.-]+)(?::(\d{1,5}))?$/.exec(pcsc) : undefined;
  if (match === null)
    throw cliError("bad-value", `'${String(pcsc)}' is no address; write it like --pcsc=127.0.0.1:35963`, {});
  const chosen = match?.[2] ?? port;
  if (match?.[2] !== undefined && port !== undefined && match[2] !== port)
    throw cliError("bad-value", `--pcsc says port ${match[2]} and --port ${port}; leave one of them out`, {});
  if (chosen !== undefined && !(/^\d{1,5}$/.test(chosen) && Number(chosen) >= 1 && Number(chosen) <= 65_535))
    throw cliError("bad-value", `'${chosen}' is no TCP port; give one from 1 to 65535`, {});
  const host = match?.[1]?.replace(/^\[|\]$/g, "");
  return { ...(host !== undefined && { host }), ...(chosen !== undefined && { port: Number(chosen) }) };
}

/** `--noise` and `--loss`: a probability for each byte. @throws `cli/bad-value` */
function shareOf(name: "noise" | "loss", text: string | undefined): number {
  const share = text === undefined ? 0 : /^(?:0?\.\d{1,6}|[01])$/.test(text) ? Number(text) : -1;
  if (share >= 0) return share;
  throw cliError("bad-value", `--${name} ${text!.slice(0, 20)} is no share of the bytes; write it like 0.001`, {});
}

/** `--serial`, `--baud`, `--framing`, `--noise`, `--loss` and `--udp`. @throws `bench/bad-spec`, `bench/bad-parameter`, `cli/bad-value` */
function managementFaces(options: EmulateOptions): Pick<ManagementFaces, "serial" | "udp"> {
  const { serial, baud, framing, udp } = options;
  if (serial === "" || (serial === undefined && baud !== undefined))
    throw cliError("bad-value", "--baud goes with --serial, and --serial=<path> names a path", {});
  const disturbed = { noise: shareOf("noise", options.noise), loss: shareOf("loss", options.loss) };
  if (baud === undefined && (options.noise !== undefined || options.loss !== undefined))
    throw cliError(
      "bad-value",
      "--noise and --loss are of a line with a rate: add --baud 115200, or leave them out",
      {},
    );
  return {
    ...(serial !== undefined && {
      serial: {
        framing: framingNamed(framing),
        ...(serial !== true && { link: serial }),
        ...(baud !== undefined && { uart: { baud: baudOf(baud), ...disturbed } }),
      },
    }),
    ...(udp !== undefined && { udp: udp === true ? {} : udpAddress(udp) }),
  };
}

function slotOf(text: string): 1 | 2 {
  if (text === "1" || text === "2") return Number(text) as 1 | 2;
  throw cliError("bad-value", `'${text.slice(0, 20)}' is no slot; the virtual reader has 1 and 2`, {});
}

const CTRL_C = "\u0003";

/** Follows the schedule and the keys until somebody asks it to stop. */
async function untilStopped(
  shown: ShownDevice | undefined,
  startSchedule: (() => () => void) | undefined,
  log: EmulationLog,
  { io }: Context,
  options: EmulateOptions,
  broken: AbortSignal,
): Promise<void> {
  const stops: (() => void)[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      if (broken.aborted) return reject(broken.reason as Error);
      broken.addEventListener("abort", () => reject(broken.reason as Error), { once: true });
      const keys: Readonly<Record<string, () => void>> = {
        ...(shown && { p: () => shown.place(), r: () => shown.remove() }),
        q: resolve,
        [CTRL_C]: resolve,
      };
      if (io.signal.aborted) return resolve();
      io.signal.addEventListener("abort", () => resolve(), { once: true });
      if (startSchedule) stops.push(startSchedule());
      const stopKeys = io.keys?.((key) => keys[key]?.(), options.jsonLines === true);
      if (stopKeys) stops.push(stopKeys);
      log.hint(shown ? "p places the device, r removes it, q quits" : "q quits");
    });
  } finally {
    for (const stop of stops) stop();
  }
}
