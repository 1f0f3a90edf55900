import { toBcd, toCompressed } from "../codec/bcd.js";
import { encodeDataGrouping } from "../codec/dgi.js";
import { tlv, type Tlv } from "../codec/tlv.js";
import type { RsaPrivateKey } from "../crypto/rsa.js";
import { pinBlock2 } from "../emv/secure-messaging.js";
import { STORE_DATA } from "../protocols/gp/messages.js";
import { FAMILIES, type ContactlessRequest } from "../protocols/gp/contactless.js";
import type { CommandApdu } from "../protocols/iso7816/apdu.js";
import type { CardProfile, DeviceProfile } from "../profiles/types.js";
import { ascii, concat, NO_BYTES, unhex } from "../util/bytes.js";
import { issuerError } from "./errors.js";
import { checkValues, type CardKeys } from "./keys.js";
import type { Token } from "./vault.js";

/*
 * A token and a card profile, made into the commands that put them into a device: for each application a SELECT, then STORE DATA with data
 * groupings (EMV CPS 2.0; GlobalPlatform Card Specification 2.3, 11.11). What each grouping means stands in `GROUPS`.
 */

/** The groupings that an applet of this project takes. Records are `SSRR`: short file identifier and record number. */
export const GROUPS = {
  /** Value of the template A5 in the answer to SELECT. */
  select: 0x9102,
  /** Value of the template 77 in the answer to GET PROCESSING OPTIONS. */
  options: 0x9104,
  /** Master keys of the card: cryptogram, secure messaging integrity, confidentiality; 48 bytes. */
  keys: 0x8000,
  /** Their check values, 9 bytes. */
  checkValues: 0x9000,
  /** Reference PIN: a PIN block of format 2 (EMV CPS 2.0). */
  pin: 0x8010,
  /** Tries left and try limit, a byte each (EMV CPS 2.0). */
  pinTries: 0x9010,
  /** Private key: qInv, d mod (q-1), d mod (p-1), q, p (EMV CPS 2.0 table A-2). */
  rsa: { qInv: 0x8201, dq: 0x8202, dp: 0x8203, q: 0x8204, p: 0x8205 },
  /** Application control: C1 key index, C2 CVN, C3 and C4 card issuer action codes decline and online, C5 and C6 offline limits. */
  control: 0xa001,
  /** Objects that GET DATA answers. */
  getData: 0xa002,
} as const;

/** One data grouping. */
export interface DataGrouping {
  readonly dgi: number;
  readonly value: Uint8Array;
  /** For people. */
  readonly says: string;
  /** It holds a key: traces show its length only. */
  readonly secret: boolean;
}

/** One command of a script. */
export interface PersonalisationStep {
  readonly command: CommandApdu;
  readonly says: string;
  readonly secret: boolean;
}

/** What puts a card into a device, in order. Each answer should be 9000. */
export interface PersonalisationScript {
  readonly steps: readonly PersonalisationStep[];
  readonly commands: readonly CommandApdu[];
}

/** What the certification authority gives a card: 8F 90 92 9F32, 9F46 9F47 9F48, and the private key. */
export interface CardCertificates {
  readonly key: RsaPrivateKey;
  readonly issuer: readonly Tlv[];
  readonly card: readonly Tlv[];
}

/** What goes into the groupings of a payment application. */
export interface PersonalisationInput {
  readonly token: Pick<Token, "dpan" | "sequence" | "expiry" | "par">;
  readonly profile: CardProfile;
  readonly keys: CardKeys;
  /** The PIN that the card checks, 4 to 12 digits; absent: it has none. */
  readonly pin?: string | undefined;
  /** Digits behind the service code in track 2, at most 13. */
  readonly discretionary: string;
  /** Start of validity. */
  readonly at: Date;
  /** What the card lives in; absent: not said. */
  readonly form?: DeviceProfile["form"] | undefined;
  /** Makes certificates for the static data; absent: no offline data authentication. */
  readonly certify?: ((staticData: Uint8Array) => CardCertificates) | undefined;
}

/** A record's template, tag and length counted in, fits what terminals take (EMV 4.3 Book 3 7.1). */
const MAX_RECORD = 254;
const SIGNED_SFI = 2;
const ISSUER_SFI = 3;
const CARD_SFI = 4;

