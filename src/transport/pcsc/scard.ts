import type { TapbenchError } from "../../util/errors.js";
import { transportError } from "../errors.js";
import type { ReaderState } from "./driver.js";

type Row = readonly [name: Parameters<typeof transportError>[0], says: string];

const GONE: Row = ["removed", "the card was taken off the reader; put it back and try again"];
const NO_CARD: Row = ["no-card", "there is no card on the reader; put one on it"];
const MUTE: Row = ["no-card", "the card on the reader does not answer; take it off and put it back"];
const NO_READER: Row = ["no-reader", "the reader is not there any more; plug it in again"];
const STOPPED: Row = ["service-lost", "the PC/SC service went away; start it again (pcscd) and repeat the command"];

/** PC/SC return codes (pcsclite.h, winscard.h) that say more than "it failed". */
const CODES: ReadonlyMap<number, Row> = new Map<number, Row>([
  [0x80100009, NO_READER],
  [0x8010000b, ["busy", "another program holds the card; close it, or wait until it is done"]],
  [0x8010000c, NO_CARD],
  [0x80100013, STOPPED],
  [0x80100017, NO_READER],
  [0x8010001d, STOPPED],
  [0x8010001e, STOPPED],
  [0x8010002e, NO_READER],
  [0x80100066, MUTE],
  [0x80100067, MUTE],
  [0x80100068, ["reset", "another program reset the card; select the application again"]],
  [0x80100069, GONE],
  [0x8010006a, ["busy", "the service does not let this user at the card; see its access rules (polkit)"]],
]);

/** A failed call's error. `code` 0: the binding did not say. */
export function scardError(call: string, code: number, reader: string | undefined, says = ""): TapbenchError {
  const scard = code.toString(16).toUpperCase().padStart(8, "0");
  const [name, sentence] =
    CODES.get(code) ??
    ([
      "failed",
      `${call} failed${code === 0 ? `: ${says}` : ` with ${scard}`}; take the card off, put it back and try again`,
    ] as const);
  const where = reader === undefined ? "" : `${reader}: `;
  return transportError(name, where + sentence, { call, scard, ...(reader !== undefined && { reader }) });
}

/** Bits of a reader's state (PC/SC part 5, SCARD_STATE_...); the upper half counts events. */
const STATE = { unavailable: 0x0008, present: 0x0020, exclusive: 0x0080, inUse: 0x0100, mute: 0x0200, unknown: 0x0004 };

export const readerState = (bits: number, atr: Uint8Array): ReaderState => ({
  present: (bits & STATE.present) !== 0,
  mute: (bits & STATE.mute) !== 0,
  exclusive: (bits & STATE.exclusive) !== 0,
  inUse: (bits & STATE.inUse) !== 0,
  unavailable: (bits & (STATE.unavailable | STATE.unknown)) !== 0,
  ...((bits & STATE.present) !== 0 && atr.length > 0 && { atr }),
});
