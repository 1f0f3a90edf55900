import { emvError } from "./errors.js";

/** Year of two digits: 00 to 49 are 2000 to 2049, 50 to 99 are 1950 to 1999 (EMV 4.3 Book 4 6.7.3). */
export const fullYear = (twoDigits: number): number => (twoDigits < 50 ? 2000 : 1900) + twoDigits;

/** Two packed digits; not a number where they are none. */
const twoDigits = (byte = 0xff): number => ((byte & 0x0f) < 10 && byte < 0xa0 ? (byte >> 4) * 10 + (byte & 0x0f) : NaN);

/** Months since year 0, or nothing where the digits are no month and year. */
function monthOf(month: number, year: number): number | undefined {
  return month >= 1 && month <= 12 && year >= 0 ? fullYear(year) * 12 + month : undefined;
}

/**
 * Whether a certificate's MMYY lies before the month of `date` (YYMMDD in BCD, as tag 9A); it holds until the end of its month.
 * @throws `emv/certificate-input` for a date that is none
 */
export function expiredAt(expiry: Uint8Array, date: Uint8Array): "expired" | "wrong-expiry" | undefined {
  const now = monthOf(twoDigits(date[1]), twoDigits(date[0]));
  if (date.length !== 3 || now === undefined)
    throw emvError("certificate-input", "a date has three bytes, YYMMDD", { length: date.length });
  const last = monthOf(twoDigits(expiry[0]), twoDigits(expiry[1]));
  if (last === undefined) return "wrong-expiry";
  return last < now ? "expired" : undefined;
}
