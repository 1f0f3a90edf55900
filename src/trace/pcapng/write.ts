import { crcA, crcB } from "../../codec/crc.js";
import { concat, NO_BYTES, u16be } from "../../util/bytes.js";
import type { FieldRecord, FrameRecord, TraceRecord } from "../../util/tracer.js";
import { traceError } from "../errors.js";
import { encodeHeader, type TraceHeader } from "../header.js";
import { BLOCK, BLOCK_FRAME, BYTE_ORDER_MAGIC, EVENT, LINK_ISO_14443, OPTION } from "./format.js";
import { frameComment } from "./frame-comment.js";

const u16 = (value: number): Uint8Array => u16be(value).toReversed();
const u32 = (value: number): Uint8Array => Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
const padding = (length: number): Uint8Array => new Uint8Array(-length & 3);
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Little-endian: its length stands at both ends. */
function block(type: number, ...body: readonly Uint8Array[]): Uint8Array {
  const length = u32(body.reduce((sum, part) => sum + part.length, BLOCK_FRAME));
  return concat(u32(type), length, ...body, length);
}

const option = (code: number, value: Uint8Array): Uint8Array =>
  concat(u16(code), u16(value.length), value, padding(value.length));
const END = option(OPTION.end, NO_BYTES);

const MAX_OPTION = 0xffff;
/** An option holds 65,535 bytes; a header with a longer name is not one of ours. */
const text = (code: number, words: string): Uint8Array => {
  const bytes = utf8(words);
  return bytes.length > MAX_OPTION ? NO_BYTES : option(code, bytes);
};

const NANOSECONDS = Uint8Array.of(9);
const NO_SNAP_LENGTH = u32(0);
const UNKNOWN_LENGTH = new Uint8Array(8).fill(0xff);
const VERSION_1_0 = concat(u16(1), u16(0));

/** The section carries the trace's header as its comment, so that whoever reads the capture knows which run it was. */
const section = (header: TraceHeader): Uint8Array =>
  block(
    BLOCK.section,
    u32(BYTE_ORDER_MAGIC),
    VERSION_1_0,
    UNKNOWN_LENGTH,
    text(OPTION.comment, encodeHeader(header)),
    text(OPTION.sectionTool, header.tool),
    END,
  );

const contactless = (): Uint8Array =>
  block(
    BLOCK.interface,
    u16(LINK_ISO_14443),
    u16(0),
    NO_SNAP_LENGTH,
    text(OPTION.interfaceName, "contactless"),
    option(OPTION.timeResolution, NANOSECONDS),
    END,
  );

/** The 64-bit time as two words, the high one first whatever the byte order. */
function timestamp(at: number): Uint8Array {
  if (at < 0)
    throw traceError("bad-record", `a frame has the time ${at} ns, before the start, which a capture cannot hold`, {
      at,
    });
  return concat(u32(Math.floor(at / 0x1_0000_0000)), u32(at % 0x1_0000_0000));
}

function packet(at: number, event: number, frame: Uint8Array, comment?: string): Uint8Array {
  const data = concat(Uint8Array.of(0, event), u16be(frame.length), frame);
  return block(
    BLOCK.enhancedPacket,
    u32(0), // the only interface
    timestamp(at),
    u32(data.length),
    u32(data.length),
    data,
    padding(data.length),
    ...(comment === undefined ? [] : [text(OPTION.comment, comment), END]),
  );
}

const MASK = 0xcc;
const CRC_LENGTH = 2;

/** Masking takes the CRC of a changed frame out, and puts CC in its place. */
function isCrcMasked(bytes: Uint8Array): boolean {
  const payload = bytes.length - CRC_LENGTH;
  if (payload < 1 || bytes[payload] !== MASK || bytes[payload + 1] !== MASK) return false;
  const masked = MASK * 0x101;
  return crcA(bytes, payload) !== masked && crcB(bytes, payload) !== masked;
}

function framePacket(record: FrameRecord, masked: boolean): Uint8Array {
  const { at, bytes } = record;
  const pcd = record.from === "pcd";
  if (masked && isCrcMasked(bytes))
    return packet(
      at,
      pcd ? EVENT.pcdWithoutCrc : EVENT.piccWithoutCrc,
      bytes.subarray(0, -CRC_LENGTH),
      frameComment(record),
    );
  return packet(at, pcd ? EVENT.pcd : EVENT.picc, bytes, frameComment(record));
}

const fieldPacket = ({ at, on }: FieldRecord): Uint8Array => packet(at, on ? EVENT.fieldOn : EVENT.fieldOff, NO_BYTES);

const CHUNK = 1 << 16;

/**
 * A trace's frames and field as a pcapng file of link type 264, in pieces. Times are those of the trace, in nanoseconds since its start. A
 * frame whose CRC masking took out is written as one whose CRC was dropped: none is invented. The same records give the same bytes.
 *
 * @throws `trace/no-frames` where none were recorded; `trace/bad-record` for times before the start
 */
export function* pcapngPieces(
  header: TraceHeader,
  records: Iterable<TraceRecord>,
): Generator<Uint8Array, void, undefined> {
  let pieces = [section(header), contactless()];
  let size = 0;
  let frames = 0;
  for (const record of records) {
    if (record.layer !== "frame" && record.layer !== "field") continue;
    const piece = record.layer === "frame" ? framePacket(record, header.masked) : fieldPacket(record);
    if (record.layer === "frame") frames++;
    pieces.push(piece);
    size += piece.length;
    if (size < CHUNK || frames === 0) continue;
    yield concat(...pieces);
    pieces = [];
    size = 0;
  }
  if (frames === 0) throw noFrames(header);
  yield concat(...pieces);
}

const noFrames = ({ observed }: TraceHeader): Error =>
  traceError(
    "no-frames",
    observed.frames
      ? "the trace has no frames, so there is nothing to put into a capture"
      : "frames could not be observed when this was recorded, so there are none for a capture; convert it to --csv or --html instead",
    {},
  );
