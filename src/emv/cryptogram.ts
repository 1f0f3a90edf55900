import { asDesKey, type DesKeyLike } from "../crypto/des.js";
import { pad, padOne, type PaddingMethod } from "../crypto/padding.js";
import { concat, NO_BYTES } from "../util/bytes.js";
import { emvError } from "./errors.js";

/**
 * Application cryptogram, 8 bytes: MAC algorithm 3 over the padded data (EMV 4.3 Book 2 8.1.1, A1.2.1).
 * @param key session key or, for the versions without one, ICC master key: 16 bytes
 * @param padding method 2 is EMV's own; Visa's CVN 10 pads with zeros
 */
export const applicationCryptogram = (key: DesKeyLike, data: Uint8Array, padding: PaddingMethod = 2): Uint8Array =>
  asDesKey(key).mac(pad(data, padding));

/**
 * ARPC method 1, 8 bytes: the response code, filled with zeros, mixed into the ARQC and encrypted (EMV 4.3 Book 2 8.2.1).
 * @param responseCode two bytes, tag 8A or what the version has instead
 * @throws `emv/bad-length`
 */
export function arpc1(key: DesKeyLike, arqc: Uint8Array, responseCode: Uint8Array): Uint8Array {
  if (arqc.length !== 8 || responseCode.length !== 2)
    throw emvError("bad-length", "ARPC method 1 takes a cryptogram of 8 bytes and a response code of 2", {
      arqc: arqc.length,
      responseCode: responseCode.length,
    });
  const block = new Uint8Array(arqc);
  block[0]! ^= responseCode[0]!;
  block[1]! ^= responseCode[1]!;
  return asDesKey(key).encrypt(block);
}

/**
 * ARPC method 2, 4 bytes: a MAC over ARQC, card status update and proprietary data (EMV 4.3 Book 2 8.2.2).
 * @param csu 4 bytes @param proprietary up to 8 bytes
 * @throws `emv/bad-length`
 */
export function arpc2(
  key: DesKeyLike,
  arqc: Uint8Array,
  csu: Uint8Array,
  proprietary: Uint8Array = NO_BYTES,
): Uint8Array {
  if (arqc.length !== 8 || csu.length !== 4 || proprietary.length > 8)
    throw emvError(
      "bad-length",
      "ARPC method 2 takes a cryptogram of 8 bytes, a status update of 4 and at most 8 bytes more",
      {
        arqc: arqc.length,
        csu: csu.length,
        proprietary: proprietary.length,
      },
    );
  return asDesKey(key)
    .mac(padOne(concat(arqc, csu, proprietary)))
    .slice(0, 4);
}
