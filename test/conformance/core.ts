import { findTlv, parseTlv, valueOf, type Tlv } from "../../src/codec/tlv.js";
import {
  decodeResponse,
  encodeCommand,
  type CommandApdu,
  type ResponseApdu,
} from "../../src/protocols/iso7816/apdu.js";
import { exchange } from "../../src/protocols/iso7816/poller.js";
import { ascii, hex, NO_BYTES, unhex } from "../../src/util/bytes.js";

/*
 * The core of the conformance script: what any way to a provisioned secure element has to do, be it the emulator, a wire or hardware.
 * It taps nothing and pays nothing; GET PROCESSING OPTIONS counts the ATC up.
 */

/** One way to a secure element. */
export interface ElementUnderTest {
  readonly name: string;
  /** One APDU, raw. */
  transmit(apdu: Uint8Array): Promise<Uint8Array>;
  /** Power or field off and on: nothing is selected. */
  reset(): Promise<void>;
}

export interface Case<T> {
  readonly name: string;
  /** Document and clause. */
  readonly source: string;
  run(subject: T): Promise<void>;
}

/** What a case found wrong. */
export class Nonconformity extends Error {}

export function expect(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Nonconformity(what);
}

const PPSE = ascii("2PAY.SYS.DDF01");

const raw = async (card: ElementUnderTest, apdu: string): Promise<ResponseApdu> =>
  decodeResponse(await card.transmit(unhex(apdu)));

/** A command to its final answer: GET RESPONSE and wrong Le are followed. */
export async function send(card: ElementUnderTest, command: CommandApdu): Promise<ResponseApdu> {
  const asking = exchange(command);
  let step = asking.next();
  while (!step.done) step = asking.next({ answer: await card.transmit(step.value), took: 0 });
  return step.value.answer;
}

const select = (name: Uint8Array, more: Partial<CommandApdu> = {}): CommandApdu => ({
  cla: 0,
  ins: 0xa4,
  p1: 4,
  p2: 0,
  data: name,
  le: 256,
  ...more,
});
const readRecord = (sfi: number, record: number, le = 256): CommandApdu => ({
  cla: 0,
  ins: 0xb2,
  p1: record,
  p2: (sfi << 3) | 4,
  le,
});

async function ok(card: ElementUnderTest, command: CommandApdu, what: string): Promise<Uint8Array> {
  const { data, sw } = await send(card, command);
  expect(sw === 0x9000, `${what}: ${sw.toString(16)}`);
  return data;
}

/** AIDs that the directory offers. */
async function directory(card: ElementUnderTest): Promise<readonly Uint8Array[]> {
  const fci = parseTlv(await ok(card, select(PPSE), "SELECT PPSE"));
  const entries = findTlv(fci, 0x6f, 0xa5, 0xbf0c)?.children ?? [];
  return entries.filter(({ tag }) => tag === 0x61).map((entry) => valueOf(entry.children ?? [], 0x4f));
}

/** Selects the first payment application and starts a transaction. */
async function processingOptions(card: ElementUnderTest): Promise<readonly Tlv[]> {
  const [aid] = await directory(card);
  expect(aid !== undefined, "the directory is empty");
  const fci = parseTlv(await ok(card, select(aid), "SELECT AID"));
  const pdol = findTlv(fci, 0x6f, 0xa5, 0x9f38)?.value ?? NO_BYTES;
  expect(pdol.length === 0, "this script knows cards without PDOL only");
  return parseTlv(
    await ok(card, { cla: 0x80, ins: 0xa8, p1: 0, p2: 0, data: unhex("8300"), le: 256 }, "GET PROCESSING OPTIONS"),
  );
}

interface FileEntry {
  readonly sfi: number;
  readonly first: number;
  readonly last: number;
}

const locator = (afl: Uint8Array): FileEntry[] =>
  Array.from({ length: afl.length / 4 }, (_, i) => ({
    sfi: afl[4 * i]! >> 3,
    first: afl[4 * i + 1]!,
    last: afl[4 * i + 2]!,
  }));

