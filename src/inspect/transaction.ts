import { parseDol, splitDol } from "../codec/dol.js";
import { findTlv, leaves, parseTlv, tagHex, tlv, type Tlv } from "../codec/tlv.js";
import type { SignedRecord } from "../emv/oda.js";
import { parseTrack2 } from "../emv/track.js";
import {
  decodeCommand,
  decodeResponse,
  MAX_SHORT_RESPONSE,
  type CommandApdu,
  type ResponseApdu,
} from "../protocols/iso7816/apdu.js";
import { SW, swHex } from "../protocols/iso7816/status.js";
import { ascii, equalBytes, hex, NO_BYTES } from "../util/bytes.js";
import { attempt } from "../util/errors.js";
import { isSensitive } from "../trace/sensitive.js";
import { implausible } from "./plausible.js";
import { scopeOfAid } from "./scope.js";
import { wholeExchanges, type Exchange } from "./exchanges.js";

/*
 * Puts a transaction together again from its exchanges: what the terminal sent, what the card gave, which records are signed. Nothing is
 * thrown for what does not fit: it is written down in `doubts`, because a changed bit may stand anywhere.
 */

export interface Transaction {
  readonly aid: Uint8Array;
  /** What the card gave, by tag; the first of several. */
  readonly card: ReadonlyMap<number, Uint8Array>;
  /** What the terminal sent by PDOL and CDOL1, by tag. */
  readonly terminal: ReadonlyMap<number, Uint8Array>;
  readonly pdolData: Uint8Array;
  /** Records that the AFL marks as signed, in its order; undefined when one of them was not recorded. */
  readonly signedRecords: readonly SignedRecord[] | undefined;
  /** Objects in the answer to SELECT, which nothing signs. */
  readonly selectTags: readonly number[];
  /** Records that were read, but are not marked as signed: `SFI/record`, and what is in them. */
  readonly unsignedRecords: readonly { readonly key: string; readonly tags: readonly number[] }[];
  /** The last GENERATE AC: what was asked, what came. */
  readonly generateAc?: { readonly p1: number; readonly data: Uint8Array; readonly response: Uint8Array };
  /** What in the exchanges contradicts itself, as sentences. */
  readonly doubts: readonly string[];
}

const INS = { select: 0xa4, gpo: 0xa8, readRecord: 0xb2, generateAc: 0xae } as const;
/** What else terminals send: GET DATA, PUT DATA, EXCHANGE RELAY RESISTANCE DATA, CHALLENGE, AUTHENTICATE, VERIFY, checksum, RECOVER AC. */
const OTHER_INS: ReadonlySet<number> = new Set([0xca, 0xda, 0xea, 0x84, 0x82, 0x88, 0x20, 0x2a, 0xd0, 0xc0]);
const DIRECTORIES = ["1PAY.SYS.DDF01", "2PAY.SYS.DDF01"].map((name) => hex(ascii(name)));

/** What the FCI's proprietary template may hold: EMV 4.3 Book 1 table 45. All else stands in BF0C. */
const FCI_OBJECTS: ReadonlySet<number> = new Set([0x50, 0x87, 0x9f38, 0x5f2d, 0x9f11, 0x9f12, 0xbf0c, 0x9f4d]);

class Rebuilding {
  readonly card = new Map<number, Uint8Array>();
  readonly terminal = new Map<number, Uint8Array>();
  readonly records = new Map<string, Uint8Array>();
  readonly doubts: string[] = [];
  pdolData: Uint8Array = NO_BYTES;
  sawGpo = false;
  selectTags: readonly number[] = [];
  generateAc: Transaction["generateAc"];

  /** Whose meaning the application's tags have. */
  readonly scope: string | undefined;

  constructor(
    readonly aid: Uint8Array,
    readonly masked: boolean,
  ) {
    this.scope = scopeOfAid(aid);
  }

