import { decodeCommand } from "../protocols/iso7816/apdu.js";
import { statusWord, swHex } from "../protocols/iso7816/status.js";
import { decodeAtr } from "../protocols/iso7816/atr.js";
import { atsParameters } from "../protocols/iso14443/messages.js";
import { isImage, parseImage } from "../protocols/mcuboot/image.js";
import { judgeImage } from "../protocols/mcuboot/verify.js";
import { scanTlv } from "../trace/scan.js";
import { NO_BYTES, unhex } from "../util/bytes.js";
import { isTapbenchError } from "../util/errors.js";
import { isKnownInstruction } from "./apdu-text.js";
import { commandParts } from "./command-tree.js";
import { dolTree, listIn } from "./dol-tree.js";
import { inspectError } from "./errors.js";
import { renderFields, type Field } from "./field.js";
import { imageFields, verdictFields } from "./image-fields.js";
import { plain, type Paint } from "./paint.js";
import { atrFields, atsFields } from "./reset-text.js";
import { scopeOfAid, scopeOfFci, scopeText } from "./scope.js";
import { trackFields, trackText } from "./track-fields.js";
import { MAX_OBJECTS, renderTree, tlvTree, type Tree, type TreeOptions } from "./tree.js";

export const DECODE_KINDS = ["tlv", "response", "command", "pair", "dol", "atr", "ats", "track", "image"] as const;
export type DecodeKind = (typeof DECODE_KINDS)[number];

/** What bytes turned out to be. */
export interface Decoded {
  readonly kind: DecodeKind;
  /** What it is in a few words, where the kind does not say it all. */
  readonly title?: string;
  /** Parts that are no TLV objects. */
  readonly fields?: readonly Field[];
  readonly tree: Tree;
  /** Of a response: its last two bytes. */
  readonly sw?: { readonly value: string; readonly meaning: string; readonly source?: string };
  /** The answer to a command. */
  readonly response?: Decoded;
}

export interface DecodeOptions extends TreeOptions {
  /** What the bytes are, where they could be several things. */
  readonly as?: DecodeKind | undefined;
  /** Data object list that a command's data, or the bytes themselves, answer. */
  readonly dol?: Uint8Array | undefined;
}

const EMPTY: Tree = { nodes: [] };

/** Whether a reading succeeds; its failures are the reading's answer. */
const succeeds = (read: () => unknown): boolean => {
  try {
    return read() !== undefined;
  } catch (error) {
    if (isTapbenchError(error)) return false;
    throw error;
  }
};

/** Whether bytes are whole objects; the tree says what is wrong with those that are not. */
function isTlv(bytes: Uint8Array): boolean {
  let cutAny = false;
  const reached = scanTlv(bytes, ({ cut }) => void (cutAny ||= cut), 0, bytes.length, MAX_OBJECTS);
  return !cutAny && reached === bytes.length;
}

/** 61xx and 6xxx are status words; so is 9xxx. ISO/IEC 7816-4 5.1.3. */
const endsLikeResponse = (bytes: Uint8Array): boolean => {
  const sw1 = bytes.at(-2);
  return sw1 !== undefined && ((sw1 > 0x60 && sw1 <= 0x6f) || sw1 >> 4 === 9);
};

/** BER-TLV in front of a status word, or a status word alone. `9000` counts as one first: an empty tag 90 at the end is rarer. */
const isResponse = (bytes: Uint8Array): boolean =>
  endsLikeResponse(bytes) &&
  isTlv(bytes.subarray(0, -2)) &&
  ((bytes.at(-2) === 0x90 && bytes.at(-1) === 0x00) || bytes.length === 2 || !isTlv(bytes));

/** Padding is rare at the start of objects and usual in commands: class 00 makes a command of what would be both. */
const isCommand = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 &&
  isKnownInstruction(bytes[0]!, bytes[1]!) &&
  succeeds(() => decodeCommand(bytes)) &&
  (bytes[0] === 0x00 || !isTlv(bytes));

type Recognise = readonly [kind: DecodeKind, is: (bytes: Uint8Array) => boolean];

/** The first that fits counts; what fits none is damaged TLV. */
const RECOGNISE: readonly Recognise[] = [
  ["image", isImage],
  ["response", (bytes) => bytes.length === 2 && isResponse(bytes)],
  ["atr", (bytes) => bytes.length > 2 && succeeds(() => decodeAtr(bytes))],
  ["command", isCommand],
  ["response", isResponse],
  ["tlv", isTlv],
  ["ats", (bytes) => bytes.length > 2 && succeeds(() => atsParameters(bytes))],
  ["track", (bytes) => trackFields(bytes) !== undefined],
];

/** What bytes look like. @param bytes not empty */
const kindOf = (bytes: Uint8Array): DecodeKind => RECOGNISE.find(([, is]) => is(bytes))?.[0] ?? "tlv";

/**
 * Bytes as what they look like, or as what they are said to be: objects, an answer, a command, an ATR or ATS, track data, the data of a DOL.
 * Malformed bytes come back as far as they could be read, with `tree.problem`.
 *
 * @throws `inspect/nothing-to-decode` for no bytes at all
 */
export function decodeBytes(bytes: Uint8Array, options: DecodeOptions = {}): Decoded {
  if (bytes.length === 0)
    throw inspectError("nothing-to-decode", "there are no bytes to decode; give a string of hex digits", {});
  const found = options.as ?? kindOf(bytes);
  const kind = options.as === undefined && options.dol && found !== "command" ? "dol" : found;
  try {
    return READ[kind](bytes, options);
  } catch (error) {
    if (isTapbenchError(error)) return { kind, tree: { nodes: [], problem: error } };
    throw error;
  }
}

