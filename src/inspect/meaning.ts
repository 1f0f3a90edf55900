import { parseDol } from "../codec/dol.js";
import { fromBcd } from "../codec/bcd.js";
import { tagHex } from "../codec/tlv.js";
import type { TagInfo } from "../emv/tags.js";
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

const currency: Reading = (value) =>
  value.length === 2 ? digits(value)?.replace(/^0/, "ISO 4217 number ") : undefined;

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

const CRYPTOGRAMS = ["AAC: declined", "TC: approved offline", "ARQC: go online", "reserved"] as const;
/** EMV 4.3 Book 3 table 15. */
const cid: Reading = (value) => (value.length === 1 ? CRYPTOGRAMS[value[0]! >> 6] : undefined);

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
  [0x56, track(parseTrack1)],
  [0x57, track(parseTrack2)],
  [0x5a, pan],
  [0x5f24, date],
  [0x5f25, date],
  [0x5f2a, currency],
  [0x84, (value) => (/^[\x20-\x7e]+$/.test(Buffer.from(value).toString("latin1")) ? printable(value) : undefined)],
  [0x8c, dol],
  [0x8d, dol],
  [0x94, afl],
  [0x97, dol],
  [0x9a, date],
  [0x9f02, amount],
  [0x9f03, amount],
  [0x9f13, number],
  [0x9f17, number],
  [0x9f21, time],
  [0x9f27, cid],
  [0x9f36, number],
  [0x9f38, dol],
  [0x9f42, currency],
  [0x9f49, dol],
  [0x9f4f, dol],
  [0x9f51, dol],
  [0x9f6b, track(parseTrack2)],
]);

/** What a value says, where its format is simple: dates, amounts, numbers, text, lists. Account numbers come out masked. */
export function meaningOf(tag: number, value: Uint8Array, info: TagInfo | undefined): string | undefined {
  const reading = READINGS.get(tag);
  if (reading) return reading(value);
  if (!info || value.length === 0) return undefined;
  if (info.format === "ans" || info.format === "an") return `"${printable(value)}"`;
  if (info.format === "n") {
    const text = digits(value);
    return text && (value.length > 2 ? String(BigInt(text)) : undefined);
  }
  return undefined;
}
