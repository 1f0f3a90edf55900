import { asDesKey, type DesKeyLike } from "../crypto/des.js";
import { padOne } from "../crypto/padding.js";
import { concat, hex, unhex } from "../util/bytes.js";
import { emvError } from "./errors.js";

/**
 * MAC of a script command, 8 bytes; send as many as the card's application wants (EMV 4.3 Book 2 9.2).
 * @param key session key for integrity, 16 bytes
 * @param data header, what the version chains in between (ATC, cryptogram), command data
 */
export const commandMac = (key: DesKeyLike, data: Uint8Array): Uint8Array => asDesKey(key).mac(padOne(data));

/**
 * How command data are made ready and enciphered (EMV 4.3 Book 2 9.3, A1.1 and what schemes do instead):
 * `mastercard` pads only what is not whole blocks, CBC; `visa` puts a length byte in front, pads what is not whole blocks, ECB;
 * `emv` always pads, CBC.
 */
export type CommandEncryption = "mastercard" | "visa" | "emv";

const padIfNeeded = (data: Uint8Array): Uint8Array => (data.length % 8 === 0 ? data : padOne(data));

/** Enciphers the data of a script command. @param key session key for confidentiality, 16 bytes @throws `emv/bad-length` */
export function encryptCommandData(key: DesKeyLike, data: Uint8Array, type: CommandEncryption): Uint8Array {
  if (data.length === 0 || data.length > 240)
    throw emvError("bad-length", "1 to 240 bytes of command data can be enciphered", { length: data.length });
  const prepared = asDesKey(key);
  if (type === "visa") return prepared.encrypt(padIfNeeded(concat(Uint8Array.of(data.length), data)));
  return prepared.encryptCbc(type === "emv" ? padOne(data) : padIfNeeded(data));
}

function checkPin(pin: string): void {
  if (!/^[0-9]{4,12}$/.test(pin)) throw emvError("bad-pin", "a PIN has 4 to 12 digits", { digits: pin.length });
}

/** PIN block of format 2, 8 bytes: `2`, the length, the PIN, `F` (ISO 9564-1 format 2). @throws `emv/bad-pin` */
export function pinBlock2(pin: string): Uint8Array {
  checkPin(pin);
  return unhex(`2${pin.length.toString(16)}${pin.padEnd(14, "F")}`);
}

/** Whether these are a PIN block of format 2: what a card takes for a PIN at all (ISO 9564-1 format 2). */
export const isPinBlock2 = (block: Uint8Array): boolean => block.length === 8 && PIN_BLOCK_2.test(hex(block));
const PIN_BLOCK_2 = new RegExp(
  `^2(?:${Array.from({ length: 9 }, (_, i) => `${(i + 4).toString(16).toUpperCase()}[0-9]{${i + 4}}F{${10 - i}}`).join("|")})$`,
);

/**
 * Visa-style PIN block, 8 bytes: the PIN with its length, mixed with the card's own master key for cryptograms and, where the card
 * checks the old PIN, with that as well.
 * @param acMasterKey ICC master key for cryptograms, 16 bytes
 * @throws `emv/bad-pin`
 */
export function visPinBlock(acMasterKey: DesKeyLike, pin: string, currentPin?: string): Uint8Array {
  checkPin(pin);
  const block = unhex(`0${pin.length.toString(16)}${pin.padEnd(14, "F")}`);
  const key = asDesKey(acMasterKey).bytes();
  for (let i = 4; i < 8; i++) block[i]! ^= key[i]!;
  if (currentPin === undefined) return block;
  checkPin(currentPin);
  const current = unhex(currentPin.padEnd(16, "0"));
  return block.map((byte, i) => byte ^ current[i]!);
}
