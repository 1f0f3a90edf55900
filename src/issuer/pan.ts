import { issuerError } from "./errors.js";

/** Beginnings of account numbers that exist for tests only, and where that is documented. */
export interface TestRange {
  readonly prefix: string;
  readonly source: string;
}

/**
 * The only account numbers that tapbench issues, tokenises or stores. Append what is documented as a test range; nothing else.
 */
export const TEST_RANGES: readonly TestRange[] = [
  {
    prefix: "541333",
    source: "M/Chip test cards, as in recorded taps and published certification material: 5413 3300 8960 0044",
  },
  { prefix: "510510", source: "payment gateway test card 5105 1051 0510 5100" },
  { prefix: "555555", source: "payment gateway test card 5555 5555 5555 4444" },
  { prefix: "222300", source: "payment gateway test card 2223 0031 2200 3222" },
  { prefix: "411111", source: "payment gateway test card 4111 1111 1111 1111" },
  { prefix: "401288", source: "payment gateway test card 4012 8888 8888 1881" },
  { prefix: "476173", source: "acquirer device test cards 4761 7390 0101 0010" },
  { prefix: "378282", source: "payment gateway test card 3782 822463 10005" },
  { prefix: "374245", source: "test cards in recorded taps 3742 4500 1751 006" },
  { prefix: "601111", source: "payment gateway test card 6011 1111 1111 1117" },
  { prefix: "353011", source: "payment gateway test card 3530 1113 3330 0000" },
  { prefix: "620000", source: "payment gateway test card 6200 0000 0000 0005" },
];

/** The range of an account number or its beginning; undefined for everything that may be real. */
export const testRange = (pan: string): TestRange | undefined =>
  TEST_RANGES.find((range) => pan.startsWith(range.prefix));

/** @throws `issuer/not-a-test-bin` */
export function requireTestPan(pan: string): TestRange {
  const range = testRange(pan);
  if (range) return range;
  const known = TEST_RANGES.map((one) => one.prefix).join(", ");
  throw issuerError(
    "not-a-test-bin",
    `${pan.slice(0, 6)} is not a test BIN; tapbench works with test account numbers only: ${known}`,
    {
      bin: pan.slice(0, 6),
    },
  );
}

/** The digit that makes `digits` and it valid (ISO/IEC 7812-1 Annex B). @throws `issuer/bad-pan` */
export function luhnDigit(digits: string): string {
  if (!/^[0-9]{1,30}$/.test(digits))
    throw issuerError("bad-pan", "a check digit needs 1 to 30 digits", { length: digits.length });
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = i % 2 === 0 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return String((10 - (sum % 10)) % 10);
}

/** Whether the last digit is the right one. */
export const luhnValid = (pan: string): boolean =>
  /^[0-9]{2,31}$/.test(pan) && luhnDigit(pan.slice(0, -1)) === pan.at(-1);

/** First six and last four digits. */
export const maskPan = (pan: string): string =>
  pan.length > 10 ? `${pan.slice(0, 6)}${"*".repeat(pan.length - 10)}${pan.slice(-4)}` : "*".repeat(pan.length);
