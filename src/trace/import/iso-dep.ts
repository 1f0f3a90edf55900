import { crcA, crcB } from "../../codec/crc.js";
import { concat } from "../../util/bytes.js";
import type { Nanos } from "../../util/time.js";
import type { FrameRecord, TraceRecord } from "../../util/tracer.js";

/*
 * Puts APDUs together from the frames of a link that somebody listened to (ISO/IEC 14443-4 7): chains, blocks that were sent again, requests for
 * more time. A listener misses frames, so nothing here waits for what should come.
 */

const CRC_LENGTH = 2;
/** An extended APDU with its header, or a response with its status word. */
const MAX_APDU = 65_544;

/** CRC_A, or CRC_B: both types carry the same blocks. ISO/IEC 14443-3 6.2.4 and 7.2. */
export function hasCrc(bytes: Uint8Array): boolean {
  const length = bytes.length - CRC_LENGTH;
  if (length < 1) return false;
  const sent = bytes[length]! | (bytes[length + 1]! << 8);
  return sent === crcA(bytes, length) || sent === crcB(bytes, length);
}

/** REQA and WUPA, anticollision and SELECT, HLTA, RATS: the link begins anew. ISO/IEC 14443-3 6, 14443-4 5.1. */
const beginsAnew = ({ bytes, bits }: FrameRecord): boolean =>
  bits === 7 ||
  (bytes[0] === 0x50 && bytes[1] === 0 && bytes.length === 4) ||
  (bytes[0] === 0xe0 && bytes.length === 4) ||
  ((bytes[0] === 0x93 || bytes[0] === 0x95 || bytes[0] === 0x97) && (bytes.length === 2 || bytes.length === 9));

interface IBlock {
  readonly number: number;
  readonly chained: boolean;
  readonly inf: Uint8Array;
}

/** ISO/IEC 14443-4 7.1.1.1; b4 announces a CID, b3 a NAD. */
function iBlock(bytes: Uint8Array): IBlock | undefined {
  const pcb = bytes[0]!;
  if ((pcb & 0xe2) !== 0x02 || !hasCrc(bytes)) return undefined;
  const from = 1 + (pcb & 0x08 ? 1 : 0) + (pcb & 0x04 ? 1 : 0);
  const to = bytes.length - CRC_LENGTH;
  if (from > to) return undefined;
  return { number: pcb & 1, chained: (pcb & 0x10) !== 0, inf: bytes.subarray(from, to) };
}

/** S(DESELECT), either way. ISO/IEC 14443-4 7.1.1.3. */
const isDeselect = (bytes: Uint8Array): boolean => bytes.length <= 4 && (bytes[0]! & 0xf7) === 0xc2 && hasCrc(bytes);

interface Side {
  readonly parts: Uint8Array[];
  length: number;
  whole: boolean;
  last: IBlock | undefined;
}

const side = (): Side => ({ parts: [], length: 0, whole: false, last: undefined });

/** Sent once more. The number alone does not tell: a listener misses blocks. */
const isAgain = ({ last }: Side, block: IBlock): boolean =>
  last?.number === block.number && Buffer.compare(last.inf, block.inf) === 0;

/** Adds a block to its side; false: there is more than an APDU holds. */
function add(to: Side, block: IBlock): boolean {
  to.last = block;
  to.length += block.inf.length;
  if (to.length > MAX_APDU || to.parts.length === MAX_APDU) return false;
  to.parts.push(block.inf);
  to.whole = !block.chained;
  return true;
}

/** Told of every frame in order, it tells the exchanges after the frames that carried them. */
export interface IsoDepListener {
  frame(record: FrameRecord): void;
  readonly exchanges: number;
}

export function isoDepListener(onRecord: (record: TraceRecord) => void): IsoDepListener {
  let from: Nanos = 0;
  let command = side();
  let response = side();
  let exchanges = 0;

  const forget = (): void => {
    command = side();
    response = side();
  };

  const said = (record: FrameRecord, block: IBlock): void => {
    if (isAgain(command, block)) return;
    if (command.whole) forget();
    if (command.parts.length === 0) from = record.at;
    if (!add(command, block)) forget();
  };

  const answered = (record: FrameRecord, block: IBlock): void => {
    if (!command.whole) return; // heard without its command
    if (isAgain(response, block)) return;
    if (!add(response, block)) return forget();
    if (!response.whole) return;
    exchanges++;
    const took = record.at + record.took - from;
    onRecord({
      layer: "apdu",
      at: from,
      took: Math.max(0, took),
      command: concat(...command.parts),
      response: concat(...response.parts),
      via: "contactless",
    });
    forget();
  };

  return {
    get exchanges() {
      return exchanges;
    },
    frame(record) {
      const { bytes, fault } = record;
      if (fault !== undefined || bytes.length === 0) return;
      if ((record.from === "pcd" && beginsAnew(record)) || isDeselect(bytes)) return forget();
      const block = iBlock(bytes);
      if (!block) return;
      if (record.from === "pcd") said(record, block);
      else answered(record, block);
    },
  };
}
