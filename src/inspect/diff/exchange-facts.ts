import { parseDol } from "../../codec/dol.js";
import { isConstructed, tagHex } from "../../codec/tlv.js";
import { scanTlv } from "../../trace/scan.js";
import { decodeCommand, type CommandApdu } from "../../protocols/iso7816/apdu.js";
import { hex, NO_BYTES } from "../../util/bytes.js";
import { attempt } from "../../util/errors.js";
import { scopeOfAid } from "../scope.js";
import type { Exchange } from "../exchanges.js";
import type { Fact, FactPart } from "./account.js";
import { cutFormat1, partsOf } from "./parts.js";
import { isVolatilePart, isVolatileTag } from "./volatile.js";

/** What the selected application said that decides how later bytes are read. */
export interface Reading {
  readonly scope?: string | undefined;
  /** Lists of the data that commands are to carry, by tag. */
  readonly lists: ReadonlyMap<number, Uint8Array>;
  /** GENERATE AC commands so far. */
  readonly cryptograms: number;
}

export const NOTHING_READ: Reading = { lists: new Map(), cryptograms: 0 };

const INS = {
  initializeUpdate: 0x50,
  externalAuthenticate: 0x82,
  getChallenge: 0x84,
  internalAuthenticate: 0x88,
  checksum: 0x2a,
  select: 0xa4,
  gpo: 0xa8,
  generateAc: 0xae,
  relayResistance: 0xea,
} as const;

const PDOL = 0x9f38;
const CDOL1 = 0x8c;
const CDOL2 = 0x8d;
const DDOL = 0x9f49;
const UDOL = 0x9f69;
const LISTS: ReadonlySet<number> = new Set([PDOL, CDOL1, CDOL2, DDOL, UDOL]);

const UNPREDICTABLE_NUMBER = Uint8Array.of(0x9f, 0x37, 4);
const NUMERIC_UNPREDICTABLE_NUMBER = Uint8Array.of(0x9f, 0x6a, 4);

/** How the bytes after this exchange are read. */
export function readOn(reading: Reading, { command, response }: Exchange): Reading {
  const ins = command[1];
  if (ins === INS.select && command[2] === 4) {
    const scope = scopeOfAid(command.subarray(5, 5 + (command[4] ?? 0)));
    return { scope, lists: listsIn(response, new Map()), cryptograms: 0 };
  }
  if (ins === INS.generateAc) return { ...reading, cryptograms: reading.cryptograms + 1 };
  const lists = listsIn(response, reading.lists);
  return lists === reading.lists ? reading : { ...reading, lists };
}

function listsIn(response: Uint8Array, known: Reading["lists"]): Reading["lists"] {
  let lists = known;
  scanTlv(
    response,
    ({ tag, valueStart, valueEnd, cut }) => {
      if (LISTS.has(tag) && !cut) lists = new Map(lists).set(tag, response.subarray(valueStart, valueEnd));
    },
    0,
    Math.max(0, response.length - 2),
  );
  return lists;
}

/** Collects facts and numbers those of the same path. */
class Facts {
  readonly list: Fact[] = [];
  readonly #seen = new Map<string, number>();

  constructor(
    readonly part: FactPart,
    readonly scope: string | undefined,
  ) {}

