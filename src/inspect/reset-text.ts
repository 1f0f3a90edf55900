import { hex, printable } from "../util/bytes.js";
import { formatNanos } from "../util/time.js";
import { atsParameters } from "../protocols/iso14443/messages.js";
import { decodeAtr, type Atr } from "../protocols/iso7816/atr.js";
import type { Field } from "./field.js";

/* What a card says of itself before the first command: the ATR of the contact interface or of a PC/SC reader, the ATS of the contactless one. */

/** Clock rate conversion and bit rate adjustment: ISO/IEC 7816-3:2006, tables 7 and 8. */
const FI = [372, 372, 558, 744, 1116, 1488, 1860, 0, 0, 512, 768, 1024, 1536, 2048, 0, 0];
const DI = [0, 1, 2, 4, 8, 16, 32, 64, 12, 20, 0, 0, 0, 0, 0, 0];

type Says = (value: number) => string;

const CLOCK_STOP = ["not supported", "state low", "state high", "either state"];

const INTERFACE: Readonly<Record<string, Says>> = {
  TA1: (value) => {
    const [fi, di] = [FI[value >> 4]!, DI[value & 0x0f]!];
    return fi && di ? `F ${fi}, D ${di}: ${Math.round((fi / di) * 100) / 100} clock cycles a bit` : "reserved F or D";
  },
  TC1: (value) => (value === 255 ? "least guard time" : `extra guard time ${value} bits`),
  TA2: (value) => `specific mode, T=${value & 0x0f}${value & 0x80 ? ", mode cannot change" : ""}`,
  TC2: (value) => `T=0 waiting time integer ${value}`,
};

/** From the third level on the protocol named before decides; these are T=1's, and the global ones behind T=15. */
const T1: Readonly<Record<string, Says>> = {
  TA: (value) => `T=1 information field size ${value}`,
  TB: (value) => `T=1 waiting times: block ${value >> 4}, character ${value & 0x0f}`,
  TC: (value) => `T=1 check by ${value & 1 ? "CRC" : "LRC"}`,
};
const GLOBAL: Readonly<Record<string, Says>> = {
  TA: (value) => `clock stop ${CLOCK_STOP[value >> 6]!}, classes ${classes(value & 0x3f)}`,
};

const classes = (bits: number): string => ["A", "B", "C"].filter((_, i) => bits & (1 << i)).join(" ") || "none";

/** An answer to reset, field by field. @throws `iso7816/bad-atr` */
export function atrFields(bytes: Uint8Array): Field[] {
  const atr = decodeAtr(bytes);
  const fields: Field[] = [{ name: "TS", value: hex(bytes.subarray(0, 1)), says: `${atr.convention} convention` }];
  fields.push({ name: "T0", value: hex(bytes.subarray(1, 2)), says: `${atr.historical.length} historical bytes` });
  let protocol = 0;
  for (const [name, value] of atr.interfaceBytes) {
    const kind = name.slice(0, 2);
    const level = Number(name.slice(2));
    let says = INTERFACE[name]?.(value);
    if (kind === "TD") {
      protocol = value & 0x0f;
      says = protocol === 15 ? "global interface bytes follow" : `T=${protocol}`;
    } else if (level >= 3) says = (protocol === 1 ? T1 : protocol === 15 ? GLOBAL : {})[kind]?.(value);
    fields.push({ name, value: hex(Uint8Array.of(value)), ...(says !== undefined && { says }) });
  }
  fields.push(...historicalFields(atr.historical));
  if (atr.tck) fields.push(checkField(atr.tck));
  const contactless = contactlessCard(atr);
  if (contactless !== undefined) fields.push({ name: "PC/SC", says: contactless });
  return fields;
}

function checkField({ value, expected }: NonNullable<Atr["tck"]>): Field {
  const right = value === expected;
  const says = right ? "right" : `wrong: the bytes give ${hex(Uint8Array.of(expected))}`;
  return { name: "TCK", value: hex(Uint8Array.of(value)), says, ...(!right && { wrong: true }) };
}

