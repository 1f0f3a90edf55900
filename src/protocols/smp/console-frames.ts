import { codecError } from "../../codec/errors.js";
import { crc16 } from "../../codec/crc.js";
import { concat, NO_BYTES, readUint, roomFor, u16be } from "../../util/bytes.js";
import type { Framed, Framing } from "../../util/framing.js";

/*
 * SMP on a text console: lines of base64 between log output. Source: Zephyr, "SMP Transport Specification", UART/serial and console; mcumgr,
 * transport/smp-console.md.
 */

/** Marker of a packet's first line, and of the lines that go on with it. */
const FIRST = [0x06, 0x09] as const;
const MORE = [0x04, 0x14] as const;
const NEWLINE = 0x0a;
/** No byte above this begins or ends anything: most are. */
const HIGHEST = NEWLINE;
const CR = 0x0d;
const MARKER_BYTES = 2;
/** A line has 127 bytes at most, its marker and its newline among them. */
const MAX_CODED = 124;
/** Bytes of the packet in a full line. */
const RAW_BYTES = 93;
/** The same without the last group of four characters. */
const SHORTER = RAW_BYTES - 3;
const LENGTH_BYTES = 2;
const CRC_BYTES = 2;
/** What the length field can say, less the CRC that it counts. */
const MAX_MESSAGE = 0xffff - CRC_BYTES;
/** Text without an end is handed on in pieces of this size. */
const MAX_TEXT = 512;

/** A packet whose last line has not come. Its lines hang behind one another: nothing is copied before it is whole. */
interface Packet {
  /** Bytes in all, the CRC among them. */
  readonly total: number;
  readonly got: number;
  readonly tail: Tail;
}
interface Tail {
  readonly raw: Uint8Array;
  readonly before: Tail | undefined;
}

export interface ConsoleStream {
  /** The line that is not whole. */
  readonly line: Uint8Array;
  /** The rest of an overlong line is thrown away. */
  readonly skipping: boolean;
  readonly packet: Packet | undefined;
}

export interface ConsoleOptions {
  /** Longest message that is put together; longer ones are dropped as soon as they say their length. */
  readonly maxMessage?: number;
}

/** The console framing. Lines may be cut anywhere between packets' bytes; a carriage return on either side of a line is ignored. */
export const consoleFraming = ({ maxMessage = MAX_MESSAGE }: ConsoleOptions = {}): Framing<ConsoleStream> => ({
  start: { line: NO_BYTES, skipping: false, packet: undefined },
  encode: encodeConsole,
  receive: (before, piece) => receive(before, piece, maxMessage),
});

/** Lines for one message. The CRC is never cut, as Zephyr's sender does not cut it. @throws `codec/too-long` over 65,533 bytes */
function encodeConsole(message: Uint8Array): Uint8Array {
  if (message.length > MAX_MESSAGE)
    throw codecError("too-long", `${message.length} bytes do not fit a console packet of at most ${MAX_MESSAGE}`, {
      length: message.length,
    });
  const packet = concat(u16be(message.length + CRC_BYTES), message, u16be(crc16(message)));
  let text = "";
  for (let at = 0; at < packet.length;) {
    const left = packet.length - at;
    const take = left - RAW_BYTES === 1 ? SHORTER : Math.min(RAW_BYTES, left);
    const raw = Buffer.from(packet.buffer, packet.byteOffset + at, take);
    text += `${String.fromCharCode(...(at === 0 ? FIRST : MORE))}${raw.toString("base64")}\n`;
    at += take;
  }
  const latin = Buffer.from(text, "latin1");
  return new Uint8Array(latin.buffer, latin.byteOffset, latin.length);
}