/** A command and its answer. The application that is selected names the tags, unless the options do. */
export function decodePair(command: Uint8Array, response: Uint8Array, options: DecodeOptions = {}): Decoded {
  if (command.length === 0 || response.length === 0)
    throw inspectError("nothing-to-decode", "a command and its answer are both needed; one of them is empty", {});
  const selected =
    command[1] === 0xa4 && command[2] === 4 ? scopeOfAid(command.subarray(5, 5 + (command[4] ?? 0))) : undefined;
  const scope = options.scope ?? selected;
  const how = { dol: options.dol, ...(scope !== undefined && { scope }) };
  const asked = decodeBytes(command, { ...how, as: "command" });
  const answer = decodeBytes(response, { ...(scope !== undefined && { scope }), as: "response" });
  return { ...asked, kind: "pair", response: answer };
}

type Read = (bytes: Uint8Array, options: DecodeOptions) => Decoded;

const notThat = (kind: DecodeKind, needs: string): Error =>
  inspectError("not-that-kind", `the bytes cannot be read as ${kind}: ${needs}`, { kind });

/** The kernel that was asked for, or the one that an FCI's application goes to. */
function treeOf(bytes: Uint8Array, { scope }: TreeOptions): Tree {
  const found = scope ?? scopeOfFci(bytes);
  return tlvTree(bytes, found === undefined ? {} : { scope: found });
}

const READ: Readonly<Record<DecodeKind, Read>> = {
  tlv: (bytes, options) => ({ kind: "tlv", tree: treeOf(bytes, options) }),
  response(bytes, options) {
    if (bytes.length < 2) throw notThat("response", "it has two bytes at least");
    const sw = (bytes.at(-2)! << 8) | bytes.at(-1)!;
    const data = bytes.length > 2 ? bytes.subarray(0, -2) : NO_BYTES;
    return { kind: "response", tree: treeOf(data, options), sw: { value: swHex(sw), ...statusWord(sw) } };
  },
  command(bytes, { scope, dol }) {
    const context = { ...(scope !== undefined && { scope }), ...(dol && { dol: listIn(dol) }) };
    const { name, fields, tree } = commandParts(bytes, context);
    return { kind: "command", title: name, fields, tree: tree ?? EMPTY };
  },
  pair() {
    throw notThat("pair", "give the command and the answer as two arguments, or with > between them");
  },
  dol(bytes, { scope, dol }) {
    if (!dol) throw notThat("dol", "give the list that the data answer with --dol");
    return { kind: "dol", tree: dolTree(listIn(dol), bytes, scope) };
  },
  atr: (bytes) => ({ kind: "atr", title: "answer to reset", fields: atrFields(bytes), tree: EMPTY }),
  ats: (bytes) => ({ kind: "ats", title: "answer to select (ISO/IEC 14443-4)", fields: atsFields(bytes), tree: EMPTY }),
  track(bytes) {
    const found = trackFields(bytes);
    if (!found)
      throw notThat("track", "it is neither track 1 (B, PAN, name, carets between) nor track 2 (PAN, D, expiry)");
    return { kind: "track", ...found, tree: EMPTY };
  },
  image(bytes) {
    const image = parseImage(bytes);
    const fields = [...imageFields(image), ...verdictFields(judgeImage(image, { keys: [] }))];
    return { kind: "image", title: "MCUboot image", fields, tree: EMPTY };
  },
};

/** Hex as people paste it: white space, colons or dashes between the bytes, `0x` in front. @throws `util/not-hex` */
export const pastedHex = (text: string): Uint8Array =>
  unhex(
    text
      .trim()
      .replace(/^0x/i, "")
      .replace(/(?<=[0-9A-Fa-f]{2})[:-](?=[0-9A-Fa-f]{2})/g, ""),
  );

/**
 * The same for text: hex digits with white space, colons or dashes between the bytes, `0x` in front; a command and its answer with `>` between
 * them; track data as readers type them. @throws also `util/not-hex`
 */
export function decodeHex(text: string, options: DecodeOptions = {}): Decoded {
  const [command, response, ...more] = text.split(/\s*(?:->|=>|>)\s*/);
  if (response !== undefined && more.length === 0) return decodePair(pastedHex(command!), pastedHex(response), options);
  const track = trackText(text);
  if (track) return decodeBytes(track, { ...options, as: "track" });
  return decodeBytes(pastedHex(text), options);
}

/** For people. */
export function renderDecoded({ kind, title, fields, tree, sw, response }: Decoded, paint: Paint = plain): string[] {
  const lines = title === undefined ? [] : [paint("heading", title)];
  const indent = title === undefined ? "" : "  ";
  if (fields) lines.push(...renderFields(fields, paint, indent));
  lines.push(...renderTree(tree, paint, indent));
  if (sw) lines.push(`${paint("tag", sw.value)}  ${paint(sw.value === "9000" ? "good" : "bad", sw.meaning)}`);
  if (response) lines.push(...renderDecoded(response, paint));
  if (tree.scope !== undefined && tree.nodes.length > 0 && kind !== "pair" && kind !== "command")
    lines.push(paint("dim", `tags named by ${scopeText(tree.scope)}`));
  return lines;
}