  add(path: string, value: string, volatileBytes?: number): void {
    const count = (this.#seen.get(path) ?? 0) + 1;
    this.#seen.set(path, count);
    this.list.push({
      part: this.part,
      path: count === 1 ? path : `${path}#${count}`,
      value,
      ...(volatileBytes !== undefined && { volatile: volatileBytes }),
    });
  }

  /** A data object; in pieces, where only some of it differs from tap to tap. */
  object(path: string, tag: string, value: Uint8Array): void {
    const parts = partsOf(tag, value, this.scope);
    if (!parts) {
      const differs = isVolatileTag(Number.parseInt(tag, 16), this.scope);
      this.add(path, hex(value), differs ? value.length : undefined);
      return;
    }
    let at = 0;
    for (const { sub, length } of parts) {
      const piece = value.subarray(at, (at += length));
      this.add(`${path}.${sub}`, hex(piece), isVolatilePart(sub) ? length : undefined);
    }
  }

  /** What has no tag. */
  named(name: string, value: Uint8Array): void {
    if (value.length > 0) this.add(name, hex(value), isVolatilePart(name) ? value.length : undefined);
  }
}

/** Everything that is compared of one command and its answer. `reading`: as it was before the command. */
export function exchangeFacts({ command, response }: Exchange, reading: Reading): Fact[] {
  const decoded = attempt(() => decodeCommand(command));
  const sent = new Facts("command", reading.scope);
  const got = new Facts("answer", readOn(reading, { command, response }).scope);
  if (decoded) {
    sent.add("header", hex(command.subarray(0, 4)));
    if (decoded.le !== undefined) sent.add("le", String(decoded.le));
    commandData(sent, decoded, reading);
  } else sent.named("bytes", command);
  if (response.length >= 2) got.add("sw", hex(response.subarray(-2)));
  answerData(got, decoded?.ins ?? -1, response.subarray(0, -2));
  return [...sent.list, ...got.list];
}

function commandData(facts: Facts, { ins, p1, data = NO_BYTES }: CommandApdu, { lists, cryptograms }: Reading): void {
  if (data.length === 0 || (ins === INS.select && p1 === 4)) return; // a name that is selected is the step's own
  const list = (tag: number, otherwise?: Uint8Array): Uint8Array | undefined => lists.get(tag) ?? otherwise;
  let known = false;
  if (ins === INS.gpo) known = byList(facts, list(PDOL, NO_BYTES), template83(data));
  else if (ins === INS.generateAc) known = byList(facts, list(cryptograms === 0 ? CDOL1 : CDOL2), data);
  else if (ins === INS.internalAuthenticate) known = byList(facts, list(DDOL, UNPREDICTABLE_NUMBER), data);
  else if (ins === INS.checksum) known = byList(facts, list(UDOL, NUMERIC_UNPREDICTABLE_NUMBER), data);
  else if (ins === INS.relayResistance) known = byList(facts, RELAY_RESISTANCE, data);
  if (known) return;
  if (ins === INS.initializeUpdate) facts.named("random", data);
  else if (ins === INS.externalAuthenticate) {
    facts.named("arpc", data.subarray(0, 8)); // EMV 4.3 Book 3, 6.5.4: the rest is the issuer's
    facts.named("data", data.subarray(8));
  } else facts.named("data", data);
}

/** EXCHANGE RELAY RESISTANCE DATA carries the terminal's entropy. */
const RELAY_RESISTANCE = Uint8Array.of(0xdf, 0x83, 0x01, 4);

/** The value of the one template 83; nothing where it is something else. */
function template83(data: Uint8Array): Uint8Array {
  const long = data[1] === 0x81;
  const from = long ? 3 : 2;
  const length = long ? data[2] : data[1];
  return data[0] === 0x83 && length === data.length - from ? data.subarray(from) : data;
}

/** The terminal's data object by object; false where they do not fit the card's list. */
function byList(facts: Facts, list: Uint8Array | undefined, data: Uint8Array): boolean {
  const entries = list && attempt(() => parseDol(list));
  if (!entries || entries.reduce((sum, { length }) => sum + length, 0) !== data.length) return false;
  let at = 0;
  for (const { tag, length } of entries) {
    const name = tagHex(tag);
    facts.object(name, name, data.subarray(at, (at += length)));
  }
  return true;
}

/** What answers of payment cards begin with; all else is told as bytes. */
const TEMPLATES: ReadonlySet<number> = new Set([0x61, 0x6f, 0x70, 0x73, 0x77, 0x80, 0x9f, 0x5f]);

function answerData(facts: Facts, ins: number, data: Uint8Array): void {
  if (data.length === 0) return;
  if (ins === INS.getChallenge || ins === INS.initializeUpdate) {
    facts.named("random", data);
    return;
  }
  if (!TEMPLATES.has(data[0]!)) {
    facts.named("data", data);
    return;
  }
  const above: string[] = [];
  const order: string[] = [];
  const reached = scanTlv(data, ({ tag, valueStart, valueEnd, depth, cut }) => {
    above.length = depth;
    const name = tagHex(tag);
    above.push(name);
    if (isConstructed(tag)) return;
    const path = above.join("/");
    const value = data.subarray(valueStart, valueEnd);
    const format1 = depth === 0 && tag === 0x80 && !cut ? cutFormat1(ins, value) : undefined;
    if (format1) for (const [inner, piece] of format1) facts.object(`80/${inner}`, inner, piece);
    else facts.object(path, name, value);
    order.push(name);
    if (cut) facts.add("cut", `${name} is cut off`);
  });
  if (reached < data.length) facts.named("unreadable", data.subarray(reached));
  if (order.length > 1) facts.add("order", order.join(" "));
}
