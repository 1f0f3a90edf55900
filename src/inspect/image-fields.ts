import { dependenciesOf, FLAGS, securityCounter, type Image, type ImageTlv } from "../protocols/mcuboot/image.js";
import { TLV, TLV_NAMES } from "../protocols/mcuboot/tlv.js";
import type { ImageVerdict } from "../protocols/mcuboot/verify.js";
import { formatVersion } from "../protocols/mcuboot/version.js";
import { hex } from "../util/bytes.js";
import type { Field } from "./field.js";

const FLAG_TEXT: Readonly<Record<keyof typeof FLAGS, string>> = {
  pic: "position independent",
  encryptedAes128: "encrypted, AES-128",
  encryptedAes256: "encrypted, AES-256",
  nonBootable: "not to be started",
  ramLoad: "copied to its address",
  romFixed: "runs at its address only",
  lzma1: "compressed, LZMA1",
  lzma2: "compressed, LZMA2",
  armThumb: "compressed, ARM Thumb filter",
};

/** Longer values are shown by their beginning. */
const SHOWN = 32;

/** What an MCUboot image says of itself, part by part. */
export function imageFields(image: Image): Field[] {
  const { header, version, tlvs, bytes, end } = image;
  const flags = (Object.keys(FLAGS) as (keyof typeof FLAGS)[]).filter((name) => (header.flags & FLAGS[name]) !== 0);
  const counter = securityCounter(image);
  return [
    { name: "version", says: formatVersion(version) },
    { name: "header", says: `${header.headerSize} bytes` },
    { name: "payload", says: `${header.imageSize} bytes` },
    ...(flags.length === 0 ? [] : [{ name: "flags", says: flags.map((name) => FLAG_TEXT[name]).join(", ") }]),
    ...(header.loadAddress === 0 ? [] : [{ name: "address", value: hex32(header.loadAddress) }]),
    ...(counter === undefined ? [] : [{ name: "security counter", says: String(counter) }]),
    ...dependenciesOf(image).map((one) => ({
      name: "depends on",
      says: `image ${one.image}, ${formatVersion(one)} or later`,
    })),
    ...tlvs.filter(({ type }) => type !== TLV.securityCounter && type !== TLV.dependency).map(tlvField),
    ...(bytes.length === end ? [] : [{ name: "behind it", says: `${bytes.length - end} bytes: padding and trailer` }]),
  ];
}

const hex32 = (value: number): string => value.toString(16).toUpperCase().padStart(8, "0");

function tlvField({ type, value, protected: guarded }: ImageTlv): Field {
  const more = value.length > SHOWN ? `… (${value.length} bytes)` : "";
  return {
    name: TLV_NAMES.get(type) ?? `TLV ${type.toString(16).toUpperCase().padStart(4, "0")}`,
    value: `${hex(value.subarray(0, SHOWN))}${more}`,
    ...(guarded && { says: "protected" }),
  };
}

/** How an image was judged. */
export function verdictFields({ objections, hash, key }: ImageVerdict): Field[] {
  if (objections.length > 0)
    return objections.map(({ why, says }) => ({ name: why.replaceAll("-", " "), says, wrong: true as const }));
  return [
    { name: hash ?? "hash", says: "holds" },
    { name: "signature", says: key ? `holds, by the given ${key.kind} key` : "not looked at: no key was given" },
  ];
}
