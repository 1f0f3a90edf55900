import { crcA, crcB } from "../../codec/crc.js";
import { concat } from "../../util/bytes.js";
import { isTapbenchError, type TapbenchError } from "../../util/errors.js";
import type { FieldRecord, FrameRecord } from "../../util/tracer.js";
import { traceError } from "../errors.js";
import { decodeHeader, type TraceHeader } from "../header.js";
import { CRC_LENGTH } from "../iso-dep.js";
import { BLOCK, EVENT, LINK_ISO_14443, PSEUDO_HEADER } from "../pcapng/format.js";
import { factsOf } from "../pcapng/frame-comment.js";
import { packetReader, type Packet } from "../pcapng/packets.js";
import { frameAssembler, type FrameAssembler } from "./assemble-frames.js";
import type { ImportFormat, TraceImporter } from "./format.js";
import { polling, type Polling } from "./polling.js";

const MAX_FRAMES = 1_000_000;
const MASKED_CRC = Uint8Array.of(0xcc, 0xcc);

/** What was odd, counted; a sentence each at the end. */
const REMARKS = {
  otherLink: "packets of other link types than ISO 14443 were left out",
  unknownEvent: "packets whose pseudo header is not known were left out",
  cut: "frames are shorter than the capture says they were",
  crcAdded: "frames came without their CRC; it was computed for them",
  crcWrong: "frames have a wrong CRC and count as damaged",
  untimed: "packets have no time that can be used; they have that of the packet before",
  assumed:
    "frames have no bit rate and no duration in the capture: 106 kbit/s and 0 ns stand for what was not observed",
  unanswered: "commands were heard without a whole answer",
} as const;

/** Where one interface of the capture stands. */
interface Link {
  readonly assembler: FrameAssembler;
  readonly polling: Polling;
}

/**
 * Captures in pcapng with frames of link type 264. Those that tapbench wrote come back as they were, but for decisions and wired commands,
 * which no capture holds; others count their time from their first packet.
 */
