import { crcA, crcB } from "../../codec/crc.js";
import { concat } from "../../util/bytes.js";
import type { ApduRecord, FieldRecord, FrameRecord, TraceRecord } from "../../util/tracer.js";
import { CRC_LENGTH, iBlock, isControlBlock, isDeselect } from "../iso-dep.js";

/*
 * What a sniffer heard, put together into APDUs: the information fields of the I-blocks of ISO/IEC 14443-4 7, chained ones joined,
 * repeated ones counted once. R- and S-blocks (acknowledgements, waiting time extensions) carry nothing.
 */

/** Takes the frames and the field of one link, in order. */
export interface FrameAssembler {
  push(record: FrameRecord | FieldRecord): void;
  /** Nothing comes any more. */
  end(): void;
  /** Commands to which no whole answer was heard. */
  readonly unanswered: number;
}

/** CRC_A, or CRC_B: both types carry the same blocks. ISO/IEC 14443-3 6.2.4 and 7.2. */
export function hasCrc({ bytes }: FrameRecord): boolean {
  const length = bytes.length - CRC_LENGTH;
  if (length < 1) return false;
  const sent = bytes[length]! | (bytes[length + 1]! << 8);
  return sent === crcA(bytes, length) || sent === crcB(bytes, length);
}

/** Longest APDU that is put together: an extended one has 65,544 bytes at most (ISO/IEC 7816-4 5.1). */
const MAX_APDU = 1 << 17;

/** The blocks of one direction, as far as they came. */
class Chain {
  #parts: Uint8Array[] = [];
  #length = 0;
  #last: { readonly number: number; readonly info: Uint8Array; readonly chained: boolean } | undefined;

  get begun(): boolean {
    return this.#last !== undefined;
  }

  /** Whether the last block said that another one follows. */
  get open(): boolean {
    return this.#last?.chained === true;
  }

  get tooLong(): boolean {
    return this.#length > MAX_APDU;
  }

  get bytes(): Uint8Array {
    return concat(...this.#parts);
  }

  repeats(number: number, info: Uint8Array): boolean {
    const last = this.#last;
    return last?.number === number && Buffer.compare(last.info, info) === 0;
  }

  add(number: number, info: Uint8Array, chained: boolean): void {
    this.#last = { number, info, chained };
    this.#length += info.length;
    if (this.tooLong) this.#parts = [];
    else this.#parts.push(info);
  }
}

/** A command, and what was answered so far. */
interface Open {
  readonly at: number;
  readonly command: Chain;
  readonly response: Chain;
  until: number;
}

/**
 * Frames go on to `onRecord` as they come; the APDU that they carry follows its last frame, once it is sure that no repetition of it comes.
 * Frames with a fault count as not heard, nor blocks that are not `whole`. Memory is that of one exchange.
 */
export function frameAssembler(
  onRecord: (record: TraceRecord) => void,
  whole: (frame: FrameRecord) => boolean = () => true,
): FrameAssembler {
  let open: Open | undefined;
  let unanswered = 0;

  const close = (): void => {
    const done = open;
    open = undefined;
    if (!done || !done.command.begun) return;
    const { at, until, command, response } = done;
    if (!response.begun || response.open || command.open || command.tooLong || response.tooLong) {
      unanswered++;
      return;
    }
    const apdu: ApduRecord = {
      layer: "apdu",
      at,
      took: until - at,
      command: command.bytes,
      response: response.bytes,
      via: "contactless",
    };
    // An empty block asks whether the card is still there.
    if (apdu.command.length > 0) onRecord(apdu);
  };

  const fromReader = (frame: FrameRecord): void => {
    const block = iBlock(frame.bytes);
    if (block && !whole(frame)) return;
    if (!block) {
      // Acknowledgements and waiting times belong to what is open; all else (DESELECT, WUPA, RATS) ends it.
      if (!isControlBlock(frame.bytes) || isDeselect(frame.bytes)) close();
      return;
    }
    const info = frame.bytes.subarray(block.from, block.to);
    if (open?.command.repeats(block.number, info) === true && !open.response.begun) return;
    if (open && (!open.command.open || open.response.begun)) close();
    open ??= { at: frame.at, command: new Chain(), response: new Chain(), until: frame.at };
    open.command.add(block.number, info, block.chained);
  };

  const fromCard = (frame: FrameRecord): void => {
    if (isDeselect(frame.bytes)) return close();
    const block = iBlock(frame.bytes);
    if (!block || !open || open.command.open || !whole(frame)) return;
    const info = frame.bytes.subarray(block.from, block.to);
    const { response } = open;
    if (response.repeats(block.number, info)) open.until = Math.max(open.until, frame.at + frame.took);
    else if (!response.begun || response.open) {
      response.add(block.number, info, block.chained);
      open.until = Math.max(open.until, frame.at + frame.took);
    }
  };

  return {
    push(record) {
      if (record.layer === "field") close();
      else if (record.fault === undefined && record.from === "pcd") fromReader(record);
      onRecord(record);
      if (record.layer === "frame" && record.fault === undefined && record.from === "picc") fromCard(record);
    },
    end: close,
    get unanswered() {
      return unanswered;
    },
  };
}
