import { u16le, u32le, u8 } from "../../codec/fields.js";
import { message, type MessageValue } from "../../codec/message.js";
import { mcubootError } from "./errors.js";
import { AREA_MAGIC, TLV } from "./tlv.js";
import type { ImageVersion } from "./version.js";

/** First word of every image. */
export const IMAGE_MAGIC = 0x96f3b83d;
export const HEADER_BYTES = 32;
const INFO_BYTES = 4;
const ENTRY_BYTES = 4;
/** What a slot of today can hold many times over; more is refused before anything is believed. */
export const MAX_IMAGE = 64 << 20;
const MAX_TLVS = 256;

/** Bits of the header's flags (image.h, IMAGE_F_...). */
export const FLAGS = {
  pic: 0x01,
  encryptedAes128: 0x04,
  encryptedAes256: 0x08,
  nonBootable: 0x10,
  ramLoad: 0x20,
  romFixed: 0x100,
  lzma1: 0x200,
  lzma2: 0x400,
  armThumb: 0x800,
} as const;

/** What every image begins with; header and payload may be further apart than these bytes. */
export const ImageHeader = message("mcuboot.header", "MCUboot, image.h, struct image_header", {
  magic: [u32le, "96F3B83D"],
  loadAddress: [u32le, "where it runs, where it is copied"],
  headerSize: [u16le, "bytes before the payload"],
  protectedSize: [u16le, "bytes of the protected TLV area, its info header included"],
  imageSize: [u32le, "bytes of payload"],
  flags: [u32le, "see FLAGS"],
  major: [u8, "version"],
  minor: [u8, "version"],
  revision: [u16le, "version"],
  build: [u32le, "version"],
  pad: [u32le, "zero"],
});
export type ImageHeader = MessageValue<typeof ImageHeader>;

/** Start of a TLV area. */
export const TlvInfo = message("mcuboot.tlv-info", "MCUboot, image.h, struct image_tlv_info", {
  magic: [u16le, "6908 protected, 6907 not"],
  total: [u16le, "bytes of the area, this header included"],
});

/** One entry of a TLV area, its value behind it. */
export const TlvEntry = message("mcuboot.tlv", "MCUboot, image.h, struct image_tlv", {
  type: [u16le, "see TLV"],
  length: [u16le, "bytes of the value"],
});

/** Value of a dependency: another image has to be there in at least that version. */
export const Dependency = message("mcuboot.dependency", "MCUboot, image.h, struct image_dependency", {
  image: [u8, "its number"],
  pad1: [u8, "zero"],
  pad2: [u16le, "zero"],
  major: [u8, "version at least"],
  minor: [u8, "version at least"],
  revision: [u16le, "version at least"],
  build: [u32le, "version at least"],
});

export interface ImageTlv {
  readonly type: number;
  readonly protected: boolean;
  readonly value: Uint8Array;
}

/** An image taken apart; nothing of it is checked yet but its structure. */
export interface Image {
  readonly bytes: Uint8Array;
  readonly header: ImageHeader;
  readonly version: ImageVersion;
  /** Views of `bytes`. */
  readonly payload: Uint8Array;
  readonly tlvs: readonly ImageTlv[];
  /** Header, payload, protected TLVs: what hash and signature cover. */
  readonly covered: Uint8Array;
  /** Where the image ends; behind it are padding and trailer, or nothing. */
  readonly end: number;
}

/** Whether bytes begin as an image does. */
export const isImage = (bytes: Uint8Array): boolean => bytes.length >= HEADER_BYTES && word(bytes, 0) === IMAGE_MAGIC;

/**
 * Takes an image apart, as the boot loader walks it: what stands behind its end is left alone.
 * @throws `mcuboot/not-an-image`, `mcuboot/truncated`, `mcuboot/bad-tlv`, `mcuboot/too-large`
 */
