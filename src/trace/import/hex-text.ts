import { NO_BYTES } from "../../util/bytes.js";

/** Hex found in a line, and what is wrong with it, if anything. */
export interface HexText {
  readonly bytes: Uint8Array;
  /** Offsets in the line; `end` is behind the last digit. */
  readonly start: number;
  readonly end: number;
  readonly fault?: { readonly at: number; readonly says: string };
}

const TOKEN = /(?:0x)?([0-9A-Fa-f]+)/y;
const BLANKS = /[ \t]*(?:[,:-][ \t]*)?/y;
const WORD = /[0-9A-Za-z_]/;
const LETTERS = /^[A-Fa-f]+$/;
const BYTE_FOLLOWS = /^[ \t][0-9A-Fa-f]{2}(?:\W|$)/;
/** So many digits are no word that happens to be spelt with A to F. */
const SURE = 8;

/** Bytes of digits that are known to be an even number of hex digits. */
export function bytesOf(digits: string): Uint8Array {
  if (digits === "") return NO_BYTES;
  const { buffer, byteOffset, length } = Buffer.from(digits, "hex");
  return new Uint8Array(buffer, byteOffset, length);
}

/**
 * Hex digits from `from` on: pairs with or without blanks, commas, colons or dashes between them, `0x` before them or not.
 * Undefined where there are none, or where they are the beginning of a word.
 */
export function hexAt(text: string, from: number): HexText | undefined {
  let digits = "";
  let end = from;
  let next = from;
  let previous = 0;
  for (;;) {
    TOKEN.lastIndex = next;
    const token = TOKEN.exec(text);
    if (!token) break;
    const run = token[1]!;
    const after = TOKEN.lastIndex;
    if (after < text.length && WORD.test(text[after]!)) {
      // A byte with a wrong digit among bytes, or a long run with one; else a word.
      const byte = previous === 2 && run.length === 1 && !WORD.test(text[after + 1] ?? "");
      if (run.length < SURE && !byte) break;
      return broken(digits, from, after, { at: after, says: "not a hex digit" });
    }
    if (run.length % 2 !== 0) {
      const amongBytes = previous === 2 && BYTE_FOLLOWS.test(text.slice(after, after + 4));
      if (run.length < 5 && !amongBytes) break; // a number
      return broken(digits, from, after, { at: next, says: "an odd number of hex digits: one is missing or too many" });
    }
    if (previous > 0 && run.length !== 2 && run.length !== previous && LETTERS.test(run)) break; // "face", "dead"
    digits += run;
    previous = run.length;
    end = after;
    BLANKS.lastIndex = after;
    BLANKS.exec(text);
    next = BLANKS.lastIndex;
    if (next === after) break;
  }
  return digits === "" ? undefined : { bytes: bytesOf(digits), start: from, end };
}

const broken = (digits: string, start: number, end: number, fault: NonNullable<HexText["fault"]>): HexText => ({
  bytes: bytesOf(digits),
  start,
  end,
  fault,
});
