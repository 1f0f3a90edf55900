import { splitDataGroupings, type DataGroupingAt } from "../codec/dgi.js";
import type { ApduRecord } from "../util/tracer.js";
import { blank, maskObject, maskTlv, pansInObject, pansInTlv, sweep, type KnownPans } from "./sensitive.js";

/*
 * Masks the bytes of APDUs. Long data is spread over several of them: chained commands, STORE DATA blocks, GET RESPONSE. What belongs
 * together is put together first, masked as a whole, and taken apart again, so that a PAN cut by a boundary is found as well.
 */

/** The masked copies of one exchange. */
export interface MaskedApdu {
  readonly command: Uint8Array;
  readonly response: Uint8Array;
}

const INS = {
  select: 0xa4,
  getProcessingOptions: 0xa8,
  generateAc: 0xae,
  readRecord: 0xb2,
  getResponse: 0xc0,
  getData: 0xca,
  storeData: 0xe2,
  internalAuthenticate: 0x88,
  cryptographicChecksum: 0x2a,
} as const;

/** PINs and keys: VERIFY and the commands about reference data (ISO/IEC 7816-4 11.5), PUT KEY. */
const SECRET: ReadonlySet<number> = new Set([0x20, 0x21, 0x24, 0x26, 0x28, 0x2c, 0xd8]);
/** PUT DATA, whose P1-P2 is the tag (ISO/IEC 7816-4 11.4). */
const PUT_DATA = 0xda;
/** What else puts data into a card: WRITE and UPDATE BINARY, WRITE and UPDATE RECORD, PUT DATA of a template (ISO/IEC 7816-4 11.2 to 11.4). */
const WRITES: ReadonlySet<number> = new Set([0xd0, 0xd1, 0xd2, 0xd6, 0xd7, PUT_DATA, 0xdb, 0xdc, 0xdd]);
/** Shorter data hold neither a key nor an account number: counters and limits, as scripts put them. */
const SHORT = 6;

/** Instructions whose data hold neither keys nor accounts, or are masked by what they hold (ISO/IEC 7816-4 table 4, EMV 4.3 Book 3 6.5, GlobalPlatform 11). */
const KNOWN: ReadonlySet<number> = new Set(
  [
    0x0e, 0x16, 0x18, 0x1e, 0x2a, 0x44, 0x50, 0x70, 0x78, 0x7a, 0x82, 0x84, 0x86, 0x87, 0x88, 0xa4, 0xa8, 0xae, 0xb0,
  ].concat(
    [0xb1, 0xb2, 0xb3, 0xc0, 0xc2, 0xca, 0xcb, 0xe2, 0xe4, 0xe6, 0xe8, 0xea, 0xee, 0xf0, 0xf2],
    [...SECRET, ...WRITES],
  ),
);

/** Classes 40 to 7F with bits that no command here has are templates of answers that a log put into the wrong place. */
const isClass = (cla: number): boolean => (cla & 0x60) === 0 || cla >= 0xa0;

/** A command of another kind, or no command at all: what a log with its directions mixed up has in a command's place. */
const isUnknown = (command: Uint8Array): boolean =>
  command[0] !== CLA_READER && (!isClass(command[0] ?? 0) || !KNOWN.has(ins(command)));
/** PC/SC readers answer this class themselves. */
const CLA_READER = 0xff;
/** Class and instruction, by which people know what it is. */
const SHOWN_OF_UNKNOWN = 2;
const HEADER = 4;

/** Of an unknown command its header stays where its lengths fit; of anything else two bytes. */
function maskUnknown(command: Uint8Array): void {
  const [from, to] = dataRange(command);
  const le = command.length - to;
  const said = from === 5 ? command[4]! : from === 7 ? (command[5]! << 8) | command[6]! : 0;
  const fits = isClass(command[0] ?? 0) && to - from === said && le <= 2;
  if (fits && to - from < SHORT) return;
  blank(command, fits ? from : Math.min(command.length, SHOWN_OF_UNKNOWN));
}

const MAC_LENGTH = 8;
/** More data wait for GET RESPONSE. ISO/IEC 7816-4 5.1.3. */
const SW1_MORE = 0x61;

