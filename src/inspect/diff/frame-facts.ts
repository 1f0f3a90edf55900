import { SEL } from "../../protocols/iso14443/messages.js";
import { concat, hex, NO_BYTES } from "../../util/bytes.js";
import type { FrameRecord } from "../../util/tracer.js";
import { isWtx } from "../frame-groups.js";
import type { Fact } from "./account.js";
import { isRandomUid } from "./volatile.js";

const fact = (path: string, value: string): Fact => ({ part: "frames", path, value });

/** R(NAK): the reader asks for the last block again. ISO/IEC 14443-4 7.1.1.3. */
const isNak = ({ from, bytes }: FrameRecord): boolean =>
  from === "pcd" && bytes.length >= 3 && (bytes[0]! & 0xf6) === 0xb2;
/** I-blocks, either way. */
const isInformation = ({ bytes, bits }: FrameRecord): boolean =>
  bits >= 32 && bits % 8 === 0 && (bytes[0]! & 0xe2) === 0x02;

/** Blocks that were asked for again, or sent again. */
function retransmissions(frames: readonly FrameRecord[]): number {
  let count = 0;
  const last: { pcd?: string; picc?: string } = {};
  for (const frame of frames) {
    if (isNak(frame)) count++;
    if (!isInformation(frame)) continue;
    const block = hex(frame.bytes);
    if (last[frame.from] === block) count++;
    last[frame.from] = block;
  }
  return count;
}

const rates = (frames: readonly FrameRecord[], from: FrameRecord["from"]): string => {
  const seen = new Set(frames.filter((frame) => frame.from === from).map(({ kbps }) => kbps));
  return seen.size === 0 ? "no" : [...seen].toSorted((a, b) => a - b).join(" and ");
};

/** How a command went over the air. What did not happen is left out. */
export function frameFacts(frames: readonly FrameRecord[]): Fact[] {
  if (frames.length === 0) return [];
  const facts: Fact[] = [
    fact("rate", `${rates(frames, "pcd")} kbit/s to the card, ${rates(frames, "picc")} kbit/s back`),
  ];
  const faults = frames.flatMap(({ fault, from }) =>
    fault === undefined ? [] : [`${fault} ${from === "pcd" ? "to the card" : "from the card"}`],
  );
  const extensions = frames.filter((frame) => frame.from === "picc" && isWtx(frame)).length;
  const again = retransmissions(frames);
  if (faults.length > 0) facts.push(fact("faults", faults.join(", ")));
  if (extensions > 0) facts.push(fact("wtx", String(extensions)));
  if (again > 0) facts.push(fact("again", String(again)));
  facts.push(fact("frames", String(frames.length)));
  return facts;
}

const short = (frame: FrameRecord): boolean => frame.bits === 7;
const withoutCrc = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, Math.max(0, bytes.length - 2));

/** What the device said while it was activated: ATQA, UID, SAK, ATS, bit rates. ISO/IEC 14443-3 6.5, 14443-4 5. */
export function activationFacts(frames: readonly FrameRecord[]): Fact[] {
  const levels = new Map<number, Uint8Array>();
  const said = new Map<string, Uint8Array>();
  let asked: FrameRecord | undefined;
  for (const frame of frames) {
    if (frame.fault !== undefined) continue;
    if (frame.from === "pcd") {
      asked = frame;
      continue;
    }
    const [first = 0, second = 0] = asked?.bytes ?? NO_BYTES;
    const level = SEL.indexOf(first as (typeof SEL)[number]);
    if (asked && short(asked)) said.set("atqa", frame.bytes.toReversed());
    else if (level >= 0 && second === 0x70) {
      const uid = asked!.bytes.subarray(2, 6);
      levels.set(level, uid[0] === 0x88 ? uid.subarray(1) : uid); // 88: the UID goes on in the next level
      said.set("sak", frame.bytes.subarray(0, 1));
    } else if (first === 0xe0) said.set("ats", withoutCrc(frame.bytes));
    else if (asked && (first & 0xf0) === 0xd0) said.set("pps", withoutCrc(asked.bytes));
  }
  const uid = concat(...[...levels].toSorted(([a], [b]) => a - b).map(([, bytes]) => bytes));
  const facts: Fact[] = [];
  if (uid.length > 0) {
    const value = fact("uid", hex(uid));
    facts.push(isRandomUid(uid) ? { ...value, volatile: uid.length } : value);
  }
  for (const [path, bytes] of said) facts.push(fact(path, hex(bytes)));
  return [...facts, ...frameFacts(frames)];
}
