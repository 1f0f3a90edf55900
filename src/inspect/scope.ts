import { providerOf } from "../emv/dictionary/aids.js";
import { scanTlv } from "../trace/scan.js";

/** Whose meaning the tags of an application have, by its AID: the kernel that it usually goes to, or `interac`, `gp`. */
export const scopeOfAid = (aid: Uint8Array): string | undefined => providerOf(aid)?.scope;

/** An FCI names its application in one of its first objects. */
const FIRST_OBJECTS = 4;

/** The same for an answer to SELECT: by the name (84) in its FCI. */
export function scopeOfFci(bytes: Uint8Array): string | undefined {
  let scope: string | undefined;
  if (bytes[0] !== 0x6f) return undefined;
  scanTlv(
    bytes,
    ({ tag, depth, valueStart, valueEnd, cut }) => {
      if (tag === 0x84 && depth === 1 && !cut) scope ??= scopeOfAid(bytes.subarray(valueStart, valueEnd));
    },
    0,
    bytes.length,
    FIRST_OBJECTS,
  );
  return scope;
}

const NAMES: Readonly<Record<string, string>> = { gp: "GlobalPlatform", interac: "Interac Flash" };

/** A scope in words: `kernel c2`. */
export const scopeText = (scope: string): string => NAMES[scope] ?? `kernel ${scope}`;
