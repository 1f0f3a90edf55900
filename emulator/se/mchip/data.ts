import { asDesKey, keyCheckValue, type DesKey } from "../../../src/crypto/des.js";
import { rsaFromCrt, rsaPrivate, type RsaPrivate } from "../../../src/crypto/rsa.js";
import { parseDol, type DolEntry } from "../../../src/codec/dol.js";
import { leaves, parseTlv, valueOf } from "../../../src/codec/tlv.js";
import { mchipCryptogram, type MchipRecipe } from "../../../src/emv/cryptogram-versions.js";
import { isPinBlock2 } from "../../../src/emv/secure-messaging.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import { equalBytes } from "../../../src/util/bytes.js";
import { isTapbenchError } from "../../../src/util/errors.js";
import type { AppletStorage } from "../applet.js";

/** What the applet is personalised with. Records are stored under their own DGI: SFI, record number. */
export const DGI = {
  /** Value of the A5 template of the SELECT response (EMV CPS 1.1). */
  fci: 0x9102,
  /** AIP and AFL, as TLV objects (EMV CPS 1.1). */
  processingOptions: 0x9104,
  /** Keys for cryptograms, script integrity and script confidentiality, 16 bytes each (EMV CPS 1.1). */
  keys: 0x8000,
  /** Their check values. */
  keyCheckValues: 0x9000,
  /** Reference PIN, a PIN block of format 2, in clear within the secure channel (EMV CPS 1.1). */
  pin: 0x8010,
  /** PIN try counter and PIN try limit (EMV CPS 1.1). */
  pinTries: 0x9010,
  /** RSA key: q^-1 mod p, d mod (q-1), d mod (p-1), q, p (EMV CPS 1.1). */
  rsa: [0x8201, 0x8202, 0x8203, 0x8204, 0x8205],
  /** Card risk management, our own: TLV objects C1 to C6. */
  riskManagement: 0xa001,
  /** Objects for GET DATA, our own: TLV. */
  getData: 0xa002,
} as const;

/** Objects that the applet keeps itself. */
export const OWN = {
  atc: 0xf001,
  offlineInRow: 0xf002,
  offlineAmount: 0xf003,
  /** What the issuer's last answer left: online.ts. */
  lastAnswer: 0xf004,
  pinTried: 0xf005,
  pinCleared: 0xf006,
  scriptsTried: 0xf007,
  scriptsDone: 0xf008,
  block: 0xf009,
} as const;

/** Of these a new card has none. */
export const OF_ONE_CARD: readonly number[] = [
  OWN.lastAnswer,
  OWN.pinTried,
  OWN.pinCleared,
  OWN.scriptsTried,
  OWN.scriptsDone,
  OWN.block,
];

/** Value of a counter that is made when it is first needed. */
export const countOf = (storage: AppletStorage, id: number): number => (storage.get(id) ? storage.counter(id) : 0);

/** Tags of the risk management DGI. */
export const RISK = { keyIndex: 0xc1, cvn: 0xc2, decline: 0xc3, online: 0xc4, lower: 0xc5, upper: 0xc6 } as const;

/** Highest SFI and record number that a DGI can name. */
const isRecord = (dgi: number): boolean => dgi >> 8 >= 1 && dgi >> 8 <= 30 && (dgi & 0xff) >= 1;

export const recordDgi = (sfi: number, record: number): number => (sfi << 8) | record;

/** Everything personalised, taken apart once. */
export interface MchipData {
  readonly fci: Uint8Array;
  readonly processingOptions: Uint8Array;
  readonly aip: Uint8Array;
  readonly pdol: readonly DolEntry[];
  readonly cdol1: readonly DolEntry[];
  /** Empty where the card wants no second GENERATE AC. */
  readonly cdol2: readonly DolEntry[];
  readonly issuerCountry: Uint8Array | undefined;
  readonly key: DesKey;
  /** Script commands: MAC, and what is enciphered. */
  readonly integrityKey: DesKey;
  readonly confidentialityKey: DesKey;
  readonly pin: { readonly reference: Uint8Array; readonly limit: number; readonly tries: number } | undefined;
  readonly recipe: MchipRecipe;
  readonly keyIndex: number;
  readonly cvn: number;
  readonly cardIssuerActionCodes: { readonly decline: Uint8Array; readonly online: Uint8Array };
  readonly offlineLimits: { readonly lower: number; readonly upper: number };
  readonly rsa: RsaPrivate | undefined;
}

/** Status word for a DGI that comes with personalisation. */
export function acceptDgi(dgi: number, value: Uint8Array): number {
  if (isRecord(dgi)) return value[0] === 0x70 ? SW.ok : SW.wrongData;
  const fixed: Readonly<Record<number, number>> = { [DGI.keys]: 48, [DGI.keyCheckValues]: 9, [DGI.pinTries]: 2 };
  const wanted = fixed[dgi];
  if (dgi === DGI.pin) return isPinBlock2(value) ? SW.ok : SW.wrongData;
  if (wanted !== undefined) return value.length === wanted ? SW.ok : SW.wrongData;
  const known: readonly number[] = [DGI.fci, DGI.processingOptions, DGI.riskManagement, DGI.getData, ...DGI.rsa];
  return known.includes(dgi) ? SW.ok : SW.dataNotFound;
}

