import { parseDol } from "../codec/dol.js";
import { fromBcd } from "../codec/bcd.js";
import { readTag, tagHex } from "../codec/tlv.js";
import { applicationName } from "../emv/dictionary/aids.js";
import { wordsOf } from "../emv/dictionary/bits/said.js";
import { tagRow } from "../emv/dictionary/lookup.js";
import type { TagRow } from "../emv/dictionary/row.js";
import { parseTrack1, parseTrack2 } from "../emv/track.js";
import { maskPan } from "../trace/sensitive.js";
import { hex, printable } from "../util/bytes.js";
import { isTapbenchError } from "../util/errors.js";

type Reading = (value: Uint8Array) => string | undefined;

const digits = (value: Uint8Array): string | undefined => {
  try {
    return fromBcd(value);
  } catch (error) {
    if (isTapbenchError(error)) return undefined;
    throw error;
  }
};

/** YYMMDD. Years 00 to 49 are this century's (EMV 4.3 Book 4, 6.7.3). */
const date: Reading = (value) => {
  const text = value.length === 3 ? digits(value) : undefined;
  if (text === undefined) return undefined;
  const [year, month, day] = [text.slice(0, 2), text.slice(2, 4), text.slice(4)];
  if (Number(month) < 1 || Number(month) > 12 || Number(day) > 31) return undefined;
  const century = Number(year) < 50 ? "20" : "19";
  return `${century}${year}-${month}${day === "00" ? "" : `-${day}`}`;
};

const time: Reading = (value) => {
  const text = value.length === 3 ? digits(value) : undefined;
  return text && `${text.slice(0, 2)}:${text.slice(2, 4)}:${text.slice(4)}`;
};

const amount: Reading = (value) => {
  const text = digits(value);
  return text === undefined ? undefined : `${BigInt(text || "0")} in minor units`;
};

const coded =
  (list: string): Reading =>
  (value) =>
    value.length === 2 ? digits(value)?.replace(/^0/, `${list} number `) : undefined;
const currency = coded("ISO 4217");
const country = coded("ISO 3166");

/** The name of a directory as text, of an application by the table. */
const application: Reading = (value) =>
  /^[\x20-\x7e]+$/.test(Buffer.from(value).toString("latin1")) ? printable(value) : applicationName(value);

/** Tags without lengths: 9F4A. */
const tagList: Reading = (value) => {
  const tags: string[] = [];
  try {
    for (let at = 0; at < value.length;) {
      const { tag, next } = readTag(value, at);
      tags.push(tagHex(tag));
      at = next;
    }
  } catch (error) {
    if (isTapbenchError(error)) return undefined;
    throw error;
  }
  return tags.join(" ");
};

/** EMV 4.3 Book 3, 5.4. */
const dol: Reading = (value) => {
  try {
    return parseDol(value)
      .map(({ tag, length }) => `${tagHex(tag)}:${length}`)
      .join(" ");
  } catch (error) {
    if (isTapbenchError(error)) return undefined;
    throw error;
  }
};

/** Groups of four bytes: SFI, first record, last record, how many of them are authenticated (EMV 4.3 Book 3, 10.2). */
const afl: Reading = (value) => {
  if (value.length === 0 || value.length % 4 !== 0) return undefined;
  const parts: string[] = [];
  for (let i = 0; i < value.length; i += 4) {
    const [sfi, first, last, signed] = value.subarray(i, i + 4) as unknown as [number, number, number, number];
    parts.push(`SFI ${sfi >> 3} records ${first}-${last}${signed ? ` (${signed} authenticated)` : ""}`);
  }
  return parts.join(", ");
};

const track = (
  parse: (value: Uint8Array) => { pan: string; expiry: string; serviceCode: string } | undefined,
): Reading => {
  return (value) => {
    const found = parse(value);
    return (
      found &&
      `PAN ${maskPan(found.pan)}, expires ${found.expiry.slice(2)}/${found.expiry.slice(0, 2)}, service code ${found.serviceCode}`
    );
  };
};

/** Masked digits are the nibble C; they read as stars. */
const pan: Reading = (value) => {
  const text = hex(value);
  if (!/^[0-9C]{8,19}F*$/.test(text)) return undefined;
  return maskPan(text.replace(/F+$/, "")).replaceAll("C", "*");
};

const number: Reading = (value) =>
  value.length <= 6 ? String(value.reduce((sum, byte) => sum * 256 + byte, 0)) : undefined;

const READINGS: ReadonlyMap<number, Reading> = new Map<number, Reading>([
  [0x4f, application],
  [0x56, track(parseTrack1)],
  [0x57, track(parseTrack2)],
  [0x5a, pan],
  [0x5f24, date],
  [0x5f25, date],
  [0x5f28, country],
  [0x5f2a, currency],
  [0x84, application],
  [0x8c, dol],
  [0x8d, dol],
  [0x94, afl],
  [0x97, dol],
  [0x9a, date],
  [0x9f02, amount],
  [0x9f03, amount],
  [0x9f06, application],
  [0x9f13, number],
  [0x9f17, number],
  [0x9f1a, country],
  [0x9f21, time],
  [0x9f36, number],
  [0x9f38, dol],
  [0x9f42, currency],
  [0x9f49, dol],
  [0x9f4a, tagList],
  [0x9f4f, dol],
  [0x9f51, dol],
  [0x9f6b, track(parseTrack2)],
]);

/** Readings of tags that other kernels use for something else. */
const SCOPED: ReadonlyMap<number, readonly string[]> = new Map([
  [0x56, ["c2"]],
  [0x9f51, ["c2"]],
  [0x9f6b, ["c2"]],
]);

/** What a value says: on one line, or on several where it has parts. */
export interface Meaning {
  readonly says?: string;
  readonly parts?: readonly string[];
}

const NOTHING: Meaning = {};

/** Dates, amounts, text, lists, bits: what the dictionary knows of a value's insides. Account numbers come out masked. */
export function meaningOf(tag: number, value: Uint8Array, row: TagRow | undefined, scope?: string): Meaning {
  if (value.length === 0) return NOTHING;
  if (row?.inside) return plainly(value, row);
  const reading = READINGS.get(tag);
  if (reading && (scope === undefined || SCOPED.get(tag)?.includes(scope) !== false)) {
    const says = reading(value);
    return says === undefined ? NOTHING : { says };
  }
  const words = wordsOf(tag, value, scope);
  if (words) return words.length > 1 ? { parts: words } : { says: words[0] ?? "no bit is set" };
  return plainly(value, row);
}

/** The same on one line; undefined where nothing is known. */
export function meaningLine(tag: number, value: Uint8Array, scope?: string): string | undefined {
  const { says, parts } = meaningOf(tag, value, tagRow(tag, scope), scope);
  return says ?? parts?.join("; ");
}

function plainly(value: Uint8Array, row: TagRow | undefined): Meaning {
  if (!row) return NOTHING;
  if (row.format === "ans" || row.format === "an" || row.format === "a") return { says: `"${printable(value)}"` };
  if (row.format !== "n" || value.length <= 2) return NOTHING;
  const text = digits(value);
  return text ? { says: String(BigInt(text)) } : NOTHING;
}
