import { parseTrack1, parseTrack2 } from "../emv/track.js";
import { ascii, unhex } from "../util/bytes.js";
import type { Field } from "./field.js";

/** Track 1 or track 2 data field by field, as it is; undefined for what is neither. ISO/IEC 7813. */
export function trackFields(bytes: Uint8Array): { title: string; fields: Field[] } | undefined {
  const one = parseTrack1(bytes);
  const track = one ?? parseTrack2(bytes);
  if (!track) return undefined;
  const { pan, expiry, serviceCode, discretionary } = track;
  const right = luhn(pan);
  return {
    title: one ? "track 1" : "track 2",
    fields: [
      {
        name: "PAN",
        value: pan,
        says: `${pan.length} digits, check digit ${right ? "right" : "wrong"}`,
        ...(!right && { wrong: true }),
      },
      ...(one ? [{ name: "name", value: one.name }] : []),
      { name: "expires", value: expiry, says: `20${expiry.slice(0, 2)}-${expiry.slice(2)}` },
      { name: "service code", value: serviceCode, says: service(serviceCode) },
      { name: "discretionary", value: discretionary },
    ],
  };
}

/** ISO/IEC 7812-1, Annex B. */
function luhn(pan: string): boolean {
  let sum = 0;
  for (let i = 0; i < pan.length; i++) {
    const digit = Number(pan.at(-1 - i));
    const doubled = i % 2 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** The three digits of a service code: ISO/IEC 7813. */
const SERVICE: readonly Readonly<Record<string, string>>[] = [
  {
    "1": "international",
    "2": "international, use the chip",
    "5": "national",
    "6": "national, use the chip",
    "7": "private",
    "9": "test",
  },
  { "0": "normal authorisation", "2": "online authorisation", "4": "online authorisation unless agreed otherwise" },
  {
    "0": "PIN required",
    "1": "no restrictions",
    "2": "goods and services only",
    "3": "ATM only, PIN required",
    "4": "cash only",
    "5": "goods and services only, PIN required",
    "6": "PIN if there is a PIN pad",
    "7": "goods and services only, PIN if there is a PIN pad",
  },
];

const service = (code: string): string => [...code].map((digit, i) => SERVICE[i]?.[digit] ?? "reserved").join("; ");

/** Tracks as magnetic stripe readers type them: sentinels around, `=` for D. */
export function trackText(text: string): Uint8Array | undefined {
  const one = /^%?(B[0-9]{8,19}\^[^?]+)\??.?$/.exec(text.trim())?.[1];
  if (one !== undefined) return ascii(one);
  const two = /^;?([0-9]{8,19}=[0-9]{7,20})\??.?$/.exec(text.trim())?.[1]?.replace("=", "D");
  return two === undefined ? undefined : unhex(two.length % 2 ? `${two}F` : two);
}
