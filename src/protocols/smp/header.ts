import { bitFields, u16be, u8 } from "../../codec/fields.js";
import { message } from "../../codec/message.js";
import { roomFor } from "../../util/bytes.js";
import { smpError } from "./errors.js";

/** The eight bytes before every message. */
export const Header = message("smp.HEADER", "Zephyr, SMP protocol specification, Frame", {
  first: [bitFields(u8, { op: [0, 3], version: [3, 2], reserved: [5, 3] }), "operation, version, reserved bits"],
  flags: [u8, "none are defined: 0"],
  length: [u16be, "bytes of data behind the header"],
  group: [u16be, "management group"],
  sequence: [u8, "of the request; its response has the same"],
  command: [u8, "within the group"],
});
export const HEADER_BYTES = 8;

/** What an operation field says (mcumgr_op_t). */
export const OP = { read: 0, readResponse: 1, write: 2, writeResponse: 3 } as const;
/** Version as the header says it: errors as `rc`, or as `err`. */
export type SmpVersion = 1 | 2;

/** One message, taken apart. `version` is 1 for header bits 00, 2 for 01; 3 and 4 are reserved. */
export interface SmpMessage {
  readonly op: number;
  readonly version: number;
  readonly group: number;
  readonly sequence: number;
  readonly command: number;
  /** A CBOR map; no bytes count as an empty one. */
  readonly data: Uint8Array;
}

const MAX_DATA = 0xffff;

/** @throws `smp/too-long` for more data than the length field can say */
export function encodeSmp({ op, version, group, sequence, command, data }: SmpMessage): Uint8Array {
  const { length } = data;
  if (length > MAX_DATA)
    throw smpError("too-long", `a message carries at most ${MAX_DATA} bytes, not ${length}`, { length });
  const out = roomFor(HEADER_BYTES + length);
  out[0] = ((version - 1) << 3) | op;
  out[2] = length >>> 8;
  out[3] = length;
  out[4] = group >>> 8;
  out[5] = group;
  out[6] = sequence;
  out[7] = command;
  out[1] = 0;
  out.set(data, HEADER_BYTES);
  return out;
}

/** A whole message; its length has to fit. @throws `codec/truncated`, `smp/bad-length` */
export function decodeSmp(bytes: Uint8Array): SmpMessage {
  const message = readSmp(bytes);
  const says = (bytes[2]! << 8) | bytes[3]!;
  const has = message.data.length;
  if (says !== has)
    throw smpError(
      "bad-length",
      `the header says ${says} byte(s) of data and ${has} are there; the message was cut or put together wrongly`,
      { says, has },
    );
  return message;
}

/** The same, whatever its length field says: what comes behind the header is the data. Written out, because it is done for every message. @throws `codec/truncated` */
export function readSmp(bytes: Uint8Array): SmpMessage {
  if (bytes.length < HEADER_BYTES) Header.decode(bytes);
  return {
    op: bytes[0]! & 7,
    version: ((bytes[0]! >> 3) & 3) + 1,
    group: (bytes[4]! << 8) | bytes[5]!,
    sequence: bytes[6]!,
    command: bytes[7]!,
    data: bytes.subarray(HEADER_BYTES),
  };
}