/**
 * Device types of third party data (9F6E), as published acquirer guides list them: 01 phone, 02 key fob, 03 watch, 05 wristband. None is listed for
 * rings; they go as fobs. A kernel does not ask for another interface where the device has none.
 */
const DEVICE_TYPES: Readonly<Record<DeviceProfile["form"], string>> = {
  phone: "01",
  ring: "02",
  watch: "03",
  band: "05",
};

const YEARS_AND_MONTHS = /^[0-9]{4}$/;

/** YYMM to YYMMDD of its last day. */
function lastDay(expiry: string): string {
  if (!YEARS_AND_MONTHS.test(expiry)) throw issuerError("bad-date", "an expiry is YYMM", {});
  const day = new Date(Date.UTC(2000 + Number(expiry.slice(0, 2)), Number(expiry.slice(2)), 0)).getUTCDate();
  return expiry + String(day).padStart(2, "0");
}

const firstOfMonth = (at: Date): string => `${at.toISOString().slice(2, 4)}${at.toISOString().slice(5, 7)}01`;

/** Track 2 equivalent data: PAN, D, expiry, service code, discretionary digits, F to whole bytes (EMV 4.3 Book 3 Annex A, tag 57). */
export function track2(pan: string, expiry: string, serviceCode: string, discretionary: string): Uint8Array {
  const text = `${pan}D${expiry}${serviceCode}${discretionary}`.slice(0, 37);
  return unhex(text.length % 2 ? `${text}F` : text);
}

/** The record that offline data authentication covers, without the certificates. */
/** Country, no unique identifier, device type (Book C-2 A.1, 9F6E). */
const thirdPartyData = (country: string, form: DeviceProfile["form"]): Uint8Array =>
  concat(toBcd(country, 2), new Uint8Array(2), ascii(DEVICE_TYPES[form]));

function mainRecord({ token, profile, discretionary, at, form }: PersonalisationInput): Uint8Array {
  const { iac } = profile;
  return concat(
    tlv(0x57, track2(token.dpan, token.expiry, profile.serviceCode, discretionary)),
    tlv(0x5a, toCompressed(token.dpan)),
    tlv(0x5f24, toBcd(lastDay(token.expiry), 3)),
    tlv(0x5f25, toBcd(firstOfMonth(at), 3)),
    tlv(0x5f28, toBcd(profile.issuerCountry, 2)),
    tlv(0x5f30, toBcd(profile.serviceCode, 2)),
    tlv(0x5f34, toBcd(token.sequence, 1)),
    tlv(0x8c, profile.cdol1),
    tlv(0x8d, profile.cdol2),
    tlv(0x8e, profile.cvmList),
    tlv(0x9f07, profile.usageControl),
    tlv(0x9f08, profile.version),
    tlv(0x9f0d, iac.default),
    tlv(0x9f0e, iac.denial),
    tlv(0x9f0f, iac.online),
    tlv(0x9f24, ascii(token.par)),
    tlv(0x9f42, toBcd(profile.currency.numeric, 2)),
    form ? tlv(0x9f6e, thirdPartyData(profile.issuerCountry, form)) : NO_BYTES,
    // The AIP is signed with the record, so that nobody switches CDA off on the way.
    profile.oda.method === "cda" ? tlv(0x9f4a, Uint8Array.of(0x82)) : NO_BYTES,
  );
}

function record(sfi: number, number: number, value: Uint8Array, says: string): DataGrouping {
  const template = tlv(0x70, value);
  if (template.length > MAX_RECORD)
    throw issuerError(
      "record-too-long",
      `record ${number} of file ${sfi} (${says}) has ${template.length} bytes; ${MAX_RECORD} fit. Shorten the lists, or the key`,
      {
        sfi,
        record: number,
        length: template.length,
      },
    );
  return { dgi: sfi * 0x100 + number, value: template, says, secret: false };
}

const pick = (objects: readonly Tlv[], ...tags: readonly number[]): Uint8Array =>
  concat(...objects.filter((object) => tags.includes(object.tag)).map((object) => tlv(object.tag, object.value)));

/** One AFL entry: file, first and last record, how many of them are signed (EMV 4.3 Book 3 10.2). */
const afl = (sfi: number, first: number, last: number, signed: number): Uint8Array =>
  Uint8Array.of(sfi * 8, first, last, signed);

