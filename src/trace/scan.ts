import { isConstructed } from "../codec/tlv.js";

/** One object met on a lenient walk, in offsets of the walked bytes. */
export interface ScannedTlv {
  readonly tag: number;
  readonly start: number;
  readonly valueStart: number;
  /** End of the value, cut at the end of what holds it. */
  readonly valueEnd: number;
  readonly depth: number;
  /** The length asks for more bytes than there are. */
  readonly cut: boolean;
}

const MAX_DEPTH = 16;
const MAX_OBJECTS = 4096;

/**
 * Walks BER-TLV that may be damaged: objects in order, parents before children. A value that is cut off is walked as far as it
 * goes. Returns the offset where nothing more could be made of the bytes; their length when all of them were walked.
 */
export function scanTlv(
  bytes: Uint8Array,
  visit: (object: ScannedTlv) => void,
  from = 0,
  to = bytes.length,
  maxObjects = MAX_OBJECTS,
): number {
  const budget = { left: maxObjects };
  return walk(bytes, from, to, 0, budget, visit);
}

function walk(
  bytes: Uint8Array,
  from: number,
  end: number,
  depth: number,
  budget: { left: number },
  visit: (object: ScannedTlv) => void,
): number {
  let at = from;
  while (at < end) {
    if (bytes[at] === 0x00) {
      at++;
      continue;
    }
    const start = at;
    if (budget.left-- <= 0) return start;
    const head = tagAt(bytes, at, end);
    if (!head || head.next >= end) return start;
    at = head.next;
    let length = bytes[at++]!;
    if (length > 0x80) {
      const size = length & 0x7f;
      if (size > 4 || at + size > end) return start;
      length = 0;
      for (let i = 0; i < size; i++) length = length * 256 + bytes[at++]!;
    } else if (length === 0x80) length = 0;
    const cut = at + length > end;
    const valueEnd = cut ? end : at + length;
    visit({ tag: head.tag, start, valueStart: at, valueEnd, depth, cut });
    if (isConstructed(head.tag)) {
      if (depth === MAX_DEPTH) return start;
      const reached = walk(bytes, at, valueEnd, depth + 1, budget, visit);
      if (reached < valueEnd) return reached;
    }
    at = valueEnd;
  }
  return end;
}

function tagAt(bytes: Uint8Array, at: number, end: number): { tag: number; next: number } | undefined {
  let next = at;
  let tag = bytes[next++]!;
  if ((tag & 0x1f) === 0x1f)
    for (;;) {
      if (next >= end || next - at >= 4) return undefined;
      const byte = bytes[next++]!;
      tag = tag * 256 + byte;
      if ((byte & 0x80) === 0) break;
    }
  return { tag, next };
}
