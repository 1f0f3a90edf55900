import { concat } from "../util/bytes.js";
import type { FrameRecord } from "../util/tracer.js";
import { SEL } from "../protocols/iso14443/messages.js";
import { commandName } from "./apdu-text.js";

/** Frames that belong together although no exchange came of them. */
export interface FrameGroup {
  readonly label: string;
  /** The command that was sent and not answered. */
  readonly command?: string;
  readonly frames: readonly FrameRecord[];
}

const CRC_LENGTH = 2;

/** S(WTX), either way. ISO/IEC 14443-4 7.1.1.3. */
export const isWtx = ({ bytes }: FrameRecord): boolean => bytes.length >= 3 && (bytes[0]! & 0xf7) === 0xf2;

const CHAINED = 0x10;
const isDeselect = ({ bytes }: FrameRecord): boolean => bytes.length >= 3 && (bytes[0]! & 0xf7) === 0xc2;
const isInformation = ({ bytes, bits }: FrameRecord): boolean =>
  bits >= 32 && bits % 8 === 0 && (bytes[0]! & 0xe2) === 0x02;
/** Short frames, anticollision, HLTA, RATS, PPS: ISO/IEC 14443-3 6.5, 14443-4 5.1 and 5.3. */
const isActivation = ({ bytes: [first = 0], bits }: FrameRecord): boolean =>
  bits === 7 ||
  SEL.includes(first as (typeof SEL)[number]) ||
  first === 0x50 ||
  first === 0xe0 ||
  (first & 0xf0) === 0xd0;

/** Information field of an I-block: without PCB, CID, NAD and CRC. */
function information({ bytes }: FrameRecord): Uint8Array {
  const pcb = bytes[0]!;
  const from = 1 + (pcb & 0x08 ? 1 : 0) + (pcb & 0x04 ? 1 : 0);
  return bytes.subarray(from, Math.max(from, bytes.length - CRC_LENGTH));
}

type Kind = "activation" | "command" | "deselect" | "other";

interface Open {
  readonly kind: Kind;
  readonly frames: FrameRecord[];
  /** Command blocks that can be read, without repetitions. */
  readonly blocks: FrameRecord[];
}

const kindOf = (frame: FrameRecord): Kind | undefined => {
  if (frame.from === "picc") return undefined; // goes with what it answers
  if (isActivation(frame)) return "activation";
  if (isDeselect(frame)) return "deselect";
  return isInformation(frame) ? "command" : undefined;
};

const sameBlock = (a: FrameRecord, b: FrameRecord): boolean => Buffer.compare(a.bytes, b.bytes) === 0;

/** Whether a command block goes on with what is open: sent again, or the next of a chain. */
function goesOn({ kind, blocks }: Open, frame: FrameRecord): boolean {
  const last = blocks.at(-1);
  return (
    kind === "command" &&
    (frame.fault === "corrupted" || !last || (last.bytes[0]! & CHAINED) !== 0 || sameBlock(last, frame))
  );
}

/** Cuts frames without an exchange into activation, commands that were not answered, and DESELECT. */
export function unansweredGroups(frames: readonly FrameRecord[]): FrameGroup[] {
  const groups: Open[] = [];
  for (const frame of frames) {
    const kind = kindOf(frame);
    let open = groups.at(-1);
    const same = open && (kind === undefined || (kind === "command" ? goesOn(open, frame) : kind === open.kind));
    if (!open || !same) groups.push((open = { kind: kind ?? "other", frames: [], blocks: [] }));
    open.frames.push(frame);
    const last = open.blocks.at(-1);
    if (kind === "command" && frame.fault !== "corrupted" && !(last && sameBlock(last, frame))) open.blocks.push(frame);
  }
  return groups.map(groupOf);
}

function groupOf({ kind, frames, blocks }: Open): FrameGroup {
  if (kind === "activation") return { label: "activation", frames };
  if (kind === "deselect") return { label: "DESELECT", frames };
  if (kind === "other") return { label: "frames outside exchanges", frames };
  const command = blocks.length === 0 ? "a command" : commandName(concat(...blocks.map(information)));
  return { label: `${command}: no answer`, command, frames };
}
