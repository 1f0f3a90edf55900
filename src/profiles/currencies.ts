import { profileError } from "./errors.js";

/** A currency as terminals and cards know it (ISO 4217). */
export interface Currency {
  /** Three letters. */
  readonly code: string;
  /** Three digits. */
  readonly numeric: string;
  /** Digits of the minor unit. */
  readonly exponent: number;
}

// ISO 4217 list one: those with contactless payment in use, and the ones with unusual exponents.
const ROWS: readonly (readonly [code: string, numeric: string, exponent: number])[] = [
  ["AUD", "036", 2],
  ["BHD", "048", 3],
  ["BRL", "986", 2],
  ["CAD", "124", 2],
  ["CHF", "756", 2],
  ["CNY", "156", 2],
  ["CZK", "203", 2],
  ["DKK", "208", 2],
  ["EUR", "978", 2],
  ["GBP", "826", 2],
  ["HKD", "344", 2],
  ["INR", "356", 2],
  ["JPY", "392", 0],
  ["KRW", "410", 0],
  ["KWD", "414", 3],
  ["NOK", "578", 2],
  ["PLN", "985", 2],
  ["SEK", "752", 2],
  ["SGD", "702", 2],
  ["TWD", "901", 2],
  ["USD", "840", 2],
  ["ZAR", "710", 2],
];

/** Every currency that tapbench knows, by code. */
export const CURRENCIES: ReadonlyMap<string, Currency> = new Map(
  ROWS.map(([code, numeric, exponent]) => [code, { code, numeric, exponent }]),
);

/** By letters or digits: `EUR` or `978`. @throws `profile/unknown-currency` */
export function currency(codeOrNumeric: string): Currency {
  const found =
    CURRENCIES.get(codeOrNumeric.toUpperCase()) ??
    [...CURRENCIES.values()].find((row) => row.numeric === codeOrNumeric);
  if (found) return found;
  const known = [...CURRENCIES.keys()].join(", ");
  throw profileError(
    "unknown-currency",
    `'${codeOrNumeric.slice(0, 20)}' is no currency that tapbench knows; use one of ${known}`,
    {
      currency: codeOrNumeric.slice(0, 20),
    },
  );
}

/** Largest amount that n12 holds, in minor units (EMV 4.3 Book 3 Annex A, 9F02). */
export const MAX_AMOUNT = 999_999_999_999n;

/** `12.50` to 1250n. Undefined where the text is no amount of that currency, has too many decimals, or overflows n12. */
export function parseAmount(text: string, exponent: number): bigint | undefined {
  const match = /^([0-9]{1,15})(?:\.([0-9]{1,4}))?$/.exec(text);
  if (!match) return undefined;
  const decimals = match[2] ?? "";
  if (decimals.length > exponent) return undefined;
  const amount = BigInt(match[1]! + decimals.padEnd(exponent, "0"));
  return amount > MAX_AMOUNT ? undefined : amount;
}

/** 1250n to `12.50`. */
export function formatAmount(amount: bigint, exponent: number): string {
  const sign = amount < 0n ? "-" : "";
  const digits = String(amount < 0n ? -amount : amount).padStart(exponent + 1, "0");
  return exponent === 0 ? sign + digits : `${sign}${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}
