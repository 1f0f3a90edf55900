import { z } from "zod";
import { hex, unhex } from "../util/bytes.js";
import { MS, SECOND, US, type Nanos } from "../util/time.js";
import { CURRENCIES, currency } from "./currencies.js";
import type { RateDivisor } from "./types.js";

/*
 * What the YAML files look like. Every kind says in `error` what would fit: that sentence is what people read.
 * Importing this file costs some 50 ms (zod), so it is only imported where a profile is loaded.
 */

/** Hex of `min` to `max` bytes, in quotes, because 0004 without them is the number 4. */
const bytes = (min: number, max: number, description: string) => {
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

const integer = (min: number, max: number, description: string) => {
  const error = `a whole number from ${min} to ${max}`;
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error }).meta({ description });
};

const text = (max: number, description: string) => {
  const error = `1 to ${max} characters of text`;
  return z.string({ error }).min(1, { error }).max(max, { error }).meta({ description });
};

/** What card data can carry: printable ASCII. */
const plainText = (max: number, description: string) => {
  const error = `1 to ${max} printable ASCII characters`;
  return z
    .string({ error })
    .regex(new RegExp(`^[\\x20-\\x7e]{1,${max}}$`), { error })
    .meta({ description });
};

const digits = (min: number, max: number, description: string) => {
  const error = `${min === max ? min : `${min} to ${max}`} digits in quotes`;
  return z
    .string({ error })
    .regex(new RegExp(`^[0-9]{${min},${max}}$`), { error })
    .meta({ description });
};

const flag = (description: string) => z.boolean({ error: "true or false" }).meta({ description });

const oneOf = <const T extends readonly [string, ...string[]]>(values: T, description: string) =>
  z.enum(values, { error: `one of ${values.join(", ")}` }).meta({ description });

const map = <S extends z.ZodRawShape>(shape: S) =>
  z.strictObject(shape, {
    error: (issue) => (issue.code === "invalid_type" ? `a map with ${Object.keys(shape).join(", ")}` : undefined),
  });

const list = <T extends z.ZodType>(of: T, min: number, max: number, what: string, description: string) => {
  const error = `a list of ${min} to ${max} ${what}`;
  return z.array(of, { error }).min(min, { error }).max(max, { error }).meta({ description });
};

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: US, ms: MS, s: SECOND };

const duration = (description: string) => {
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

const amount = (description: string) => {
  const error = 'an amount of the currency in quotes, such as "50.00"';
  return z
    .string({ error })
    .regex(/^[0-9]{1,12}(\.[0-9]{1,4})?$/, { error })
    .meta({ description });
};

const currencyCode = (description: string) =>
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
const divisor = (description: string) =>
  rate()
    .transform((kbps): RateDivisor => KBPS[kbps]!)
    .meta({ description });
const rates = (description: string) =>
  list(
    rate().transform((kbps): RateDivisor => KBPS[kbps]!),
    1,
    4,
    "bit rates out of 106, 212, 424, 848",
    description,
  );

/** Data objects by tag: `9F33: "E06808"`. */
const dataObjects = (description: string) =>
  z
    .record(
      z.string().regex(/^[0-9A-Fa-f]{2,8}$/, { error: "a tag of 1 to 4 bytes in hex" }),
      bytes(0, 252, "value of the data object"),
      { error: (issue) => (issue.code === "invalid_type" ? "a map of tags to hex values" : undefined) },
    )
    .transform((record) => new Map(Object.entries(record).map(([tag, value]) => [parseInt(tag, 16), value])))
    .meta({ description });

const aid = () => bytes(5, 16, "application identifier");

/** What every profile starts with. */
const head = {
  extends: text(
    200,
    "another profile or template of the same kind: its values hold where this file says nothing",
  ).optional(),
  template: flag("this file is only there to be extended").optional(),
  title: text(80, "what people call it"),
  synthetic: flag("values without a public source").default(false),
  sources: list(text(400, "where a value comes from"), 0, 20, "sources", "public sources of the values").default([]),
};

const bits5 = (description: string) => bytes(5, 5, description);

/** A device: radio, secure element, how fast it computes, how it verifies its holder. */
export const deviceSchema = map({
  ...head,
  form: oneOf(["band", "watch", "ring", "phone"], "what it is worn or carried as"),
  firmware: z
    .string({ error: "a version such as 2.0.4" })
    .regex(/^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,5}$/, { error: "a version such as 2.0.4" })
    .meta({ description: "firmware when it leaves the factory" }),
  verification: oneOf(["none", "passcode", "biometric"], "how the device verifies its holder (CDCVM)"),
  nfc: map({
    atqa: bytes(2, 2, "ATQA as it is usually printed, high byte first (ISO/IEC 14443-3 6.5.2)"),
    sak: bytes(1, 1, "SAK of the last cascade level; bit 20 says ISO/IEC 14443-4"),
    uid: z
      .union([z.literal("random"), bytes(4, 10, "UID of 4, 7 or 10 bytes")], {
        error: "random, or hex of 4, 7 or 10 bytes in quotes",
      })
      .meta({ description: "random: 08 and three bytes, new at every field-on" }),
    ats: map({
      fsci: integer(0, 8, "frame size that the device takes: 0-8 are 16 to 256 bytes"),
      fwi: integer(0, 14, "frame waiting time: 302 us * 2^FWI"),
      sfgi: integer(0, 14, "guard time behind the ATS: 302 us * 2^SFGI"),
      cid: flag("the device takes a CID"),
      sameRates: flag("only the same rate in both directions").default(false),
      ratesToDevice: rates("kbit/s towards the device; 106 is always there"),
      ratesFromDevice: rates("kbit/s from the device; 106 is always there"),
      historical: bytes(0, 15, "historical bytes").prefault(""),
    }),
  }),
  element: map({
    nvmBytes: integer(4096, 16_777_216, "bytes of non-volatile memory"),
    pageBytes: integer(16, 4096, "bytes of one page of it"),
    applets: list(
      map({ module: oneOf(["ppse", "mchip"], "which applet"), aid: aid() }),
      1,
      32,
      "applets",
      "instances that are there when the device leaves the factory",
    ),
  }),
  compute: map({
    command: duration("for any command, before anything else"),
    perByte: duration("for each byte of command and response"),
    symmetric: duration("for each operation with a symmetric key"),
    rsa1024: duration("for an RSA private operation of 1024 bits with CRT; others scale with the cube of their length"),
    nvmWrite: duration("for each write to non-volatile memory"),
  }),
});

