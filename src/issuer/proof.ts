import { asDesKey, type DesKeyLike } from "../crypto/des.js";
import { mchipCryptogram, type MchipRecipe } from "../emv/cryptogram-versions.js";
import { concat, equalBytes } from "../util/bytes.js";

/** How cryptograms are worked out, by version. */
export const RECIPES: ReadonlyMap<number, MchipRecipe> = new Map(
  ([16, 17, 20, 21] as const).map((cvn) => [cvn, mchipCryptogram(cvn)]),
);

/** A cryptogram that was tried. */
export interface Proof {
  readonly verified: boolean;
  /** Issuer authentication data: ARPC and its response code (tag 91, 10 bytes). */
  answer(code: Uint8Array): Uint8Array;
}

/** What of the chip data the proof needs besides what the cryptogram covers. */
export interface Claim {
  /** 9F36. */
  readonly atc: Uint8Array;
  /** 9F37. */
  readonly un: Uint8Array;
  /** 9F26. */
  readonly cryptogram: Uint8Array;
}

/** Works the cryptogram out again. @throws `emv/missing-value`, `emv/bad-length` where `chip` lacks what it covers */
export function prove(
  recipe: MchipRecipe,
  acKey: DesKeyLike,
  { atc, un, cryptogram }: Claim,
  chip: (tag: number) => Uint8Array | undefined,
): Proof {
  const session = asDesKey(recipe.sessionKey(acKey, atc, un));
  return {
    verified: equalBytes(recipe.cryptogram(session, recipe.data(chip)), cryptogram),
    answer: (code) => concat(recipe.arpc({ master: acKey, session }, cryptogram, code), code),
  };
}
