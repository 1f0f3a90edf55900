import { hex } from "../../../util/bytes.js";
import {
  AC_NOT_REQUESTED,
  EMPTY_CVR,
  MchipCvr,
  MchipIad,
  MCHIP_IAD_BYTES,
  type MchipCvrValue,
} from "../../mchip-cvr.js";
import { saidBy, type BitRow, type BitTable } from "./table.js";

/*
 * Issuer application data (9F10). Nothing in it says which format it has: length, first bytes and the kernel that it came through decide.
 */

const SECOND = ["second cryptogram AAC", "second cryptogram TC", "no second cryptogram requested", "reserved"] as const;
const FIRST = ["first cryptogram AAC", "first cryptogram TC", "first cryptogram ARQC", "reserved"] as const;

type Flags<B> = { readonly [K in keyof B]: string };
type Counted = "secondAc" | "firstAc" | "scripts" | "pinTries";
/** Words for the bits that `MchipCvr` declares, a line a byte. */
export const MCHIP_SAYS: { readonly [P in keyof MchipCvrValue]: Flags<Omit<MchipCvrValue[P], Counted>> } = {
  results: {
    dateCheckFailed: "date check failed",
    pinPerformed: "offline PIN performed",
    encipheredPinPerformed: "enciphered offline PIN performed",
    pinSuccessful: "offline PIN successful",
  },
  functions: {
    ddaReturned: "DDA returned",
    cdaInFirst: "CDA in the first GENERATE AC",
    cdaInSecond: "CDA in the second GENERATE AC",
    issuerAuthenticationPerformed: "issuer authentication performed",
    defaultSkippedOnCat3: "default action codes skipped on a CAT3 terminal",
    onDeviceSupported: "verification on the device supported (meaning of this project)",
    onDeviceSuccessful: "verification on the device successful (meaning of this project)",
  },
  counters: {},
  pin: {
    unableToGoOnline: "unable to go online",
    pinNotPerformed: "offline PIN not performed",
    pinFailed: "offline PIN failed",
    pinTriesExceeded: "PIN try limit exceeded",
    international: "international transaction",
    domestic: "domestic transaction",
    wronglyBelievedVerified: "terminal wrongly takes the offline PIN for verified",
  },
  limits: {
    lowerConsecutive: "lower consecutive offline limit exceeded",
    upperConsecutive: "upper consecutive offline limit exceeded",
    lowerCumulative: "lower cumulative offline limit exceeded",
    upperCumulative: "upper cumulative offline limit exceeded",
    onlineNextTime: "go online on the next transaction was set",
    issuerAuthenticationFailed: "issuer authentication failed",
    scriptReceived: "script received",
    scriptFailed: "script failed",
  },
  checks: {
    additionalMatch: "match in the additional check table",
    additionalNoMatch: "no match in the additional check table",
  },
};

let cvrBits: readonly BitRow[] | undefined;

/** The flags of an M/Chip style CVR as a table has them, without types and counters: what changes in the bytes when one is set. */
export function mchipCvrBits(): readonly BitRow[] {
  if (cvrBits) return cvrBits;
  const none = MchipCvr.encode(EMPTY_CVR);
  cvrBits = Object.entries(MCHIP_SAYS).flatMap(([part, words], i) =>
    Object.entries(words as Readonly<Record<string, string>>).map(([flag, says]): BitRow => {
      const of = EMPTY_CVR[part as keyof typeof EMPTY_CVR];
      const bytes = MchipCvr.encode({ ...EMPTY_CVR, [part]: { ...of, [flag]: 1 } });
      return [i + 1, bytes[i]! ^ none[i]!, says];
    }),
  );
  return cvrBits;
}

/** An M/Chip style CVR, 6 bytes, in words. */
export function mchipCvr(bytes: Uint8Array): string[] {
  const cvr = MchipCvr.decode(bytes);
  const said: string[] = [FIRST[cvr.results.firstAc]!];
  if (cvr.results.secondAc !== AC_NOT_REQUESTED) said.push(SECOND[cvr.results.secondAc]!);
  for (const [part, words] of Object.entries(MCHIP_SAYS))
    for (const [bit, says] of Object.entries(words as Readonly<Record<string, string>>))
      if ((cvr[part as keyof MchipCvrValue] as Readonly<Record<string, number>>)[bit] === 1) said.push(says);
  if (cvr.counters.scripts > 0) said.push(`scripts: ${cvr.counters.scripts}`);
  said.push(`PIN tries left: ${cvr.counters.pinTries}`);
  return said;
}