  /** Takes in what an answer holds. */
  learn(data: Uint8Array, what: string): readonly Tlv[] {
    const objects = attempt(() => parseTlv(data));
    if (!objects) {
      this.doubts.push(`${what} is not whole BER-TLV`);
      return [];
    }
    for (const { tag, value } of leaves(objects)) {
      if (this.card.has(tag) && !equalBytes(this.card.get(tag)!, value))
        this.doubts.push(`${tagHex(tag)} came twice with different values`);
      else this.card.set(tag, value);
      // Masked digits are none, and nothing follows from that.
      const odd = this.masked && isSensitive(tag) ? undefined : implausible(tag, value, this.scope);
      if (odd !== undefined) this.doubts.push(odd);
    }
    return objects;
  }

  /** Cuts the terminal's data apart by the card's list. */
  sent(listTag: number, data: Uint8Array): void {
    const list = this.card.get(listTag) ?? NO_BYTES;
    const values = attempt(() => splitDol(parseDol(list), data));
    if (!values) this.doubts.push(`the terminal's data does not fit the list in ${tagHex(listTag)}`);
    else for (const [tag, value] of values) this.terminal.set(tag, value);
  }
}

/** The last transaction in the exchanges that got as far as GET PROCESSING OPTIONS; undefined when there is none. `masked`: account data were taken out. */
export function rebuildTransaction(exchanges: Iterable<Exchange>, masked = false): Transaction | undefined {
  let current: Rebuilding | undefined;
  let last: Rebuilding | undefined;
  let pending: string[] = []; // said before an application was selected
  let listed: readonly string[] | undefined;
  for (const exchange of wholeExchanges(exchanges)) {
    const command = attempt(() => decodeCommand(exchange.command));
    const response = attempt(() => decodeResponse(exchange.response));
    if (!command || !response) (current?.doubts ?? pending).push("an exchange is no APDU pair");
    else if (command.ins === INS.select) {
      const selected = select(command, response, masked);
      if (current && !current.sawGpo) pending.push(...current.doubts); // selected, and left again
      if (selected instanceof Rebuilding) {
        current = selected;
        current.doubts.unshift(...pending);
        const name = hex(current.aid);
        if (listed && !listed.some((aid) => name.startsWith(aid)))
          current.doubts.push("the directory does not list what was selected");
        pending = [];
      } else {
        current = undefined;
        pending.push(...selected.doubts);
        listed = selected.listed ?? listed;
      }
    } else if (current) {
      step(current, command, response);
      if (current.sawGpo) last = current;
    } else pending.push("a command came before any application was selected");
  }
  return last && finish(last);
}

/** The application, or, after a directory or a failure, what is odd about it. */
function select(
  command: CommandApdu,
  { data, sw }: ResponseApdu,
  masked: boolean,
): Rebuilding | { doubts: readonly string[]; listed?: readonly string[] } {
  const name = command.data ?? NO_BYTES;
  if (sw !== SW.ok && data.length === 0) return { doubts: [] }; // a candidate that the card does not have
  const doubts: string[] = [];
  if (sw !== SW.ok) doubts.push(`SELECT was answered ${swHex(sw)}`);
  if (command.cla !== 0 || command.p1 !== 4 || command.p2 !== 0 || command.le !== MAX_SHORT_RESPONSE)
    doubts.push("SELECT has an unusual class or parameters");
  const objects = attempt(() => parseTlv(data));
  const dfName = objects && findTlv(objects, 0x6f, 0x84)?.value;
  if (!dfName || !hex(dfName).startsWith(hex(name))) doubts.push("what was selected does not carry that name (84)");
  if (DIRECTORIES.includes(hex(name))) {
    if (!objects) doubts.push("the directory is not whole BER-TLV");
    const entries = [...leaves(objects ?? [])];
    for (const { tag, value } of entries) {
      const odd = implausible(tag, value);
      if (odd !== undefined) doubts.push(odd);
    }
    return { doubts, listed: entries.filter(({ tag }) => tag === 0x4f).map(({ value }) => hex(value)) };
  }
  const next = new Rebuilding(name, masked);
  next.doubts.push(...doubts);
  const outside = objects?.flatMap((object) => object.children ?? []).find(({ tag }) => tag !== 0x84 && tag !== 0xa5);
  const inside = findTlv(objects ?? [], 0x6f, 0xa5)?.children?.find(({ tag }) => !FCI_OBJECTS.has(tag));
  const stranger = outside ?? inside;
  if (stranger) next.doubts.push(`the answer to SELECT holds ${tagHex(stranger.tag)}, which has no place there`);
  next.learn(data, "the answer to SELECT");
  next.selectTags = tagsIn(data).filter((tag) => tag !== 0x84);
  return next;
}