/** Their answers are BER-TLV, so bytes that are not are damaged account data. */
const ANSWERS_TLV: ReadonlySet<number> = new Set([
  INS.select,
  INS.getProcessingOptions,
  INS.generateAc,
  INS.readRecord,
  INS.getData,
  INS.internalAuthenticate,
  INS.cryptographicChecksum,
]);

/** Where the data field of a command stands; nothing where lengths and bytes disagree. ISO/IEC 7816-4 5.1. */
function dataRange(command: Uint8Array): readonly [from: number, to: number] {
  const body = command.length - 4;
  const first = command[4];
  if (body < 2 || first === undefined) return [command.length, command.length];
  if (first !== 0) return [5, Math.min(command.length, 5 + first)];
  if (command.length < 8) return [command.length, command.length];
  return [7, Math.min(command.length, 7 + ((command[5]! << 8) | command[6]!))];
}

const ins = (command: Uint8Array): number => command[1] ?? -1;
const sw1 = (response: Uint8Array): number => (response.length >= 2 ? response[response.length - 2]! : -1);

/** Where the data of a response end: before the status word (6XXX or 9XXX, ISO/IEC 7816-4 5.6). A response that was cut off has none. */
function dataEnd(response: Uint8Array): number {
  const kind = sw1(response) >> 4;
  return kind === 6 || kind === 9 ? response.length - 2 : response.length;
}

