import { MchipCvr } from "../../emv/mchip-cvr.js";

type Rows = readonly (readonly string[])[];

/** EMV 4.3 Book 3, Annex C5, from bit 8 down; byte 5, bits 4 and 3: EMV Contactless Book C-2, Annex A. Empty: reserved. */
const TVR: Rows = [
  [
    "offline data authentication was not performed",
    "SDA failed",
    "ICC data missing",
    "the card is on the terminal's exception file",
    "DDA failed",
    "CDA failed",
    "SDA selected",
  ],
  [
    "card and terminal have different application versions",
    "expired application",
    "application not yet effective",
    "requested service not allowed for the card product",
    "new card",
  ],
  [
    "cardholder verification was not successful",
    "unrecognised CVM",
    "PIN try limit exceeded",
    "PIN entry required and PIN pad not present or not working",
    "PIN entry required, PIN pad present, but PIN was not entered",
    "online PIN entered",
  ],
  [
    "transaction exceeds floor limit",
    "lower consecutive offline limit exceeded",
    "upper consecutive offline limit exceeded",
    "transaction selected randomly for online processing",
    "merchant forced transaction online",
  ],
  [
    "default TDOL used",
    "issuer authentication failed",
    "script processing failed before the final GENERATE AC",
    "script processing failed after the final GENERATE AC",
    "relay resistance threshold exceeded",
    "relay resistance time limits exceeded",
  ],
];

/** EMV 4.3 Book 3, Annex C1; on-device verification and byte 2: EMV Contactless Book C-2, Annex A. */
const AIP: Rows = [
  [
    "",
    "SDA supported",
    "DDA supported",
    "cardholder verification supported",
    "terminal risk management to be performed",
    "issuer authentication supported",
    "on-device cardholder verification supported",
    "CDA supported",
  ],
  ["EMV mode supported", "", "", "", "", "", "", "relay resistance protocol supported"],
];

/** EMV 4.3 Book 3, Annex C2. */
const AUC: Rows = [
  [
    "valid for domestic cash",
    "valid for international cash",
    "valid for domestic goods",
    "valid for international goods",
    "valid for domestic services",
    "valid for international services",
    "valid at ATMs",
    "valid at terminals other than ATMs",
  ],
  ["domestic cashback allowed", "international cashback allowed"],
];

const inWords = (name: string): string => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** The flags of the card verification results, by the names that their declaration gives them; counts are told as bits of a byte. */
function mchipCvr(): Rows {
  const bytes: string[][] = [];
  for (let byte = 0; byte < 6; byte++) {
    const rows: string[] = [];
    for (let bit = 7; bit >= 0; bit--) {
      const only = new Uint8Array(6);
      only[byte] = 1 << bit;
      const read = MchipCvr.decode(only);
      const set = Object.values(read).flatMap((fields) => Object.entries(fields).filter(([, value]) => value !== 0));
      const [name] = set[0] ?? [""];
      rows.push(inWords(name));
    }
    bytes.push(rows);
  }
  return bytes;
}

const TABLES: ReadonlyMap<string, Rows> = new Map([
  ["82", AIP],
  ["95", TVR],
  ["9F07", AUC],
  ["9F0D", TVR],
  ["9F0E", TVR],
  ["9F0F", TVR],
  ["DF8120", TVR],
  ["DF8121", TVR],
  ["DF8122", TVR],
  ["9F10.cvr", mchipCvr()],
]);

/**
 * The words for the bits of a data object, or of a part of one (`9F10.cvr`): the only place where the comparison asks for them.
 * Undefined where a value is no field of bits.
 */
export function bitMeanings(object: string): ((byte: number, bit: number) => string | undefined) | undefined {
  const rows = TABLES.get(object);
  return rows && ((byte, bit) => rows[byte - 1]?.[8 - bit] || undefined);
}
