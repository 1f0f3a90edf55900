import type { TapbenchError } from "../../util/errors.js";
import { traceError } from "../errors.js";
import { BLOCK, BLOCK_FRAME, BYTE_ORDER_MAGIC } from "./format.js";

/** A block without its type and lengths, in the byte order of its section. Only valid until the reader goes on. */
export interface Block {
  readonly type: number;
  readonly body: DataView;
  readonly little: boolean;
  /** Of the block's first byte in the file. */
  readonly offset: number;
}

/** Cuts a pcapng file that comes in pieces of any size into its blocks. */
export interface BlockReader {
  /** @throws `trace/bad-block` with the offset; after that it takes nothing more */
  push(piece: Uint8Array): void;
  /** @throws `trace/torn` with the offset of a block that is not whole */
  end(): void;
}

/** Longest block that is kept whole: a frame has 4096 bytes at most, and a packet's options 64 KiB each. */
const MAX_BLOCK = 1 << 20;

export const badBlock = (offset: number, says: string, more: Readonly<Record<string, unknown>> = {}): TapbenchError =>
  traceError("bad-block", `the block at offset ${offset} ${says}; the capture is damaged from there on`, {
    offset,
    ...more,
  });

/** Bytes that came and were not read yet. Grows to the longest block, never beyond. */
class Pending {
  #bytes = new Uint8Array(1 << 12);
  #from = 0;
  #to = 0;

  get length(): number {
    return this.#to - this.#from;
  }

  add(piece: Uint8Array): void {
    if (this.#to + piece.length > this.#bytes.length) {
      const room = this.length + piece.length;
      const target = room > this.#bytes.length ? new Uint8Array(room * 2) : this.#bytes;
      target.set(this.#bytes.subarray(this.#from, this.#to));
      this.#to = this.length;
      this.#from = 0;
      this.#bytes = target;
    }
    this.#bytes.set(piece, this.#to);
    this.#to += piece.length;
  }

  view(length: number): DataView {
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.#from, length);
  }

  drop(length: number): void {
    this.#from += length;
  }
}

const PIECE = 1 << 16;

/**
 * Every block whose type is `wanted` goes to `onBlock`; the others are stepped over without being kept, however long they are. Sections may
 * have either byte order.
 */
export function blockReader(wanted: ReadonlySet<number>, onBlock: (block: Block) => void): BlockReader {
  const pending = new Pending();
  let offset = 0;
  let little: boolean | undefined;
  /** Of a block that is being stepped over: bytes to go before its last word. */
  let skipping: { left: number; readonly length: number; readonly offset: number } | undefined;

  const advance = (length: number): void => {
    pending.drop(length);
    offset += length;
  };

  const closes = (length: number, at: DataView, position: number, start: number): void => {
    const again = at.getUint32(position, little);
    if (again !== length)
      throw badBlock(start, `begins with the length ${length} and ends with ${again}`, { length, again });
  };

  /** Steps over what is there; true once the block is behind. */
  const skip = (over: NonNullable<typeof skipping>): boolean => {
    const now = Math.min(over.left, pending.length);
    advance(now);
    over.left -= now;
    if (over.left > 0 || pending.length < 4) return false;
    closes(over.length, pending.view(4), 0, over.offset);
    advance(4);
    return true;
  };

  /** Reads one block, as far as there are bytes; false when it needs more of them. */
  const step = (): boolean => {
    if (skipping) {
      if (!skip(skipping)) return false;
      skipping = undefined;
      return true;
    }
    if (pending.length < BLOCK_FRAME) return false;
    const head = pending.view(BLOCK_FRAME);
    if (head.getUint32(0) === BLOCK.section) little = byteOrder(head, offset);
    else if (little === undefined) throw badBlock(offset, "is no section header, with which a capture begins");
    const type = head.getUint32(0, little);
    const length = head.getUint32(4, little);
    if (length < BLOCK_FRAME || length % 4 !== 0)
      throw badBlock(offset, `has the length ${length}, which no block has`, { length });
    if (!wanted.has(type)) {
      skipping = { left: length - BLOCK_FRAME, length, offset };
      advance(8);
      return true;
    }
    if (length > MAX_BLOCK)
      throw badBlock(offset, `has ${length} bytes, more than the ${MAX_BLOCK} that a packet may have`, { length });
    if (pending.length < length) return false;
    closes(length, pending.view(length), length - 4, offset);
    const whole = pending.view(length);
    onBlock({ type, little, offset, body: new DataView(whole.buffer, whole.byteOffset + 8, length - BLOCK_FRAME) });
    advance(length);
    return true;
  };

  return {
    push(piece) {
      for (let from = 0; from < piece.length; from += PIECE) {
        pending.add(piece.subarray(from, from + PIECE));
        while (step());
      }
    },
    end() {
      const start = skipping?.offset ?? offset;
      if (skipping || pending.length > 0)
        throw traceError("torn", `the block at offset ${start} ends early: the capture was cut off`, { offset: start });
    },
  };
}

function byteOrder(head: DataView, offset: number): boolean {
  if (head.getUint32(8, true) === BYTE_ORDER_MAGIC) return true;
  if (head.getUint32(8, false) === BYTE_ORDER_MAGIC) return false;
  throw badBlock(offset, "is a section header without the byte-order magic");
}

/** Calls `visit` for each option until their end, or the end of the block. @throws `trace/bad-block` */
export function eachOption(
  { body, little, offset }: Block,
  from: number,
  visit: (code: number, value: Uint8Array) => void,
): void {
  let at = from;
  while (at + 4 <= body.byteLength) {
    const code = body.getUint16(at, little);
    const length = body.getUint16(at + 2, little);
    if (code === 0) return;
    at += 4;
    if (at + length > body.byteLength)
      throw badBlock(offset, `has an option of ${length} bytes, which reaches beyond it`, { option: code, length });
    visit(code, new Uint8Array(body.buffer, body.byteOffset + at, length));
    at += length + (-length & 3);
  }
}
