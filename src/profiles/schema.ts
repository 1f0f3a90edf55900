import { z } from "zod";
import { unhex } from "../util/bytes.js";
import {
  aid,
  amount,
  bytes,
  currencyCode,
  dataObjects,
  digits,
  divisor,
  duration,
  flag,
  integer,
  list,
  map,
  oneOf,
  plainText,
  rates,
  text,
} from "./schema-kinds.js";

/*
 * What the YAML files look like. Importing this file costs some 50 ms (zod), so it is only imported where a profile is loaded.
 */

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

const label = (description: string) => {
  const error = "a label of a key set, such as test:issuer-domain";
  return z
    .string({ error })
    .regex(/^[a-z][a-z0-9-]{0,31}:[a-z][a-z0-9-]{0,31}$/, { error })
    .meta({ description });
};

const domain = (description: string) =>
  map({
    aid: aid(),
    version: integer(1, 127, "key version number"),
    keys: label("key set in keys/domains.yaml"),
  }).meta({ description });

const partition = (description: string) =>
  map({
    offset: integer(0, 67_108_864, "first byte"),
    bytes: integer(512, 67_108_864, "size"),
  }).meta({ description });

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
      map({ module: oneOf(["ppse", "mchip", "crs"], "which applet"), aid: aid() }),
      1,
      32,
      "applets",
      "instances that are there when the device leaves the factory",
    ),
    card: map({
      scp: z.union([z.literal(2), z.literal(3)], { error: "2 or 3" }).meta({ description: "secure channel protocol" }),
      i: bytes(1, 1, "its options, parameter i"),
      maxFailures: integer(1, 255, "wrong authentications in a row that block a key version"),
      issuerDomain: domain("issuer security domain"),
      paymentDomain: domain("security domain that the applets belong to"),
    })
      .optional()
      .meta({ description: "GlobalPlatform card management; without it, applets take personalisation as it comes" }),
    cells: map({
      writeBytes: integer(1, 64, "bytes that are programmed together").default(4),
      eraseBytes: integer(1, 4096, "bytes that are erased together, at most a page").default(4),
      endurance: integer(100, 100_000_000, "writes that a page takes before it wears out").default(100_000),
    })
      .prefault({})
      .meta({ description: "what its memory cells are like" }),
    commitBytes: integer(64, 32_768, "most bytes that an applet changes in one transaction").default(1024),
  }),
  compute: map({
    command: duration("for any command, before anything else"),
    perByte: duration("for each byte of command and response"),
    symmetric: duration("for each operation with a symmetric key"),
    rsa1024: duration("for an RSA private operation of 1024 bits with CRT; others scale with the cube of their length"),
    nvmWrite: duration("for each write to non-volatile memory"),
  }),
  management: map({
    bufferBytes: integer(96, 16_384, "bytes of one MCUmgr buffer, header included"),
    bufferCount: integer(1, 64, "how many of them: requests that it takes at once"),
    bootTime: duration("from a reset until it answers again"),
    batteryHours: integer(1, 100_000, "hours from full to empty"),
    legacyRc: flag("rc: 0 with every success, for old clients").default(false),
    flash: map({
      bytes: integer(8192, 67_108_864, "size of the flash"),
      sectorBytes: integer(256, 131_072, "what one erase takes"),
      writeBytes: integer(1, 256, "least that is programmed at once"),
      partitions: map({
        settings: partition("settings: a log in two halves"),
        files: partition("files: a log in two halves"),
      }),
    }),
    boot: map({
      mode: oneOf(["move", "offset", "overwrite"], "how MCUboot takes a new image"),
      primary: partition("slot whose image runs"),
      secondary: partition("slot for what comes in"),
    })
      .optional()
      .meta({ description: "boot loader with one image; absent: the firmware cannot be updated" }),
  })
    .optional()
    .meta({ description: "microcontroller that speaks MCUmgr's SMP; absent: there is none" }),
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
  pin: map({ tries: integer(1, 15, "wrong PINs in a row that block it") })
    .optional()
    .meta({ description: "a PIN that the card checks itself; the issuer draws it" }),
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
  unfitForLong: text(
    300,
    "why nothing is loaded, installed or personalised over it unless somebody insists",
  ).optional(),
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

const symmetricKeyHex = (description: string) => {
  const error = "a key of 16, 24 or 32 bytes: hex digits in quotes";
  return z
    .string({ error })
    .regex(/^([0-9A-Fa-f]{32}|[0-9A-Fa-f]{48}|[0-9A-Fa-f]{64})$/, { error })
    .transform((value) => unhex(value))
    .meta({ description });
};

/** Key sets of security domains by label. */
export const domainKeysSchema = map({
  note: text(400, "what these keys are for").optional(),
  sets: z
    .record(
      z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, { error: "a label: small letters, digits and -" }),
      map({
        kind: oneOf(["aes", "des"], "what the keys are for: aes with SCP03, des with SCP02"),
        diversification: oneOf(["none", "kdf3", "emv", "visa2"], "how a card's keys follow from these").default("none"),
        enc: symmetricKeyHex("secure channel encryption"),
        mac: symmetricKeyHex("secure channel message authentication"),
        dek: symmetricKeyHex("data encryption"),
      })
        .refine(({ enc, mac, dek }) => enc.length === mac.length && mac.length === dek.length, {
          error: "three keys of the same length",
        })
        .refine(({ kind, enc }) => kind === "aes" || enc.length === 16, {
          error: "keys of 16 bytes with kind des: SCP02 takes double length keys",
        })
        .refine(({ kind, diversification }) => kind === "aes" || diversification !== "kdf3", {
          error: "another diversification with kind des: kdf3 derives AES keys",
        }),
      { error: (issue) => (issue.code === "invalid_type" ? "a map of labels to kind, enc, mac and dek" : undefined) },
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
