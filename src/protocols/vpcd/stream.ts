import { concat } from "../../util/bytes.js";
import { vpcdError } from "./errors.js";
import { HEADER_BYTES } from "./messages.js";

/** Bytes that have come and make no whole message yet; a value. At most a header and 65,535 bytes. */
export interface VpcdStream {
  readonly parts: readonly Uint8Array[];
  readonly length: number;
  /** With fewer bytes there is nothing new to see. */
  readonly wanted: number;
}

export const EMPTY_STREAM: VpcdStream = { parts: [], length: 0, wanted: HEADER_BYTES };

export interface VpcdReceived {
  readonly stream: VpcdStream;
  /** Bodies that are whole now, in order. */
  readonly bodies: readonly Uint8Array[];
  /** Length of the body whose header has come and none of whose bytes have: its sender may be waiting to be acknowledged. */
  readonly awaited?: number;
}

/** Takes a piece of the stream, cut anywhere. @throws `vpcd/empty` for a message without bytes */
export function vpcdReceive(before: VpcdStream, piece: Uint8Array): VpcdReceived {
  const length = before.length + piece.length;
  const parts = before.length === 0 ? [piece] : [...before.parts, piece];
  if (length < before.wanted) return { stream: { parts, length, wanted: before.wanted }, bodies: [] };
  const bytes = parts.length === 1 ? piece : concat(...parts);

  const bodies: Uint8Array[] = [];
  let wanted: number = HEADER_BYTES;
  let at = 0;
  while (bytes.length - at >= HEADER_BYTES) {
    const size = (bytes[at]! << 8) | bytes[at + 1]!;
    if (size === 0) throw vpcdError("empty", "a message without bytes came; is this the port of the vpcd driver?", {});
    const end = at + HEADER_BYTES + size;
    if (end > bytes.length) {
      wanted = end - at;
      break;
    }
    bodies.push(bytes.subarray(at + HEADER_BYTES, end));
    at = end;
  }
  const rest = bytes.subarray(at);
  const stream = rest.length === 0 ? EMPTY_STREAM : { parts: [rest], length: rest.length, wanted };
  return { stream, bodies, ...(rest.length === HEADER_BYTES && { awaited: wanted - HEADER_BYTES }) };
}