/** A payment card as its issuer sets it up. */
export const cardSchema = map({
  ...head,
  kernel: oneOf(["c2"], "kernel that it is for"),
  aid: aid(),
  label: plainText(16, "50, what terminals show"),
  priority: integer(1, 15, "87, 1 is first"),
  language: z
    .string({ error: "one to four language codes of two letters, such as ende" })
    .regex(/^([a-z]{2}){1,4}$/, { error: "one to four language codes of two letters, such as ende" })
    .meta({ description: "5F2D" }),
  bin: digits(6, 8, "first digits of its account numbers: a test BIN"),
  serviceCode: digits(3, 3, "5F30"),
  issuerCountry: digits(3, 3, "5F28, ISO 3166 numeric"),
  currency: currencyCode("currency of the account, ISO 4217"),
  validityMonths: integer(1, 120, "months from issuing to expiry"),
  aip: bytes(2, 2, "82 application interchange profile"),
  usageControl: bytes(2, 2, "9F07"),
  cvmList: bytes(10, 252, "8E: two amounts, then rules"),
  iac: map({ default: bits5("9F0D"), denial: bits5("9F0E"), online: bits5("9F0F") }),
  cdol1: bytes(2, 120, "8C"),
  cdol2: bytes(2, 120, "8D"),
  pdol: bytes(0, 120, "9F38; empty: none").prefault(""),
  version: bytes(2, 2, "9F08"),
  cvn: z
    .union([z.literal(16), z.literal(17), z.literal(20), z.literal(21)], {
      error: "a cryptogram version in decimal: 16, 17, 20 or 21",
    })
    .meta({ description: "cryptogram version number" }),
  keyDerivationIndex: integer(0, 255, "which issuer key, in the IAD"),
  cardIssuerActionCodes: map({
    decline: bytes(3, 3, "against bytes 4 to 6 of the CVR"),
    online: bytes(3, 3, "against bytes 4 to 6 of the CVR"),
  }),
  offlineLimits: map({
    lower: integer(0, 255, "offline transactions in a row: above, ask to go online"),
    upper: integer(0, 255, "above, decline where there is no way online"),
  }),
  oda: map({
    method: oneOf(["cda", "none"], "offline data authentication"),
    issuerBits: integer(512, 1984, "length of the issuer key").default(1408),
    cardBits: integer(512, 1984, "length of the card key").default(1408),
  }),
  account: map({ balance: amount("what can be spent"), perTransaction: amount("largest single payment") }),
});

