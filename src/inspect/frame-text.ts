import { atsParameters, REQA, SEL, WUPA } from "../protocols/iso14443/messages.js";
import { hex } from "../util/bytes.js";
import { isTapbenchError } from "../util/errors.js";
import { formatNanos } from "../util/time.js";
import type { FrameRecord } from "../util/tracer.js";

const CRC_LENGTH = 2;

/** Names frames one after the other: what a card says is named by what it was asked. ISO/IEC 14443-3 6, 14443-4 5 and 7. */
export function frameNamer(): (frame: FrameRecord) => string {
  let asked = "";
  return (frame) => {
    const name = frame.from === "pcd" ? request(frame) : answer(frame, asked);
    if (frame.from === "pcd") asked = name;
    return frame.fault === undefined ? name : `${name} (${frame.fault})`;
  };
}

function request({ bytes, bits }: FrameRecord): string {
  const [first = 0, second = 0] = bytes;
  if (bits === 7) return first === REQA ? "REQA" : first === WUPA ? "WUPA" : `short frame ${hex(bytes)}`;
  const level = SEL.indexOf(first as (typeof SEL)[number]) + 1;
  if (level > 0)
    return second === 0x70 ? `SELECT level ${level} UID ${hex(bytes.subarray(2, 6))}` : `anticollision level ${level}`;
  if (first === 0x50 && second === 0 && bytes.length === 4) return "HLTA";
  if (first === 0xe0 && bytes.length === 4) return `RATS FSDI ${second >> 4} CID ${second & 0x0f}`;
  if ((first & 0xf0) === 0xd0 && bytes.length === 5)
    return `PPS divisors ${1 << ((bytes[2]! >> 0) & 3)} to and ${1 << ((bytes[2]! >> 2) & 3)} from the card`;
  return block(bytes);
}

function answer(frame: FrameRecord, asked: string): string {
  const { bytes } = frame;
  if (asked === "REQA" || asked === "WUPA") return `ATQA ${hex(bytes.toReversed())}`;
  if (asked.startsWith("anticollision")) return `UID part ${hex(bytes.subarray(0, 4))}`;
  if (asked.startsWith("SELECT level")) return `SAK ${hex(bytes.subarray(0, 1))}`;
  if (asked.startsWith("RATS")) return ats(bytes);
  if (asked.startsWith("PPS")) return "PPS response";
  return block(bytes);
}

function ats(bytes: Uint8Array): string {
  const payload = bytes.subarray(0, -CRC_LENGTH);
  try {
    const { fsc, fwt, toCard, toReader } = atsParameters(payload);
    const most = (rates: readonly number[]): number => Math.max(...rates) * 106;
    return `ATS ${hex(payload)}: frames of ${fsc} bytes, answers within ${formatNanos(fwt)}, up to ${most(toCard)} / ${most(toReader)} kbit/s`;
  } catch (error) {
    if (isTapbenchError(error)) return `ATS ${hex(payload)} (malformed)`;
    throw error;
  }
}

/** ISO-DEP blocks by their PCB, ISO/IEC 14443-4 7.1.1. */
function block(bytes: Uint8Array): string {
  const pcb = bytes[0] ?? 0;
  const number = pcb & 1;
  const prologue = 1 + (pcb & 0x08 ? 1 : 0);
  if ((pcb & 0xe2) === 0x02) {
    const from = prologue + (pcb & 0x04 ? 1 : 0);
    return `I(${number})${pcb & 0x10 ? " chained" : ""} ${Math.max(0, bytes.length - CRC_LENGTH - from)} bytes`;
  }
  if ((pcb & 0xe6) === 0xa2) return `R(${pcb & 0x10 ? "NAK" : "ACK"} ${number})`;
  if ((pcb & 0xf7) === 0xf2) return `S(WTX ${(bytes[prologue] ?? 0) & 0x3f})`;
  if ((pcb & 0xf7) === 0xc2) return "S(DESELECT)";
  return `frame of ${bytes.length} bytes`;
}
