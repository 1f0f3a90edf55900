import { openElement } from "../../bench/element.js";
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

const ANSWER: Nanos = 10 * SECOND;

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
  const element = await openElement(bench, spec, { card: options.card, furnish: options.state === undefined, signal });
  const exchanges: unknown[] = [];
  try {
    for (const apdu of apdus) {
      signal.throwIfAborted();
      const { answer, took } = await element.apdu(apdu, { within: ANSWER, signal });
      const { sw } = decodeResponse(answer);
      const exchange = { command: hex(apdu), response: hex(answer), sw: swHex(sw), says: swMeaning(sw) };
      exchanges.push({ ...exchange, micros: Math.round(took / 1000) });
      output.lines([
        `${output.paint("tag", ">")} ${exchange.command}`,
        `${output.paint("tag", "<")} ${exchange.response}  ${output.paint("dim", `${exchange.says}, ${formatNanos(took)}`)}`,
      ]);
    }
  } finally {
    await element.close();
  }
  output.document({ device: spec, via: element.via, times: element.times, exchanges });
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