/** A terminal: merchant, kernels with their limits, reader. */
export const terminalSchema = map({
  ...head,
  country: digits(3, 3, "9F1A, ISO 3166 numeric"),
  currency: currencyCode("5F2A"),
  zone: z
    .string({ error: 'an offset from UTC in quotes, such as "+01:00"' })
    .regex(/^[+-](0[0-9]|1[0-4]):(00|15|30|45)$/, { error: 'an offset from UTC, such as "+01:00"' })
    .transform((zone) => (zone.startsWith("-") ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4))))
    .meta({ description: "offset of its clock" }),
  type: bytes(1, 1, "9F35"),
  merchant: map({
    name: plainText(40, "9F4E"),
    id: plainText(15, "9F16"),
    categoryCode: digits(4, 4, "9F15, ISO 18245"),
    terminalId: z
      .string({ error: "8 letters or digits" })
      .regex(/^[0-9A-Za-z]{8}$/, { error: "8 letters or digits" })
      .meta({ description: "9F1C" }),
  }),
  data: dataObjects("other data objects, for every kernel").prefault({}),
  kernels: list(
    map({
      kernel: oneOf(["c2"], "kernel"),
      aids: list(aid(), 1, 32, "AIDs", "applications that it serves; a beginning is enough"),
      limits: map({
        floor: amount("above: online"),
        transaction: amount("above: not contactless, where the device does not verify its holder"),
        transactionOnDevice: amount("above: not contactless, where it does"),
        cvmRequired: amount("above: the holder must be verified"),
      }),
      tac: map({ default: bits5("terminal action code default"), denial: bits5("denial"), online: bits5("online") }),
      data: dataObjects("kernel data objects; they overrule what follows from the rest").prefault({}),
      randomSelection: map({
        target: integer(0, 99, "percent of small amounts sent online"),
        maxTarget: integer(0, 99, "percent just below the floor limit"),
        threshold: amount("below: target; from here rising to maxTarget"),
      }).optional(),
    }),
    1,
    8,
    "kernels",
    "kernels and the applications that they serve",
  ),
  caKeys: list(
    z
      .string({ error: "a name such as test or published" })
      .regex(/^[a-z][a-z0-9-]{0,31}$/, { error: "a name such as test or published" }),
    0,
    8,
    "key set names",
    "sets of certification authority keys",
  ),
  reader: map({
    maxRate: divisor("highest bit rate, kbit/s"),
    fsdi: integer(0, 8, "frame size that the reader takes"),
    retries: integer(0, 15, "repetitions before it gives up a frame"),
    frameDelay: duration("from the card's frame to its next one; EMV asks for 500 us"),
  }),
});

/** A PC/SC reader. */
export const readerSchema = map({
  ...head,
  match: list(text(80, "part of a name"), 1, 16, "names", "parts of the names that PC/SC gives it, in any case"),
  samSlots: list(text(80, "part of a name"), 0, 8, "names", "parts of the names of its slots for SAMs").default([]),
  usb: z
    .string({ error: 'USB vendor and product in quotes, such as "072F:2200"' })
    .regex(/^[0-9A-F]{4}:[0-9A-F]{4}$/, { error: 'USB vendor and product, such as "072F:2200"' })
    .optional()
    .meta({ description: "USB vendor and product" }),
  extended: flag("it carries extended APDUs").default(true),
  maxCommand: integer(5, 65_544, "bytes of the longest command APDU").default(65_544),
  response256: oneOf(["carried", "lost"], "what becomes of responses of exactly 256 bytes").default("carried"),
  quirks: list(
    map({
      says: text(300, "one sentence"),
      evidence: oneOf(["documented", "reported", "measured"], "by its maker, by its users, by us"),
    }),
    0,
    16,
    "quirks",
    "what goes wrong with it, or is special",
  ).default([]),
});

const desKeyHex = (description: string) => {
  const error = "a double length DES key: 32 hex digits in quotes";
  return z
    .string({ error })
    .regex(/^[0-9A-Fa-f]{32}$/, { error })
    .transform((value) => unhex(value))
    .meta({ description });
};

/** Issuer master keys by label. */
export const keySetsSchema = map({
  note: text(400, "what these keys are for").optional(),
  sets: z
    .record(
      z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, { error: "a label: small letters, digits and -" }),
      map({
        ac: desKeyHex("application cryptogram"),
        smi: desKeyHex("secure messaging, integrity"),
        smc: desKeyHex("secure messaging, confidentiality"),
        checkValues: map({
          ac: bytes(3, 3, "of ac"),
          smi: bytes(3, 3, "of smi"),
          smc: bytes(3, 3, "of smc"),
        }).optional(),
      }),
      { error: (issue) => (issue.code === "invalid_type" ? "a map of labels to ac, smi and smc" : undefined) },
    )
    .meta({ description: "by label" }),
});

const MAX_CA_KEYS = 2000;

/** CA public keys, ours. */
export const caKeysSchema = map({
  note: text(400, "what these keys are for").optional(),
  keys: list(
    map({
      rid: bytes(5, 5, "registered application provider identifier"),
      index: bytes(1, 1, "8F, key index"),
      modulus: bytes(64, 256, "modulus"),
      exponent: bytes(1, 3, "exponent"),
      sha1: bytes(20, 20, "check value: SHA-1 of RID, index, modulus, exponent").optional(),
      expires: z
        .string({ error: "a date YYYY-MM-DD" })
        .regex(/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/, { error: "a date YYYY-MM-DD" })
        .optional()
        .meta({ description: "last day" }),
      source: text(400, "where it was published").optional(),
    }),
    0,
    MAX_CA_KEYS,
    "keys",
    "the keys",
  ),
});

/** The form that public collections use; what else a key says there is left alone. */
export const foreignCaKeysSchema = z.object(
  {
    keys: list(
      z.object({
        rid: bytes(5, 5, "RID"),
        index: bytes(1, 1, "index"),
        modulus: bytes(64, 256, "modulus"),
        exp: bytes(1, 3, "exponent"),
        hash_sha1: bytes(20, 20, "check value").nullish(),
      }),
      0,
      MAX_CA_KEYS,
      "keys",
      "the keys",
    ),
  },
  { error: "a map with keys" },
);