function receive(
  before: ConsoleStream,
  piece: Uint8Array,
  maxMessage: number,
): Framed & { readonly stream: ConsoleStream } {
  const bytes = before.line.length === 0 ? piece : concat(before.line, piece);
  const messages: Uint8Array[] = [];
  const lines: string[] = [];
  let { packet, skipping } = before;
  let dropped = 0;
  const lose = (): void => {
    packet = undefined;
    dropped++;
  };
  const end = (line: Uint8Array): void => {
    if (skipping) {
      skipping = false;
      return;
    }
    const kind = markerAt(line, 0);
    if (kind === undefined) return pushText(lines, line);
    const coded = withoutCr(line.subarray(MARKER_BYTES));
    const raw = coded.length > MAX_CODED ? undefined : base64Bytes(coded);
    if (!raw) return lose();
    if (kind === "first") {
      if (packet) dropped++;
      packet = packetOf(raw, maxMessage);
    } else packet = packet && longer(packet, raw);
    if (!packet || packet.got > packet.total) return lose();
    if (packet.got < packet.total) return;
    const message = checked(joined(packet));
    if (!message) return lose();
    packet = undefined;
    messages.push(message);
  };

  let start = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte > HIGHEST) continue;
    if (byte === NEWLINE) {
      end(bytes.subarray(start, at));
      start = at + 1;
    } else if (markerAt(bytes, at)) {
      // Its newline got lost, or a prompt stands before the frame.
      if (at > start) end(bytes.subarray(start, at));
      skipping = false;
      start = at;
    }
  }
  let rest = bytes.subarray(start);
  if (skipping) rest = lastIfMarker(rest);
  else if (markerAt(rest, 0)) {
    if (rest.length > MARKER_BYTES + MAX_CODED + 1) {
      lose();
      skipping = true;
      rest = lastIfMarker(rest);
    }
  } else
    while (rest.length > MAX_TEXT) {
      pushText(lines, rest.subarray(0, MAX_TEXT));
      rest = rest.subarray(MAX_TEXT);
    }
  return { stream: { line: ownCopy(rest), skipping, packet }, messages, lines, dropped };
}

function markerAt(bytes: Uint8Array, at: number): "first" | "more" | undefined {
  if (bytes[at] === FIRST[0] && bytes[at + 1] === FIRST[1]) return "first";
  if (bytes[at] === MORE[0] && bytes[at + 1] === MORE[1]) return "more";
  return undefined;
}

/** Of what is thrown away, the byte that may be half of a marker. */
function lastIfMarker(bytes: Uint8Array): Uint8Array {
  const last = bytes.at(-1);
  return last === FIRST[0] || last === MORE[0] ? bytes.subarray(-1) : NO_BYTES;
}

const withoutCr = (line: Uint8Array): Uint8Array => {
  const from = line[0] === CR ? 1 : 0;
  return line.subarray(from, line.at(-1) === CR ? Math.max(from, line.length - 1) : line.length);
};

const utf8 = new TextDecoder();
function pushText(lines: string[], line: Uint8Array): void {
  const text = withoutCr(line);
  if (text.length > 0) lines.push(utf8.decode(text));
}

/** Each line stands for itself: padding at its end only. */
function base64Bytes(line: Uint8Array): Uint8Array | undefined {
  const text = Buffer.from(line.buffer, line.byteOffset, line.length).toString("latin1");
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const raw = Buffer.from(text, "base64");
  return new Uint8Array(raw.buffer, raw.byteOffset, raw.length);
}

function packetOf(raw: Uint8Array, maxMessage: number): Packet | undefined {
  if (raw.length < LENGTH_BYTES) return undefined;
  const total = readUint(raw.subarray(0, LENGTH_BYTES));
  if (total < CRC_BYTES || total > maxMessage + CRC_BYTES) return undefined;
  return { total, got: raw.length - LENGTH_BYTES, tail: { raw: raw.subarray(LENGTH_BYTES), before: undefined } };
}

/** A line of no bytes would make the list grow without end. */
const longer = (packet: Packet, raw: Uint8Array): Packet =>
  raw.length === 0 ? packet : { total: packet.total, got: packet.got + raw.length, tail: { raw, before: packet.tail } };

function joined({ total, tail }: Packet): Uint8Array {
  const bytes = roomFor(total);
  let end = total;
  for (let at: Tail | undefined = tail; at; at = at.before) bytes.set(at.raw, (end -= at.raw.length));
  return bytes;
}

function checked(bytes: Uint8Array): Uint8Array | undefined {
  const message = bytes.subarray(0, bytes.length - CRC_BYTES);
  return crc16(message) === readUint(bytes.subarray(-CRC_BYTES)) ? message : undefined;
}

/** The piece's memory is its owner's, and may be large. */
function ownCopy(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return NO_BYTES;
  const copy = roomFor(bytes.length);
  copy.set(bytes);
  return copy;
}
