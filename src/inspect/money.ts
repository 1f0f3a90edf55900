import type { Money } from "./verdict.js";

/** A currency as amounts are shown in it. */
export interface ShownCurrency {
  readonly code: string;
  /** Digits of the minor unit. */
  readonly exponent: number;
}

const AMOUNT = /^\d{1,18}$/;

/** Minor units as text to `EUR 12.50`; to minor units in words where the currency is not known. */
export function shownAmount(minor: string, currency: ShownCurrency | undefined): string {
  if (!AMOUNT.test(minor)) return minor === "" ? "an unknown amount" : minor;
  const value = String(BigInt(minor));
  if (!currency) return `${value} minor units`;
  const { code, exponent } = currency;
  if (exponent === 0) return `${code} ${value}`;
  const digits = value.padStart(exponent + 1, "0");
  return `${code} ${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

export const moneyOf = (minor: string, currency: ShownCurrency | undefined): Money => ({
  minor: AMOUNT.test(minor) ? String(BigInt(minor)) : minor,
  shown: shownAmount(minor, currency),
});
