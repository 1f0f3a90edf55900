import type { BitTable } from "./table.js";

const SOURCE = "EMV Contactless Book C-2, Annex A";

/** DF811B. */
export const KERNEL_CONFIGURATION: BitTable = {
  source: SOURCE,
  bytes: 1,
  rows: [
    [1, 0x80, "magnetic stripe mode not supported"],
    [1, 0x40, "EMV mode not supported"],
    [1, 0x20, "on-device cardholder verification supported"],
    [1, 0x10, "relay resistance protocol supported"],
    [1, 0x08, "reserved for the payment system"],
    [1, 0x04, "read all records even when no CDA"],
  ],
};

/** DF8129. Bytes 7 and 8 are times. */
export const OUTCOME: BitTable = {
  source: SOURCE,
  bytes: 6,
  rows: [
    [1, 0xf0, "approved", 0x10],
    [1, 0xf0, "declined", 0x20],
    [1, 0xf0, "online request", 0x30],
    [1, 0xf0, "end application", 0x40],
    [1, 0xf0, "select next", 0x50],
    [1, 0xf0, "try another interface", 0x60],
    [1, 0xf0, "try again", 0x70],
    [1, 0xf0, "outcome not applicable", 0xf0],
    [2, 0xf0, "start A", 0x00],
    [2, 0xf0, "start B", 0x10],
    [2, 0xf0, "start C", 0x20],
    [2, 0xf0, "start D", 0x30],
    [2, 0xf0, "start not applicable", 0xf0],
    [3, 0xf0, "online response data not applicable", 0xf0],
    [4, 0xf0, "no CVM", 0x00],
    [4, 0xf0, "obtain a signature", 0x10],
    [4, 0xf0, "online PIN", 0x20],
    [4, 0xf0, "confirmation code verified", 0x30],
    [4, 0xf0, "CVM not applicable", 0xf0],
    [5, 0x80, "user interface request on outcome"],
    [5, 0x40, "user interface request on restart"],
    [5, 0x20, "data record present"],
    [5, 0x10, "discretionary data present"],
    [5, 0x08, "receipt"],
    [6, 0xf0, "alternate interface preference not applicable", 0xf0],
  ],
};

const L2_ERRORS = [
  "ok",
  "card data missing",
  "card authentication failed",
  "status bytes",
  "parsing error",
  "maximum limit exceeded",
  "card data error",
  "magnetic stripe mode not supported",
  "no PPSE",
  "PPSE fault",
  "empty candidate list",
  "integrated data storage read error",
  "integrated data storage write error",
  "integrated data storage data error",
  "integrated data storage no matching AC",
  "terminal data error",
];

const MESSAGES = [
  [0x17, "card read OK"],
  [0x21, "try again"],
  [0x03, "approved"],
  [0x1a, "approved, please sign"],
  [0x07, "declined"],
  [0x1c, "insert, swipe or try another card"],
  [0x20, "see phone for instructions"],
  [0x1b, "authorising, please wait"],
  [0x1e, "clear display"],
  [0xff, "no message"],
] as const;

/** DF8115. The status word in bytes 4 and 5 is not a table's matter. */
export const ERROR_INDICATION: BitTable = {
  source: SOURCE,
  bytes: 3,
  rows: [
    [1, 0xff, "L1: ok", 0],
    [1, 0xff, "L1: time out", 1],
    [1, 0xff, "L1: transmission error", 2],
    [1, 0xff, "L1: protocol error", 3],
    ...L2_ERRORS.map((says, i) => [2, 0xff, `L2: ${says}`, i] as const),
    [3, 0xff, "L3: ok", 0],
    [3, 0xff, "L3: time out", 1],
    [3, 0xff, "L3: stop", 2],
    [3, 0xff, "L3: amount not present", 3],
    ...MESSAGES.map(([code, says]) => [6, 0xff, `message: ${says}`, code] as const),
  ],
};

