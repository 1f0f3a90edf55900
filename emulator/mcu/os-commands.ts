import { failed } from "../../src/protocols/smp/answer.js";
import { GROUPS } from "../../src/protocols/smp/groups.js";
import { enumeration } from "../../src/protocols/smp/groups/enumeration.js";
import { os } from "../../src/protocols/smp/groups/os.js";
import { statistics } from "../../src/protocols/smp/groups/statistics.js";
import { on, type HandlerRow } from "../../src/protocols/smp/listener.js";
import { groupResult, rc } from "../../src/protocols/smp/results.js";
import { MS, SECOND, type Nanos } from "../../src/util/time.js";
import type { Identity, McuParts } from "./parts.js";
import type { Counters, McuState } from "./state.js";

/** From the answer to a reset request until the reset (CONFIG_MCUMGR_GRP_OS_RESET_MS in Zephyr). */
export const RESET_AFTER: Nanos = 250 * MS;

/** An upload that has paused so long no longer keeps the device from being reset. */
const UPLOAD_IDLE: Nanos = 2.5 * SECOND;

const CLOCK = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,6}))?(Z|[+-]\d{2}:?\d{2})?$/;

/** Milliseconds since 1970 of a date-time as group 0 spells it; undefined where it is none. The zone may be missing: UTC. */
export function parseDateTime(text: string): number | undefined {
  const parts = CLOCK.exec(text);
  if (!parts) return undefined;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const micros = Number((parts[7] ?? "0").padEnd(6, "0"));
  const zone = parts[8] ?? "Z";
  const minutes =
    zone === "Z" ? 0 : (zone.startsWith("-") ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2)));
  const whole = Date.UTC(year, month - 1, day, hour, minute, second);
  const back = new Date(whole);
  // 30 February rolls over into March: then it was no date.
  if (back.getUTCMonth() !== month - 1 || back.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59)
    return undefined;
  return whole + Math.floor(micros / 1000) - minutes * 60_000;
}

export const formatDateTime = (epochMillis: number): string =>
  new Date(Math.round(epochMillis)).toISOString().replace("Z", "000Z");

/** What `info` tells, by letter, in the order in which it tells it. */
const INFO: readonly (readonly [letter: string, (identity: Identity, node: string) => string])[] = [
  ["s", () => "tapbench"],
  ["n", (_identity, node) => node],
  ["r", ({ firmware }) => firmware],
  ["v", ({ firmware }) => `v${firmware}`],
  ["b", () => "simulated"],
  ["m", () => "emulated"],
  ["p", () => "simulated"],
  ["i", ({ model }) => model],
  ["o", () => "tapbench"],
];

function info(format: string, identity: Identity, node: string): string | undefined {
  const wanted = format === "" ? "s" : format;
  const all = wanted.includes("a");
  if ([...wanted].some((letter) => letter !== "a" && !INFO.some(([each]) => each === letter))) return undefined;
  const told = INFO.filter(([letter]) => all || wanted.includes(letter));
  return told.map(([, tell]) => tell(identity, node)).join(" ");
}

/** Tasks of a firmware like this: a model. Run time and switches grow with the requests that were served. */
const TASKS = [
  { name: "main", prio: 0, stksiz: 512, stkuse: 210 },
  { name: "smp", prio: 3, stksiz: 1024, stkuse: 388 },
  { name: "nfc", prio: -2, stksiz: 768, stkuse: 290 },
  { name: "logging", prio: 14, stksiz: 256, stkuse: 120 },
  { name: "idle", prio: 15, stksiz: 64, stkuse: 20 },
] as const;
const TICKS_A_SECOND = 32_768;

const seconds = (time: Nanos): number => Math.floor(time / SECOND);

/** Counters of every statistics group, also those that are worked out when somebody asks. */
function allCounters(state: McuState, now: Nanos, parts: McuParts): Readonly<Record<string, Counters>> {
  const { smp = {}, element = {}, files = {} } = state.counters;
  const zero = (counters: Counters, ...names: readonly string[]): Counters => ({
    ...Object.fromEntries(names.map((name) => [name, 0])),
    ...counters,
  });
  return {
    mcu: { boots: state.boots, uptime_s: seconds(now - state.bootedAt), log_lines: state.lines },
    smp: zero(smp, "requests", "done", "refused", "noise", "dropped", "bytes_in", "bytes_out"),
    flash: { operations: parts.flashOperations() },
    files: zero(files, "reads", "writes", "bytes_written"),
    element: zero(element, "commands", "resets", "power_losses"),
  };
}

