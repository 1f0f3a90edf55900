import { encodeDataGrouping, splitDataGroupings } from "../../codec/dgi.js";
import { parseTlv, tlv } from "../../codec/tlv.js";
import { padOne } from "../../crypto/padding.js";
import { STORE_FORMAT } from "../../protocols/gp/poller.js";
import type { CommandApdu } from "../../protocols/iso7816/apdu.js";
import { concat, hex, NO_BYTES, u16be } from "../../util/bytes.js";
import { attempt } from "../../util/errors.js";
import { seError } from "./errors.js";

/*
 * Data for STORE DATA, cut into blocks (GlobalPlatform Card Specification 2.3.1, 11.11; groupings: EMV Card Personalization Specification 1.1, 3.2).
 */

export type StoreFormat = keyof typeof STORE_FORMAT;

/** Most bytes of one personalisation: 256 blocks of 255. */
const MAX_DATA = 65_280;
const MAX_BLOCKS = 256;

/** What belongs together in the data: a data grouping, a TLV object, or all of it where nothing is known of it. Header and value apart. */
export interface Group {
  readonly name: string;
  readonly value: Uint8Array;
  readonly bytes: Uint8Array;
}

const notData = (why: string, context: Readonly<Record<string, unknown>>): Error =>
  seError("bad-personalisation-data", why, context);

function dataGroupings(data: Uint8Array): Group[] {
  const { whole, end } = splitDataGroupings(data);
  if (end < data.length)
    throw notData(`the data grouping at byte ${end} ends early: DGI, length, value; is this DGI format?`, {
      offset: end,
    });
  return whole.map(({ dgi, start, from, to }) => ({
    name: hex(u16be(dgi)),
    value: data.subarray(from, to),
    bytes: data.subarray(start, to),
  }));
}

function objects(data: Uint8Array): Group[] {
  const found = attempt(() => parseTlv(data));
  if (!found) throw notData("the data is no string of BER-TLV objects; is this --tlv?", {});
  return found.map(({ tag, value }) => ({ name: tag.toString(16).toUpperCase(), value, bytes: tlv(tag, value) }));
}

const SPLIT: Readonly<Record<StoreFormat, (data: Uint8Array) => Group[]>> = {
  dgi: dataGroupings,
  berTlv: objects,
  unspecified: (data) => [{ name: "data", value: data, bytes: data }],
};

/** @throws `se/bad-personalisation-data` where the data is not of that format, empty, or too long */
export function groupsOf(data: Uint8Array, format: StoreFormat): readonly Group[] {
  if (data.length === 0 || data.length > MAX_DATA)
    throw notData(`a personalisation has 1 to ${MAX_DATA} bytes, not ${data.length}`, { length: data.length });
  return SPLIT[format](data);
}

/**
 * Values under the session's data encryption key, filled up with 80 and zeros where they are no whole number of blocks (11.11.2.1; EMV Card
 * Personalization Specification 1.1); DGI format only.
 */
export function encrypted(
  groups: readonly Group[],
  protect: (value: Uint8Array) => Uint8Array,
  block: 8 | 16,
): readonly Group[] {
  return groups.map(({ name, value }) => {
    const hidden = protect(value.length % block === 0 ? value : padOne(value, block));
    return { name, value: hidden, bytes: encodeDataGrouping(Number.parseInt(name, 16), hidden) };
  });
}

/** One STORE DATA. */
export interface Block {
  readonly data: Uint8Array;
  /** Groups that are whole in the element once it has acknowledged this block. */
  readonly whole: number;
  readonly says: string;
}

/**
 * Whole groups in one block as far as they fit; a longer one begins a block of its own, and goes on in the next.
 * @throws `se/bad-personalisation-data` where there are too many
 */
export function blocksOf(groups: readonly Group[], room: number): readonly Block[] {
  const blocks: Block[] = [];
  let [parts, names]: [Uint8Array[], string[]] = [[], []];
  let used = 0;
  const close = (whole: number): void => {
    if (used === 0) return;
    blocks.push({ data: concat(...parts), whole, says: names.join(" ") });
    [parts, names, used] = [[], [], 0];
  };
  for (const [number, { name, bytes }] of groups.entries()) {
    if (used + bytes.length > room) close(number);
    for (let at = 0; at < bytes.length; at += room) {
      const part = bytes.subarray(at, at + room);
      parts.push(part);
      names.push(bytes.length > room ? `${name} (byte ${at})` : name);
      used += part.length;
      if (at + room < bytes.length) close(number);
    }
  }
  close(groups.length);
  if (blocks.length > MAX_BLOCKS)
    throw notData(`${blocks.length} blocks; STORE DATA counts to ${MAX_BLOCKS}`, { blocks: blocks.length });
  return blocks;
}

const LAST_BLOCK = 0x80;
const ENCRYPTED = 0x60;

/** The commands, numbered from 0. */
export const storeCommands = (blocks: readonly Block[], format: StoreFormat, hidden: boolean): readonly CommandApdu[] =>
  blocks.map(({ data }, number) => ({
    cla: 0x80,
    ins: 0xe2,
    p1: STORE_FORMAT[format] | (hidden ? ENCRYPTED : 0) | (number === blocks.length - 1 ? LAST_BLOCK : 0),
    p2: number,
    data: data.length > 0 ? data : NO_BYTES,
  }));
