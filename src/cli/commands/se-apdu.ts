import type { Bench } from "../../bench/bench.js";
import { decodeResponse } from "../../protocols/iso7816/apdu.js";
import { swHex, swMeaning } from "../../protocols/iso7816/status.js";
import { hex, unhex } from "../../util/bytes.js";
import { isTapbenchError } from "../../util/errors.js";
import { formatNanos, SECOND, type Nanos } from "../../util/time.js";
import { outputOf, type Context } from "../context.js";
import { cliError } from "../errors.js";
import { EXIT, type ExitCode } from "../output.js";

export interface ApduOptions {
  readonly seed?: string;
  readonly card?: string;
  readonly state?: string;
  readonly json?: boolean;
}

/** One way to send an APDU, and what to do at the end. */
interface Way {
  readonly via: "contactless" | "wired";
  readonly times: "measured" | "simulated";
  readonly send: (apdu: Uint8Array) => Promise<{ readonly answer: Uint8Array; readonly took: Nanos }>;
  readonly close: () => Promise<void>;
}

const ANSWER: Nanos = 10 * SECOND;
const RELEASE: Nanos = 2 * SECOND;

/** `tapbench se apdu <device> <apdu...>` */
export async function sendApdus(
  spec: string,
  texts: readonly string[],
  options: ApduOptions,
  context: Context,
): Promise<ExitCode> {
  const output = outputOf(context, options);
  const apdus = texts.map(apduOf);
  const { signal } = context.io;
  const bench = await context.openBench({
    state: options.state,
    ...(options.seed !== undefined && { seed: options.seed }),
  });
  const way = await openWay(bench, spec, options, signal);
  const exchanges: unknown[] = [];
  try {
    for (const apdu of apdus) {
      signal.throwIfAborted();
      const { answer, took } = await way.send(apdu);
      const { sw } = decodeResponse(answer);
      const exchange = { command: hex(apdu), response: hex(answer), sw: swHex(sw), says: swMeaning(sw) };
      exchanges.push({ ...exchange, micros: Math.round(took / 1000) });
      output.lines([
        `${output.paint("tag", ">")} ${exchange.command}`,
        `${output.paint("tag", "<")} ${exchange.response}  ${output.paint("dim", `${exchange.says}, ${formatNanos(took)}`)}`,
      ]);
    }
  } finally {
    await way.close();
  }
  output.document({ device: spec, via: way.via, times: way.times, exchanges });
  return EXIT.ok;
}

/** @throws `cli/bad-value` */
function apduOf(text: string): Uint8Array {
  try {
    const apdu = unhex(text);
    if (apdu.length >= 4) return apdu;
  } catch (error) {
    if (!isTapbenchError(error)) throw error;
  }
  throw cliError(
    "bad-value",
    `'${text.slice(0, 40)}' is no command APDU; write four bytes or more in hex, such as 00A404000E325041592E5359532E444446303100`,
    { apdu: text.slice(0, 40) },
  );
}

async function openWay(bench: Bench, spec: string, { card }: ApduOptions, signal: AbortSignal): Promise<Way> {
  const device = await bench.open(spec, signal);
  if (device.kind === "emulated") {
    await bench.furnish(device, card);
    device.emulated.element.powerOff("wired");
    return {
      via: "wired",
      times: "simulated",
      send: async (apdu) => {
        const { response, took } = device.emulated.wired(apdu);
        return { answer: response, took };
      },
      close: async () => {},
    };
  }
  if (device.kind === "managed")
    return {
      via: "wired",
      times: "measured",
      send: async (apdu) => {
        const { answer, from, until } = await device.management.apdu(apdu, { within: ANSWER, signal });
        return { answer, took: until - from };
      },
      close: () => device.close(),
    };
  try {
    await device.card.activate({ within: device.wait, signal });
  } catch (error) {
    await device.close();
    throw error;
  }
  return {
    via: "contactless",
    times: "measured",
    send: (apdu) => device.card.apdu(apdu, { within: ANSWER, signal }),
    close: async () => {
      await device.card.release({ within: RELEASE });
      await device.close();
    },
  };
}
