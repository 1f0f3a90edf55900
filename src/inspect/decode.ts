import { parseTlv } from "../codec/tlv.js";
import { swHex, swMeaning } from "../protocols/iso7816/status.js";
import { NO_BYTES, unhex } from "../util/bytes.js";
import { isTapbenchError } from "../util/errors.js";
import { inspectError } from "./errors.js";
import { plain, type Paint } from "./paint.js";
import { renderTree, tlvTree, type Tree, type TreeOptions } from "./tree.js";

/** What bytes turned out to be. */
export interface Decoded {
  readonly kind: "tlv" | "response";
  readonly tree: Tree;
  /** Of a response: its last two bytes. */
  readonly sw?: { readonly value: string; readonly meaning: string };
}

const isTlv = (bytes: Uint8Array): boolean => {
  try {
    parseTlv(bytes);
    return true;
  } catch (error) {
    if (isTapbenchError(error)) return false;
    throw error;
  }
};

/** 61xx and 6xxx are status words; so is 9xxx. ISO/IEC 7816-4 5.1.3. */
const endsLikeResponse = (bytes: Uint8Array): boolean => {
  const sw1 = bytes.at(-2);
  return sw1 !== undefined && ((sw1 > 0x60 && sw1 <= 0x6f) || sw1 >> 4 === 9);
};

/**
 * Bytes as BER-TLV, or as an answer with BER-TLV in front of a status word. `9000` at the end counts as a status word first: an empty tag 90 at
 * the end of a TLV string is rarer than a pasted response. Malformed bytes come back as far as they could be read, with `tree.problem`.
 *
 * @throws `inspect/nothing-to-decode` for no bytes at all
 */
export function decodeBytes(bytes: Uint8Array, options: TreeOptions = {}): Decoded {
  if (bytes.length === 0)
    throw inspectError("nothing-to-decode", "there are no bytes to decode; give a string of hex digits", {});
  const response = (): Decoded => {
    const sw = (bytes.at(-2)! << 8) | bytes.at(-1)!;
    const data = bytes.length > 2 ? bytes.subarray(0, -2) : NO_BYTES;
    return { kind: "response", tree: tlvTree(data, options), sw: { value: swHex(sw), meaning: swMeaning(sw) } };
  };
  const dataIsTlv = endsLikeResponse(bytes) && isTlv(bytes.subarray(0, -2));
  const plainOk = bytes.at(-2) === 0x90 && bytes.at(-1) === 0x00;
  if (dataIsTlv && (plainOk || bytes.length === 2 || !isTlv(bytes))) return response();
  return { kind: "tlv", tree: tlvTree(bytes, options) };
}

/** The same for text: hex digits with white space, colons or dashes between the bytes, `0x` in front. @throws also `util/not-hex` */
export function decodeHex(text: string, options: TreeOptions = {}): Decoded {
  return decodeBytes(
    unhex(
      text
        .trim()
        .replace(/^0x/i, "")
        .replace(/(?<=[0-9A-Fa-f]{2})[:-](?=[0-9A-Fa-f]{2})/g, ""),
    ),
    options,
  );
}

/** For people. */
export function renderDecoded({ tree, sw }: Decoded, paint: Paint = plain): string[] {
  const lines = renderTree(tree, paint);
  if (sw) lines.push(`${paint("tag", sw.value)}  ${paint(sw.value === "9000" ? "good" : "bad", sw.meaning)}`);
  if (tree.scope !== undefined) lines.push(paint("dim", `tags named by kernel ${tree.scope}`));
  return lines;
}