export function parseImage(bytes: Uint8Array): Image {
  if (bytes.length > MAX_IMAGE)
    throw mcubootError("too-large", `${bytes.length} bytes are more than the ${MAX_IMAGE} of the largest image`, {
      length: bytes.length,
    });
  if (!isImage(bytes))
    throw mcubootError(
      "not-an-image",
      "it does not begin as MCUboot images do, with 3D B8 F3 96; is it the signed file?",
      { length: bytes.length },
    );
  const header = ImageHeader.decode(bytes.subarray(0, HEADER_BYTES));
  const { headerSize, imageSize, protectedSize } = header;
  if (headerSize < HEADER_BYTES)
    throw mcubootError(
      "not-an-image",
      `its header says that it has ${headerSize} bytes; ${HEADER_BYTES} is the least`,
      {
        headerSize,
      },
    );
  const payloadEnd = within(bytes, headerSize + imageSize, "payload");
  const guarded = protectedSize === 0 ? [] : area(bytes, payloadEnd, true, protectedSize);
  const areaAt = payloadEnd + protectedSize;
  const tlvs = [...guarded, ...area(bytes, areaAt, false)];
  const { major, minor, revision, build } = header;
  return {
    bytes,
    header,
    version: { major, minor, revision, build },
    payload: bytes.subarray(headerSize, payloadEnd),
    tlvs,
    covered: bytes.subarray(0, areaAt),
    end: areaAt + half(bytes, areaAt + 2),
  };
}

/** The values of a type, in their order. */
export const valuesOf = ({ tlvs }: Image, type: number): readonly Uint8Array[] =>
  tlvs.filter((one) => one.type === type).map(({ value }) => value);

/** What an image's protected security counter says; undefined where there is none. @throws `mcuboot/bad-tlv` */
export function securityCounter(image: Image): number | undefined {
  const [value] = image.tlvs.filter(({ type, protected: guarded }) => guarded && type === TLV.securityCounter);
  if (!value) return undefined;
  if (value.value.length !== 4) throw badTlv("the security counter does not have 4 bytes", image.covered.length);
  return word(value.value, 0);
}

/** Other images that have to be there, and in which version at least. @throws `codec/...` */
export const dependenciesOf = (image: Image): readonly MessageValue<typeof Dependency>[] =>
  valuesOf(image, TLV.dependency).map((value) => Dependency.decode(value));

const half = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8);
const word = (bytes: Uint8Array, at: number): number => half(bytes, at) + half(bytes, at + 2) * 0x10000;

function within(bytes: Uint8Array, end: number, what: string): number {
  if (end <= bytes.length) return end;
  throw mcubootError(
    "truncated",
    `its ${what} should reach to byte ${end}, and there are ${bytes.length}; is the file whole?`,
    { end, length: bytes.length },
  );
}

/** The entries of one area. */
function area(bytes: Uint8Array, at: number, isProtected: boolean, expected?: number): ImageTlv[] {
  within(bytes, at + INFO_BYTES, "list of TLVs");
  const { magic, total } = TlvInfo.decode(bytes.subarray(at, at + INFO_BYTES));
  if (magic !== (isProtected ? AREA_MAGIC.protected : AREA_MAGIC.plain))
    throw badTlv(`where a list of ${isProtected ? "protected " : ""}TLVs should begin stands ${hex16(magic)}`, at);
  if (expected !== undefined && total !== expected)
    throw badTlv(`the header says that protected TLVs have ${expected} bytes, and they say ${total}`, at);
  const end = within(bytes, at + total, "list of TLVs");
  const found: ImageTlv[] = [];
  let here = at + INFO_BYTES;
  while (here < end) {
    if (here + ENTRY_BYTES > end) throw badTlv("a TLV is cut at the end of its list", here);
    const { type, length } = TlvEntry.decode(bytes.subarray(here, here + ENTRY_BYTES));
    const from = here + ENTRY_BYTES;
    if (from + length > end)
      throw badTlv(`TLV ${hex16(type)} reaches ${from + length - end} byte(s) beyond its list`, here);
    if (found.length === MAX_TLVS) throw badTlv(`there are more than ${MAX_TLVS} TLVs`, here);
    found.push({ type, protected: isProtected, value: bytes.subarray(from, from + length) });
    here = from + length;
  }
  return found;
}

const hex16 = (value: number): string => value.toString(16).toUpperCase().padStart(4, "0");

const badTlv = (why: string, offset: number): Error =>
  mcubootError("bad-tlv", `${why} (at byte ${offset}); the image is damaged`, { offset });