/** Whether these groupings make a card by themselves. */
export const isWhole = (dgis: ReadonlyMap<number, Uint8Array>): boolean =>
  [DGI.fci, DGI.processingOptions, DGI.keys, DGI.riskManagement].every((dgi) => dgis.has(dgi));

/** Takes a personalisation apart; undefined where something is missing or does not fit together. */
export function readPersonalisation(
  get: (dgi: number) => Uint8Array | undefined,
  ids: Iterable<number>,
): MchipData | undefined {
  const fci = get(DGI.fci);
  const processingOptions = get(DGI.processingOptions);
  const keys = get(DGI.keys);
  const risk = get(DGI.riskManagement);
  if (!fci || !processingOptions || !keys || !risk) return undefined;
  try {
    const records = [...ids].filter(isRecord).flatMap((id) => [...leaves(parseTlv(get(id)!))]);
    const riskObjects = parseTlv(risk);
    const byteOf = (tag: number): number => valueOf(riskObjects, tag)[0] ?? 0;
    const cvn = byteOf(RISK.cvn);
    const aip = valueOf(parseTlv(processingOptions), 0x82);
    const cdol1 = parseDol(valueOf(records, 0x8c));
    const [qInv, dq, dp, q, p] = DGI.rsa.map(get);
    const checkValues = get(DGI.keyCheckValues);
    if (aip.length !== 2 || cdol1.length === 0 || !isCvn(cvn)) return undefined;
    if (checkValues && !keysMatch(keys, checkValues)) return undefined;
    if (!covers(cdol1, mchipCryptogram(cvn))) return undefined;
    const pin = pinOf(get(DGI.pin), get(DGI.pinTries));
    if (pin === "incomplete") return undefined;
    return {
      fci,
      processingOptions,
      aip,
      pdol: parseDol(valueOf([...leaves(parseTlv(fci))], 0x9f38)),
      cdol1,
      cdol2: parseDol(valueOf(records, 0x8d)),
      issuerCountry: records.find(({ tag }) => tag === 0x5f28)?.value,
      key: asDesKey(keys.slice(0, 16)),
      integrityKey: asDesKey(keys.slice(16, 32)),
      confidentialityKey: asDesKey(keys.slice(32, 48)),
      pin,
      recipe: mchipCryptogram(cvn),
      keyIndex: byteOf(RISK.keyIndex),
      cvn,
      cardIssuerActionCodes: { decline: valueOf(riskObjects, RISK.decline), online: valueOf(riskObjects, RISK.online) },
      offlineLimits: { lower: byteOf(RISK.lower), upper: byteOf(RISK.upper) },
      rsa: qInv && dq && dp && q && p ? rsaPrivate(rsaFromCrt({ p, q, dp, dq, qInv })) : undefined,
    };
  } catch (error) {
    if (isTapbenchError(error) && !error.code.startsWith("emulator/")) return undefined;
    throw error;
  }
}

/** What the card adds to a cryptogram itself: AIP, ATC, its own data. */
const CARD_DATA: readonly unknown[] = [0x82, 0x9f36];

/** Whether the terminal will bring what the cryptogram covers; the unpredictable number makes session keys, with four bytes. */
const covers = (cdol1: readonly DolEntry[], { version }: MchipRecipe): boolean =>
  cdol1.every(({ tag, length }) => tag !== 0x9f37 || length === 4) &&
  version.input.every(
    (part) => typeof part !== "number" || CARD_DATA.includes(part) || cdol1.some(({ tag }) => tag === part),
  );

const MAX_TRIES = 15; // 63Cx has one digit for them

/** The PIN with its tries as personalised: both or neither. */
function pinOf(reference: Uint8Array | undefined, tries: Uint8Array | undefined): MchipData["pin"] | "incomplete" {
  if (!reference && !tries) return undefined;
  const [left, limit] = tries ?? [];
  if (!reference || left === undefined || limit === undefined || limit === 0 || limit > MAX_TRIES || left > limit)
    return "incomplete";
  return { reference, limit, tries: left };
}

type Cvn = Parameters<typeof mchipCryptogram>[0];
const CVNS: readonly number[] = [0x10, 0x11, 0x14, 0x15];
const isCvn = (value: number): value is Cvn => CVNS.includes(value);

const keysMatch = (keys: Uint8Array, checkValues: Uint8Array): boolean =>
  [0, 1, 2].every((i) =>
    equalBytes(keyCheckValue(keys.subarray(16 * i, 16 * i + 16)), checkValues.subarray(3 * i, 3 * i + 3)),
  );

/** The data of an instance, worked out once for as long as its personalisation stays the same. */
export function mchipData(storage: AppletStorage): MchipData | undefined {
  const fci = storage.get(DGI.fci);
  if (!fci) return undefined;
  const known = worked.get(fci);
  if (known) return known;
  const data = readPersonalisation((dgi) => storage.get(dgi), storage.ids);
  if (data) worked.set(fci, data);
  return data;
}

/** The personalisation has changed: what was worked out no longer holds. */
export function forgetMchipData(storage: AppletStorage): void {
  const fci = storage.get(DGI.fci);
  if (fci) worked.delete(fci);
}

/** By the stored FCI: storage hands out the same array until that object changes, and a personalisation always has one. */
const worked = new WeakMap<Uint8Array, MchipData>();
