import { isConstructed } from "../codec/tlv.js";
import { hex } from "../util/bytes.js";
import { scanTlv } from "./scan.js";

/*
 * What account data looks like in bytes, and what is put in its place. Masking keeps every length, so that a masked trace still
 * decodes: digits become the nibble C, which no packed number has, characters become '*', binary values become CC.
 */

/** Stands for a digit that was taken out of a packed number. */
export const MASK_NIBBLE = 0xc;
const MASK_BYTE = 0xcc;
const MASK_CHARACTER = 0x2a;

type Shape = "packed" | "track1" | "text" | "digits" | "binary";

/**
 * Tags whose values are masked. Besides PAN, tracks and names these are the values from which the PAN can be computed: a card's certificates hold it
 * (EMV 4.3 Book 2, 6.4), and signed static data is a hash over it with few unknown digits.
 */
const SENSITIVE: ReadonlyMap<number, Shape> = new Map([
  [0x56, "track1"],
  [0x57, "packed"],
  [0x5a, "packed"],
  [0x5f20, "text"],
  [0x93, "binary"],
  [0x9f0b, "text"],
  [0x9f1f, "text"],
  [0x9f20, "digits"],
  [0x9f2d, "binary"],
  [0x9f46, "binary"],
  [0x9f6b, "packed"],
]);

/** Whether masking takes something out of the value of this tag. */
export const isSensitive = (tag: number): boolean => SENSITIVE.has(tag);

const MIN_PAN = 12;
const MAX_PAN = 19;

/** First six and last four digits, the rest as stars: the way a PAN may be shown. */
export const maskPan = (pan: string): string =>
  pan.length <= 10 ? "*".repeat(pan.length) : `${pan.slice(0, 6)}${"*".repeat(pan.length - 10)}${pan.slice(-4)}`;

const nibbleAt = (bytes: Uint8Array, index: number): number => {
  const byte = bytes[index >> 1]!;
  return index % 2 === 0 ? byte >> 4 : byte & 0x0f;
};

const setNibble = (bytes: Uint8Array, index: number, value: number): void => {
  const at = index >> 1;
  bytes[at] = index % 2 === 0 ? (bytes[at]! & 0x0f) | (value << 4) : (bytes[at]! & 0xf0) | value;
};

/** How many digits begin a packed value; those that were masked before count. */
function leadingDigits(value: Uint8Array): number {
  let digits = 0;
  while (digits < value.length * 2 && (nibbleAt(value, digits) <= 9 || nibbleAt(value, digits) === MASK_NIBBLE))
    digits++;
  return digits;
}

/** PAN and what follows it in 5A, 57 and 9F6B: the field separator D and the padding F stay. */
function maskPacked(value: Uint8Array, cut: boolean): void {
  const digits = leadingDigits(value);
  if (cut || digits < MIN_PAN || digits > MAX_PAN) {
    // Not decodable as a PAN: the first six digits are no BIN of anything then, nor the last four its end, so nothing stays.
    value.fill(MASK_BYTE);
    return;
  }
  for (let i = 6; i < value.length * 2; i++) {
    if (i >= digits - 4 && i <= digits) continue;
    const padding = nibbleAt(value, i) === 0xf && i >= value.length * 2 - 1;
    if (!padding) setNibble(value, i, MASK_NIBBLE);
  }
  const separator = digits < value.length * 2 ? nibbleAt(value, digits) : 0xf;
  if (separator !== 0xd && separator !== 0xf) setNibble(value, digits, MASK_NIBBLE);
}

/** Track 1: format code, PAN, `^`, name, `^`, the rest. The carets stay. */
function maskTrack1(value: Uint8Array, cut: boolean): void {
  const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;
  let end = 1;
  while (isDigit(value[end])) end++;
  const digits = end - 1;
  const whole = !cut && digits >= MIN_PAN && digits <= MAX_PAN && value[end] === 0x5e;
  for (let i = 0; i < value.length; i++) {
    const shown = whole && (i < 7 || (i >= end - 4 && i < end));
    if (!shown && value[i] !== 0x5e) value[i] = MASK_CHARACTER;
  }
}