/**
 * The data groupings of a payment application.
 * @throws `issuer/record-too-long`, `issuer/bad-date`
 */
export function applicationGroupings(input: PersonalisationInput): readonly DataGrouping[] {
  const { profile, token } = input;
  const main = mainRecord(input);
  const groupings: DataGrouping[] = [record(SIGNED_SFI, 1, main, "account, lists, action codes")];
  const files = [afl(SIGNED_SFI, 1, 1, input.certify ? 1 : 0)];
  // EMV 4.3 Book 3 10.3: the record without its template's header, then what the tag list names.
  const certificates = input.certify?.(concat(main, profile.aip));
  if (certificates) {
    groupings.push(
      record(ISSUER_SFI, 1, pick(certificates.issuer, 0x90), "issuer certificate"),
      record(
        ISSUER_SFI,
        2,
        pick(certificates.issuer, 0x8f, 0x92, 0x9f32),
        "CA key index, issuer key remainder and exponent",
      ),
      record(CARD_SFI, 1, pick(certificates.card, 0x9f46), "card certificate"),
      record(CARD_SFI, 2, pick(certificates.card, 0x9f47, 0x9f48), "card key exponent and remainder"),
    );
    files.push(afl(ISSUER_SFI, 1, 2, 0), afl(CARD_SFI, 1, 2, 0));
  }
  const { ac, smi, smc } = input.keys;
  const values = checkValues(input.keys);
  const open = (dgi: number, value: Uint8Array, says: string): DataGrouping => ({ dgi, value, says, secret: false });
  const secret = (dgi: number, value: Uint8Array, says: string): DataGrouping => ({ dgi, value, says, secret: true });
  groupings.push(
    open(
      GROUPS.select,
      concat(
        tlv(0x50, ascii(profile.label)),
        tlv(0x87, Uint8Array.of(profile.priority)),
        profile.pdol.length ? tlv(0x9f38, profile.pdol) : NO_BYTES,
        tlv(0x5f2d, ascii(profile.language)),
      ),
      "answer to SELECT",
    ),
    open(GROUPS.options, concat(tlv(0x82, profile.aip), tlv(0x94, ...files)), "answer to GET PROCESSING OPTIONS"),
    secret(GROUPS.keys, concat(ac, smi, smc), "master keys of the card"),
    open(GROUPS.checkValues, concat(values.ac, values.smi, values.smc), "their check values"),
  );
  if (input.pin !== undefined && profile.pin)
    groupings.push(
      secret(GROUPS.pin, pinBlock2(input.pin), "PIN"),
      open(GROUPS.pinTries, Uint8Array.of(profile.pin.tries, profile.pin.tries), "PIN tries"),
    );
  if (certificates)
    for (const part of ["qInv", "dq", "dp", "q", "p"] as const)
      groupings.push(secret(GROUPS.rsa[part], certificates.key[part], `private key, ${part}`));
  groupings.push(
    open(
      GROUPS.control,
      concat(
        tlv(0xc1, Uint8Array.of(profile.keyDerivationIndex)),
        tlv(0xc2, Uint8Array.of(profile.cvn)),
        tlv(0xc3, profile.cardIssuerActionCodes.decline),
        tlv(0xc4, profile.cardIssuerActionCodes.online),
        tlv(0xc5, Uint8Array.of(profile.offlineLimits.lower)),
        tlv(0xc6, Uint8Array.of(profile.offlineLimits.upper)),
      ),
      "application control",
    ),
    open(GROUPS.getData, tlv(0x9f24, ascii(token.par)), "objects for GET DATA"),
  );
  return groupings;
}

/** An application that a device's directory lists. */
export type DirectoryEntry = Pick<CardProfile, "aid" | "label" | "priority" | "kernel">;

/** Kernel identifiers as the directory carries them (EMV Contactless Book B 3.3.2). */
const KERNEL_IDS: Readonly<Record<CardProfile["kernel"], number>> = { c2: 0x02 };

/** Entries as a directory holds them: BF0C with a 61 for each application. */
const directory = (entries: readonly DirectoryEntry[]): Uint8Array =>
  tlv(
    0xbf0c,
    ...entries.map((entry) =>
      tlv(
        0x61,
        tlv(0x4f, entry.aid),
        tlv(0x50, ascii(entry.label)),
        tlv(0x87, Uint8Array.of(entry.priority)),
        tlv(0x9f2a, Uint8Array.of(KERNEL_IDS[entry.kernel])),
      ),
    ),
  );

