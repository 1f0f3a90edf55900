import { failed } from "../../src/protocols/smp/answer.js";
import { shell } from "../../src/protocols/smp/groups/shell.js";
import { on, type Done, type HandlerRow } from "../../src/protocols/smp/listener.js";
import { groupResult } from "../../src/protocols/smp/results.js";
import { hex, printable } from "../../src/util/bytes.js";
import { formatNanos, type Nanos } from "../../src/util/time.js";
import { RESET_AFTER } from "./os-commands.js";
import type { McuParts } from "./parts.js";
import type { McuState } from "./state.js";
import { walletCards } from "./wallet-cards.js";

/** Longest command line, as CONFIG_SHELL_CMD_BUFF_SIZE. */
const MAX_LINE = 256;
const CAT = 1024;
/** What shells return (errno): no such file, bad argument, no such command. */
const ENOENT = -2;
const EINVAL = -22;
const ENOEXEC = -8;

interface Ran {
  readonly state: McuState;
  readonly out: string;
  readonly ret?: number;
  readonly took?: Nanos;
}

interface ShellCommand {
  readonly name: string;
  readonly says: string;
  readonly run: (args: readonly string[], at: { state: McuState; now: Nanos; parts: McuParts }) => Ran;
}

const SHELL: readonly ShellCommand[] = [
  {
    name: "help",
    says: "what there is",
    run: (_args, { state }) => ({
      state,
      out: SHELL.map(({ name, says }) => `${name.padEnd(8)} ${says}`).join("\n"),
    }),
  },
  {
    name: "version",
    says: "model and firmware",
    run: (_args, { state, parts: { identity } }) => ({ state, out: `${identity.model} ${identity.firmware}` }),
  },
  {
    name: "uptime",
    says: "milliseconds since it started",
    run: (_args, { state, now }) => ({ state, out: `Uptime: ${Math.floor((now - state.bootedAt) / 1_000_000)} ms` }),
  },
  {
    name: "battery",
    says: "charge (simulated)",
    run: (_args, { state, now, parts: { battery } }) => ({
      state,
      out: `${battery.percent(now)} % ${battery.millivolts(now)} mV (simulated)`,
    }),
  },
  {
    name: "nfc",
    says: "field, and whether it listens",
    run: (_args, { state, parts }) => ({
      state,
      out: `field ${parts.nfc.field() ? "on" : "off"}, listening ${state.listening ? "on" : "off"}, routing ${state.routing}`,
    }),
  },
  {
    name: "se",
    says: "secure element and its cards",
    run: (_args, { state, parts }) => {
      const { cards, took } = walletCards(parts.element.transmit);
      if (!cards) return { state, out: "no answer", ret: EINVAL, took };
      const lines = cards.map(({ aid, label, ...card }) => `${hex(aid)} ${label}${card.default ? " *" : ""}`);
      return { state, out: [`ATR ${hex(parts.element.atr)}`, ...lines, `took ${formatNanos(took)}`].join("\n"), took };
    },
  },
  {
    name: "fs",
    says: "ls; cat <path>",
    run: ([verb, path, ...more], { state, parts: { files } }) => {
      if (verb === "ls" && path === undefined)
        return {
          state,
          out: files.paths.map((each) => `${String(files.length(each)).padStart(8)} ${each}`).join("\n"),
        };
      if (verb !== "cat" || path === undefined || more.length > 0)
        return { state, out: "fs ls; fs cat <path>", ret: EINVAL };
      if (files.length(path) === undefined) return { state, out: `${path}: no such file`, ret: ENOENT };
      return { state, out: printable(files.read(path, 0, CAT)) };
    },
  },
  {
    name: "reboot",
    says: "restarts the device",
    run: (_args, { state, now }) => ({ state: { ...state, resetAt: now + RESET_AFTER }, out: "" }),
  },
];

/** One line of the shell, as the console or group 9 gives it. */
export function runLine(line: readonly string[], at: { state: McuState; now: Nanos; parts: McuParts }): Ran {
  const [name, ...args] = line
    .join(" ")
    .split(/\s+/)
    .filter((each) => each !== "");
  const command = SHELL.find((each) => each.name === name);
  return command?.run(args, at) ?? { state: at.state, out: `${name}: command not found`, ret: ENOEXEC };
}

export function shellCommands(parts: McuParts): readonly HandlerRow<McuState>[] {
  return [
    on(shell.run, ({ state, request: { argv }, now, room }): Done<McuState, { o: string; ret: number }> => {
      const length = argv.join(" ").length;
      if (length === 0) return { state, outcome: failed(groupResult(9, "empty command"), 9) };
      if (length >= MAX_LINE) return { state, outcome: failed(groupResult(9, "command too long"), 9) };
      const { state: next, out, ret = 0, took } = runLine(argv, { state, now, parts });
      // The rest of a long output is lost, as in the shell's own buffer.
      const value = { o: out.slice(0, Math.max(0, room - 40)), ret };
      return { state: next, outcome: { value }, ...(took !== undefined && { took }) };
    }),
  ];
}
