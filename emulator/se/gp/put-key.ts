import { aesCheckValue, aesKey } from "../../../src/crypto/aes.js";
import { desKey, keyCheckValue } from "../../../src/crypto/des.js";
import { PutKey } from "../../../src/protocols/gp/messages.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import { concat, equalBytes, NO_BYTES } from "../../../src/util/bytes.js";
import { attempt } from "../../../src/util/errors.js";
import { say, type Content } from "./content.js";
import { storedKeys, storeKeys, type StoredKeys } from "./keys.js";
import { deciphered, kindOf, type SecureState } from "./session.js";

const SEVERAL = 0x80;
const MAX_VERSION = 0x7f;

/** PUT KEY: three keys at once, new or in place of a version; the check values have to fit (11.8). */
export const putKey: Content = (context, manager, state, { p1, p2, data = NO_BYTES }) => {
  if (p2 !== (SEVERAL | 0x01)) return say(state, SW.wrongP1P2);
  const asked = attempt(() => PutKey.decode(data));
  const kind = kindOf(manager);
  if (!asked || asked.keys.length !== 3 || asked.keys.some(({ type }) => type !== kind))
    return say(state, SW.wrongData);
  if (asked.version === 0 || asked.version > MAX_VERSION) return say(state, SW.wrongData);
  const storage = manager.storageOf(manager.own);
  const replaces = p1 === 0 ? undefined : p1;
  if (replaces !== undefined && !storedKeys(storage, replaces)) return say(state, SW.dataNotFound);
  if (asked.version !== replaces && storedKeys(storage, asked.version)) return say(state, SW.conditionsOfUse);
  context.spend({ symmetric: 12 });
  const keys: Uint8Array[] = [];
  for (const { value, check } of asked.keys) {
    const key = clearKey(state.secure, kind, value);
    if (!key || key.length !== (keys[0] ?? key).length) return say(state, SW.wrongData);
    const own = kind === "aes" ? aesCheckValue(aesKey(key)) : keyCheckValue(desKey(key));
    if (check.length > 0 && !equalBytes(own, check)) return say(state, SW.dataNotUsable);
    keys.push(key);
  }
  const [enc, mac, dek] = keys as [Uint8Array, Uint8Array, Uint8Array];
  storeKeys(storage, asked.version, { kind, enc, mac, dek }, replaces);
  const checks = keys.map((key) => (kind === "aes" ? aesCheckValue(aesKey(key)) : keyCheckValue(desKey(key))));
  return { state, response: { data: concat(Uint8Array.of(asked.version), ...checks), sw: SW.ok } };
};

/** A key as it came: AES keys say their length, because they may have been padded (Amendment D 7.2). */
function clearKey(secure: SecureState, kind: StoredKeys["kind"], value: Uint8Array): Uint8Array | undefined {
  if (kind === "des") return value.length === 16 ? deciphered(secure, value) : undefined;
  const length = value[0];
  if (length !== 16 && length !== 24 && length !== 32) return undefined;
  const clear = deciphered(secure, value.subarray(1));
  return clear && clear.length === Math.ceil(length / 16) * 16 ? clear.subarray(0, length) : undefined;
}