/** What the contactless registry is told of a payment application: its family, its entry in the directory, and the directory as its listener. */
export const contactlessRequest = (entry: DirectoryEntry): ContactlessRequest => ({
  crel: [PPSE_AID],
  family: Uint8Array.of(FAMILIES.financial),
  discretionary: directory([entry]),
});

/** The directory's grouping: value of A5, with one entry for each application. */
export const directoryGrouping = (entries: readonly DirectoryEntry[]): DataGrouping => ({
  dgi: GROUPS.select,
  value: directory(entries),
  says: "directory of payment applications",
  secret: false,
});

/** 2PAY.SYS.DDF01. */
export const PPSE_AID = ascii("2PAY.SYS.DDF01");

/** How commands are cut. */
export interface ScriptOptions {
  /** Bytes of data in one STORE DATA; 255 unless given, more only with extended APDUs. */
  readonly blockSize?: number;
  /** Enciphers what holds a key, for whoever has a secure channel; such groupings go in blocks of their own. Absent: all in the clear. */
  readonly protect?: ((grouping: DataGrouping) => Uint8Array) | undefined;
}

const SHORT_BLOCK = 255;
const EXTENDED_BLOCK = 65_535;

/** A command and what it carries, for people. */
interface Block {
  parts: Uint8Array[];
  length: number;
  says: string[];
  secret: boolean;
}

/** Whole groupings share a block as far as they fit; one that is longer than a block is continued in the next. */
function blocks(groupings: readonly DataGrouping[], size: number, apart: boolean): readonly Block[] {
  const found: Block[] = [];
  let current: Block | undefined;
  const next = (): Block => {
    current = { parts: [], length: 0, says: [], secret: false };
    found.push(current);
    return current;
  };
  for (const grouping of groupings) {
    const bytes = encodeDataGrouping(grouping.dgi, grouping.value);
    const fits = current && current.length + bytes.length <= size && (!apart || current.secret === grouping.secret);
    let into = current && fits ? current : next();
    for (let at = 0; at < bytes.length;) {
      if (into.length === size) into = next();
      const part = bytes.subarray(at, at + size - into.length);
      into.parts.push(part);
      into.length += part.length;
      into.says.push(at === 0 ? grouping.says : `${grouping.says}, continued`);
      into.secret ||= grouping.secret;
      at += part.length;
    }
  }
  return found;
}

/**
 * SELECT and STORE DATA for one application.
 * @throws `issuer/too-many-blocks` above 256 blocks, `issuer/bad-request` for a block size that no APDU has
 */
export function storeDataScript(
  aid: Uint8Array,
  groupings: readonly DataGrouping[],
  options: ScriptOptions = {},
): readonly PersonalisationStep[] {
  const size = options.blockSize ?? SHORT_BLOCK;
  if (!Number.isInteger(size) || size < 8 || size > EXTENDED_BLOCK)
    throw issuerError("bad-request", `blocks have 8 to ${EXTENDED_BLOCK} bytes, not ${size}`, { blockSize: size });
  const { protect } = options;
  const sent = groupings.map((each) => (protect && each.secret ? { ...each, value: protect(each) } : each));
  const all = blocks(sent, size, protect !== undefined);
  if (all.length > 256)
    throw issuerError("too-many-blocks", `${all.length} blocks; STORE DATA counts to 256. Use larger blocks`, {
      blocks: all.length,
    });
  const select: PersonalisationStep = {
    command: { cla: 0x00, ins: 0xa4, p1: 0x04, p2: 0x00, data: aid, le: 256 },
    says: "select the application",
    secret: false,
  };
  return [
    select,
    ...all.map((block, number): PersonalisationStep => ({
      command: {
        cla: 0x80,
        ins: 0xe2,
        p1:
          STORE_DATA.structure.dgi |
          (protect && block.secret ? STORE_DATA.encryption.dek : STORE_DATA.encryption.none) |
          (number === all.length - 1 ? STORE_DATA.last : 0),
        p2: number,
        data: concat(...block.parts),
      },
      says: block.says.join("; "),
      secret: block.secret,
    })),
  ];
}