const MCHIP_LENGTHS: readonly number[] = [MCHIP_IAD_BYTES, 20, 26, 28];

/** M/Chip 4 and M/Chip Advance: 18 bytes, with a longer counter area 26, with the last online ATC two more. */
function mchip(iad: Uint8Array): string[] | undefined {
  if (!MCHIP_LENGTHS.includes(iad.length) || iad[1]! >> 4 !== 1) return undefined;
  const { keyIndex, cvn, cvr, dac } = MchipIad.decode(iad.subarray(0, MCHIP_IAD_BYTES));
  const session = [
    "Mastercard session key",
    "reserved session key",
    "EMV session key",
    "reserved session key",
  ] as const;
  return [
    `M/Chip format, key index ${byte(keyIndex)}`,
    `CVN ${byte(cvn)}: ${session[(cvn >> 1) & 3]!}${(cvn & 1) !== 0 ? ", counters in the cryptogram" : ""}`,
    `CVR ${hex(cvr)}: ${mchipCvr(cvr).join(", ")}`,
    `DAC or ICC dynamic number ${hex(dac)}`,
    `counters ${hex(iad.subarray(10))}`,
  ];
}

const CRYPTOGRAMS = (byte: number): BitTable["rows"] => [
  [byte, 0xc0, SECOND[0], 0x00],
  [byte, 0xc0, SECOND[1], 0x40],
  [byte, 0xc0, SECOND[2], 0x80],
  [byte, 0x30, FIRST[0], 0x00],
  [byte, 0x30, FIRST[1], 0x10],
  [byte, 0x30, FIRST[2], 0x20],
];

const VISA_LATER: BitTable["rows"] = [
  [3, 0x80, "last online transaction not completed"],
  [3, 0x40, "PIN try limit exceeded"],
  [3, 0x20, "velocity counters exceeded"],
  [3, 0x10, "new card"],
  [3, 0x08, "issuer authentication failed on the last online transaction"],
  [3, 0x04, "issuer authentication not performed after going online"],
  [3, 0x02, "application blocked by the card, PIN try limit exceeded"],
  [3, 0x01, "SDA failed on the last transaction"],
  [4, 0x08, "script failed"],
  [4, 0x04, "DDA failed on the last transaction"],
  [4, 0x02, "DDA performed"],
  [4, 0x01, "PIN expected, but no VERIFY received"],
];

/** CVR of formats 0, 1 and 3: a length byte 03 and three bytes. */
const VISA_CVR: BitTable = {
  source: "Visa Integrated Circuit Card Specification (VIS), Card Verification Results",
  bytes: 4,
  rows: [
    [1, 0xff, "", 0x03],
    ...CRYPTOGRAMS(2),
    [2, 0x08, "issuer authentication performed and failed"],
    [2, 0x04, "offline PIN performed"],
    [2, 0x02, "offline PIN failed"],
    [2, 0x01, "unable to go online"],
    ...VISA_LATER,
  ],
};

/** CVR of formats 2 and 4: five bytes, the last about a mobile device. */
const VISA_MOBILE_CVR: BitTable = {
  source: "Visa Contactless Payment Specification, Card Verification Results of IAD format 2",
  bytes: 4,
  rows: [
    [1, 0x0f, "verified by passcode", 0x01],
    [1, 0x0f, "verified by finger", 0x02],
    [1, 0x0f, "verified by pattern", 0x03],
    [1, 0x0f, "verified by face", 0x04],
    [1, 0x0f, "verified by signature", 0x0d],
    [1, 0x0f, "verified by online PIN", 0x0e],
    [1, 0xf0, "by the payment application", 0x10],
    [1, 0xf0, "by an application in the secure element", 0x30],
    [1, 0xf0, "by an application in the trusted execution environment", 0x40],
    [1, 0xf0, "by a mobile application", 0x50],
    [1, 0xf0, "by the terminal", 0x60],
    [1, 0xf0, "in the cloud", 0x70],
    [1, 0xf0, "by the operating system of the device", 0x80],
    ...CRYPTOGRAMS(2),
    [2, 0x08, "issuer authentication performed and failed"],
    [2, 0x04, "CDCVM successful"],
    [2, 0x01, "unable to go online"],
    ...VISA_LATER,
  ],
};

