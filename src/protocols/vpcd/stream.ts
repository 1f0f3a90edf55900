import { roomFor } from "../../util/bytes.js";
import { vpcdError } from "./errors.js";
import { HEADER_BYTES } from "./messages.js";

/** Bytes that have come and make no whole message yet; a value. At most a header and 65,535 bytes. */
export interface VpcdStream {
  /** The latest piece, and what came before it: nothing is copied before a message is whole. */
  readonly tail: Tail | undefined;
  readonly length: number;
  /** With fewer bytes there is nothing new to see. */
  readonly wanted: number;
}

interface Tail {
  readonly piece: Uint8Array;
  readonly before: Tail | undefined;
}

export const EMPTY_STREAM: VpcdStream = { tail: undefined, length: 0, wanted: HEADER_BYTES };

export interface VpcdReceived {
  readonly stream: VpcdStream;
  /** Bodies that are whole now, in order. */
  readonly bodies: readonly Uint8Array[];
  /** Length of the body whose header has come and none of whose bytes have: its sender may be waiting to be acknowledged. */
  readonly awaited?: number;
}

/** Takes a piece of the stream, cut anywhere. @throws `vpcd/empty` for a message without bytes */
export function vpcdReceive(before: VpcdStream, piece: Uint8Array): VpcdReceived {
  if (piece.length === 0) return { stream: before, bodies: [] };
  const length = before.length + piece.length;
  const tail = { piece, before: before.tail };
  if (length < before.wanted) return { stream: { tail, length, wanted: before.wanted }, bodies: [] };
  const bytes = joined(tail, length);

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
  if (rest.length === 0) return { stream: EMPTY_STREAM, bodies };
  const stream = { tail: { piece: rest, before: undefined }, length: rest.length, wanted };
  return { stream, bodies, ...(rest.length === HEADER_BYTES && { awaited: wanted - HEADER_BYTES }) };
}

function joined(last: Tail, length: number): Uint8Array {
  if (!last.before) return last.piece;
  const bytes = roomFor(length);
  let end = length;
  for (let tail: Tail | undefined = last; tail; tail = tail.before) bytes.set(tail.piece, (end -= tail.piece.length));
  return bytes;
}