export const pcapng: ImportFormat = {
  name: "pcapng",
  title: "capture of ISO 14443 frames, pcapng",
  recognises: (head) => head.length >= 4 && new DataView(head.buffer, head.byteOffset).getUint32(0) === BLOCK.section,
  start(onRecord): TraceImporter {
    const counts = new Map<keyof typeof REMARKS, number>();
    const remark = (what: keyof typeof REMARKS, times = 1): void => {
      if (times > 0) counts.set(what, (counts.get(what) ?? 0) + times);
    };
    const links = new Map<number, Link>();
    let own: TraceHeader | undefined;
    let first: TraceHeader | undefined;
    let zero: bigint | undefined;
    let last = 0;
    let frames = 0;

    const settle = (): void => {
      for (const { assembler } of links.values()) {
        assembler.end();
        remark("unanswered", assembler.unanswered);
      }
      links.clear();
    };

    const linkOf = (number: number): Link => {
      const known = links.get(number);
      if (known) return known;
      const link = { assembler: frameAssembler(onRecord), polling: polling() };
      links.set(number, link);
      return link;
    };

    const timeOf = (at: bigint | undefined): number => {
      if (at !== undefined) {
        if (!own) zero ??= at;
        const since = Number(own ? at : at - zero!);
        if (Number.isSafeInteger(since)) return (last = since);
      }
      remark("untimed");
      return last;
    };

    /** The frame with its CRC, as traces have it. */
    const withCrc = (bytes: Uint8Array): Uint8Array => {
      if (own?.masked === true) return concat(bytes, MASKED_CRC);
      remark("crcAdded");
      const crc = crcA(bytes);
      return concat(bytes, Uint8Array.of(crc & 0xff, crc >> 8));
    };

    const frameOf = (packet: Packet, from: FrameRecord["from"], dropped: boolean, polled: Polling): FrameRecord => {
      const { data, comment } = packet;
      const said = (data[2]! << 8) | data[3]!;
      const heard = Uint8Array.from(data.subarray(PSEUDO_HEADER, PSEUDO_HEADER + said));
      if (heard.length < said || data.length < packet.length) remark("cut");
      const { hasCrc, bits } = polled.see(from, heard);
      const bytes = dropped && (hasCrc || own?.masked === true) ? withCrc(heard) : heard;
      const facts = own && comment !== undefined ? factsOf(comment, bytes.length) : undefined;
      const base = { layer: "frame", at: timeOf(packet.at), from, bytes } as const;
      if (facts) return { ...base, ...facts };
      remark("assumed");
      const damaged = hasCrc && !dropped && !fits(bytes);
      if (damaged) remark("crcWrong");
      return { ...base, took: 0, bits: bits ?? bytes.length * 8, kbps: 106, ...(damaged && { fault: "corrupted" }) };
    };

    const take = (packet: Packet): void => {
      const { link, data, offset } = packet;
      if (link !== LINK_ISO_14443) return remark("otherLink");
      const event = data[0] === 0 && data.length >= PSEUDO_HEADER ? EVENTS.get(data[1]!) : undefined;
      if (!event) return remark("unknownEvent");
      if (++frames > MAX_FRAMES)
        throw traceError("too-large", `the capture has more than ${MAX_FRAMES} frames; split it`, {
          offset,
          limit: MAX_FRAMES,
        });
      const { assembler, polling: polled } = linkOf(packet.interface);
      if ("on" in event) {
        polled.reset();
        assembler.push({ layer: "field", at: timeOf(packet.at), on: event.on });
      } else assembler.push(frameOf(packet, event.from, event.dropped, polled));
    };

    const reader = packetReader({
      section(comments) {
        settle();
        own = comments.map(headerOf).find((header) => header !== undefined);
        first ??= own;
      },
      packet: take,
    });

    /** What could be read is shown, with the problem that ended it. */
    let problem: TapbenchError | undefined;
    const attempt = (work: () => void): void => {
      if (problem) return;
      try {
        work();
      } catch (error) {
        if (!isTapbenchError(error)) throw error;
        problem = error;
      }
    };

    return {
      push: (piece) => attempt(() => reader.push(piece)),
      end() {
        attempt(() => reader.end());
        settle();
        if (frames === 0) throw problem ?? noFrames();
        return {
          name: first?.profile ?? "",
          observed: { times: first?.observed.times ?? "measured", frames: true },
          remarks: [...counts].map(([what, times]) => `${times} ${REMARKS[what]}`),
          ...(first?.masked === true && { masked: true }),
          ...(problem && { problem }),
        };
      },
    };
  },
};

const noFrames = (): TapbenchError =>
  traceError("no-frames", "the capture has no frames of ISO 14443 (link type 264), so there is no tap in it", {});

type Event = Pick<FieldRecord, "on"> | { readonly from: FrameRecord["from"]; readonly dropped: boolean };

const EVENTS: ReadonlyMap<number, Event> = new Map<number, Event>([
  [EVENT.fieldOn, { on: true }],
  [EVENT.fieldOff, { on: false }],
  [EVENT.pcd, { from: "pcd", dropped: false }],
  [EVENT.picc, { from: "picc", dropped: false }],
  [EVENT.pcdWithoutCrc, { from: "pcd", dropped: true }],
  [EVENT.piccWithoutCrc, { from: "picc", dropped: true }],
]);

/** The header of a trace of ours in a section's comment. */
function headerOf(comment: string): TraceHeader | undefined {
  try {
    return decodeHeader(comment);
  } catch (error) {
    if (isTapbenchError(error)) return undefined;
    throw error;
  }
}

function fits(bytes: Uint8Array): boolean {
  const payload = bytes.length - CRC_LENGTH;
  if (payload < 1) return false;
  const crc = bytes[payload]! | (bytes[payload + 1]! << 8);
  return crcA(bytes, payload) === crc || crcB(bytes, payload) === crc;
}
