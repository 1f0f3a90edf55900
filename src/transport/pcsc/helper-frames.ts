import type { Leaving, Sharing } from "./driver.js";

/*
 * What passes between this process and the helper that holds the native binding: a length of four bytes, then kind, number of the call, and
 * either text (JSON) or bytes. Both ends are ours and of one version.
 */

/** Kind of a frame. Calls go down, the rest comes up. */
export const KIND = { transmit: 1, ask: 2, bytes: 3, done: 4, failed: 5, event: 6 } as const;

export interface HelperFrame {
  readonly kind: number;
  readonly call: number;
  readonly body: Uint8Array;
}

/** What a call other than transmit asks for. */
export type Ask =
  | { readonly do: "connect"; readonly reader: number; readonly share: Sharing }
  | { readonly do: "disconnect"; readonly reader: number; readonly leaving: Leaving }
  | {
      readonly do: "control";
      readonly reader: number;
      readonly code: number;
      readonly data: string;
      readonly room: number;
    };

/** What the helper tells by itself. Readers are numbered in the order in which they were seen. */
export type HelperEvent =
  | { readonly says: "started" }
  | { readonly says: "readers"; readonly readers: readonly { readonly number: number; readonly name: string }[] }
  | { readonly says: "state"; readonly reader: number; readonly bits: number; readonly atr: string }
  | { readonly says: "missing"; readonly why: string }
  | { readonly says: "no-service"; readonly why: string }
  | { readonly says: "closed"; readonly why: string };

/** A call that failed. */
export interface HelperFailure {
  readonly call: string;
  readonly code: number;
  readonly says: string;
}

const HEADER = 9;
/** More than the longest APDU (65,544 bytes) or its hex in JSON. */
const MAX_FRAME = 1 << 18;
/** Before a transmit's APDU: reader and room for the response. */
export const TRANSMIT_HEADER = 6;

export function encodeFrame(kind: number, call: number, body: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(HEADER + body.length);
  out.writeUInt32BE(HEADER - 4 + body.length, 0);
  out.writeUInt8(kind, 4);
  out.writeUInt32BE(call, 5);
  out.set(body, HEADER);
  return out;
}

export const encodeJson = (kind: number, call: number, value: Ask | HelperEvent | HelperFailure): Buffer =>
  encodeFrame(kind, call, Buffer.from(JSON.stringify(value)));

export const decodeJson = (body: Uint8Array): unknown =>
  JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString());

/** Cuts a stream into frames. Gives false where what came is none of ours. */
export function frameReader(deliver: (frame: HelperFrame) => void): (piece: Uint8Array) => boolean {
  let rest: Buffer = Buffer.alloc(0);
  return (piece) => {
    rest = rest.length === 0 ? Buffer.from(piece) : Buffer.concat([rest, piece]);
    while (rest.length >= 4) {
      const length = rest.readUInt32BE(0);
      if (length < HEADER - 4 || length > MAX_FRAME) return false;
      if (rest.length < 4 + length) break;
      const frame = rest.subarray(0, 4 + length);
      rest = rest.subarray(4 + length);
      deliver({ kind: frame[4]!, call: frame.readUInt32BE(5), body: frame.subarray(HEADER) });
    }
    return true;
  };
}
