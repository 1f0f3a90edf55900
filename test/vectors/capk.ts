import type { CaPublicKey } from "../../src/emv/oda.js";
import { readUint, unhex } from "../../src/util/bytes.js";

/** One key as `capk.json` has it. */
export interface CapkEntry {
  readonly rid: string;
  readonly index: string;
  readonly modulus: string;
  readonly exp: string;
  readonly hash_sha1: string;
  /** Whether the check sum was published; null: computed by who collected the keys. */
  readonly hash_ok: boolean | null;
}

export interface CapkFile {
  readonly keys: readonly CapkEntry[];
}

export const caKeyOf = (entry: CapkEntry): CaPublicKey => ({
  rid: unhex(entry.rid),
  index: readUint(unhex(entry.index)),
  modulus: unhex(entry.modulus),
  exponent: readUint(unhex(entry.exp)),
});