function maskValue(shape: Shape, value: Uint8Array, cut: boolean): void {
  if (shape === "packed") maskPacked(value, cut);
  else if (shape === "track1") maskTrack1(value, cut);
  else value.fill(shape === "text" ? MASK_CHARACTER : MASK_BYTE);
}

/**
 * Masks the objects in `bytes`, in place. Returns the offset from which nothing could be made of them; a value that is cut off counts as
 * that, because a wrong length may have swallowed anything.
 */
export function maskTlv(bytes: Uint8Array, from = 0, to = bytes.length): number {
  let understood = to;
  const reached = scanTlv(
    bytes,
    ({ tag, start, valueStart, valueEnd, cut }) => {
      const shape = SENSITIVE.get(tag);
      if (shape) maskValue(shape, bytes.subarray(valueStart, valueEnd), cut);
      else if (cut && !isConstructed(tag)) understood = Math.min(understood, start);
    },
    from,
    to,
  );
  return Math.min(understood, reached);
}

/** Masks the value of one object, in place; false where its tag holds no account data. */
export function maskObject(tag: number, value: Uint8Array): boolean {
  const shape = SENSITIVE.get(tag);
  if (shape) maskValue(shape, value, false);
  return shape !== undefined;
}

/** Puts the filler over a range, in place. */
export const blank = (bytes: Uint8Array, from = 0, to = bytes.length): void => void bytes.fill(MASK_BYTE, from, to);

/** Every PAN that the objects in `bytes` hold, as digits. Values that are no PANs are left out. */
export function pansInTlv(bytes: Uint8Array, found: Set<string>, from = 0, to = bytes.length): void {
  scanTlv(
    bytes,
    ({ tag, valueStart, valueEnd }) => pansInObject(tag, bytes.subarray(valueStart, valueEnd), found),
    from,
    to,
  );
}

/** The PAN in the value of one object, if any. */
export function pansInObject(tag: number, value: Uint8Array, found: Set<string>): void {
  const shape = SENSITIVE.get(tag);
  if (shape === "packed") addPan(found, hex(value).slice(0, leadingDigits(value)));
  else if (shape === "track1") addPan(found, /^.(\d*)\^/.exec(Buffer.from(value).toString("latin1"))?.[1] ?? "");
}

const addPan = (found: Set<string>, digits: string): void => {
  if (/^[0-9]+$/.test(digits) && digits.length >= MIN_PAN && digits.length <= MAX_PAN) found.add(digits);
};

/** Account numbers that are known, to be found wherever they stand; any number of them. */
export interface KnownPans {
  /** Where they stand in a text of digits and other characters. */
  places(text: string): { readonly at: number; readonly length: number }[];
}

const BIN = 1e6;
const ZERO = 0x30;
const digitAt = (text: string, at: number): number => {
  const value = text.charCodeAt(at) - ZERO;
  return value >= 0 && value <= 9 ? value : -1;
};

export function knownPans(pans: ReadonlySet<string>): KnownPans {
  const bins = new Set([...pans].map((pan) => Number(pan.slice(0, 6))));
  const lengths = [...new Set([...pans].map((pan) => pan.length))];
  return {
    places(text) {
      const found: { at: number; length: number }[] = [];
      if (pans.size === 0) return found;
      let last6 = 0;
      let row = 0;
      for (let i = 0; i < text.length; i++) {
        const digit = digitAt(text, i);
        row = digit < 0 ? 0 : row + 1;
        last6 = digit < 0 ? 0 : (last6 * 10 + digit) % BIN;
        if (row < 6 || !bins.has(last6)) continue;
        for (const length of lengths)
          if (pans.has(text.slice(i - 5, i - 5 + length))) found.push({ at: i - 5, length });
      }
      return found;
    },
  };
}

/** So many bytes with two digits each stand in a row where twelve packed digits do, at either nibble; and where as many characters do. */
const DIGIT_BYTES = (MIN_PAN >> 1) - 1;

