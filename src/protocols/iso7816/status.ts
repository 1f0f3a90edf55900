const ISO = "ISO/IEC 7816-4:2013, tables 5 and 6";
const GP = "GlobalPlatform Card Specification 2.3.1, 11";
const EMV = "EMV 4.4 Book 3, 6.3.5";
const PURSE = "JR/T 0025 (electronic purse)";
const DESFIRE = "MIFARE DESFire, public data sheets";

/** Status words and their meanings. `x` stands for any digit; the first row that fits counts. Source: ISO/IEC 7816-4 unless named. */
const MEANINGS: readonly (readonly [pattern: string, meaning: string, source?: string])[] = [
  ["9000", "ok"],
  ["61xx", "ok, more bytes are waiting (GET RESPONSE)"],
  ["6200", "warning: nothing changed"],
  ["6281", "warning: part of the data may be corrupted"],
  ["6282", "warning: the file ended before Le bytes"],
  ["6283", "warning: the selected file is deactivated"],
  ["6284", "warning: the control information is not formatted right"],
  ["6285", "warning: the selected file is terminated"],
  ["6286", "warning: no input from a sensor on the card"],
  ["6287", "warning: a referenced record is deactivated"],
  ["6300", "warning: authentication or verification failed", EMV],
  ["6310", "more data is waiting (GlobalPlatform Card Specification 2.3.1, 11.4.3)", `${GP}.4.3`],
  ["6320", "warning: not all of it was done; the data says what not", "GlobalPlatform Card Specification, Amendment C"],
  ["6381", "warning: the file is full after this write"],
  ["63Cx", "warning: a counter; tries left in the last digit"],
  ["63xx", "warning: something changed"],
  ["6400", "execution error: nothing changed"],
  ["6401", "execution error: the card wants an answer at once"],
  ["6581", "memory failure"],
  ["6700", "wrong length"],
  ["6881", "logical channel not supported"],
  ["6882", "secure messaging not supported"],
  ["6883", "the last command of the chain was expected"],
  ["6884", "command chaining not supported"],
  ["6981", "command does not fit the file structure"],
  ["6982", "security status not satisfied"],
  ["6983", "authentication method blocked"],
  ["6984", "reference data not usable"],
  ["6985", "conditions of use not satisfied"],
  ["6986", "command not allowed"],
  ["6987", "secure messaging data missing"],
  ["6988", "secure messaging data wrong"],
  ["6999", "applet selection failed (Java Card)"],
  ["6A80", "wrong data"],
  ["6A81", "function not supported"],
  ["6A82", "file or application not found"],
  ["6A83", "record not found"],
  ["6A84", "not enough memory"],
  ["6A85", "the data length does not fit the TLV structure"],
  ["6A86", "wrong P1 or P2"],
  ["6A87", "the data length does not fit P1 and P2"],
  ["6A88", "referenced data not found"],
  ["6A89", "the file exists already"],
  ["6A8A", "the application name exists already"],
  ["6B00", "wrong P1 or P2 (offset)"],
  ["6Cxx", "wrong Le; the right one is in SW2"],
  ["6D00", "instruction not supported"],
  ["6E00", "class not supported"],
  ["6F00", "no precise diagnosis"],
  ["62xx", "warning: nothing changed"],
  ["64xx", "execution error: nothing changed"],
  ["65xx", "execution error: something changed"],
  ["66xx", "security issue"],
  ["67xx", "wrong length"],
  ["68xx", "function in the class not supported"],
  ["69xx", "command not allowed"],
  ["6Axx", "wrong parameters"],
  ["6Fxx", "no precise diagnosis"],
  ["9100", "ok", DESFIRE],
  ["91AE", "authentication error", DESFIRE],
  ["91AF", "ok, another frame is waiting", DESFIRE],
  ["917E", "wrong length", DESFIRE],
  ["9302", "wrong MAC", PURSE],
  ["9401", "not enough money in the purse", PURSE],
  ["9402", "the transaction counter is at its limit", PURSE],
  ["9403", "the key index is not there", PURSE],
  ["9484", "algorithm not supported", GP],
  ["9485", "invalid key check value", GP],
];

export const swHex = (sw: number): string => sw.toString(16).toUpperCase().padStart(4, "0");

/** What a status word says, in a few words, and where that is written; no source for one that is in no table. */
export function statusWord(sw: number): { readonly meaning: string; readonly source?: string } {
  const digits = swHex(sw);
  const row = MEANINGS.find(([pattern]) => [...pattern].every((digit, i) => digit === digits[i] || digit === "x"));
  return row ? { meaning: row[1], source: row[2] ?? ISO } : { meaning: "unknown status word" };
}

/** What a status word says, in a few words. */
export const swMeaning = (sw: number): string => statusWord(sw).meaning;

/** The status words that this project's own cards answer with. */
export const SW = {
  ok: 0x9000,
  /** GlobalPlatform Card Specification 2.3.1, table 11-32: more data is to be had with the same command's next form. */
  moreData: 0x6310,
  /** GlobalPlatform Card Specification 2.3.1, 11.7.3.2: the logical channel is closed already; a warning. */
  alreadyClosed: 0x6200,
  /** GlobalPlatform Card Specification, Amendment C, table 3-28: not all of it was done, the data says what not. */
  notAll: 0x6320,
  /** GlobalPlatform Card Specification 2.3.1, table D-9: the host's cryptogram is wrong. */
  hostNotAuthenticated: 0x6300,
  /** ISO/IEC 7816-4: what was selected is deactivated; EMV: the application is blocked; GlobalPlatform 2.3.1, 11.9.3.2: the card is locked. */
  deactivated: 0x6283,
  /** The last digit says how many are left. */
  triesLeft: 0x63c0,
  memoryFailure: 0x6581,
  wrongLength: 0x6700,
  channelNotSupported: 0x6881,
  secureMessagingNotSupported: 0x6882,
  lastOfChainExpected: 0x6883,
  securityStatus: 0x6982,
  authenticationBlocked: 0x6983,
  dataNotUsable: 0x6984,
  conditionsOfUse: 0x6985,
  commandNotAllowed: 0x6986,
  secureMessagingMissing: 0x6987,
  secureMessagingWrong: 0x6988,
  appletSelectionFailed: 0x6999,
  wrongData: 0x6a80,
  functionNotSupported: 0x6a81,
  notFound: 0x6a82,
  recordNotFound: 0x6a83,
  noMemory: 0x6a84,
  wrongP1P2: 0x6a86,
  dataNotFound: 0x6a88,
  instructionNotSupported: 0x6d00,
  classNotSupported: 0x6e00,
  noDiagnosis: 0x6f00,
} as const;