function step(current: Rebuilding, command: CommandApdu, { data, sw }: ResponseApdu): void {
  const sent = command.data ?? NO_BYTES;
  const needed = command.ins === INS.gpo || command.ins === INS.readRecord || command.ins === INS.generateAc;
  if (!needed && !OTHER_INS.has(command.ins)) current.doubts.push("a command is none that terminals send");
  if (needed && command.le !== MAX_SHORT_RESPONSE)
    current.doubts.push("a command does not ask for all there is (Le 00)");
  if (needed && sw !== SW.ok) current.doubts.push(`a command was answered ${swHex(sw)}`);
  switch (command.ins) {
    case INS.gpo:
      processingOptions(current, command, sent, data);
      return;
    case INS.readRecord: {
      if (command.cla !== 0 || (command.p2 & 7) !== 4 || sent.length > 0)
        current.doubts.push("READ RECORD has an unusual class or parameters");
      const key = `${command.p2 >> 3}/${command.p1}`;
      current.records.set(key, data);
      const objects = current.learn(data, `record ${key}`);
      if (command.p2 >> 3 <= 10 && (objects.length !== 1 || objects[0]!.tag !== 0x70))
        current.doubts.push(`record ${key} is not one template 70`);
      return;
    }
    case INS.generateAc: {
      if (command.cla !== 0x80 || command.p2 !== 0)
        current.doubts.push("GENERATE AC has an unusual class or parameters");
      current.sent(0x8c, sent);
      const objects = current.learn(data, "the answer to GENERATE AC");
      const template = objects.length === 1 && objects[0]!.tag === 0x77 ? objects[0]!.value : undefined;
      if (!template) current.doubts.push("the answer to GENERATE AC is not one template 77");
      current.generateAc = { p1: command.p1, data: sent, response: template ?? data };
      return;
    }
    default:
      return;
  }
}

function processingOptions(current: Rebuilding, command: CommandApdu, sent: Uint8Array, data: Uint8Array): void {
  current.sawGpo = true;
  if (command.cla !== 0x80 || command.p1 !== 0 || command.p2 !== 0)
    current.doubts.push("GET PROCESSING OPTIONS has an unusual class or parameters");
  const template = attempt(() => parseTlv(sent))?.[0];
  if (template?.tag === 0x83 && equalBytes(tlv(0x83, template.value), sent)) current.pdolData = template.value;
  else current.doubts.push("the data of GET PROCESSING OPTIONS is not one template 83");
  current.sent(0x9f38, current.pdolData);
  const objects = current.learn(data, "the answer to GET PROCESSING OPTIONS");
  if (objects.length !== 1 || (objects[0]!.tag !== 0x77 && objects[0]!.tag !== 0x80))
    current.doubts.push("the answer to GET PROCESSING OPTIONS is not one template 77 or 80");
  const format1 = findTlv(objects, 0x80)?.value;
  if (!format1) return;
  current.card.set(0x82, format1.subarray(0, 2));
  current.card.set(0x94, format1.subarray(2));
}