/** Part of one record's bytes. */
interface Piece {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/** Runs `work` on the pieces put together, and writes its changes back; a single piece is worked on where it is. */
function together(pieces: readonly Piece[], work: (data: Uint8Array) => void): void {
  const [only, ...others] = pieces;
  if (only && others.length === 0) return work(only.bytes.subarray(only.from, only.to));
  const data = new Uint8Array(pieces.reduce((sum, { from, to }) => sum + to - from, 0));
  let at = 0;
  for (const { bytes, from, to } of pieces) {
    data.set(bytes.subarray(from, to), at);
    at += to - from;
  }
  work(data);
  at = 0;
  for (const { bytes, from, to } of pieces) {
    bytes.set(data.subarray(at, at + to - from), from);
    at += to - from;
  }
}

/** Data of one logical command, over all of its APDUs. */
interface CommandRun {
  readonly ins: number;
  readonly tlvSaid: boolean;
  /** P1-P2 of the first command. */
  readonly p1p2: number;
  readonly pieces: Piece[];
}

/** Data of one logical answer, over all of its APDUs. */
interface ResponseRun {
  readonly ins: number;
  readonly pieces: Piece[];
}

/** Whether the data of a command goes on in the next: blocks of STORE DATA, and command chaining (ISO/IEC 7816-4 5.3.3). */
const goesOn = (command: Uint8Array): boolean =>
  ins(command) === INS.storeData ? ((command[2] ?? 0) & 0x80) === 0 : ((command[0] ?? 0) & 0x10) !== 0;

/** Nothing of the exchange goes on in later ones, so that they can be masked without it. */
export const standsAlone = ({ command, response }: MaskedApdu): boolean =>
  !goesOn(command) && sw1(response) !== SW1_MORE;

/** Groups copies of the records' bytes by what they carry. */
function runs(copies: readonly MaskedApdu[]): { commands: CommandRun[]; responses: ResponseRun[] } {
  const commands: CommandRun[] = [];
  const responses: ResponseRun[] = [];
  let open: CommandRun | undefined;
  let waiting: ResponseRun | undefined;
  for (const { command, response } of copies) {
    const [from, to] = dataRange(command);
    const cla = command[0] ?? 0;
    if (!open || open.ins !== ins(command)) {
      const [p1, p2] = [command[2] ?? 0, command[3] ?? 0];
      open = { ins: ins(command), tlvSaid: (p1 & 0x18) === 0x10, p1p2: p1 * 256 + p2, pieces: [] };
      commands.push(open);
    }
    const secured = (cla & 0x0c) !== 0 && to - from >= MAC_LENGTH; // a MAC stands behind the data of each block
    open.pieces.push({ bytes: command, from, to: secured ? to - MAC_LENGTH : to });
    if (!goesOn(command)) open = undefined;

    const piece = { bytes: response, from: 0, to: dataEnd(response) };
    if (waiting && ins(command) === INS.getResponse) waiting.pieces.push(piece);
    else {
      waiting = { ins: ins(command), pieces: [piece] };
      responses.push(waiting);
    }
    if (sw1(response) !== SW1_MORE) waiting = undefined;
  }
  return { commands, responses };
}

/** Data groupings; nothing when the bytes are none. */
function groupingsIn(data: Uint8Array): readonly DataGroupingAt[] | undefined {
  const { whole, end } = splitDataGroupings(data);
  return end === data.length ? whole : undefined;
}

/** Groupings 8000 to 8FFF hold keys, key parts and PIN blocks; 9000 and up their check values and counters. */
const holdsKeys = (dgi: number): boolean => dgi >> 12 === 8;

const isTlv = (data: Uint8Array): boolean => {
  const copy = Uint8Array.from(data);
  return maskTlv(copy) === copy.length;
};

/** Command data of STORE DATA: groupings, BER-TLV, or nothing that is known (enciphered data, say), which is blanked whole. */
function maskStoreData(run: CommandRun, data: Uint8Array, keepAccount: boolean): void {
  const groups = run.tlvSaid ? undefined : groupingsIn(data);
  if (groups) {
    for (const { dgi, from, to } of groups)
      if (holdsKeys(dgi)) blank(data, from, to);
      else if (!keepAccount) maskTlv(data, from, to);
  } else if (!isTlv(data)) blank(data);
  else if (!keepAccount) maskTlv(data);
}

/** Tag of PUT DATA: a tag of one byte has P1 00. */
const tagPut = ({ ins: instruction, p1p2 }: CommandRun): number | undefined =>
  instruction === PUT_DATA ? p1p2 : undefined;

/** Command data that go into a card: one object, BER-TLV, or nothing that is known, which is blanked whole unless it is short. */
function maskWrite(run: CommandRun, data: Uint8Array, keepAccount: boolean): void {
  const tag = tagPut(run);
  if (tag !== undefined && holdsKeys(tag)) blank(data);
  else if (tag !== undefined && maskObject(tag, keepAccount ? Uint8Array.from(data) : data)) return;
  else if (!isTlv(data)) blank(data, data.length < SHORT ? data.length : 0);
  else if (!keepAccount) maskTlv(data);
}

function maskCommand(run: CommandRun, data: Uint8Array, keepAccount: boolean): void {
  if (run.ins === INS.storeData) maskStoreData(run, data, keepAccount);
  else if (SECRET.has(run.ins)) blank(data);
  else if (WRITES.has(run.ins)) maskWrite(run, data, keepAccount);
}

/**
 * Masked copies of the exchanges, in their order. Keys and PINs always go; account data stays when `keepAccount` says so.
 * `pans`: every PAN that is known, to be found outside its tags too.
 */
export function maskApdus(records: readonly ApduRecord[], pans: KnownPans, keepAccount: boolean): MaskedApdu[] {
  const copies = records.map(({ command, response }) => ({
    command: Uint8Array.from(command),
    response: Uint8Array.from(response),
  }));
  const { commands, responses } = runs(copies);
  for (const run of commands) together(run.pieces, (data) => maskCommand(run, data, keepAccount));
  if (!keepAccount) {
    for (const { command } of copies) if (command.length > HEADER && isUnknown(command)) maskUnknown(command);
    for (const run of commands) together(run.pieces, (data) => sweep(data, pans));
    for (const run of responses)
      together(run.pieces, (data) => {
        const reached = maskTlv(data);
        const tlv = ANSWERS_TLV.has(run.ins);
        if (tlv) blank(data, reached);
        sweep(data, pans, tlv && reached === data.length);
      });
  }
  return copies;
}

/** Every PAN that the exchanges hold: in answers, and in the data that go into a card. */
export function pansInApdus(records: readonly ApduRecord[]): Set<string> {
  const found = new Set<string>();
  const { commands, responses } = runs(records);
  for (const run of responses) together(run.pieces, (data) => pansInTlv(data, found));
  for (const { command } of records) if (isUnknown(command)) pansInTlv(command, found);
  for (const run of commands) {
    if (run.ins !== INS.storeData && !WRITES.has(run.ins)) continue;
    together(run.pieces, (data) => {
      const tag = tagPut(run);
      if (tag !== undefined) pansInObject(tag, data, found);
      const groups = run.ins === INS.storeData ? groupingsIn(data) : undefined;
      for (const { from, to } of groups ?? [{ from: 0, to: data.length }]) pansInTlv(data, found, from, to);
    });
  }
  return found;
}
