import { badBlock, blockReader, eachOption, type Block, type BlockReader } from "./blocks.js";
import { BLOCK, OPTION } from "./format.js";

/** A packet as the capture has it. Only valid until the reader goes on. */
export interface Packet {
  readonly link: number;
  /** Counted over the whole file. */
  readonly interface: number;
  /** Nanoseconds since 1970 or whatever the capture counts from; simple packets have none. */
  readonly at?: bigint;
  readonly data: Uint8Array;
  /** Bytes on the wire: more than `data` where the capture kept only the beginning. */
  readonly length: number;
  readonly comment?: string;
  readonly offset: number;
}

export interface PacketHandlers {
  /** A section begins; its comments. */
  section(comments: readonly string[]): void;
  packet(packet: Packet): void;
}

interface Interface {
  readonly number: number;
  readonly link: number;
  readonly snapLength: number;
  readonly nanos: (units: bigint) => bigint;
}

const MAX_INTERFACES = 1024;
const VERSION = 1;
const DEFAULT_RESOLUTION = 6;
const decoder = new TextDecoder("utf-8");

/** `if_tsresol`: a negative power of ten, or of two where the highest bit is set. `if_tsoffset` are seconds to add. */
function clock(resolution: number, offsetSeconds: bigint): (units: bigint) => bigint {
  const second = 1_000_000_000n;
  const perSecond = resolution & 0x80 ? 1n << BigInt(resolution & 0x7f) : 10n ** BigInt(resolution);
  return (units) => (units * second) / perSecond + offsetSeconds * second;
}

/** Reads the packets of a pcapng file that comes in pieces. @throws as `blockReader` does */
export function packetReader(handlers: PacketHandlers): BlockReader {
  let interfaces: Interface[] = [];
  let known = 0;

  const section = (block: Block): void => {
    const { body, little, offset } = block;
    atLeast(block, 16);
    const major = body.getUint16(4, little);
    if (major !== VERSION)
      throw badBlock(offset, `begins a section of pcapng ${major}, of which only ${VERSION} is known`, { major });
    interfaces = []; // each section counts its own
    const comments: string[] = [];
    eachOption(block, 16, (code, value) => {
      if (code === OPTION.comment && comments.length < 8) comments.push(decoder.decode(value));
    });
    handlers.section(comments);
  };

  const described = (block: Block): void => {
    const { body, little, offset } = block;
    atLeast(block, 8);
    if (interfaces.length === MAX_INTERFACES)
      throw badBlock(offset, `is one interface too many; ${MAX_INTERFACES} are the limit`, { limit: MAX_INTERFACES });
    let resolution = DEFAULT_RESOLUTION;
    let seconds = 0n;
    eachOption(block, 8, (code, value) => {
      if (code === OPTION.timeResolution && value.length === 1) resolution = value[0]!;
      if (code === OPTION.timeOffset && value.length === 8)
        seconds = new DataView(value.buffer, value.byteOffset, 8).getBigInt64(0, little);
    });
    interfaces.push({
      number: known++,
      link: body.getUint16(0, little),
      snapLength: body.getUint32(4, little),
      nanos: clock(resolution, seconds),
    });
  };

  const interfaceOf = (number: number, { offset }: Block): Interface => {
    const found = interfaces[number];
    if (!found)
      throw badBlock(offset, `names interface ${number}; its section has ${interfaces.length}`, { interface: number });
    return found;
  };

  const dataOf = (block: Block, from: number, captured: number): Uint8Array => {
    const { body, offset } = block;
    if (from + captured > body.byteLength)
      throw badBlock(offset, `has room for ${body.byteLength - from} bytes of a packet and says ${captured}`, {
        captured,
      });
    return new Uint8Array(body.buffer, body.byteOffset + from, captured);
  };

  /** Enhanced packets and the obsolete ones differ in how the first eight bytes name the interface. */
  const packet = (block: Block): void => {
    const { body, little, offset, type } = block;
    atLeast(block, 20);
    const from = interfaceOf(type === BLOCK.packet ? body.getUint16(0, little) : body.getUint32(0, little), block);
    const units = (BigInt(body.getUint32(4, little)) << 32n) | BigInt(body.getUint32(8, little));
    const captured = body.getUint32(12, little);
    const data = dataOf(block, 20, captured);
    let comment: string | undefined;
    eachOption(block, 20 + captured + (-captured & 3), (code, value) => {
      if (code === OPTION.comment) comment ??= decoder.decode(value);
    });
    handlers.packet({
      link: from.link,
      interface: from.number,
      at: from.nanos(units),
      data,
      length: body.getUint32(16, little),
      ...(comment !== undefined && { comment }),
      offset,
    });
  };

  const simple = (block: Block): void => {
    atLeast(block, 4);
    const { link, number, snapLength } = interfaceOf(0, block);
    const length = block.body.getUint32(0, block.little);
    const room = Math.min(length, block.body.byteLength - 4);
    const data = dataOf(block, 4, snapLength === 0 ? room : Math.min(room, snapLength));
    handlers.packet({ link, interface: number, data, length, offset: block.offset });
  };

  const readers: ReadonlyMap<number, (block: Block) => void> = new Map([
    [BLOCK.section, section],
    [BLOCK.interface, described],
    [BLOCK.packet, packet],
    [BLOCK.simplePacket, simple],
    [BLOCK.enhancedPacket, packet],
  ]);
  return blockReader(new Set(readers.keys()), (block) => readers.get(block.type)!(block));
}

function atLeast({ body, offset }: Block, bytes: number): void {
  if (body.byteLength < bytes)
    throw badBlock(offset, `has ${body.byteLength} bytes where ${bytes} belong`, { length: body.byteLength });
}