export const core: readonly Case<ElementUnderTest>[] = [
  {
    name: "SELECT PPSE answers the directory",
    source: "EMV Contactless Book B 3.3.2",
    async run(card) {
      const fci = parseTlv(await ok(card, select(PPSE), "SELECT PPSE"));
      expect(hex(valueOf(fci, 0x6f, 0x84)) === hex(PPSE), "84 is not the name of the directory");
      expect((await directory(card)).length > 0, "no application is offered");
    },
  },
  {
    name: "SELECT by full name",
    source: "ISO/IEC 7816-4 11.2.2",
    async run(card) {
      for (const aid of await directory(card)) {
        const fci = parseTlv(await ok(card, select(aid), `SELECT ${hex(aid)}`));
        expect(hex(valueOf(fci, 0x6f, 0x84)) === hex(aid), "84 is not the name that was selected");
      }
    },
  },
  {
    name: "SELECT by the first bytes of a name",
    source: "EMV 4.3 Book 1 12.3.2",
    async run(card) {
      const [aid] = await directory(card);
      const fci = parseTlv(await ok(card, select(aid!.subarray(0, 5)), "SELECT by RID"));
      expect(hex(valueOf(fci, 0x6f, 0x84)).startsWith(hex(aid!.subarray(0, 5))), "another application was selected");
    },
  },
  {
    name: "an unknown name is 6A82 and leaves the selection alone",
    source: "ISO/IEC 7816-4 11.2.2",
    async run(card) {
      const [aid] = await directory(card);
      await ok(card, select(aid!), "SELECT AID");
      expect((await send(card, select(unhex("F0000000000001")))).sw === 0x6a82, "6A82 expected");
      await ok(card, { cla: 0x80, ins: 0xa8, p1: 0, p2: 0, data: unhex("8300"), le: 256 }, "GET PROCESSING OPTIONS");
    },
  },
  {
    name: "every record of the AFL can be read",
    source: "EMV 4.3 Book 3 6.5.11, 10.2",
    async run(card) {
      const options = await processingOptions(card);
      const afl = valueOf(options, 0x77, 0x94);
      expect(afl.length > 0 && afl.length % 4 === 0, "no AFL");
      expect(valueOf(options, 0x77, 0x82).length === 2, "no AIP");
      for (const { sfi, first, last } of locator(afl))
        for (let record = first; record <= last; record++) {
          const [template, ...more] = parseTlv(
            await ok(card, readRecord(sfi, record), `record ${record} of file ${sfi}`),
          );
          expect(template?.tag === 0x70 && more.length === 0, "a record is one template 70");
        }
    },
  },
  {
    name: "a record that is not there is 6A83",
    source: "EMV 4.3 Book 3 6.5.11",
    async run(card) {
      await processingOptions(card);
      expect((await send(card, readRecord(2, 0x7f))).sw === 0x6a83, "6A83 expected");
    },
  },
  {
    name: "wrong Le is 6Cxx, and the right one answers",
    source: "ISO/IEC 7816-4 5.3.4",
    async run(card) {
      const options = await processingOptions(card);
      const { sfi, first } = locator(valueOf(options, 0x77, 0x94))[0]!;
      const whole = await ok(card, readRecord(sfi, first), "READ RECORD");
      const short = decodeResponse(await card.transmit(encodeCommand(readRecord(sfi, first, 1))));
      expect(short.sw >> 8 === 0x6c && (short.sw & 0xff) === (whole.length & 0xff), "6C and the length expected");
      expect(
        hex(await ok(card, readRecord(sfi, first, whole.length), "READ RECORD")) === hex(whole),
        "another answer than before",
      );
    },
  },
  {
    name: "instructions and classes that are unknown",
    source: "ISO/IEC 7816-4 table 6",
    async run(card) {
      const [aid] = await directory(card);
      await ok(card, select(aid!), "SELECT AID");
      expect((await raw(card, "0042000000")).sw === 0x6d00, "6D00 expected");
      expect((await raw(card, "80B2011400")).sw === 0x6e00, "6E00 expected");
    },
  },
  {
    name: "lengths that do not fit are 6700",
    source: "ISO/IEC 7816-4 5.1",
    async run(card) {
      expect((await raw(card, "00A404000E325041")).sw === 0x6700, "Lc larger than the data");
      expect((await raw(card, "00A404")).sw === 0x6700, "no whole header");
      await ok(card, select(PPSE), "SELECT PPSE afterwards");
    },
  },
  {
    name: "a chained command is put together",
    source: "ISO/IEC 7816-4 5.3.3",
    async run(card) {
      const whole = await ok(card, select(PPSE), "SELECT PPSE");
      const first = await send(card, { cla: 0x10, ins: 0xa4, p1: 4, p2: 0, data: PPSE.subarray(0, 5) });
      expect(first.sw === 0x9000 && first.data.length === 0, "the first part is answered 9000");
      expect(
        hex(await ok(card, select(PPSE.subarray(5)), "the last part")) === hex(whole),
        "another answer than unchained",
      );
    },
  },
  {
    name: "a chain that breaks off is 6883",
    source: "ISO/IEC 7816-4 5.3.3",
    async run(card) {
      await send(card, { cla: 0x10, ins: 0xa4, p1: 4, p2: 0, data: PPSE.subarray(0, 5) });
      expect((await send(card, readRecord(2, 1))).sw === 0x6883, "6883 expected");
      await ok(card, select(PPSE), "SELECT PPSE afterwards");
    },
  },
  {
    name: "extended lengths answer as short ones do",
    source: "ISO/IEC 7816-4 5.1",
    async run(card) {
      const short = await ok(card, select(PPSE), "SELECT PPSE");
      const extended = await ok(card, select(PPSE, { extended: true, le: 65_536 }), "SELECT PPSE, extended");
      expect(hex(short) === hex(extended), "the answers differ");
    },
  },
  {
    name: "without Le the data waits for GET RESPONSE, or comes at once",
    source: "ISO/IEC 7816-4 5.3.4",
    async run(card) {
      const whole = await ok(card, select(PPSE), "SELECT PPSE");
      const { le: _, ...noLe } = select(PPSE);
      expect(hex(await ok(card, noLe, "SELECT PPSE without Le")) === hex(whole), "another answer than with Le");
    },
  },
  {
    name: "a reset forgets the selection",
    source: "ISO/IEC 7816-4 8.1",
    async run(card) {
      const [aid] = await directory(card);
      await ok(card, select(aid!), "SELECT AID");
      await card.reset();
      expect((await raw(card, "80A8000002830000")).sw !== 0x9000, "GET PROCESSING OPTIONS without SELECT was answered");
    },
  },
];
