import { asDesKey, type DesKeyLike } from "../crypto/des.js";
import { padOne } from "../crypto/padding.js";
import { emvError } from "./errors.js";

/** Static part of a dynamic CVC3, 2 bytes: end of a MAC over the track data as personalised (kernel 2, mag-stripe mode). */
export const ivCvc3 = (key: DesKeyLike, trackTemplate: Uint8Array): Uint8Array =>
  asDesKey(key).mac(padOne(trackTemplate)).slice(6);

/**
 * Dynamic CVC3, 2 bytes as a card answers COMPUTE CRYPTOGRAPHIC CHECKSUM: end of the block IVCVC3, unpredictable number, ATC, encrypted.
 * @param iv 2 bytes @param un 4 bytes (9F6A, BCD) @param atc 2 bytes
 * @throws `emv/bad-length`
 */
export function cvc3(key: DesKeyLike, iv: Uint8Array, un: Uint8Array, atc: Uint8Array): Uint8Array {
  if (iv.length !== 2 || un.length !== 4 || atc.length !== 2)
    throw emvError("bad-length", "CVC3 takes 2 bytes of IVCVC3, 4 of the unpredictable number and 2 of the ATC", {
      iv: iv.length,
      un: un.length,
      atc: atc.length,
    });
  const block = new Uint8Array(8);
  block.set(iv, 0);
  block.set(un, 2);
  block.set(atc, 6);
  return asDesKey(key).encrypt(block).slice(6);
}
