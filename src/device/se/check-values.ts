import { aesCheckValue, aesKey } from "../../crypto/aes.js";
import { desKey, keyCheckValue } from "../../crypto/des.js";
import type { KeySet } from "../../protocols/gp/poller.js";

/** What may be shown of a key set: of each key 3 bytes that it encrypts a known block to (GlobalPlatform Card Specification 2.3.1, B.5 and B.6). */
export const checkValuesOf = ({
  kind,
  enc,
  mac,
  dek,
}: KeySet): { readonly enc: Uint8Array; readonly mac: Uint8Array; readonly dek: Uint8Array } => {
  const checkOf = (key: Uint8Array): Uint8Array =>
    kind === "aes" ? aesCheckValue(aesKey(key)) : keyCheckValue(desKey(key));
  return { enc: checkOf(enc), mac: checkOf(mac), dek: checkOf(dek) };
};
