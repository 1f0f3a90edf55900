import { z } from "zod";
import { hex, unhex } from "../util/bytes.js";
import { MS, SECOND, US, type Nanos } from "../util/time.js";
import { CURRENCIES, currency } from "./currencies.js";
import type { RateDivisor } from "./types.js";

/* Kinds of values in the YAML files: each says in `error` what would fit, and that sentence is what people read. */

/** Hex of `min` to `max` bytes, in quotes, because 0004 without them is the number 4. */
export const bytes = (min: number, max: number, description: string) => {
  const size = min === max ? `${min}` : `${min} to ${max}`;
  return z
    .string({ error: `hex of ${size} byte(s) in quotes, such as "${hex(new Uint8Array(Math.min(min || 1, 4)))}"` })
    .regex(/^([0-9A-Fa-f]{2}|\s)*$/, { error: `hex of ${size} byte(s): two digits 0-9 A-F for each` })
    .refine(
      (text) => {
        const length = text.replace(/\s/g, "").length / 2;
        return length >= min && length <= max;
      },
      { error: `hex of ${size} byte(s)` },
    )
    .transform((text) => unhex(text))
    .meta({ description });
};

export const integer = (min: number, max: number, description: string) => {
  const error = `a whole number from ${min} to ${max}`;
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error }).meta({ description });
};

export const text = (max: number, description: string) => {
  const error = `1 to ${max} characters of text`;
  return z.string({ error }).min(1, { error }).max(max, { error }).meta({ description });
};

/** What card data can carry: printable ASCII. */
export const plainText = (max: number, description: string) => {
  const error = `1 to ${max} printable ASCII characters`;
  return z
    .string({ error })
    .regex(new RegExp(`^[\\x20-\\x7e]{1,${max}}$`), { error })
    .meta({ description });
};

export const digits = (min: number, max: number, description: string) => {
  const error = `${min === max ? min : `${min} to ${max}`} digits in quotes`;
  return z
    .string({ error })
    .regex(new RegExp(`^[0-9]{${min},${max}}$`), { error })
    .meta({ description });
};

export const flag = (description: string) => z.boolean({ error: "true or false" }).meta({ description });

export const oneOf = <const T extends readonly [string, ...string[]]>(values: T, description: string) =>
  z.enum(values, { error: `one of ${values.join(", ")}` }).meta({ description });

export const map = <S extends z.ZodRawShape>(shape: S) =>
  z.strictObject(shape, {
    error: (issue) => (issue.code === "invalid_type" ? `a map with ${Object.keys(shape).join(", ")}` : undefined),
  });

export const list = <T extends z.ZodType>(of: T, min: number, max: number, what: string, description: string) => {
  const error = `a list of ${min} to ${max} ${what}`;
  return z.array(of, { error }).min(min, { error }).max(max, { error }).meta({ description });
};

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: US, ms: MS, s: SECOND };

export const duration = (description: string) => {
  const error = "a time with its unit, such as 120 us or 1.5 ms, at most 1000 s";
  return z
    .string({ error })
    .regex(/^[0-9]{1,9}(\.[0-9]{1,9})? (ns|us|ms|s)$/, { error })
    .transform((value): Nanos => {
      const [number, unit] = value.split(" ");
      return Math.round(Number(number) * UNITS[unit!]!);
    })
    .refine((value) => value <= 1000 * SECOND, { error })
    .meta({ description });
};

export const amount = (description: string) => {
  const error = 'an amount of the currency in quotes, such as "50.00"';
  return z
    .string({ error })
    .regex(/^[0-9]{1,12}(\.[0-9]{1,4})?$/, { error })
    .meta({ description });
};

export const currencyCode = (description: string) =>
  z
    .enum([...CURRENCIES.keys()] as [string, ...string[]], {
      error: `a currency code: ${[...CURRENCIES.keys()].join(", ")}`,
    })
    .transform((code) => currency(code))
    .meta({ description });

const KBPS: Readonly<Record<number, RateDivisor>> = { 106: 1, 212: 2, 424: 4, 848: 8 };
const rate = () =>
  z.union([z.literal(106), z.literal(212), z.literal(424), z.literal(848)], {
    error: "a bit rate: 106, 212, 424 or 848",
  });
export const divisor = (description: string) =>
  rate()
    .transform((kbps): RateDivisor => KBPS[kbps]!)
    .meta({ description });
export const rates = (description: string) =>
  list(
    rate().transform((kbps): RateDivisor => KBPS[kbps]!),
    1,
    4,
    "bit rates out of 106, 212, 424, 848",
    description,
  );

/** Data objects by tag: `9F33: "E06808"`. */
export const dataObjects = (description: string) =>
  z
    .record(
      z.string().regex(/^[0-9A-Fa-f]{2,8}$/, { error: "a tag of 1 to 4 bytes in hex" }),
      bytes(0, 252, "value of the data object"),
      { error: (issue) => (issue.code === "invalid_type" ? "a map of tags to hex values" : undefined) },
    )
    .transform((record) => new Map(Object.entries(record).map(([tag, value]) => [parseInt(tag, 16), value])))
    .meta({ description });

export const aid = () => bytes(5, 16, "application identifier");
