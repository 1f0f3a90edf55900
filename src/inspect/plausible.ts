import { tagHex } from "../codec/tlv.js";
import { tagRow, tagRows } from "../emv/dictionary/lookup.js";
import type { TagRow } from "../emv/dictionary/row.js";
import { hex } from "../util/bytes.js";

const FORMATS: Readonly<Record<TagRow["format"], RegExp>> = {
  n: /^([0-9]{2})*$/,
  cn: /^[0-9]*F*$/,
  b: /^/,
  a: /^([4-7][0-9A-F])*$/,
  an: /^([2-7][0-9A-F])*$/,
  // The common character set; names may be in another part of ISO/IEC 8859.
  ans: /^([2-7A-F][0-9A-F])*$/,
  template: /^/,
};

const fits = ({ length: [min, max], format }: TagRow, value: Uint8Array): boolean =>
  value.length >= min && value.length <= max && FORMATS[format].test(hex(value));

/** What is wrong with a value by the dictionary, as a sentence; nothing for tags that it does not know. */
export function implausible(tag: number, value: Uint8Array, scope?: string): string | undefined {
  const row = tagRow(tag, scope);
  const known = row ? [row] : tagRows(tag);
  if (known.length === 0 || known.some((info) => fits(info, value))) return undefined;
  return `${tagHex(tag)}${row === undefined ? "" : ` (${row.name})`} has a length or characters that it cannot have`;
}