function visa(iad: Uint8Array, scope: string | undefined): string[] | undefined {
  const issuer = (from: number): string[] =>
    iad.length > from ? [`issuer discretionary data ${hex(iad.subarray(from))}`] : [];
  if (iad[0] === 0x1f && iad.length === 32) {
    const cvr = iad.subarray(3, 8);
    return [
      `Visa format ${iad[1]! >> 4}, key index ${byte(iad[2]!)}`,
      `CVN ${byte(iad[1]!)}`,
      `CVR ${hex(cvr)}: ${counted(cvr, VISA_MOBILE_CVR)}`,
      ...issuer(8),
    ];
  }
  if (!(iad[0] === 0x06 || iad[0] === 0x07) || iad.length < 7) return undefined;
  const cvr = iad.subarray(3, 7);
  const title = scope === "c7" ? "UnionPay format" : scope === "c3" ? `Visa format ${iad[2]! >> 4}` : "Visa style";
  return [
    `${title}, key index ${byte(iad[1]!)}`,
    `CVN ${byte(iad[2]!)}`,
    `CVR ${hex(cvr)}${cvr[0] === 0x03 && scope !== "c4" ? `: ${counted(cvr, VISA_CVR)}` : ""}`,
    ...(iad[0] === 0x07 && iad.length > 7 ? [`algorithm ${byte(iad[7]!)}`, ...issuer(8)] : issuer(7)),
  ];
}

/** The set bits, without the script counter in the upper half of byte 4, which comes last. */
function counted(cvr: Uint8Array, table: BitTable): string {
  const bits = cvr.slice(0, 4);
  const scripts = bits[3]! >> 4;
  bits[3]! &= 0x0f;
  const said = saidBy(table, bits).filter((says) => says !== "" && says !== SECOND[2]);
  return [...said, ...(scripts > 0 ? [`scripts: ${scripts}`] : [])].join(", ");
}

/** CVR of common core definitions, 5 bytes. */
const CCD_CVR: BitTable = {
  source: "EMV 4.4 Book 3, Annex C9.3",
  bytes: 4,
  rows: [
    ...CRYPTOGRAMS(1),
    [1, 0x08, "CDA performed"],
    [1, 0x04, "DDA performed"],
    [1, 0x02, "issuer authentication not performed"],
    [1, 0x01, "issuer authentication failed"],
    [2, 0x08, "offline PIN performed"],
    [2, 0x04, "offline PIN performed and failed"],
    [2, 0x02, "PIN try limit exceeded"],
    [2, 0x01, "last online transaction not completed"],
    [3, 0x80, "lower offline transaction count limit exceeded"],
    [3, 0x40, "upper offline transaction count limit exceeded"],
    [3, 0x20, "lower cumulative offline amount limit exceeded"],
    [3, 0x10, "upper cumulative offline amount limit exceeded"],
    [3, 0x08, "issuer-discretionary bit 1"],
    [3, 0x04, "issuer-discretionary bit 2"],
    [3, 0x02, "issuer-discretionary bit 3"],
    [3, 0x01, "issuer-discretionary bit 4"],
    [4, 0x08, "script failed"],
    [4, 0x04, "offline data authentication failed on the last transaction"],
    [4, 0x02, "go online on the next transaction was set"],
    [4, 0x01, "unable to go online"],
  ],
};

function commonCore(iad: Uint8Array): string[] | undefined {
  if (iad.length !== 32 || iad[0] !== 0x0f || iad[16] !== 0x0f) return undefined;
  const cvr = iad.slice(3, 8);
  const tries = cvr[1]! >> 4;
  const plain = cvr.slice();
  plain[1]! &= 0x0f;
  return [
    `common core definitions, identifier ${byte(iad[1]!)}, key index ${byte(iad[2]!)}`,
    `CVR ${hex(cvr)}: ${counted(plain, CCD_CVR)}, PIN tries left: ${tries}`,
    `counters ${hex(iad.subarray(8, 16))}`,
    `issuer discretionary data ${hex(iad.subarray(17))}`,
  ];
}

const byte = (value: number): string => hex(Uint8Array.of(value));

/** Issuer application data line by line; undefined where it is in no format that is known here. */
export function issuerApplicationData(iad: Uint8Array, scope?: string): string[] | undefined {
  const common = commonCore(iad);
  if (common) return common;
  if (scope === undefined) return visa(iad, scope) ?? mchip(iad);
  return scope === "c2" ? mchip(iad) : visa(iad, scope);
}
