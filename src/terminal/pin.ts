import { desKey } from "../crypto/des.js";
import { unhex, xor } from "../util/bytes.js";
import { terminalError } from "./errors.js";

/** @throws `terminal/bad-pin` */
export function checkPin(pin: string): void {
  if (!/^[0-9]{4,12}$/.test(pin)) throw terminalError("bad-pin", "a PIN has 4 to 12 digits", { length: pin.length });
}

/** Clear PIN block of format 0: the PIN's field mixed with the account number's (ISO 9564-1 9.3.2). @throws `terminal/bad-pin` */
export function pinBlock0(pin: string, pan: string): Uint8Array {
  checkPin(pin);
  const pinField = `0${pin.length.toString(16)}${pin}`.padEnd(16, "F");
  const panField = pan.slice(0, -1).slice(-12).padStart(16, "0");
  return xor(unhex(pinField), unhex(panField));
}

/** What leaves the PIN pad: the block under the pad's key, of 16 bytes. */
export const encipheredPin = (pin: string, pan: string, key: Uint8Array): Uint8Array =>
  desKey(key).encrypt(pinBlock0(pin, pan));
