import { crcA } from "../../codec/crc.js";
import { roomFor } from "../../util/bytes.js";
import { carrierCycles, type Nanos } from "../../util/time.js";

/** Divisor of the bit duration: 1, 2, 4, 8 for 106, 212, 424, 848 kbit/s. */
export type Rate = 1 | 2 | 4 | 8;

/** A frame of ISO/IEC 14443-3 type A, as bits on the air. */
export interface Frame {
  /** Data, CRC_A included where the frame has one; least significant bit of the first byte first. */
  readonly bytes: Uint8Array;
  /** Data bits, parity not counted: 7 in a short frame, any number in an anticollision frame, else 8 a byte. */
  readonly bits: number;
  readonly rate: Rate;
  /** The receiver saw a wrong parity or a code violation. */
  readonly damaged?: true;
  /** Reader side: the first bit on which several cards disagreed. What follows it means nothing. */
  readonly collision?: number;
}

/** 7 bits: REQA and WUPA (ISO/IEC 14443-3 6.2.3.1). */
export const shortFrame = (command: number): Frame => ({ bytes: Uint8Array.of(command), bits: 7, rate: 1 });

/** Whole bytes without CRC: ATQA, UID and BCC. */
export const plainFrame = (bytes: Uint8Array): Frame => ({ bytes, bits: bytes.length * 8, rate: 1 });

export const CRC_BYTES = 2;

/** Standard frame: the bytes and their CRC_A. */
export function crcFrame(payload: Uint8Array, rate: Rate = 1): Frame {
  const bytes = roomFor(payload.length + CRC_BYTES);
  bytes.set(payload);
  return sealed(bytes, rate);
}

/** Standard frame of bytes that have kept their last two free for the CRC_A, which is written there. */
export function sealed(bytes: Uint8Array, rate: Rate): Frame {
  const length = bytes.length - CRC_BYTES;
  const crc = crcA(bytes, length);
  bytes[length] = crc & 0xff;
  bytes[length + 1] = crc >> 8;
  return { bytes, bits: bytes.length * 8, rate };
}

/** How many bytes a standard frame carries in front of its CRC_A; 0 when it is damaged, incomplete or its CRC_A is wrong. */
export function checkedLength(frame: Frame): number {
  const { bytes } = frame;
  const length = bytes.length - CRC_BYTES;
  if (frame.damaged || frame.collision !== undefined || length < 1 || frame.bits !== bytes.length * 8) return 0;
  const crc = crcA(bytes, length);
  return bytes[length] === (crc & 0xff) && bytes[length + 1] === crc >> 8 ? length : 0;
}

/** What a standard frame carries; undefined when it is damaged, incomplete or its CRC_A is wrong. */
export function checkedPayload(frame: Frame): Uint8Array | undefined {
  const length = checkedLength(frame);
  return length === 0 ? undefined : frame.bytes.subarray(0, length);
}

/** Time on the air: start and end of communication (a bit each), data, and a parity bit behind every whole byte (ISO/IEC 14443-3 6.2.3). */
export const airTime = (frame: Frame): Nanos =>
  carrierCycles(((2 + frame.bits + (frame.bits >> 3)) * 128) / frame.rate);

export const kbps = (rate: Rate): number => rate * 106;

/** Bits `from` to `end` of a bit string (least significant first), packed into new bytes. */
export function sliceBits(bytes: Uint8Array, from: number, end: number): Uint8Array {
  const count = end - from;
  const out = roomFor((count + 7) >> 3);
  for (let i = 0; i < count; i++) if (bitAt(bytes, from + i)) out[i >> 3]! |= 1 << (i & 7);
  return out;
}

export const bitAt = (bytes: Uint8Array, i: number): number => (bytes[i >> 3]! >> (i & 7)) & 1;