/** A quick look that spares most data the search. */
function mayHoldDigits(bytes: Uint8Array): boolean {
  let row = 0;
  for (const byte of bytes) {
    row = byte < 0x9a && (byte & 0x0f) < 10 ? row + 1 : 0;
    if (row === DIGIT_BYTES) return true;
  }
  return false;
}

/**
 * Masks the known PANs wherever they stand in `bytes`, packed at either nibble or as text, and whatever looks like track 2 data.
 * For data whose structure is not known; of `objects`, which are whole BER-TLV, each value is looked at by itself for track 2 data: a label
 * behind an AID may look like some.
 */
export function sweep(bytes: Uint8Array, pans: KnownPans, objects = false): void {
  if (!mayHoldDigits(bytes)) return;
  const nibbles = hex(bytes);
  for (const { at, length } of pans.places(nibbles))
    for (let i = 6; i < length - 4; i++) setNibble(bytes, at + i, MASK_NIBBLE);
  for (const { at, length } of pans.places(Buffer.from(bytes).toString("latin1")))
    bytes.fill(MASK_CHARACTER, at + 6, at + length - 4);
  if (!objects) sweepTrack2(bytes, nibbles);
  else
    scanTlv(bytes, ({ tag, valueStart, valueEnd }) => {
      const value = bytes.subarray(valueStart, valueEnd);
      if (!isConstructed(tag)) sweepTrack2(value, hex(value), tag);
    });
}

/** Payment account references: 9F24, 29 letters and digits (EMV Payment Tokenisation). Some of them look like track 2 data, byte by byte. */
const PAR = /9F241D((?:3[0-9]|4[1-9A-F]|5[0-9A]){29})/g;
const PAR_TAG = 0x9f24;
const PAR_VALUE = /^(?:3[0-9]|4[1-9A-F]|5[0-9A]){29}$/;

/** What `TRACK_2` finds, from the separators on: the expression would look at every run of digits many times. */
function sweepTrack2(bytes: Uint8Array, nibbles: string, tag?: number): void {
  if (tag === PAR_TAG && PAR_VALUE.test(nibbles)) return;
  const references = [...nibbles.matchAll(PAR)].filter(({ index }) => index % 2 === 0);
  const inReference = (at: number): boolean =>
    references.some(({ 0: { length }, index }) => at > index && at < index + length);
  for (let separator = nibbles.indexOf("D"); separator >= 0; separator = nibbles.indexOf("D", separator + 1)) {
    let digits = 0;
    while (digits < MAX_PAN && digitAt(nibbles, separator - digits - 1) >= 0) digits++;
    if (digits < MIN_PAN || inReference(separator)) continue;
    let end = separator + 1;
    while (digitAt(nibbles, end) >= 0) end++;
    if (end < separator + 5) continue;
    if (nibbles[end] === "F") end++;
    const start = separator - digits;
    for (let i = start + 6; i < end; i++) if (i < separator - 4 || i > separator) setNibble(bytes, i, MASK_NIBBLE);
  }
}

/** Whether `digits` end in the right check digit (ISO/IEC 7812-1 Annex B). */
function hasCheckDigit(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    sum += i % 2 === 0 ? digit : digit > 4 ? 2 * digit - 9 : 2 * digit;
  }
  return sum % 10 === 0;
}

/** PAN, separator, expiry: track 2 data wherever it stands. */
const TRACK_2 = /(\d{12,19})[D=]\d{4,}F?/g;

/** Masks PANs in a sentence or a value of a rule record: known ones, track data, and any 13 to 19 digits with a right check digit. */
export function sweepText(text: string, pans: KnownPans): string {
  let out = text;
  for (const { at, length } of pans.places(text))
    out = `${out.slice(0, at + 6)}${"*".repeat(length - 10)}${out.slice(at + length - 4)}`;
  out = out.replace(TRACK_2, (_, pan: string) => `${maskPan(pan)}D*`);
  return out.replace(/(?<!\d)\d{13,19}(?!\d)/g, (digits) => (hasCheckDigit(digits) ? maskPan(digits) : digits));
}
