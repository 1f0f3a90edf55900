import { swMeaning } from "../../protocols/iso7816/status.js";
import type { MaskedApdu } from "../../trace/mask-apdu.js";
import { hex } from "../../util/bytes.js";
import { toJson, type Io } from "../output.js";

type Facts = Readonly<Record<string, unknown>>;

type TellingEvent = "ready" | "placed" | "removed" | "log" | "stopped";

/** What happens to an emulated device, for people or one JSON document a line. */
export interface EmulationLog {
  tell(event: TellingEvent, facts: Facts): void;
  apdu(exchange: MaskedApdu): void;
  warn(says: string): void;
  /** For people at a terminal only. */
  hint(says: string): void;
}

const SENTENCES: Readonly<Record<TellingEvent, (facts: Facts) => string>> = {
  ready: ({ reader, atr, serial, udp, profile, card, pan }) => {
    const places = [
      ...(reader === undefined ? [] : [`in reader ${text(reader)}, ATR ${text(atr)}`]),
      ...(serial === undefined ? [] : [`on serial:${text(serial)}`]),
      ...(udp === undefined ? [] : [`on udp:${text(udp)}`]),
    ];
    return `${text(profile)} with ${text(card)} (${text(pan)}) is ${places.join(", ")}`;
  },
  log: ({ line }) => printableLine(text(line)),
  placed: ({ atr }) => `placed, ATR ${text(atr)}`,
  removed: ({ why }) => `removed: ${WHY[text(why)] ?? text(why)}`,
  stopped: ({ exchanges, trace }) =>
    `stopped after ${text(exchanges)} commands${trace === undefined ? "" : `; trace in ${text(trace)}`}`,
};

const WHY: Readonly<Record<string, string>> = {
  "taken-out": "taken away",
  "card-lost": "lost during a command; it is put back",
  "reader-gone": "pcscd has gone; waiting for it",
};

const text = (value: unknown): string => (value instanceof Uint8Array ? hex(value) : String(value));

/** What colours a terminal's text or moves its cursor (ECMA-48, CSI). */
const SEQUENCE = new RegExp(`${String.fromCharCode(0x1b)}\\[[\\d;]*[A-Za-z]`, "g");

/** A device's text, fit for a terminal: nothing in it acts on that. */
export const printableLine = (line: string): string => line.replace(SEQUENCE, "").replace(/[^\P{Cc}\t]/gu, ".");

export function emulationLog(io: Io, jsonLines: boolean): EmulationLog {
  const line = (event: string, facts: Facts): void => io.stdout.write(`${toJson({ event, ...facts })}\n`);
  if (jsonLines)
    return {
      tell: line,
      apdu: ({ command, response }) => line("apdu", { command, response }),
      warn: (says) => line("warning", { says }),
      hint: () => {},
    };
  return {
    tell: (event, facts) => io.stdout.write(`${SENTENCES[event](facts)}\n`),
    apdu({ command, response }) {
      const sw = ((response.at(-2) ?? 0) << 8) | (response.at(-1) ?? 0);
      io.stdout.write(`> ${hex(command)}\n< ${hex(response)}  ${swMeaning(sw)}\n`);
    },
    warn: (says) => io.stderr.write(`tapbench: ${says}\n`),
    hint(says) {
      if (io.stderr.isTTY) io.stderr.write(`${says}\n`);
    },
  };
}
