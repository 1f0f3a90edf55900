import { hex } from "../util/bytes.js";
import { emvError } from "./errors.js";

/** Year of two digits: 00 to 49 are 2000 to 2049, 50 to 99 are 1950 to 1999 (EMV 4.3 Book 4 6.7.3). */
export const fullYear = (twoDigits: number): number => (twoDigits < 50 ? 2000 : 1900) + twoDigits;

/** Months since year 0, or nothing where the digits are no month and year. */
function monthOf(month: string, year: string): number | undefined {
  if (!/^(0[1-9]|1[0-2])$/.test(month) || !/^[0-9]{2}$/.test(year)) return undefined;
  return fullYear(Number(year)) * 12 + Number(month);
}

/**
 * Whether a certificate's MMYY lies before the month of `date` (YYMMDD in BCD, as tag 9A); it holds until the end of its month.
 * @throws `emv/certificate-input` for a date that is none
 */
export function expiredAt(expiry: Uint8Array, date: Uint8Array): "expired" | "wrong-expiry" | undefined {
  const today = hex(date);
  const now = monthOf(today.slice(2, 4), today.slice(0, 2));
  if (date.length !== 3 || now === undefined)
    throw emvError("certificate-input", "a date has three bytes, YYMMDD", { length: date.length });
  const until = hex(expiry);
  const last = monthOf(until.slice(0, 2), until.slice(2, 4));
  if (last === undefined) return "wrong-expiry";
  return last < now ? "expired" : undefined;
}
