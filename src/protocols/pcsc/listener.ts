import { MAX_SHORT_RESPONSE, status, type CommandApdu, type ResponseApdu } from "../iso7816/apdu.js";
import { SW } from "../iso7816/status.js";
import { CLA_READER, GET_DATA, READER_INS } from "./messages.js";

/** What a reader knows of the card in its field. */
export interface CardFacts {
  readonly uid: Uint8Array;
  /** Of the ATS; absent: the card has none. */
  readonly historical: Uint8Array | undefined;
}

/** Status words of PC/SC part 3 besides those of ISO/IEC 7816-4: its general errors and those of GET DATA. */
export const READER_SW = {
  /** Data came, and Le asked for more. */
  endOfData: 0x6282,
  /** Le asked for less; SW2 says how much there is. */
  wrongLe: 0x6c00,
  wrongP1P2: 0x6b00,
} as const;

/** Whether the reader, not the card, answers a command: its class is FF. */
export const isForReader = (apdu: Uint8Array): boolean => apdu[0] === CLA_READER;

/**
 * A PC/SC 2 contactless reader's own commands, for a card of ISO 14443-4: GET DATA is answered. It keeps no keys and the card has no memory
 * blocks, so the commands of storage cards are `6A81`, function not supported, as is what it does not know.
 */
export function readerAnswer(command: CommandApdu, card: CardFacts): ResponseApdu {
  if (command.ins !== READER_INS.getData) return status(SW.functionNotSupported);
  const data =
    command.p1 === GET_DATA.uid ? card.uid : command.p1 === GET_DATA.historicalBytes ? card.historical : undefined;
  if (!data) return status(SW.functionNotSupported);
  if (command.p2 !== 0) return status(READER_SW.wrongP1P2);
  const { le } = command;
  if (le === undefined || (command.data?.length ?? 0) > 0) return status(SW.wrongLength);
  if (le < data.length) return status(READER_SW.wrongLe | data.length);
  return { data, sw: le > data.length && le < MAX_SHORT_RESPONSE ? READER_SW.endOfData : SW.ok };
}
