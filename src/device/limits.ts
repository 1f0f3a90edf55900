import type { ReaderProfile } from "../profiles/types.js";
import { decodeCommand, encodeCommand } from "../protocols/iso7816/apdu.js";
import { isTapbenchError } from "../util/errors.js";
import { deviceError } from "./errors.js";

/** What a reader is known to carry. No profile: everything. */
export type ReaderLimits = Pick<ReaderProfile, "title" | "maxCommand" | "extended" | "response256">;

/** A header, then zero and two bytes of length: ISO/IEC 7816-4 5.1. */
const isExtended = (apdu: Uint8Array): boolean => apdu.length >= 7 && apdu[4] === 0;

/**
 * Refuses what the reader would lose or cut, before it is sent.
 * @throws `device/extended-unsupported`, `device/command-too-long`
 */
export function checkCommand(apdu: Uint8Array, { title, maxCommand, extended }: ReaderLimits): void {
  if (!extended && isExtended(apdu))
    throw deviceError(
      "extended-unsupported",
      `${title} does not take extended APDUs; send at most 255 bytes a command (chained where it is more), or use another reader`,
      { reader: title, length: apdu.length },
    );
  if (apdu.length > maxCommand)
    throw deviceError(
      "command-too-long",
      `a command of ${apdu.length} bytes; ${title} takes ${maxCommand}; chain it, or use another reader`,
      { reader: title, length: apdu.length, most: maxCommand },
    );
}

/** SELECT, READ BINARY, READ RECORD, GET RESPONSE, GET DATA: they change nothing when they are sent twice (ISO/IEC 7816-4). */
const REPEATABLE: readonly number[] = [0xa4, 0xb0, 0xb2, 0xc0, 0xca];
const ASKS_256 = 256;

/**
 * The command to send after one failed on a reader that loses responses of exactly 256 bytes: the same, asking for 255. Undefined where that
 * cannot be the reason, or where sending it twice may count twice in the card.
 */
export function askForLess(apdu: Uint8Array, { response256 }: ReaderLimits): Uint8Array | undefined {
  if (response256 === "carried") return undefined;
  try {
    const command = decodeCommand(apdu);
    const fits = command.le === ASKS_256 && command.extended !== true && REPEATABLE.includes(command.ins);
    return fits ? encodeCommand({ ...command, le: ASKS_256 - 1 }) : undefined;
  } catch (error) {
    if (isTapbenchError(error)) return undefined;
    throw error;
  }
}
