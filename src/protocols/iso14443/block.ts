import { roomFor } from "../../util/bytes.js";
import { checkedLength, CRC_BYTES, sealed, type Frame, type Rate } from "./frame.js";

/** A block of ISO/IEC 14443-4 7.1. Blocks with a NAD are not used by payment cards and do not parse. */
export type Block =
  | {
      readonly kind: "I";
      readonly number: 0 | 1;
      readonly chaining: boolean;
      readonly inf: Uint8Array;
      readonly cid: number | undefined;
    }
  | { readonly kind: "R"; readonly number: 0 | 1; readonly nak: boolean; readonly cid: number | undefined }
  | { readonly kind: "DESELECT"; readonly cid: number | undefined }
  | { readonly kind: "WTX"; readonly multiplier: number; readonly cid: number | undefined };

/** Prologue of a block without CID, and the CRC: what a frame holds besides the information field. */
export const BLOCK_OVERHEAD = 3;

export const MAX_WTXM = 59;

/** The block of a frame; undefined where frame or block is invalid. */
export function parseBlock(frame: Frame): Block | undefined {
  const { bytes } = frame;
  const length = checkedLength(frame);
  if (length === 0) return undefined;
  const pcb = bytes[0]!;
  const hasCid = (pcb & 0x08) !== 0;
  if (hasCid && length < 2) return undefined;
  const cid = hasCid ? bytes[1]! & 0x0f : undefined;
  const start = hasCid ? 2 : 1;
  const number = (pcb & 1) as 0 | 1;
  if ((pcb & 0xe6) === 0x02)
    return { kind: "I", number, chaining: (pcb & 0x10) !== 0, inf: bytes.subarray(start, length), cid };
  if ((pcb & 0xe6) === 0xa2) return length === start ? { kind: "R", number, nak: (pcb & 0x10) !== 0, cid } : undefined;
  if ((pcb & 0xf7) === 0xc2) return length === start ? { kind: "DESELECT", cid } : undefined;
  if ((pcb & 0xf7) === 0xf2)
    return length === start + 1 ? { kind: "WTX", multiplier: bytes[start]! & 0x3f, cid } : undefined;
  return undefined;
}

const PCB = {
  I: (block: Extract<Block, { kind: "I" }>) => 0x02 | block.number | (block.chaining ? 0x10 : 0),
  R: (block: Extract<Block, { kind: "R" }>) => 0xa2 | block.number | (block.nak ? 0x10 : 0),
} as const;

/** A block as a standard frame. */
export function blockFrame(block: Block, rate: Rate): Frame {
  const pcb =
    block.kind === "I" ? PCB.I(block) : block.kind === "R" ? PCB.R(block) : block.kind === "WTX" ? 0xf2 : 0xc2;
  const head = block.cid === undefined ? 1 : 2;
  const inf = block.kind === "I" ? block.inf : undefined;
  const bytes = roomFor(head + (inf?.length ?? 0) + (block.kind === "WTX" ? 1 : 0) + CRC_BYTES);
  bytes[0] = block.cid === undefined ? pcb : pcb | 0x08;
  if (block.cid !== undefined) bytes[1] = block.cid;
  if (inf) bytes.set(inf, head);
  else if (block.kind === "WTX") bytes[head] = block.multiplier;
  return sealed(bytes, rate);
}
