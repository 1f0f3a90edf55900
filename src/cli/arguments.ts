import { formatAmount, MAX_AMOUNT, type Currency } from "../profiles/currencies.js";
import { MS, SECOND, US, type Nanos } from "../util/time.js";
import { cliError } from "./errors.js";

/**
 * `12.50` to 1250n, by the currency's exponent.
 * @throws `cli/bad-amount`; `cli/amount-overflow` where it does not fit twelve digits
 */
export function amountOf(text: string, { code, exponent }: Currency): bigint {
  const match = /^([0-9]{1,40})(?:\.([0-9]{1,40}))?$/.exec(text);
  if (!match)
    throw cliError(
      "bad-amount",
      `'${text.slice(0, 40)}' is no amount; write it like ${formatAmount(1250n, exponent)}`,
      {
        amount: text.slice(0, 40),
      },
    );
  const decimals = match[2] ?? "";
  if (decimals.length > exponent)
    throw cliError(
      "bad-amount",
      `${code} has ${exponent} decimal${exponent === 1 ? "" : "s"}; ${text.slice(0, 40)} has ${decimals.length}`,
      {
        currency: code,
        exponent,
      },
    );
  const amount = BigInt(match[1]! + decimals.padEnd(exponent, "0"));
  if (amount > MAX_AMOUNT)
    throw cliError(
      "amount-overflow",
      `${text.slice(0, 40)} ${code} is too much: terminals have twelve digits, up to ${formatAmount(MAX_AMOUNT, exponent)}`,
      {
        currency: code,
        most: formatAmount(MAX_AMOUNT, exponent),
      },
    );
  return amount;
}

const TIME_UNITS: Readonly<Record<string, number>> = { us: US, ms: MS, s: SECOND };

/** `500ms`, `1.5s`, `900us`. @throws `cli/bad-value` */
export function timeOf(text: string): Nanos {
  const match = /^(\d{1,6}(?:\.\d{1,6})?)(us|ms|s)$/.exec(text);
  const time = match ? Math.round(Number(match[1]) * TIME_UNITS[match[2]!]!) : 0;
  if (time === 0)
    throw cliError("bad-value", `'${text.slice(0, 40)}' is no time above zero; write it like 500ms or 1.5s`, {});
  return time;
}

/** `2026-03-01` or `2026-03-01T12:30:00Z`; UTC where no zone is given. @throws `cli/bad-date` */
export function dateOf(text: string): Date {
  const match = /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}(?::\d{2})?)(Z|[+-]\d{2}:\d{2})?)?$/.exec(text);
  const [, day, time = "00:00", zone = "Z"] = match ?? [];
  const date = new Date(`${day}T${time}${zone}`);
  // Dates roll over instead of failing: 31 April would be 1 May.
  if (!match || Number.isNaN(date.getTime()) || new Date(`${day}T00:00Z`).toISOString().slice(0, 10) !== day)
    throw cliError("bad-date", `'${text.slice(0, 40)}' is no date; write it like 2026-03-01 or 2026-03-01T12:30:00Z`, {
      date: text.slice(0, 40),
    });
  return date;
}
