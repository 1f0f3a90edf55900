import { findTlv, parseTlv } from "../../codec/tlv.js";
import { sha256 } from "../../crypto/hash.js";
import { Cplc } from "../../protocols/gp/messages.js";
import type { KeyInformation } from "../../protocols/gp/registry.js";
import type { CardAsking } from "../../protocols/iso7816/poller.js";
import type { ResponseApdu } from "../../protocols/iso7816/apdu.js";
import { SW, swHex, swMeaning } from "../../protocols/iso7816/status.js";
import { hex, NO_BYTES, readUint, unhex } from "../../util/bytes.js";
import { attempt } from "../../util/errors.js";
import { seError } from "./errors.js";
import {
  decodeKeyInformation,
  decodeRecognition,
  decodeResources,
  type Recognition,
  type Resources,
} from "./recognition.js";

/** What an element says of itself to anybody. Absent: it does not tell. */
export interface ElementIdentity {
  /** AID of the issuer security domain, as its answer to SELECT names it. */
  readonly domain?: Uint8Array;
  /** The 42 bytes of card production life cycle data. */
  readonly cplc?: Uint8Array;
  readonly recognition?: Recognition;
  readonly keys?: readonly KeyInformation[];
  /** Of the default key version. */
  readonly sequence?: number;
  readonly diversification?: Uint8Array;
  readonly resources?: Resources;
  /** Issuer identification number and card image number (42, 45). */
  readonly issuer?: Uint8Array;
  readonly image?: Uint8Array;
  /** Tags of objects that are there and cannot be made sense of. */
  readonly garbled: readonly string[];
}

/** Names that issuer security domains go by, where one does not come by no name at all (Card Specification 2.3.1, H.1.3; Visa's earlier one). */
const DOMAIN_NAMES: readonly Uint8Array[] = [NO_BYTES, unhex("A000000151000000"), unhex("A000000003000000")];

const CLASS_NOT_SUPPORTED: number = SW.classNotSupported;
/** SELECT on a card that is locked: a warning, and an answer (11.9.3.2). */
const CARD_LOCKED = 0x6283;

/** SELECT of the issuer's domain, then GET DATA of everything that needs no key. @throws `se/no-domain` */
export function* readIdentity(): CardAsking<ElementIdentity> {
  const domain = yield* selectIssuer();
  const garbled: string[] = [];
  function* object<T>(tag: number, decode: (data: Uint8Array) => T | undefined): CardAsking<T | undefined> {
    const data = yield* openData(tag);
    if (!data) return undefined;
    const value = attempt(() => decode(data));
    if (value === undefined) garbled.push(tag.toString(16).toUpperCase().padStart(2, "0"));
    return value;
  }
  const value =
    (tag: number, from: number, to: number) =>
    (data: Uint8Array): Uint8Array | undefined => {
      const found = parseTlv(data, { bytes: 512 }).find((each) => each.tag === tag)?.value;
      return found && found.length >= from && found.length <= to ? found : undefined;
    };
  const found = {
    domain,
    cplc: yield* object(0x9f7f, value(0x9f7f, 42, 42)),
    recognition: yield* object(0x66, decodeRecognition),
    keys: yield* object(0xe0, decodeKeyInformation),
    sequence: yield* object(0xc1, (data) => {
      const counter = value(0xc1, 1, 6)(data);
      return counter && readUint(counter);
    }),
    diversification: yield* object(0xcf, value(0xcf, 1, 28)),
    resources: yield* object(0xff21, decodeResources),
    issuer: yield* object(0x42, value(0x42, 1, 32)),
    image: yield* object(0x45, value(0x45, 1, 32)),
  };
  const told = Object.fromEntries(
    Object.entries(found).filter(([, it]) => it !== undefined),
  ) as Partial<ElementIdentity>;
  return { ...told, garbled };
}

/** Selects the issuer's domain by the first name that it takes. Returns its AID, where it tells it. @throws `se/no-domain` */
function* selectIssuer(): CardAsking<Uint8Array | undefined> {
  let sw: number = SW.notFound;
  for (const name of DOMAIN_NAMES) {
    const { answer }: { answer: ResponseApdu } = yield {
      cla: 0x00,
      ins: 0xa4,
      p1: 0x04,
      p2: 0x00,
      data: name,
      le: 256,
    };
    if (answer.sw === SW.ok || answer.sw === CARD_LOCKED) {
      const objects = attempt(() => parseTlv(answer.data)) ?? [];
      const aid = findTlv(objects, 0x6f, 0x84)?.value ?? findTlv(objects, 0x84)?.value;
      return aid && aid.length >= 5 && aid.length <= 16 ? aid : name.length > 0 ? name : undefined;
    }
    ({ sw } = answer);
  }
  throw seError(
    "no-domain",
    `no issuer security domain can be selected here (${swHex(sw)}: ${swMeaning(sw)}); is this a GlobalPlatform element?`,
    { sw: swHex(sw) },
  );
}

/** GET DATA outside a session; any refusal means that there is no such object. Class 00 where 80 is not taken. */
function* openData(tag: number): CardAsking<Uint8Array | undefined> {
  for (const cla of [0x80, 0x00]) {
    const { answer }: { answer: ResponseApdu } = yield { cla, ins: 0xca, p1: tag >> 8, p2: tag & 0xff, le: 256 };
    if (answer.sw === SW.ok && answer.data.length > 0) return answer.data;
    if (answer.sw !== CLASS_NOT_SUPPORTED) return undefined;
  }
  return undefined;
}

/** What a reader tells of a card, where there is one. */
export interface ReaderFacts {
  readonly atr?: Uint8Array | undefined;
  readonly uid?: Uint8Array | undefined;
}

/** What an element is known by, in its journal, and how sure that is. */
export interface ElementName {
  readonly name: string;
  /** False: others of its kind go by the same name, and share its journal. */
  readonly unique: boolean;
}

const anything = (bytes: Uint8Array): boolean => bytes.some((byte) => byte !== 0x00 && byte !== 0xff);
/** ISO/IEC 14443-3 6.5.4: a UID of four bytes that begins with 08 is drawn anew at every field-on. */
const isRandomUid = (uid: Uint8Array): boolean => uid.length === 4 && uid[0] === 0x08;

/**
 * What is settled when a chip is made and never changes: of the CPLC fabricator, type, fabrication date, serial and batch; else key
 * diversification data, card image number, UID; else the ATR, which is one for all elements of a kind.
 */
export function nameOf(
  { cplc, diversification, issuer = NO_BYTES, image }: ElementIdentity,
  { atr, uid }: ReaderFacts,
): ElementName {
  if (cplc) {
    const { fabricator, type, fabricationDate, serial, batch } = Cplc.decode(cplc);
    const numbers = [fabricator, type, fabricationDate].map((number) => number.toString(16).padStart(4, "0"));
    if (anything(serial) || anything(batch))
      return { name: `cplc-${numbers.join("-")}-${hex(serial)}-${hex(batch)}`.toLowerCase(), unique: true };
  }
  if (diversification && anything(diversification))
    return { name: `kdd-${hex(diversification)}`.toLowerCase(), unique: true };
  if (image && anything(image)) return { name: `cin-${hex(issuer)}-${hex(image)}`.toLowerCase(), unique: true };
  if (uid && !isRandomUid(uid) && anything(uid)) return { name: `uid-${hex(uid)}`.toLowerCase(), unique: true };
  return { name: `atr-${hex(sha256(atr ?? NO_BYTES)).slice(0, 32)}`.toLowerCase(), unique: false };
}
