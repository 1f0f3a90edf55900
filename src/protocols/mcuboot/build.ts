import type { AgreementKey, Sha2 } from "../../crypto/key-agreement.js";
import { aesCtr } from "../../crypto/key-agreement.js";
import type { SigningKey } from "../../crypto/signing.js";
import { concat, NO_BYTES, roomFor } from "../../util/bytes.js";
import type { Random } from "../../util/random.js";
import { bootRecord } from "./boot-record.js";
import { isEncrypted, wrapContentKey } from "./encryption.js";
import { mcubootError } from "./errors.js";
import {
  Dependency,
  FLAGS,
  HEADER_BYTES,
  IMAGE_MAGIC,
  ImageHeader,
  MAX_IMAGE,
  TlvEntry,
  TlvInfo,
  type Image,
} from "./image.js";
import { AREA_MAGIC, TLV } from "./tlv.js";
import { trailerBytes, trailerMagic, trailerOffsets } from "./trailer.js";
import { HASHES, SIGNATURE_TLV } from "./verify.js";
import type { ImageVersion } from "./version.js";

export interface BuildOptions {
  readonly version: ImageVersion;
  /** Signs; absent: the image has a hash only. */
  readonly key?: SigningKey | undefined;
  /** Salts, content keys, ephemeral keys. */
  readonly random: Random;
  /** Bytes before the payload; 32 unless given. The payload does not begin with room for them. */
  readonly headerSize?: number | undefined;
  readonly hash?: "sha256" | "sha384" | "sha512" | undefined;
  /** The signature is over the image itself, not over its hash. Ed25519 only. */
  readonly pure?: boolean | undefined;
  /** The key itself in the image instead of its hash. */
  readonly wholePublicKey?: boolean | undefined;
  readonly securityCounter?: number | undefined;
  readonly dependencies?: readonly { readonly image: number; readonly version: ImageVersion }[] | undefined;
  /** Software type of the boot record (PSA attestation). */
  readonly bootRecord?: string | undefined;
  readonly vendorId?: Uint8Array | undefined;
  readonly classId?: Uint8Array | undefined;
  /** Protected TLVs of one's own; types from A0 up belong to vendors. */
  readonly custom?: readonly { readonly type: number; readonly value: Uint8Array }[] | undefined;
  readonly loadAddress?: number | undefined;
  readonly romFixed?: number | undefined;
  readonly nonBootable?: boolean | undefined;
  readonly encrypt?: Encryption | undefined;
  /** Fills up to the slot's end and writes its trailer. */
  readonly pad?: Padding | undefined;
}

export interface Encryption {
  readonly to: AgreementKey;
  /** Bits of the content key. */
  readonly bits?: 128 | 256 | undefined;
  readonly hash?: Sha2 | undefined;
}

export interface Padding {
  readonly slotSize: number;
  /** Write alignment of the flash; 8 unless given. */
  readonly align?: number | undefined;
  /** Sectors that a slot may have; 128 unless given. */
  readonly maxSectors?: number | undefined;
  readonly overwriteOnly?: boolean | undefined;
  /** Made permanent already: no test boot. */
  readonly confirmed?: boolean | undefined;
}

const HASH_TLV = { sha256: TLV.sha256, sha384: TLV.sha384, sha512: TLV.sha512 } as const;
const BLOCK = 16;
/** What erased flash holds, and what nothing else is said to stand in. */
const ERASED = 0xff;
const MAX_VALUE = 0xffff;

/**
 * Builds and signs an image; the same arguments give the same bytes.
 * @throws `mcuboot/bad-argument`; `mcuboot/too-large` where it does not fit the slot
 */
