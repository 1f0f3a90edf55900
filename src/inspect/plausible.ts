import { tagHex } from "../codec/tlv.js";
import { TAGS, tagInfo, type TagInfo } from "../emv/tags.js";
import { hex } from "../util/bytes.js";

const FORMATS: Readonly<Record<TagInfo["format"], RegExp>> = {
  n: /^([0-9]{2})*$/,
  cn: /^[0-9]*F*$/,
  b: /^/,
  an: /^([2-7][0-9A-F])*$/,
  // The common character set; names may be in another part of ISO/IEC 8859.
  ans: /^([2-7A-F][0-9A-F])*$/,
  template: /^/,
};

const fits = ({ length: [min, max], format }: TagInfo, value: Uint8Array): boolean =>
  value.length >= min && value.length <= max && FORMATS[format].test(hex(value));

const meanings = new Map<number, TagInfo[]>();
for (const info of TAGS) meanings.set(info.tag, [...(meanings.get(info.tag) ?? []), info]);

/** What is wrong with a value by the dictionary, as a sentence; nothing for tags that it does not know. */
export function implausible(tag: number, value: Uint8Array): string | undefined {
  const known = meanings.get(tag);
  if (!known || known.some((info) => fits(info, value))) return undefined;
  const name = tagInfo(tag)?.name;
  return `${tagHex(tag)}${name === undefined ? "" : ` (${name})`} has a length or characters that it cannot have`;
}