/** PC/SC Specification Part 3, 3.1.3.2.3 and its supplement: what a reader makes up for cards without an ATR. */
const STANDARDS: ReadonlyMap<number, string> = new Map([
  [0x03, "ISO/IEC 14443 A, part 3"],
  [0x07, "ISO/IEC 14443 B, part 3"],
  [0x0b, "ISO/IEC 15693, part 3"],
  [0x0c, "ISO/IEC 15693, part 4"],
  [0x11, "FeliCa"],
]);
const STORAGE_CARDS: ReadonlyMap<number, string> = new Map([
  [0x0001, "MIFARE Classic 1K"],
  [0x0002, "MIFARE Classic 4K"],
  [0x0003, "MIFARE Ultralight"],
  [0x0026, "MIFARE Mini"],
  [0x0030, "Topaz or Jewel"],
  [0x0036, "MIFARE Plus SL1 2K"],
  [0x0037, "MIFARE Plus SL1 4K"],
  [0x0038, "MIFARE Plus SL2 2K"],
  [0x0039, "MIFARE Plus SL2 4K"],
  [0x003a, "MIFARE Ultralight C"],
  [0x003b, "FeliCa"],
]);

function contactlessCard({ interfaceBytes, historical }: Atr): string | undefined {
  const made = interfaceBytes.map(([name, value]) => `${name}${hex(Uint8Array.of(value))}`).join(" ") === "TD180 TD201";
  if (!made) return undefined;
  if (!hex(historical).startsWith("804F0CA000000306"))
    return "made by a reader for a contactless card with ISO/IEC 14443-4; the historical bytes are the card's";
  const standard = historical[8] ?? 0;
  const name = ((historical[9] ?? 0) << 8) | (historical[10] ?? 0);
  return `made by a reader for a contactless storage card: ${STORAGE_CARDS.get(name) ?? `card ${hex(historical.subarray(9, 11))}`}, ${STANDARDS.get(standard) ?? `standard ${hex(Uint8Array.of(standard))}`}`;
}

/** COMPACT-TLV objects of historical bytes: ISO/IEC 7816-4, 8.1.1. */
const COMPACT: Readonly<Record<number, string>> = {
  1: "country and national data",
  2: "issuer identification",
  3: "card service data",
  4: "initial access data",
  5: "card issuer's data",
  6: "pre-issuing data",
  7: "card capabilities",
  8: "status indicator",
  15: "application identifier",
};

function historicalFields(bytes: Uint8Array): Field[] {
  if (bytes.length === 0) return [];
  const text = /^[\x20-\x7e]{3,}$/.test(Buffer.from(bytes).toString("latin1")) ? `"${printable(bytes)}"` : undefined;
  const fields: Field[] = [{ name: "historical", value: hex(bytes), ...(text !== undefined && { says: text }) }];
  const category = bytes[0];
  // Category 00 ends in a status indicator of three bytes without a header; 80 holds COMPACT-TLV only; anything else is the maker's own.
  if (category !== 0x00 && category !== 0x80) return fields;
  const end = category === 0x00 ? bytes.length - 3 : bytes.length;
  for (let at = 1; at < end;) {
    const length = bytes[at]! & 0x0f;
    if (at + 1 + length > end) break;
    // 4F is no COMPACT-TLV header here but the tag of an AID with its own length: PC/SC Part 3.
    if (bytes[at] === 0x4f) break;
    fields.push({
      name: `  ${COMPACT[bytes[at]! >> 4] ?? `object ${bytes[at]! >> 4}`}`,
      value: hex(bytes.subarray(at + 1, at + 1 + length)),
    });
    at += 1 + length;
  }
  if (category === 0x00 && end >= 1) fields.push({ name: "  status indicator", value: hex(bytes.subarray(end)) });
  return fields;
}

/** An answer to select of ISO/IEC 14443-4, field by field. @throws `iso14443/bad-ats` */
export function atsFields(bytes: Uint8Array): Field[] {
  const { fsc, toCard, toReader, sameBothWays, fwt, sfgt, cid, historical } = atsParameters(bytes);
  const rates = (divisors: readonly number[]): string => divisors.map((divisor) => divisor * 106).join(", ");
  return [
    { name: "TL", value: hex(bytes.subarray(0, 1)), says: `${bytes.length} bytes` },
    { name: "frame size", says: `${fsc} bytes to the card` },
    { name: "bit rates", says: `to the card ${rates(toCard)}; from the card ${rates(toReader)} kbit/s` },
    ...(sameBothWays ? [{ name: "bit rates", says: "the same both ways only" }] : []),
    { name: "waiting time", says: formatNanos(fwt) },
    { name: "guard time", says: formatNanos(sfgt) },
    { name: "CID", says: cid ? "supported" : "not supported" },
    ...historicalFields(historical),
  ];
}
