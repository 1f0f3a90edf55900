import { bitFields, bytes, u16be, u32be, u8 } from "../codec/fields.js";
import { message, type MessageValue } from "../codec/message.js";

/*
 * Issuer application data as the M/Chip-style applet and the issuer of this project understand it. Length and position of key index, CVN
 * and CVR are those of real cards (the cryptogram vectors hold them), and so is the meaning of CVR bits as public descriptions of
 * M/Chip 4 have it. Approximate, and ours: the two on-device bits in byte 2 of the CVR, when the script bits are
 * cleared (by the issuer's next right answer), and what the eight counter bytes hold.
 */

/** What a generated cryptogram was, in `firstAc`. */
export const AC_AAC = 0;
export const AC_TC = 1;
export const AC_ARQC = 2;
/** In `secondAc`: no second GENERATE AC was asked for. */
export const AC_NOT_REQUESTED = 2;

/** Card verification results: 6 bytes, one field a byte. */
export const MchipCvr = message("emv.MchipCvr", "M/Chip 4 style, after public descriptions; byte 2 bits 2-1 are ours", {
  results: [
    bitFields(u8, {
      secondAc: [6, 2],
      firstAc: [4, 2],
      dateCheckFailed: [3, 1],
      pinPerformed: [2, 1],
      encipheredPinPerformed: [1, 1],
      pinSuccessful: [0, 1],
    }),
    "byte 1: cryptograms returned (0 AAC, 1 TC, 2 ARQC or not requested), PIN verification by the card",
  ],
  functions: [
    bitFields(u8, {
      ddaReturned: [7, 1],
      cdaInFirst: [6, 1],
      cdaInSecond: [5, 1],
      issuerAuthenticationPerformed: [4, 1],
      defaultSkippedOnCat3: [3, 1],
      onDeviceSupported: [1, 1],
      onDeviceSuccessful: [0, 1],
    }),
    "byte 2: dynamic signatures, issuer authentication, verification of the holder on the device (CDCVM)",
  ],
  counters: [bitFields(u8, { scripts: [4, 4], pinTries: [0, 4] }), "byte 3: script counter, PIN tries left"],
  pin: [
    bitFields(u8, {
      unableToGoOnline: [6, 1],
      pinNotPerformed: [5, 1],
      pinFailed: [4, 1],
      pinTriesExceeded: [3, 1],
      international: [2, 1],
      domestic: [1, 1],
      wronglyBelievedVerified: [0, 1],
    }),
    "byte 4: PIN, country; bit 1: the terminal believes in a verification that did not happen",
  ],
  limits: [
    bitFields(u8, {
      lowerConsecutive: [7, 1],
      upperConsecutive: [6, 1],
      lowerCumulative: [5, 1],
      upperCumulative: [4, 1],
      onlineNextTime: [3, 1],
      issuerAuthenticationFailed: [2, 1],
      scriptReceived: [1, 1],
      scriptFailed: [0, 1],
    }),
    "byte 5: offline limits exceeded, what is left from the last online transaction",
  ],
  checks: [bitFields(u8, { additionalMatch: [1, 1], additionalNoMatch: [0, 1] }), "byte 6: additional check table"],
});
export type MchipCvrValue = MessageValue<typeof MchipCvr>;

/** The eight counter bytes; what they hold is this project's. */
export const MchipCounters = message("emv.MchipCounters", "ours", {
  lastOnlineAtc: [u16be, "ATC of the last transaction that the issuer answered; 0: none yet"],
  offlineInRow: [u8, "transactions approved offline since"],
  offlineAmount: [u32be, "their amounts, minor units; stays at FFFFFFFF when it would overflow"],
  end: [u8, "FF"],
});

/** Issuer application data (9F10), 18 bytes. */
export const MchipIad = message("emv.MchipIad", "M/Chip 4 style, as recorded taps carry it", {
  keyIndex: [u8, "key derivation index"],
  cvn: [u8, "cryptogram version number"],
  cvr: [bytes(6), "card verification results"],
  dac: [bytes(2), "data authentication code, or start of the ICC dynamic number"],
  counters: [bytes(8), "counters; in clear"],
});
export type MchipIadValue = MessageValue<typeof MchipIad>;
/** Bytes of it. */
export const MCHIP_IAD_BYTES = 18;

/** A CVR in which nothing happened yet: ARQC, no second cryptogram. */
export const EMPTY_CVR: MchipCvrValue = {
  results: {
    secondAc: AC_NOT_REQUESTED,
    firstAc: AC_ARQC,
    dateCheckFailed: 0,
    pinPerformed: 0,
    encipheredPinPerformed: 0,
    pinSuccessful: 0,
  },
  functions: {
    ddaReturned: 0,
    cdaInFirst: 0,
    cdaInSecond: 0,
    issuerAuthenticationPerformed: 0,
    defaultSkippedOnCat3: 0,
    onDeviceSupported: 0,
    onDeviceSuccessful: 0,
  },
  counters: { scripts: 0, pinTries: 0 },
  pin: {
    unableToGoOnline: 0,
    pinNotPerformed: 0,
    pinFailed: 0,
    pinTriesExceeded: 0,
    international: 0,
    domestic: 0,
    wronglyBelievedVerified: 0,
  },
  limits: {
    lowerConsecutive: 0,
    upperConsecutive: 0,
    lowerCumulative: 0,
    upperCumulative: 0,
    onlineNextTime: 0,
    issuerAuthenticationFailed: 0,
    scriptReceived: 0,
    scriptFailed: 0,
  },
  checks: { additionalMatch: 0, additionalNoMatch: 0 },
};

/** Names of the bits that are set, in order: what people want to see of a CVR. Counts and cryptogram types are left out. */
export function cvrFlags(cvr: MchipCvrValue): readonly string[] {
  const counted = new Set(["secondAc", "firstAc", "scripts", "pinTries"]);
  return Object.values(cvr).flatMap((byte) =>
    Object.entries(byte)
      .filter(([name, value]) => value === 1 && !counted.has(name))
      .map(([name]) => name),
  );
}
