import type { ApduRecord, FrameRecord } from "../util/tracer.js";
import { CRC_LENGTH, iBlock, isControlBlock, type IBlock } from "./iso-dep.js";
import type { MaskedApdu } from "./mask-apdu.js";
import { blank, sweep, type KnownPans } from "./sensitive.js";

/*
 * The frames of an exchange carry its APDUs in blocks (ISO/IEC 14443-4 7): the information fields of the I-blocks, one after the other,
 * are the command and the response. A frame shows what its place in the masked APDU shows. What has no such place is blanked: frames
 * that noise has changed, frames of an exchange that never ended. The CRC of a changed frame goes too, because it is a check sum
 * over the digits that were taken out.
 */

/** Where the polling for cards stands. Nothing secret is on the air before the answer to RATS (ISO/IEC 14443-3, 14443-4 5). */
type Phase = "blocks" | "activation" | "rats-sent";

/** Whether the frame belongs to activation, and where that leaves the link. The forms are strict: all else counts as blocks. */
function activation(phase: Phase, { from, bytes, bits, fault }: FrameRecord): { shown: boolean; next: Phase } {
  const first = bytes[0] ?? 0;
  const arrived = fault === undefined;
  if (from === "pcd") {
    if (bits === 7 && bytes.length === 1) return { shown: true, next: "activation" };
    if (bytes.length === 4 && first === 0x50 && bytes[1] === 0x00) return { shown: true, next: "activation" };
    if (phase !== "blocks") {
      if (first === 0xe0 && bytes.length === 4) return { shown: true, next: arrived ? "rats-sent" : phase };
      if ((first === 0x93 || first === 0x95 || first === 0x97) && bytes.length <= 9)
        return { shown: true, next: phase };
    }
    if ((first & 0xf0) === 0xd0 && bytes.length <= 5) return { shown: true, next: phase }; // PPS
    return { shown: false, next: phase };
  }
  if (phase === "rats-sent") {
    const ats = bytes.length === first + CRC_LENGTH && bytes.length <= 22;
    return { shown: ats, next: ats && arrived ? "blocks" : phase };
  }
  const short = bytes.length <= 5 && (phase === "activation" || (first & 0xf0) === 0xd0);
  return { shown: short, next: phase };
}

interface Cursor {
  readonly bytes: Uint8Array;
  readonly masked: Uint8Array;
  at: number;
  last?: { readonly number: number; readonly at: number; readonly length: number };
}

const matches = (whole: Uint8Array, at: number, part: Uint8Array): boolean => {
  if (at + part.length > whole.length) return false;
  for (let i = 0; i < part.length; i++) if (whole[at + i] !== part[i]) return false;
  return true;
};

/** Place of an information field in its APDU: the next bytes, or, with the block number of the last one, those once more. */
function place(cursor: Cursor, { number }: IBlock, info: Uint8Array): number | undefined {
  const { last } = cursor;
  if (last?.number === number)
    return matches(cursor.bytes, last.at, info) && info.length === last.length ? last.at : undefined;
  if (!matches(cursor.bytes, cursor.at, info)) return undefined;
  const at = cursor.at;
  cursor.at += info.length;
  cursor.last = { number, at, length: info.length };
  return at;
}

/** Commands that a terminal sends, without account data: SELECT, GPO, READ RECORD, GENERATE AC and their like. */
const HARMLESS: ReadonlySet<number> = new Set([0xa4, 0xa8, 0xb2, 0xae, 0xca, 0xc0, 0x88, 0x84, 0xea, 0x2a]);

/** Masks the frames of one link, exchange by exchange. */
export interface FrameMasker {
  /**
   * Frames recorded since the last exchange, with the exchange that they carry; without one, what no exchange came of. In their
   * order, masked.
   */
  exchange(
    frames: readonly FrameRecord[],
    apdu?: { readonly record: ApduRecord; readonly masked: MaskedApdu },
  ): FrameRecord[];
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && matches(a, 0, b);

const isHarmless = ({ from, bytes, fault }: FrameRecord): boolean => {
  const block = from === "pcd" && fault !== "corrupted" ? iBlock(bytes) : undefined;
  return block !== undefined && !block.chained && HARMLESS.has(bytes[block.from + 1] ?? -1);
};

/**
 * `pans`: account numbers known from elsewhere in the trace. With `keepAccount` only frames that may carry keys or PINs are masked.
 */
export function frameMasker(pans: KnownPans, keepAccount: boolean): FrameMasker {
  let phase: Phase = "blocks";

  const mask = (
    frame: FrameRecord,
    cursors: Readonly<Record<FrameRecord["from"], Cursor>> | undefined,
  ): FrameRecord => {
    const step = activation(phase, frame);
    phase = step.next;
    const damaged = frame.fault === "corrupted";
    const keep = (step.shown && !damaged) || (isControlBlock(frame.bytes) && !damaged);
    if (keep || frame.bytes.length <= 1) return frame;

    const bytes = Uint8Array.from(frame.bytes);
    const block = damaged ? undefined : iBlock(frame.bytes);
    if (!block) {
      blank(bytes, 1);
      return { ...frame, bytes };
    }
    const info = frame.bytes.subarray(block.from, block.to);
    const cursor = cursors?.[frame.from];
    const at = cursor && place(cursor, block, info);
    if (cursor && at !== undefined) bytes.set(cursor.masked.subarray(at, at + info.length), block.from);
    else if (!cursors && isHarmless(frame)) {
      const shown = Uint8Array.from(info);
      sweep(shown, pans);
      bytes.set(shown, block.from);
    } else blank(bytes, block.from, block.to);
    if (sameBytes(bytes, frame.bytes)) return frame;
    blank(bytes, block.to);
    return { ...frame, bytes };
  };

  return {
    exchange(frames, apdu) {
      const open = apdu
        ? sameBytes(apdu.record.command, apdu.masked.command) && sameBytes(apdu.record.response, apdu.masked.response)
        : frames.every((frame) => frame.from === "picc" || isHarmless(frame) || !iBlock(frame.bytes));
      if (keepAccount && open) {
        for (const frame of frames) phase = activation(phase, frame).next;
        return [...frames];
      }
      const cursors = apdu && {
        pcd: { bytes: apdu.record.command, masked: apdu.masked.command, at: 0 },
        picc: { bytes: apdu.record.response, masked: apdu.masked.response, at: 0 },
      };
      return frames.map((frame) => mask(frame, cursors));
    },
  };
}