/** Tags of the objects that hold no others; none where the bytes are malformed. */
const tagsIn = (data: Uint8Array): number[] => [...leaves(attempt(() => parseTlv(data)) ?? [])].map(({ tag }) => tag);

interface AflEntry {
  readonly sfi: number;
  readonly record: number;
  readonly signed: boolean;
}

/** Records that a file locator names, in order; undefined where it is malformed (EMV 4.3 Book 3, 10.2). */
function aflEntries(afl: Uint8Array): AflEntry[] | undefined {
  if (afl.length % 4 !== 0 || afl.length > 252) return undefined;
  const entries: AflEntry[] = [];
  for (let i = 0; i < afl.length; i += 4) {
    const [sfi, first, last, signed] = afl.subarray(i, i + 4) as unknown as [number, number, number, number];
    if ((sfi & 7) !== 0 || sfi === 0 || sfi >> 3 > 30 || first === 0 || last < first || signed > last - first + 1)
      return undefined;
    for (let record = first; record <= last; record++)
      entries.push({ sfi: sfi >> 3, record, signed: record < first + signed });
  }
  return entries;
}

const keyOf = ({ sfi, record }: AflEntry): string => `${sfi}/${record}`;

/** Cryptogram types that answer AAC, TC, ARQC: EMV 4.3 Book 3, 10.8.1 and table 12. */
const ANSWERS: readonly (readonly number[])[] = [[0], [0, 1, 2], [0, 2]];

function finish(current: Rebuilding): Transaction {
  const { card, doubts, records, generateAc } = current;
  const entries = aflEntries(card.get(0x94) ?? NO_BYTES);
  if (!entries) doubts.push("the file locator (94) is malformed");
  const listed = new Set((entries ?? []).map(keyOf));
  for (const key of records.keys())
    if (!listed.has(key)) doubts.push(`record ${key} was read, but the file locator does not name it`);
  const signed = (entries ?? []).filter((entry) => entry.signed);
  const complete = entries !== undefined && signed.every((entry) => records.has(keyOf(entry)));

  const track = card.get(0x57) && parseTrack2(card.get(0x57)!);
  const pan = card.get(0x5a) && hex(card.get(0x5a)!).replace(/F+$/, "");
  if (card.has(0x57) && !track && !current.masked) doubts.push("track 2 data (57) cannot be decoded");
  if (track && pan !== undefined && track.pan !== pan) doubts.push("the PAN in 57 is not the one in 5A");
  const expiry = card.get(0x5f24);
  if (track && expiry && !hex(expiry).startsWith(track.expiry)) doubts.push("the expiry in 57 is not the one in 5F24");
  const service = card.get(0x5f30);
  if (track && service && hex(service) !== `0${track.serviceCode}`)
    doubts.push("the service code in 57 is not the one in 5F30");
  const cid = card.get(0x9f27)?.[0];
  if (generateAc && cid !== undefined && !ANSWERS[generateAc.p1 >> 6]?.includes(cid >> 6))
    doubts.push("the card gave a cryptogram that was not asked for");
  if (generateAc && (generateAc.p1 & 0x10) === 0 && card.has(0x9f4b))
    doubts.push("the card signed, but was not asked to (P1 of GENERATE AC)");
  if (generateAc && (generateAc.p1 & 0x2f) !== 0) doubts.push("P1 of GENERATE AC has reserved bits set");

  const signedKeys = new Set(signed.map(keyOf));
  const unsignedRecords = [...records]
    .filter(([key]) => !signedKeys.has(key))
    .map(([key, data]) => ({ key, tags: tagsIn(data) }));

  return {
    aid: current.aid,
    selectTags: current.selectTags,
    unsignedRecords,
    card,
    terminal: current.terminal,
    pdolData: current.pdolData,
    signedRecords: complete ? signed.map((entry) => ({ sfi: entry.sfi, data: records.get(keyOf(entry))! })) : undefined,
    ...(generateAc && { generateAc }),
    doubts,
  };
}
