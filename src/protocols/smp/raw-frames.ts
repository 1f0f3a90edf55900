import { codecError } from "../../codec/errors.js";
import { concat, NO_BYTES, readUint } from "../../util/bytes.js";
import type { Framing } from "../../util/framing.js";
import type { Nanos } from "../../util/time.js";

/*
 * SMP on a UART of its own, without framing: the header's length tells where a message ends. Sources: Zephyr, "SMP Transport Specification",
 * raw UART; "SMP Protocol Specification" for the header.
 */

const HEADER = 8;
const LENGTH_AT = 2;
/** Reserved bits 0, version 0 or 1, an operation from 0 to 3. */
const FIRST_BYTE = 0b0000_1011;
/** No flag is defined: the second byte is always this. */
const NO_FLAGS = 0;
/** CBOR major type 5 in the upper three bits (RFC 8949 3.1): what the data of a message is. */
const MAP = 5;

export interface RawStream {
  readonly bytes: Uint8Array;
  /** When the last of them came. */
  readonly at: Nanos;
}

export interface RawOptions {
  /** A message that pauses for longer is given up: whatever noise claimed to be, the next message is heard. */
  readonly timeOut: Nanos;
  /** Header and data. */
  readonly maxMessage?: number;
}

/** The raw framing. What cannot be a header is skipped byte by byte. */
export const rawFraming = ({ timeOut, maxMessage = HEADER + 0xffff }: RawOptions): Framing<RawStream> => ({
  start: { bytes: NO_BYTES, at: 0 },
  encode(message) {
    if (message.length < HEADER || message.length !== HEADER + readUint(message.subarray(LENGTH_AT, LENGTH_AT + 2)))
      throw codecError("bad-length", "a raw SMP message is as long as its header says; give header and data", {
        length: message.length,
      });
    return message;
  },
  receive(before, piece, at) {
    const stale = before.bytes.length > 0 && at - before.at > timeOut;
    let dropped = stale ? 1 : 0;
    const bytes = stale || before.bytes.length === 0 ? piece : concat(before.bytes, piece);
    const messages: Uint8Array[] = [];
    let start = 0;
    let inNoise = false;
    while (start < bytes.length) {
      const length = messageLength(bytes.subarray(start), maxMessage);
      if (length === "none") {
        if (!inNoise) dropped++;
        inNoise = true;
        start++;
        continue;
      }
      inNoise = false;
      if (length === "unknown" || start + length > bytes.length) break;
      messages.push(bytes.slice(start, start + length));
      start += length;
    }
    return { stream: { bytes: bytes.slice(start), at }, messages, lines: [], dropped };
  },
});

/** How long the message is that begins here; `none`: none does. */
function messageLength(bytes: Uint8Array, maxMessage: number): number | "unknown" | "none" {
  if ((bytes[0]! & ~FIRST_BYTE) !== 0 || (bytes[1] ?? NO_FLAGS) !== NO_FLAGS) return "none";
  if (bytes.length < LENGTH_AT + 2) return "unknown";
  const data = readUint(bytes.subarray(LENGTH_AT, LENGTH_AT + 2));
  if (HEADER + data > maxMessage) return "none";
  if (data > 0 && bytes.length > HEADER && bytes[HEADER]! >> 5 !== MAP) return "none";
  return HEADER + data;
}
