import { keyCheckValue } from "../crypto/des.js";
import { iccMasterKey } from "../emv/keys.js";
import { equalBytes } from "../util/bytes.js";
import { issuerError } from "./errors.js";

/** An issuer's master keys, 16 bytes each. */
export interface IssuerKeys {
  /** Set and name: `test:default`. */
  readonly label: string;
  /** Application cryptogram. */
  readonly ac: Uint8Array;
  /** Secure messaging, integrity. */
  readonly smi: Uint8Array;
  /** Secure messaging, confidentiality. */
  readonly smc: Uint8Array;
  /** First three bytes of zeros encrypted under each; checked where they are given. */
  readonly checkValues?: CardKeys;
}

/** A card's master keys, derived for its number. */
export interface CardKeys {
  readonly ac: Uint8Array;
  readonly smi: Uint8Array;
  readonly smc: Uint8Array;
}

/**
 * The keys, when an issuer may work with them: double length, and of a set that is called `test:`.
 * @throws `issuer/not-a-test-key`, `issuer/bad-key`
 */
export function requireTestKeys(keys: IssuerKeys): IssuerKeys {
  if (!keys.label.startsWith("test:"))
    throw issuerError(
      "not-a-test-key",
      `'${keys.label.slice(0, 40)}' is not a test key set; tapbench works with sets named test: only`,
      { label: keys.label.slice(0, 40) },
    );
  for (const part of ["ac", "smi", "smc"] as const) {
    const key = keys[part];
    const context = { label: keys.label, part };
    if (key.length !== 16)
      throw issuerError(
        "bad-key",
        `master key ${part} of ${keys.label} has ${key.length} bytes; 16 are needed`,
        context,
      );
    const expected = keys.checkValues?.[part];
    if (expected && !equalBytes(expected, keyCheckValue(key)))
      throw issuerError(
        "bad-key",
        `master key ${part} of ${keys.label} and its check value disagree; one was mistyped`,
        context,
      );
  }
  return keys;
}

/** ICC master keys (EMV 4.3 Book 2 A1.4, option A or B by the length of the PAN). @throws `emv/bad-pan` */
export const cardKeys = (keys: IssuerKeys, pan: string, sequence: string): CardKeys => ({
  ac: iccMasterKey(keys.ac, pan, sequence),
  smi: iccMasterKey(keys.smi, pan, sequence),
  smc: iccMasterKey(keys.smc, pan, sequence),
});

/** Check values of a card's keys, 3 bytes each, as DGI 9000 carries them. */
export const checkValues = (keys: CardKeys): CardKeys => ({
  ac: keyCheckValue(keys.ac),
  smi: keyCheckValue(keys.smi),
  smc: keyCheckValue(keys.smc),
});
