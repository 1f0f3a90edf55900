import { bitFields, bytes, literal, optional, rest, u8, when } from "../../codec/fields.js";
import { message, type MessageValue } from "../../codec/message.js";
import { iso14443Error } from "./errors.js";
import type { Rate } from "./frame.js";
import { frameSize, frameWaitingTime, startUpGuardTime } from "./timing.js";
import type { Nanos } from "../../util/time.js";

/** Commands of ISO/IEC 14443-3 type A. */
export const REQA = 0x26;
export const WUPA = 0x52;
/** SEL of cascade levels 1 to 3. */
export const SEL = [0x93, 0x95, 0x97] as const;
export const CASCADE_TAG = 0x88;
export const NVB_SELECT = 0x70;

export const Hlta = message("iso14443.HLTA", "ISO/IEC 14443-3 6.4.3", { command: [literal("5000"), "HLTA"] });

export const Select = message("iso14443.SELECT", "ISO/IEC 14443-3 6.5.3.2", {
  sel: [u8, "SEL: cascade level"],
  nvb: [u8, "NVB: 70, all bits follow"],
  uid: [bytes(4), "UID bytes of this level"],
  bcc: [u8, "exclusive or of the UID bytes"],
});

export const Rats = message("iso14443.RATS", "ISO/IEC 14443-4 5.1", {
  start: [literal("E0"), "start byte"],
  parameter: [bitFields(u8, { cid: [0, 4], fsdi: [4, 4] }), "FSDI and CID"],
});

const rateBits = { toCard: [0, 3], reserved: [3, 1], toReader: [4, 3], sameBothWays: [7, 1] } as const;

export const Ats = message("iso14443.ATS", "ISO/IEC 14443-4 5.2", {
  length: [u8, "TL: length, itself included"],
  format: [optional(bitFields(u8, { fsci: [0, 4], ta: [4, 1], tb: [5, 1], tc: [6, 1] })), "T0"],
  rates: [
    when("T0 says so", (ats) => (ats["format"] as { ta: number } | undefined)?.ta === 1, bitFields(u8, rateBits)),
    "TA(1): bit rates",
  ],
  waiting: [
    when(
      "T0 says so",
      (ats) => (ats["format"] as { tb: number } | undefined)?.tb === 1,
      bitFields(u8, { sfgi: [0, 4], fwi: [4, 4] }),
    ),
    "TB(1): FWI and SFGI",
  ],
  options: [
    when(
      "T0 says so",
      (ats) => (ats["format"] as { tc: number } | undefined)?.tc === 1,
      bitFields(u8, { nad: [0, 1], cid: [1, 1] }),
    ),
    "TC(1): NAD and CID",
  ],
  historical: [rest, "historical bytes"],
});

export const Pps = message("iso14443.PPS", "ISO/IEC 14443-4 5.3", {
  start: [bitFields(u8, { cid: [0, 4], command: [4, 4] }), "PPSS: D, and the CID"],
  pps0: [literal("11"), "PPS0: PPS1 follows"],
  pps1: [bitFields(u8, { dri: [0, 2], dsi: [2, 2] }), "PPS1: divisors to and from the card"],
});
export const PPS_COMMAND = 0xd;

/** What an ATS means, defaults filled in (ISO/IEC 14443-4 5.2.3 to 5.2.6). */
export interface AtsParameters {
  /** Largest frame that the card takes, bytes with prologue and CRC. */
  readonly fsc: number;
  readonly toCard: readonly Rate[];
  readonly toReader: readonly Rate[];
  readonly sameBothWays: boolean;
  readonly fwt: Nanos;
  readonly sfgt: Nanos;
  readonly cid: boolean;
  readonly historical: Uint8Array;
}

const DIVISORS: readonly Rate[] = [2, 4, 8];
/** By the three bits of one direction. */
const RATES: readonly (readonly Rate[])[] = Array.from({ length: 8 }, (_, bits) => [
  1,
  ...DIVISORS.filter((_rate, i) => bits & (1 << i)),
]);
const bitsOf = (rates: readonly Rate[]): number =>
  DIVISORS.reduce((sum: number, rate, i) => (rates.includes(rate) ? sum | (1 << i) : sum), 0);
/** FWI 15 is reserved and counts as 4, SFGI 15 as 0 (ISO/IEC 14443-4 5.2.5). */
const reserved = (value: number, instead: number): number => (value === 15 ? instead : value);

/** @throws `iso14443/bad-ats` */
export function atsParameters(bytes: Uint8Array): AtsParameters {
  let ats: MessageValue<typeof Ats>;
  try {
    ats = Ats.decode(bytes.length > 0 ? bytes.subarray(0, bytes[0]) : bytes);
  } catch (cause) {
    throw iso14443Error(
      "bad-ats",
      "the card's ATS cannot be read; check its length byte and format byte",
      { length: bytes.length },
      cause,
    );
  }
  if (ats.length !== bytes.length)
    throw iso14443Error("bad-ats", `the ATS says ${ats.length} bytes and has ${bytes.length}`, {
      says: ats.length,
      length: bytes.length,
    });
  const rates = ats.rates?.reserved === 0 ? ats.rates : undefined; // a reserved bit set: 106 kbit/s only (5.2.4)
  return {
    fsc: frameSize(ats.format?.fsci ?? 2),
    toCard: RATES[rates?.toCard ?? 0]!,
    toReader: RATES[rates?.toReader ?? 0]!,
    sameBothWays: rates?.sameBothWays === 1,
    fwt: frameWaitingTime(reserved(ats.waiting?.fwi ?? 4, 4)),
    sfgt: startUpGuardTime(reserved(ats.waiting?.sfgi ?? 0, 0)),
    cid: (ats.options?.cid ?? 1) === 1,
    historical: ats.historical,
  };
}

/** The ATS of a card with all three interface bytes. */
export function buildAts(card: {
  fsci: number;
  toCard: readonly Rate[];
  toReader: readonly Rate[];
  sameRates: boolean;
  fwi: number;
  sfgi: number;
  cid: boolean;
  historical: Uint8Array;
}): Uint8Array {
  return Ats.encode({
    length: 5 + card.historical.length,
    format: { fsci: card.fsci, ta: 1, tb: 1, tc: 1 },
    rates: {
      toCard: bitsOf(card.toCard),
      toReader: bitsOf(card.toReader),
      reserved: 0,
      sameBothWays: card.sameRates ? 1 : 0,
    },
    waiting: { sfgi: card.sfgi, fwi: card.fwi },
    options: { nad: 0, cid: card.cid ? 1 : 0 },
    historical: card.historical,
  });
}
