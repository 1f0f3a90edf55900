import type { BitField, SetBit } from "../verdict.js";

type Row = readonly [byte: number, bit: number, says: string];

/** Terminal Verification Results (95): EMV 4.3 Book 3, Annex C5; byte 5 bits 4 to 1 as Book C-2 has them. */
const TVR: readonly Row[] = [
  [1, 8, "offline data authentication was not performed"],
  [1, 7, "SDA failed"],
  [1, 6, "ICC data missing"],
  [1, 5, "card appears on terminal exception file"],
  [1, 4, "DDA failed"],
  [1, 3, "CDA failed"],
  [1, 2, "SDA selected"],
  [2, 8, "ICC and terminal have different application versions"],
  [2, 7, "expired application"],
  [2, 6, "application not yet effective"],
  [2, 5, "requested service not allowed for card product"],
  [2, 4, "new card"],
  [3, 8, "cardholder verification was not successful"],
  [3, 7, "unrecognised CVM"],
  [3, 6, "PIN try limit exceeded"],
  [3, 5, "PIN entry required and PIN pad not present or not working"],
  [3, 4, "PIN entry required, PIN pad present, but PIN was not entered"],
  [3, 3, "online PIN entered"],
  [4, 8, "transaction exceeds floor limit"],
  [4, 7, "lower consecutive offline limit exceeded"],
  [4, 6, "upper consecutive offline limit exceeded"],
  [4, 5, "transaction selected randomly for online processing"],
  [4, 4, "merchant forced transaction online"],
  [5, 8, "default TDOL used"],
  [5, 7, "issuer authentication failed"],
  [5, 6, "script processing failed before final GENERATE AC"],
  [5, 5, "script processing failed after final GENERATE AC"],
  [5, 4, "relay resistance threshold exceeded"],
  [5, 3, "relay resistance time limits exceeded"],
  [5, 2, "relay resistance protocol performed"],
];

/** Card verification results in issuer application data, M/Chip 4 style after public descriptions; byte 2 bits 2 and 1 are this project's. */
const CVR: readonly Row[] = [
  [1, 4, "date check failed"],
  [1, 3, "offline PIN verification performed"],
  [1, 2, "offline encrypted PIN verification performed"],
  [1, 1, "offline PIN verification successful"],
  [2, 8, "DDA returned"],
  [2, 7, "CDA returned in first GENERATE AC"],
  [2, 6, "CDA returned in second GENERATE AC"],
  [2, 5, "issuer authentication performed"],
  [2, 4, "CIAC default skipped on CAT3"],
  [2, 2, "on-device verification supported"],
  [2, 1, "on-device verification successful"],
  [4, 7, "unable to go online"],
  [4, 6, "offline PIN verification not performed"],
  [4, 5, "offline PIN verification failed"],
  [4, 4, "PIN try limit exceeded"],
  [4, 3, "international transaction"],
  [4, 2, "domestic transaction"],
  [4, 1, "terminal wrongly believes that the holder was verified"],
  [5, 8, "lower consecutive offline limit exceeded"],
  [5, 7, "upper consecutive offline limit exceeded"],
  [5, 6, "lower cumulative offline limit exceeded"],
  [5, 5, "upper cumulative offline limit exceeded"],
  [5, 4, "go online on next transaction"],
  [5, 3, "issuer authentication failed"],
  [5, 2, "script received"],
  [5, 1, "script failed"],
  [6, 2, "match found in additional check table"],
  [6, 1, "no match found in additional check table"],
];

/** Terminal Transaction Qualifiers (9F66): EMV Contactless Book A 5.7; kernel 3 and those like it. */
const TTQ: readonly Row[] = [
  [1, 8, "mag-stripe mode supported"],
  [1, 6, "EMV mode supported"],
  [1, 5, "EMV contact chip supported"],
  [1, 4, "offline-only reader"],
  [1, 3, "online PIN supported"],
  [1, 2, "signature supported"],
  [1, 1, "offline data authentication for online authorisations supported"],
  [2, 8, "online cryptogram required"],
  [2, 7, "CVM required"],
  [2, 6, "contact chip offline PIN supported"],
  [3, 8, "issuer update processing supported"],
  [3, 7, "consumer device CVM supported"],
  [4, 8, "fDDA version 01 supported"],
];

/** Card Transaction Qualifiers (9F6C): EMV Contactless Book C-3 Annex A. */
const CTQ: readonly Row[] = [
  [1, 8, "online PIN required"],
  [1, 7, "signature required"],
  [1, 6, "go online if offline data authentication fails and the reader is online capable"],
  [1, 5, "switch interface if offline data authentication fails"],
  [1, 4, "go online if application expired"],
  [1, 3, "switch interface for cash transactions"],
  [1, 2, "switch interface for cashback transactions"],
  [2, 8, "consumer device CVM performed"],
  [2, 7, "issuer update processing supported at the point of sale"],
];

const TABLES: Readonly<Record<BitField["name"], readonly Row[]>> = { TVR, CVR, TTQ, CTQ };

/** The bits that are set, with their meanings; in the order of bytes, highest bit first. */
export function setBits(name: BitField["name"], value: Uint8Array): SetBit[] {
  const meanings = new Map(TABLES[name].map(([byte, bit, says]) => [byte * 8 + bit, says]));
  const found: SetBit[] = [];
  value.forEach((byte, i) => {
    for (let bit = 8; bit >= 1; bit--) {
      if ((byte & (1 << (bit - 1))) === 0) continue;
      const says = meanings.get((i + 1) * 8 + bit);
      if (says === undefined && name === "CVR") continue; // cryptogram types and counters, which are no bits
      found.push({ byte: i + 1, bit, says: says ?? "reserved" });
    }
  });
  return found;
}

/** `byte 2 bit 7` */
export const bitText = ({ byte, bit }: Pick<SetBit, "byte" | "bit">): string => `byte ${byte} bit ${bit}`;
