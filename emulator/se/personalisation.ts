import { splitDataGroupings } from "../../src/codec/dgi.js";
import { STORE_DATA } from "../../src/protocols/gp/messages.js";
import type { CommandApdu, ResponseApdu } from "../../src/protocols/iso7816/apdu.js";
import { status } from "../../src/protocols/iso7816/apdu.js";
import { SW } from "../../src/protocols/iso7816/status.js";
import { unpadOne } from "../../src/crypto/padding.js";
import { concat, NO_BYTES } from "../../src/util/bytes.js";
import { isTapbenchError } from "../../src/util/errors.js";
import type { AppletContext } from "./applet.js";
import type { StoreChange } from "./transaction.js";

/** A data grouping, in the clear; `padded`: what its domain deciphered may end in padding. */
export interface Grouping {
  readonly dgi: number;
  readonly value: Uint8Array;
  readonly padded: boolean;
}

/** Volatile state of a personalisation: gone, and nothing stored, where it is not brought to its end. */
export interface PersonalisationState {
  readonly nextBlock: number;
  /** Bytes that came so far. */
  readonly length: number;
  readonly groupings: readonly Grouping[];
  /** The beginning of a grouping that the next block goes on with, and how it is encrypted. */
  readonly rest: Uint8Array;
  readonly encryption: number;
}

export const NO_PERSONALISATION: PersonalisationState = {
  nextBlock: 0,
  length: 0,
  groupings: [],
  rest: NO_BYTES,
  encryption: STORE_DATA.encryption.none,
};

export const INS_STORE_DATA = 0xe2;
/** Longest personalisation that is put together before its last block. */
const MAX_DATA = 16_384;

/**
 * One block of STORE DATA with data groupings (GlobalPlatform Card Specification 2.3.1, 11.11): blocks are numbered from 0, a grouping may go on in
 * the next, and an encrypted one is deciphered as soon as it is whole. A status word: the block is refused, and the personalisation with it.
 */
export function takeBlock(
  { decipher, spend }: Pick<AppletContext, "decipher" | "spend">,
  state: PersonalisationState,
  { p1, p2, data = NO_BYTES }: CommandApdu,
): PersonalisationState | number {
  const { encryption, structure } = STORE_DATA;
  const encrypted = p1 & encryption.mask;
  if ((p1 & structure.mask) !== structure.dgi || (p1 & STORE_DATA.reserved) !== 0) return SW.wrongP1P2;
  // None of these applications has an encryption of its own, and only a secure channel has a key to decipher with.
  if (encrypted !== encryption.none && (encrypted !== encryption.dek || !decipher)) return SW.wrongP1P2;
  if (p2 !== (state.nextBlock & 0xff)) return SW.wrongP1P2;
  if (state.rest.length > 0 && state.encryption !== encrypted) return SW.wrongData;
  const length = state.length + data.length;
  if (length > MAX_DATA) return SW.noMemory;
  const bytes = concat(state.rest, data);
  const { whole, end } = splitDataGroupings(bytes);
  const rest = bytes.subarray(end);
  const groupings: Grouping[] = [];
  for (const { dgi, from, to } of whole) {
    const value = bytes.subarray(from, to);
    const clear = encrypted === encryption.none ? value : decipher?.(value);
    if (!clear) return SW.wrongData;
    if (encrypted !== encryption.none) spend({ symmetric: Math.ceil(value.length / 16) });
    groupings.push({ dgi, value: clear, padded: encrypted !== encryption.none });
  }
  if (p1 & STORE_DATA.last && rest.length > 0) return SW.wrongData;
  return {
    nextBlock: state.nextBlock + 1,
    length,
    groupings: [...state.groupings, ...groupings],
    rest,
    encryption: encrypted,
  };
}

/** A grouping's value as its user takes it: one that was filled up with 80 and zeros to be enciphered without them, unless it only fits with them. */
export function taken(
  { dgi, value, padded }: Grouping,
  accept: (dgi: number, value: Uint8Array) => number,
): Uint8Array | number {
  const shorter = padded ? unpadOne(value) : undefined;
  // Padding fills a block up; more than one block of it is data.
  if (shorter && value.length - shorter.length <= MOST_PADDING && accept(dgi, shorter) === SW.ok) return shorter;
  const sw = accept(dgi, value);
  return sw === SW.ok ? value : sw;
}

/** A whole block of AES. */
const MOST_PADDING = 16;

/**
 * STORE DATA to an application: with the last block all groupings are stored at once or not at all. `accept` checks one, `finish` all of
 * them; a status word refuses the whole. `finish` names the objects that go as the new ones come, and further ones that come with them.
 */
export function storeData(
  context: AppletContext,
  state: PersonalisationState,
  command: CommandApdu,
  accept: (dgi: number, value: Uint8Array) => number,
  finish: (dgis: ReadonlyMap<number, Uint8Array>) => {
    readonly sw: number;
    readonly remove?: readonly number[];
    readonly add?: readonly StoreChange[];
  },
): { state: PersonalisationState; response: ResponseApdu } {
  const refuse = (sw: number) => ({ state: NO_PERSONALISATION, response: status(sw) });
  if (context.secured !== true) return refuse(SW.conditionsOfUse);
  const next = takeBlock(context, state, command);
  if (typeof next === "number") return refuse(next);
  if (!(command.p1 & STORE_DATA.last)) return { state: next, response: status(SW.ok) };

  const dgis: (readonly [dgi: number, value: Uint8Array])[] = [];
  for (const grouping of next.groupings) {
    const value = taken(grouping, accept);
    if (typeof value === "number") return refuse(value);
    dgis.push([grouping.dgi, value]);
  }
  try {
    const { sw, remove = [], add = [] } = finish(new Map(dgis));
    if (sw !== SW.ok) return refuse(sw);
    context.storage.putAll([...remove.map((id) => [id, undefined] as const), ...add, ...dgis]);
  } catch (error) {
    if (isTapbenchError(error, "emulator/store-full")) return refuse(SW.noMemory);
    throw error;
  }
  return { state: NO_PERSONALISATION, response: status(SW.ok) };
}
