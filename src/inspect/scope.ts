import { providerOf } from "../emv/dictionary/aids.js";
import { findTlv, type Tlv } from "../codec/tlv.js";

/** Whose meaning the tags of an application have, by its AID: the kernel that it usually goes to, or `interac`, `gp`. */
export const scopeOfAid = (aid: Uint8Array): string | undefined => providerOf(aid)?.scope;

/** The same for an answer to SELECT: by the name (84) in its FCI. */
export function scopeOfFci(objects: readonly Tlv[]): string | undefined {
  const name = findTlv(objects, 0x6f, 0x84)?.value;
  return name && scopeOfAid(name);
}
