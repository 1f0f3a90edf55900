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

/** Commands that may carry keys, PINs or account data, but not in their header: VERIFY, PUT KEY, STORE DATA and their like. */
const NAMED: ReadonlySet<number> = new Set([
  0x20, 0x24, 0x2c, 0x50, 0x70, 0x82, 0xd6, 0xd8, 0xda, 0xdb, 0xdc, 0xe2, 0xe6, 0xe8,
]);
const HEADER = 4;

/** CLA of interindustry and of payment commands: chained or not, with secure messaging or not (ISO/IEC 7816-4 5.4.1). */
const isClass = (cla: number): boolean => (cla & 0x60) === 0;

/** Header alone, Le, data, data and Le: what can follow a header in one piece (ISO/IEC 7816-4 5.1). */
function isWhole(apdu: Uint8Array): boolean {
  if (apdu.length <= HEADER + 1) return apdu.length >= HEADER;
  const data = HEADER + 1 + apdu[HEADER]!;
  return apdu.length === data || apdu.length === data + 1;
}

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

/** A command in one block that a terminal may send to any card. Bytes that go on with a chain only look like one. */
const isHarmless = (info: Uint8Array): boolean =>
  isWhole(info) && isClass(info[0]!) && HARMLESS.has(info[1]!) && (info[0]! & 0x10) === 0;

/** How much of a command's first block can stay: its header, where it is one. */
const headerOf = (info: Uint8Array): number =>
  info.length > HEADER && isClass(info[0]!) && (HARMLESS.has(info[1]!) || NAMED.has(info[1]!)) ? HEADER : 0;

/** Tells blocks that begin a command from those that go on with one. Sent again, a block is what it was. */
function beginnings(): (frame: FrameRecord) => boolean {
  let last: { readonly block: IBlock; readonly bytes: Uint8Array; readonly begins: boolean } | undefined;
  return ({ from, bytes, fault }) => {
    if (from === "picc") return false;
    const block = fault === "corrupted" ? undefined : iBlock(bytes);
    if (!block) {
      // After anything else but a request to repeat, who knows: only a whole command counts then.
      if (!isControlBlock(bytes)) last = undefined;
      return false;
    }
    if (last && sameBytes(last.bytes, bytes)) return last.begins;
    const begins = last?.block.chained !== true;
    last = { block, bytes, begins };
    return begins;
  };
}

/** A frame, and whether it begins a command. */
interface Judged {
  readonly frame: FrameRecord;
  readonly begins: boolean;
}

/** A frame of the reader that carries neither keys nor PINs. */
function isOpen({ bytes, fault }: FrameRecord, begins: boolean): boolean {
  const block = iBlock(bytes);
  if (!block) return true;
  return fault !== "corrupted" && begins && !block.chained && isHarmless(bytes.subarray(block.from, block.to));
}

/**
 * `pans`: account numbers known from elsewhere in the trace. With `keepAccount` only frames that may carry keys or PINs are masked.
 */
export function frameMasker(pans: KnownPans, keepAccount: boolean): FrameMasker {
  let phase: Phase = "blocks";
  const isBeginning = beginnings();

  const mask = (
    { frame, begins }: Judged,
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
    else if (begins && !block.chained && isHarmless(info)) {
      const shown = Uint8Array.from(info);
      sweep(shown, pans);
      bytes.set(shown, block.from);
    } else blank(bytes, block.from + (begins ? headerOf(info) : 0), block.to);
    if (sameBytes(bytes, frame.bytes)) return frame;
    blank(bytes, block.to);
    return { ...frame, bytes };
  };

  return {
    exchange(frames, apdu) {
      const judged = frames.map((frame) => ({ frame, begins: isBeginning(frame) }));
      const open = apdu
        ? sameBytes(apdu.record.command, apdu.masked.command) && sameBytes(apdu.record.response, apdu.masked.response)
        : judged.every(({ frame, begins }) => frame.from === "picc" || isOpen(frame, begins));
      if (keepAccount && open) {
        for (const frame of frames) phase = activation(phase, frame).next;
        return [...frames];
      }
      const cursors = apdu && {
        pcd: { bytes: apdu.record.command, masked: apdu.masked.command, at: 0 },
        picc: { bytes: apdu.record.response, masked: apdu.masked.response, at: 0 },
      };
      return judged.map((one) => mask(one, cursors));
    },
  };
}