export function buildImage(payload: Uint8Array, options: BuildOptions): Uint8Array {
  checkOptions(payload, options);
  const { encrypt, random, version, pad } = options;
  const headerSize = options.headerSize ?? HEADER_BYTES;
  const hash = HASHES.get(hashTlv(options))!.of;
  // Encrypted images end on a block of the cipher.
  const fill = encrypt ? (BLOCK - ((headerSize + payload.length) % BLOCK)) % BLOCK : 0;
  const body = concat(payload, new Uint8Array(fill));
  const content = encrypt && random.bytes((encrypt.bits ?? 128) / 8);
  const guarded = area(protectedTlvs(options, hash), AREA_MAGIC.protected);
  const header = ImageHeader.encode({
    magic: IMAGE_MAGIC,
    loadAddress: options.loadAddress ?? options.romFixed ?? 0,
    headerSize,
    protectedSize: guarded.length,
    imageSize: body.length,
    flags: flagsOf(options),
    ...version,
    pad: 0,
  });
  const head = concat(header, new Uint8Array(headerSize - HEADER_BYTES).fill(ERASED));
  const tlvs = [
    ...seals(concat(head, body, guarded), options),
    ...(encrypt && content ? [wrapContentKey(content, encrypt.to, random, encrypt.hash)] : []),
  ];
  const shown = content ? aesCtr(content, body) : body;
  const image = concat(head, shown, guarded, area(tlvs, AREA_MAGIC.plain));
  return pad ? padded(image, pad) : image;
}

export type SignOptions = Pick<BuildOptions, "key" | "random" | "hash" | "pure" | "wholePublicKey">;

/**
 * The same image with another hash and signature, or none: header, payload and protected TLVs stay as they are, padding and trailer go.
 * @throws `mcuboot/bad-argument` also for an encrypted image, whose signature is over what cannot be read here
 */
export function signAgain(image: Image, options: SignOptions): Uint8Array {
  checkKey(options);
  if (isEncrypted(image)) throw wrong("an encrypted image is signed before it is encrypted; build it anew");
  return concat(image.covered, area(seals(image.covered, options), AREA_MAGIC.plain));
}

/** Hash, key and signature over what they cover. */
function seals(covered: Uint8Array, options: SignOptions): readonly Tlv[] {
  const { key, random, pure = false, wholePublicKey = false } = options;
  const type = hashTlv(options);
  const hash = HASHES.get(type)!.of;
  const digest = hash(covered);
  return [
    { type, value: digest },
    ...(pure ? [{ type: TLV.pureSignature, value: Uint8Array.of(1) }] : []),
    ...(key
      ? [
          wholePublicKey ? { type: TLV.publicKey, value: key.der } : { type: TLV.keyHash, value: hash(key.der) },
          { type: SIGNATURE_TLV[key.kind], value: key.sign(pure ? covered : digest, random) },
        ]
      : []),
  ];
}

const hashTlv = ({ hash, key }: SignOptions): number =>
  HASH_TLV[hash ?? (key?.kind === "ecdsa-p384" ? "sha384" : "sha256")];

function flagsOf({ encrypt, nonBootable, loadAddress, romFixed }: BuildOptions): number {
  return (
    (encrypt ? (encrypt.bits === 256 ? FLAGS.encryptedAes256 : FLAGS.encryptedAes128) : 0) |
    (nonBootable === true ? FLAGS.nonBootable : 0) |
    (loadAddress === undefined ? 0 : FLAGS.ramLoad) |
    (romFixed === undefined ? 0 : FLAGS.romFixed)
  );
}

interface Tlv {
  readonly type: number;
  readonly value: Uint8Array;
}

