/*
 * What differs from tap to tap by its nature: what the terminal draws, the date and time, counters that every tap moves, cryptograms, and
 * what is computed from any of them.
 */

const TAGS: ReadonlySet<number> = new Set([
  0x89, // authorisation code
  0x91, // issuer authentication data: computed from the cryptogram
  0x9a, // transaction date
  0x9f13, // last online ATC
  0x9f21, // transaction time
  0x9f26, // application cryptogram
  0x9f36, // ATC
  0x9f37, // unpredictable number
  0x9f41, // transaction sequence counter
  0x9f4b, // signed dynamic application data
  0x9f4c, // ICC dynamic number
  0xdf8301, // terminal's entropy of the relay resistance protocol
  0xdf8302, // the device's
]);

/** Of magnetic stripe mode, which other kernels do not have: CVC3 of both tracks, unpredictable number (numeric). */
const MAG_STRIPE: ReadonlySet<number> = new Set([0x9f60, 0x9f61, 0x9f6a]);

/** Parts of values, and fields that have no tag. */
const PARTS: ReadonlySet<string> = new Set(["random", "dynamic", "counters", "arpc", "signed"]);

/** Inputs and results of rules; `device` and `firmware` say which device it was, not what it did. */
const NAMED: ReadonlySet<string> = new Set([
  "atc",
  "authorisationCode",
  "cryptogram",
  "date",
  "device",
  "drawn",
  "firmware",
  "highest",
  "hold",
  "iccDynamicNumber",
  "time",
  "un",
]);

export const isVolatileTag = (tag: number, scope: string | undefined): boolean =>
  TAGS.has(tag) || (MAG_STRIPE.has(tag) && (scope === undefined || scope === "c2"));

export const isVolatilePart = (sub: string): boolean => PARTS.has(sub);

/** Of a rule's data, by name. */
export const isVolatileInput = (name: string): boolean => NAMED.has(name);

/** Single-size UIDs that begin with 08 are drawn anew whenever the field comes on (ISO/IEC 14443-3 6.5.4). */
export const isRandomUid = (uid: Uint8Array): boolean => uid.length === 4 && uid[0] === 0x08;
