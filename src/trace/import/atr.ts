import type { ApduRecord } from "../../util/tracer.js";

/**
 * The interface that an ATR speaks of. Readers make up the ATR of a contactless card, 3B 8n 80 01 and its historical bytes (PC/SC part 3); every other is a chip's own, sent over contacts.
 */
export const interfaceOfAtr = (atr: Uint8Array): ApduRecord["via"] =>
  atr[0] === 0x3b && (atr[1]! & 0xf0) === 0x80 && atr[2] === 0x80 && atr[3] === 0x01 ? "contactless" : "wired";
