import { NO_BYTES, roomFor } from "../../util/bytes.js";
import { iso7816Error } from "./errors.js";

/** A command APDU, ISO/IEC 7816-4 5.1. `le` absent: no data is expected; 256 or 65,536 are "as much as there is" of the short and extended forms. */
export interface CommandApdu {
  readonly cla: number;
  readonly ins: number;
  readonly p1: number;
  readonly p2: number;
  /** Absent or empty: no command data. */
  readonly data?: Uint8Array | undefined;
  readonly le?: number | undefined;
  /** Force the extended form; otherwise it is used where the lengths need it. */
  readonly extended?: boolean | undefined;
}

export interface ResponseApdu {
  readonly data: Uint8Array;
  /** SW1 and SW2 as one number: 0x9000. */
  readonly sw: number;
}

export const MAX_SHORT_RESPONSE = 256;
export const MAX_RESPONSE = 65_536;

function checkByte(part: "cla" | "ins" | "p1" | "p2", value: number): void {
  if ((value & 0xff) !== value) throw iso7816Error("bad-command", `${part} ${value} is not a byte`, { part });
}

/** @throws `iso7816/bad-command`, `iso7816/too-long` */
export function encodeCommand(command: CommandApdu): Uint8Array {
  const data = command.data ?? NO_BYTES;
  const { le } = command;
  checkByte("cla", command.cla);
  checkByte("ins", command.ins);
  checkByte("p1", command.p1);
  checkByte("p2", command.p2);
  if (data.length > 65_535)
    throw iso7816Error("too-long", `${data.length} bytes of command data; 65,535 are the limit`, {
      length: data.length,
    });
  if (le !== undefined && !(Number.isInteger(le) && le >= 1 && le <= MAX_RESPONSE))
    throw iso7816Error("bad-command", `Le ${le} is not between 1 and 65,536`, { le });
  const extended = command.extended === true || data.length > 255 || (le ?? 0) > MAX_SHORT_RESPONSE;

  const lcSize = data.length === 0 ? 0 : extended ? 3 : 1;
  const leSize = le === undefined ? 0 : extended ? (lcSize ? 2 : 3) : 1;
  const out = roomFor(4 + lcSize + data.length + leSize);
  out[0] = command.cla;
  out[1] = command.ins;
  out[2] = command.p1;
  out[3] = command.p2;
  let at = 4;
  if (lcSize === 1) out[at++] = data.length;
  else if (lcSize === 3) {
    out[at + 1] = data.length >> 8;
    out[at + 2] = data.length & 0xff;
    at += 3;
  }
  out.set(data, at);
  at += data.length;
  if (leSize) {
    if (leSize === 3) at++;
    if (leSize > 1) out[at++] = (le! >> 8) & 0xff;
    out[at] = le! & 0xff;
  }
  return out;
}

/**
 * All four cases, short and extended (ISO/IEC 7816-4 5.1, table 3).
 * @throws `iso7816/short-command` below four bytes, `iso7816/bad-command` where lengths and bytes disagree
 */
export function decodeCommand(bytes: Uint8Array): CommandApdu {
  if (bytes.length < 4)
    throw iso7816Error("short-command", `a command APDU has at least 4 bytes; ${bytes.length} came`, {
      length: bytes.length,
    });
  const first = bytes[4];
  const body = bytes.length - 4;
  const made = (data?: Uint8Array, le?: number, extended?: true): CommandApdu => ({
    cla: bytes[0]!,
    ins: bytes[1]!,
    p1: bytes[2]!,
    p2: bytes[3]!,
    data,
    le,
    extended,
  });
  if (first === undefined) return made();
  if (body === 1) return made(undefined, first || MAX_SHORT_RESPONSE);
  if (first !== 0) {
    const data = bytes.subarray(5, 5 + first);
    if (body === 1 + first) return made(data);
    if (body === 2 + first) return made(data, bytes[5 + first]! || MAX_SHORT_RESPONSE);
  } else {
    const length = bytes.length >= 7 ? (bytes[5]! << 8) | bytes[6]! : -1;
    if (body === 3) return made(undefined, length || MAX_RESPONSE, true);
    if (length > 0) {
      const data = bytes.subarray(7, 7 + length);
      if (body === 3 + length) return made(data, undefined, true);
      if (body === 5 + length) return made(data, (bytes[7 + length]! << 8) | bytes[8 + length]! || MAX_RESPONSE, true);
    }
  }
  throw iso7816Error("bad-command", `Lc and Le do not fit the ${bytes.length} bytes of the command`, {
    length: bytes.length,
  });
}

export function encodeResponse({ data, sw }: ResponseApdu): Uint8Array {
  const out = roomFor(data.length + 2);
  out.set(data);
  out[data.length] = sw >> 8;
  out[data.length + 1] = sw;
  return out;
}

/** @throws `iso7816/short-response` below two bytes */
export function decodeResponse(bytes: Uint8Array): ResponseApdu {
  if (bytes.length < 2)
    throw iso7816Error("short-response", `a response APDU ends in a status word; ${bytes.length} byte(s) came`, {
      length: bytes.length,
    });
  const end = bytes.length - 2;
  return { data: bytes.subarray(0, end), sw: (bytes[end]! << 8) | bytes[end + 1]! };
}

/** An answer without data. */
export const status = (sw: number): ResponseApdu => ({ data: NO_BYTES, sw });
