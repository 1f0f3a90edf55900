import { carrierCycles, type Nanos } from "../../util/time.js";
import { bitAt, type Frame } from "./frame.js";

/** Frame delay time of a card after the reader's last bit, for n = 9 (ISO/IEC 14443-3 6.2.1.1): exact for REQA, WUPA, anticollision, SELECT; else the least. */
export const FDT_PICC_AFTER_ONE: Nanos = carrierCycles(1236);
export const FDT_PICC_AFTER_ZERO: Nanos = carrierCycles(1172);

export const frameDelay = (reader: Frame): Nanos =>
  bitAt(reader.bytes, reader.bits - 1) ? FDT_PICC_AFTER_ONE : FDT_PICC_AFTER_ZERO;

/** Least time from a card's last bit to the reader's next frame: ISO/IEC 14443-3 6.2.1.2, and EMV Contactless Book D's stricter 500 us. */
export const FDT_PCD_ISO: Nanos = carrierCycles(1172);
export const FDT_PCD_EMV: Nanos = carrierCycles(6780);

/** FWT = 256 * 16 / fc * 2^FWI (ISO/IEC 14443-4 7.2). */
export const frameWaitingTime = (fwi: number): Nanos => carrierCycles(4096 * 2 ** fwi);

/** Start-up frame guard time; SFGI 0 is none (ISO/IEC 14443-4 5.2.5). */
export const startUpGuardTime = (sfgi: number): Nanos => (sfgi === 0 ? 0 : carrierCycles(4096 * 2 ** sfgi));

/** How long an ATS or an answer to PPS may take to start (ISO/IEC 14443-4 5.7, table 7: 65,536/fc). */
export const ACTIVATION_FWT: Nanos = carrierCycles(65_536);

/** FWT never exceeds that of FWI 14, waiting time extensions included (ISO/IEC 14443-4 7.3). */
export const FWT_MAX: Nanos = frameWaitingTime(14);

/** A halted or missing card keeps quiet for 1 ms after HLTA (ISO/IEC 14443-3 6.4.3). */
export const HLTA_SILENCE: Nanos = 1_000_000;

/** How long a reader waits for ATQA or an anticollision answer: the exact delay and some tolerance. */
export const ANTICOLLISION_WAIT: Nanos = carrierCycles(1236 + 384);

/** Bytes of the frame size codes FSDI and FSCI (ISO/IEC 14443-4 table 1). */
export const FRAME_SIZES = [16, 24, 32, 40, 48, 64, 96, 128, 256] as const;

/** A code that is reserved counts as 8 (ISO/IEC 14443-4 5.1). */
export const frameSize = (code: number): number => FRAME_SIZES[code] ?? 256;

/**
 * The least time that a tap of these APDUs can take with no computing at all: activation without PPS, frames of 256 bytes, EMV's frame delay
 * after each answer. For comparing with simulated times.
 */
export function leastAirTime(
  apdus: readonly { readonly command: number; readonly response: number }[],
  rate: 1 | 2 | 4 | 8 = 1,
  atsLength = 6,
): Nanos {
  const bits = (n: number, d: number): number => (n * 128) / d;
  const standard = (bytes: number, d: number): number => bits(2 + 9 * bytes, d);
  const gaps = 1236 + 6780;
  const activation =
    bits(9, 1) +
    standard(2, 1) +
    standard(2, 1) +
    standard(5, 1) +
    standard(9, 1) +
    standard(3, 1) +
    standard(4, 1) +
    standard(atsLength + 2, 1) +
    4 * gaps;
  // 253 bytes fit into a block; each further one has its own prologue and CRC, and an R(ACK) before or after it.
  const further = (bytes: number): number => Math.max(0, Math.ceil(bytes / 253) - 1) * (2 * standard(3, rate) + gaps);
  const message = (bytes: number): number => standard(bytes + 3, rate) + further(bytes);
  const exchanges = apdus.reduce((sum, { command, response }) => sum + message(command) + message(response) + gaps, 0);
  return carrierCycles(activation + exchanges);
}