export function osCommands(parts: McuParts): readonly HandlerRow<McuState>[] {
  const { identity, profile } = parts;
  return [
    on(os.echo, ({ state, request }) => ({ state, outcome: { value: { r: request.d } } })),
    on(os.echoRead, ({ state, request }) => ({ state, outcome: { value: { r: request.d } } })),
    on(os.tasks, ({ state, now }) => {
      const served = state.counters["smp"]?.["requests"] ?? 0;
      const ticks = Math.floor(((now - state.bootedAt) / SECOND) * TICKS_A_SECOND);
      const tasks = Object.fromEntries(
        TASKS.map(({ name, prio, stksiz, stkuse }, i) => [
          name,
          {
            prio,
            tid: i + 1,
            state: name === "smp" ? 0 : 2,
            stkuse,
            stksiz,
            cswcnt: served * (i + 1),
            runtime: name === "idle" ? ticks : Math.min(ticks, served * 7),
            last_checkin: 0,
            next_checkin: 0,
          },
        ]),
      );
      return { state, outcome: { value: { tasks } } };
    }),
    on(os.pools, ({ state }) => {
      // The request itself holds one.
      const nfree = profile.bufferCount - state.busy.length - 1;
      const min = profile.bufferCount - state.mostBusy;
      const smp = { blksiz: profile.bufferBytes, nblks: profile.bufferCount, nfree, min };
      return { state, outcome: { value: { smp_buf: smp } } };
    }),
    on(os.dateTime, ({ state, now }) => {
      const { clock } = state;
      if (!clock) return { state, outcome: failed(groupResult(0, "clock is not set"), 0) };
      return { state, outcome: { value: { datetime: formatDateTime(clock.epochMillis + (now - clock.at) / MS) } } };
    }),
    on(os.setDateTime, ({ state, request, now }) => {
      const epochMillis = parseDateTime(request.datetime);
      if (epochMillis === undefined) return { state, outcome: failed(rc("invalid")) };
      return { state: { ...state, clock: { at: now, epochMillis } }, outcome: { value: {} } };
    }),
    on(os.reset, ({ state, request, now }) => {
      const uploading = state.upload && now - state.upload.at < UPLOAD_IDLE;
      if (uploading && (request.force ?? 0) <= 0) return { state, outcome: failed(rc("busy")) };
      return { state: { ...state, resetAt: now + RESET_AFTER }, outcome: { value: {} } };
    }),
    on(os.parameters, ({ state }) => ({
      state,
      outcome: { value: { buf_size: profile.bufferBytes, buf_count: profile.bufferCount } },
    })),
    on(os.info, ({ state, request }) => {
      const node = state.settings["app/name"];
      const output = info(request.format ?? "s", identity, node ? new TextDecoder().decode(node) : identity.model);
      if (output === undefined) return { state, outcome: failed(groupResult(0, "invalid format"), 0) };
      return { state, outcome: { value: { output } } };
    }),
    on(os.bootLoader, ({ state, request }) => {
      const { images } = parts;
      if (request.query === undefined)
        return { state, outcome: { value: { bootloader: images ? "MCUboot" : "none" } } };
      if (images && request.query === "mode") return { state, outcome: { value: { mode: images.mode } } };
      return { state, outcome: failed(groupResult(0, "query yields no answer"), 0) };
    }),
    on(statistics.list, ({ state, now }) => ({
      state,
      outcome: { value: { stat_list: Object.keys(allCounters(state, now, parts)) } },
    })),
    on(statistics.show, ({ state, request, now }) => {
      const all = allCounters(state, now, parts);
      const fields = Object.hasOwn(all, request.name) ? all[request.name] : undefined;
      if (!fields) return { state, outcome: failed(groupResult(2, "no such statistics group"), 2) };
      return { state, outcome: { value: { name: request.name, fields } } };
    }),
  ];
}

const IMAGES = 1;

/** Group 10 tells of the groups that are served, itself among them. */
export function enumerationCommands({ images }: McuParts): readonly HandlerRow<McuState>[] {
  const served = GROUPS.filter(({ id }) => id !== IMAGES || images);
  const ids = served.map(({ id }) => id);
  return [
    on(enumeration.count, ({ state }) => ({ state, outcome: { value: { count: ids.length } } })),
    on(enumeration.list, ({ state }) => ({ state, outcome: { value: { groups: ids } } })),
    on(enumeration.single, ({ state, request }) => {
      const index = request.index ?? 0;
      const group = ids[index];
      if (group === undefined) return { state, outcome: failed(groupResult(10, "index too large"), 10) };
      return { state, outcome: { value: { group, ...(index === ids.length - 1 && { end: true }) } } };
    }),
    on(enumeration.details, ({ state, request }) => {
      const wanted = served.filter(({ id }) => !request.groups || request.groups.includes(id));
      const groups = wanted.map(({ id, name, commands }) => ({
        group: id,
        name,
        handlers: new Set(commands.map((command) => command.id)).size,
      }));
      return { state, outcome: { value: { groups } } };
    }),
  ];
}