function protectedTlvs(options: BuildOptions, hash: (bytes: Uint8Array) => Uint8Array): readonly Tlv[] {
  const { securityCounter, dependencies = [], vendorId, classId, custom = [], key, version } = options;
  const counter = roomFor(4);
  new DataView(counter.buffer, counter.byteOffset).setUint32(0, securityCounter ?? 0, true);
  return [
    ...(securityCounter === undefined ? [] : [{ type: TLV.securityCounter, value: counter }]),
    ...(options.bootRecord === undefined
      ? []
      : [{ type: TLV.bootRecord, value: bootRecord(options.bootRecord, version, key ? hash(key.der) : NO_BYTES) }]),
    ...dependencies.map((one) => ({
      type: TLV.dependency,
      value: Dependency.encode({ image: one.image, pad1: 0, pad2: 0, ...one.version }),
    })),
    ...(vendorId ? [{ type: TLV.uuidVendor, value: vendorId }] : []),
    ...(classId ? [{ type: TLV.uuidClass, value: classId }] : []),
    ...custom,
  ];
}

/** Nothing where nothing is to be in it, unless it is the area that always stands. */
function area(tlvs: readonly Tlv[], magic: number): Uint8Array {
  if (tlvs.length === 0) return NO_BYTES;
  const entries = tlvs.map(({ type, value }) => concat(TlvEntry.encode({ type, length: value.length }), value));
  const total = entries.reduce((sum, entry) => sum + entry.length, 4);
  return concat(TlvInfo.encode({ magic, total }), ...entries);
}

function padded(image: Uint8Array, pad: Padding): Uint8Array {
  const { slotSize, align = 8, maxSectors = 128, overwriteOnly = false } = pad;
  const room = slotSize - trailerBytes(align, maxSectors, overwriteOnly);
  if (image.length > room)
    throw mcubootError(
      "too-large",
      `the image has ${image.length} bytes, and a slot of ${slotSize} leaves ${room} before its trailer`,
      { length: image.length, room },
    );
  const out = new Uint8Array(slotSize).fill(ERASED);
  out.set(image);
  const at = trailerOffsets(align);
  out.set(trailerMagic(align), slotSize - at.magic);
  if (pad.confirmed === true) out[slotSize - at.imageOk] = 1;
  return out;
}

const wrong = (says: string): Error => mcubootError("bad-argument", says, {});

function checkKey({ key, hash, pure }: SignOptions): void {
  if (pure === true && key?.kind !== "ed25519") throw wrong("only Ed25519 signs images themselves; leave pure out");
  const only = key?.kind === "ecdsa-p384" ? "sha384" : "sha256";
  if (key && key.kind !== "ed25519" && hash !== undefined && hash !== only)
    throw wrong(`${key.kind} goes with ${only}, not ${hash}`);
}

function checkOptions(payload: Uint8Array, options: BuildOptions): void {
  const { headerSize = HEADER_BYTES, custom = [], securityCounter = 0, pad, encrypt } = options;
  checkKey(options);
  if (payload.length === 0 || payload.length > MAX_IMAGE / 2)
    throw wrong(`a payload has 1 to ${MAX_IMAGE / 2} bytes, not ${payload.length}`);
  if (!Number.isInteger(headerSize) || headerSize < HEADER_BYTES || headerSize > 0xffff)
    throw wrong(`a header has ${HEADER_BYTES} to 65535 bytes, not ${headerSize}`);
  if (!(securityCounter >= 0 && securityCounter <= 0xffff_ffff)) throw wrong("a security counter has 32 bits");
  if (options.loadAddress !== undefined && options.romFixed !== undefined)
    throw wrong("an image is copied to its address or runs where it lies, not both");
  for (const { type, value } of custom)
    if (type < 0xa0 || type > 0xfffe || value.length > MAX_VALUE)
      throw wrong(`a TLV of one's own has a type from 00A0 to FFFE and at most ${MAX_VALUE} bytes`);
  if (pad && !(Number.isInteger(pad.align ?? 8) && [1, 2, 4, 8, 16, 32].includes(pad.align ?? 8)))
    throw wrong("the write alignment is 1, 2, 4, 8, 16 or 32");
  if (encrypt && encrypt.hash === "sha512" && encrypt.to.kind !== "x25519")
    throw wrong("SHA-512 goes with X25519 only");
}