/** DF8116: message and status; the other bytes are hold time, language, amount. */
export const UI_REQUEST: BitTable = {
  source: SOURCE,
  bytes: 2,
  rows: [
    ...MESSAGES.map(([code, says]) => [1, 0xff, `message: ${says}`, code] as const),
    [2, 0xff, "status: not ready", 0x00],
    [2, 0xff, "status: idle", 0x01],
    [2, 0xff, "status: ready to read", 0x02],
    [2, 0xff, "status: processing", 0x03],
    [2, 0xff, "status: card read successfully", 0x04],
    [2, 0xff, "status: processing error", 0x05],
    [2, 0xff, "status: not applicable", 0xff],
  ],
};

/** DF811E and DF812C. */
export const MAGSTRIPE_CVM: BitTable = {
  source: SOURCE,
  bytes: 1,
  rows: [
    [1, 0xf0, "no CVM", 0x00],
    [1, 0xf0, "obtain a signature", 0x10],
    [1, 0xf0, "online PIN", 0x20],
    [1, 0xf0, "CVM not applicable", 0xf0],
  ],
};

/** 9F5D. */
export const APPLICATION_CAPABILITIES: BitTable = {
  source: SOURCE,
  bytes: 3,
  rows: [
    [1, 0x0f, "data storage not supported", 0x00],
    [1, 0x0f, "data storage version 1", 0x01],
    [1, 0x0f, "data storage version 2", 0x02],
    [2, 0x04, "field off supported"],
    [2, 0x02, "balance reading supported"],
    [2, 0x01, "CDA over any cryptogram (AAC too)"],
    [2, 0x01, "CDA over TC and ARQC only", 0x00],
  ],
};

/** 9F7E. */
export const MOBILE_SUPPORT: BitTable = {
  source: SOURCE,
  bytes: 1,
  rows: [
    [1, 0x02, "on-device CVM required"],
    [1, 0x01, "mobile supported"],
  ],
};

/** DF4B. */
export const HOLDER_INTERACTION: BitTable = {
  source: SOURCE,
  bytes: 3,
  rows: [
    [2, 0x10, "offline PIN verification successful"],
    [2, 0x08, "context is conflicting"],
    [2, 0x04, "offline change PIN required"],
    [2, 0x02, "acknowledgement required"],
    [2, 0x01, "PIN required"],
  ],
};

/** DF8128. */
export const IDS_STATUS: BitTable = {
  source: SOURCE,
  bytes: 1,
  rows: [
    [1, 0x80, "read"],
    [1, 0x40, "write"],
  ],
};

/** What the device of third party data (9F6E) is: two digits as text. */
export const DEVICE_TYPES: ReadonlyMap<string, string> = new Map([
  ["00", "card"],
  ["01", "phone, removable secure element of the network operator"],
  ["02", "key fob"],
  ["03", "watch, contactless chip or fixed secure element"],
  ["04", "mobile tag"],
  ["05", "wristband"],
  ["06", "phone case or sleeve"],
  ["07", "phone, fixed secure element of the network operator"],
  ["08", "removable secure element, not the network operator's"],
  ["09", "phone, fixed secure element, not the network operator's"],
  ["14", "phone, payment application in the host processor"],
  ["15", "tablet, payment application in the host processor"],
  ["16", "phone, payment application in a trusted execution environment"],
  ["17", "tablet, payment application in a trusted execution environment"],
  ["18", "watch, payment application in a trusted execution environment"],
  ["19", "watch, payment application in the host processor"],
  ["20", "card"],
  ["21", "phone"],
  ["22", "tablet"],
  ["23", "watch or wristband"],
  ["24", "sticker"],
  ["25", "personal computer"],
  ["26", "device peripheral"],
  ["27", "tag"],
  ["28", "jewellery"],
  ["29", "fashion accessory"],
  ["30", "garment"],
  ["31", "domestic appliance"],
  ["32", "vehicle"],
  ["33", "media or gaming device"],
]);
