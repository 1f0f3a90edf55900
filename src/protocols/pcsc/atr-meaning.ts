import { hex, readUint } from "../../util/bytes.js";
import { isTapbenchError } from "../../util/errors.js";
import { historicalOfAtr } from "./messages.js";

/** What an ATR says of the card behind it. A reader makes it up from the activation: it does not identify a device. */
export type AtrMeaning =
  | { readonly kind: "contactless"; readonly says: string; readonly historical: Uint8Array }
  | { readonly kind: "storage"; readonly says: string; readonly name: number }
  | { readonly kind: "other"; readonly says: string };

/** PC/SC's RID in the historical bytes of storage cards (PC/SC part 3, 3.1.3.2.3.2): category 80, 4F, length, RID. */
const STORAGE = "804F0CA000000306";
const NAME_AT = 9;

/** Card names NN NN (PC/SC part 3, supplemental document). */
const CARD_NAMES: ReadonlyMap<number, string> = new Map([
  [0x0001, "MIFARE Classic 1K"],
  [0x0002, "MIFARE Classic 4K"],
  [0x0003, "MIFARE Ultralight"],
  [0x0026, "MIFARE Mini"],
  [0x002f, "Jewel"],
  [0x0030, "Topaz"],
  [0x003a, "MIFARE Ultralight C"],
  [0x003b, "FeliCa"],
]);

export function describeAtr(atr: Uint8Array): AtrMeaning {
  let historical: Uint8Array;
  try {
    historical = historicalOfAtr(atr);
  } catch (error) {
    if (!isTapbenchError(error)) throw error;
    return { kind: "other", says: "not the ATR of a contactless card" };
  }
  if (!hex(historical).startsWith(STORAGE) || historical.length < NAME_AT + 2)
    return { kind: "contactless", says: "ISO/IEC 14443-4", historical };
  const name = readUint(historical.subarray(NAME_AT, NAME_AT + 2));
  const says = CARD_NAMES.get(name) ?? `storage card ${name.toString(16).toUpperCase().padStart(4, "0")}`;
  return { kind: "storage", says, name };
}
