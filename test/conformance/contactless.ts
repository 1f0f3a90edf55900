import { parseBlock } from "../../src/protocols/iso14443/block.js";
import { crcFrame, type Frame, type Rate } from "../../src/protocols/iso14443/frame.js";
import { isoDepPoller } from "../../src/protocols/iso14443/isodep-poller.js";
import { REQA, WUPA } from "../../src/protocols/iso14443/messages.js";
import {
  activateIsoDep,
  activateTypeA,
  haltTypeA,
  requestTypeA,
  selectTypeA,
  type ActivatedCard,
  type ReaderOptions,
} from "../../src/protocols/iso14443/poller.js";
import { FRAME_SIZES } from "../../src/protocols/iso14443/timing.js";
import { hex, unhex } from "../../src/util/bytes.js";
import type { Dialogue } from "../../src/util/dialogue.js";
import { expect, type Case } from "./core.js";

/* The contactless extension of the conformance script: for ways to a device that have a field and see frames. */

/** A field with one device in it. */
export interface FieldUnderTest {
  readonly name: string;
  converse<R>(dialogue: Dialogue<Frame, Frame, R>): Promise<R>;
  /** Field off and on. */
  reset(): Promise<void>;
}

const READER: ReaderOptions = { fsdi: 8, maxRate: 1, retries: 2 };
const SELECT_PPSE = unhex("00A404000E325041592E5359532E444446303100");

async function activated(field: FieldUnderTest, reader: Partial<ReaderOptions> = {}): Promise<ActivatedCard> {
  await field.reset();
  return field.converse(activateTypeA({ ...READER, ...reader }));
}

const answerTo = async (field: FieldUnderTest, card: ActivatedCard): Promise<string> =>
  hex((await field.converse(card.link.exchange(SELECT_PPSE))).answer);

/** One frame there and back, whatever it is. */
function* once(out: Frame, within: number): Dialogue<Frame, Frame, Frame | undefined> {
  return (yield { send: [out], within }).got;
}

export const contactless: readonly Case<FieldUnderTest>[] = [
  {
    name: "a card answers WUPA, gives its UID and speaks ISO-DEP",
    source: "ISO/IEC 14443-3 6.5, ISO/IEC 14443-4 5",
    async run(field) {
      const card = await activated(field);
      expect([4, 7, 10].includes(card.uid.length), "a UID has 4, 7 or 10 bytes");
      expect((card.sak & 0x20) !== 0, "SAK bit 6 is not set");
      expect((await answerTo(field, card)).endsWith("9000"), "SELECT PPSE was refused");
    },
  },
  {
    name: "a halted card sleeps through REQA and wakes for WUPA",
    source: "ISO/IEC 14443-3 6.4.1",
    async run(field) {
      await field.reset();
      await field.converse(requestTypeA(REQA));
      const { uid } = await field.converse(selectTypeA(2));
      await field.converse(haltTypeA());
      expect((await field.converse(requestTypeA(REQA))) === undefined, "REQA was answered");
      expect((await field.converse(requestTypeA(WUPA))) !== undefined, "WUPA was not answered");
      expect(hex((await field.converse(selectTypeA(2))).uid) === hex(uid), "the UID changed without a field reset");
    },
  },
  {
    name: "a block that the reader did not understand is sent again",
    source: "ISO/IEC 14443-4 7.5.4, rule 11",
    async run(field) {
      const card = await activated(field);
      const whole = await answerTo(field, card);
      const again = await field.converse(once(crcFrame(unhex("B2")), card.parameters.fwt));
      const block = again && parseBlock(again);
      expect(
        block?.kind === "I" && block.number === 0 && hex(block.inf) === whole,
        "R(NAK) did not bring the block back",
      );
    },
  },
  {
    name: "R(NAK) for a block that did not come is acknowledged",
    source: "ISO/IEC 14443-4 7.5.4, rule 12",
    async run(field) {
      const card = await activated(field);
      await answerTo(field, card);
      const ack = await field.converse(once(crcFrame(unhex("B3")), card.parameters.fwt));
      expect(ack !== undefined && hex(ack.bytes.subarray(0, 1)) === "A2", "R(ACK) expected");
    },
  },
  {
    name: "a damaged block is not answered",
    source: "ISO/IEC 14443-4 7.5.4, rule 10",
    async run(field) {
      const card = await activated(field);
      const good = crcFrame(Uint8Array.of(0x02, ...SELECT_PPSE));
      const bytes = good.bytes.slice();
      bytes[3]! ^= 0x10;
      expect(
        (await field.converse(once({ ...good, bytes }, card.parameters.fwt))) === undefined,
        "a damaged block was answered",
      );
      expect((await answerTo(field, card)).endsWith("9000"), "and then the card was lost");
    },
  },
  {
    name: "DESELECT is confirmed, and the card sleeps",
    source: "ISO/IEC 14443-4 8",
    async run(field) {
      const card = await activated(field);
      expect(await field.converse(card.link.deselect()), "DESELECT was not confirmed");
      expect((await field.converse(requestTypeA(REQA))) === undefined, "a deselected card answered REQA");
      const again = await field.converse(activateTypeA(READER));
      expect((await answerTo(field, again)).endsWith("9000"), "the card did not come back");
    },
  },
  {
    name: "every rate that the ATS offers works",
    source: "ISO/IEC 14443-4 5.3",
    async run(field) {
      const { parameters } = await activated(field);
      for (const maxRate of new Set<Rate>([...parameters.toCard, ...parameters.toReader])) {
        const card = await activated(field, { maxRate });
        expect((await answerTo(field, card)).endsWith("9000"), `SELECT PPSE at rate ${maxRate}`);
      }
    },
  },
  {
    name: "a small reader gets small frames",
    source: "ISO/IEC 14443-4 5.1, 7.5.2",
    async run(field) {
      const whole = await answerTo(field, await activated(field));
      for (const fsdi of FRAME_SIZES.keys())
        expect((await answerTo(field, await activated(field, { fsdi }))) === whole, `FSDI ${fsdi}: another answer`);
    },
  },
  {
    name: "a chained command arrives whole",
    source: "ISO/IEC 14443-4 7.5.2",
    async run(field) {
      const card = await activated(field);
      const small = isoDepPoller({ fwt: card.parameters.fwt, fsc: 16, rate: 1, retries: 2 });
      const { answer } = await field.converse(small.exchange(SELECT_PPSE));
      expect(hex(answer).endsWith("9000"), "SELECT PPSE in three blocks");
    },
  },
  {
    name: "a card with a CID uses it",
    source: "ISO/IEC 14443-4 7.1.2",
    async run(field) {
      const plain = await activated(field);
      if (!plain.parameters.cid) return; // its ATS says that it has none
      const card = await activated(field, { cid: 5 });
      expect((await answerTo(field, card)).endsWith("9000"), "SELECT PPSE with a CID");
      const other = isoDepPoller({ fwt: card.parameters.fwt, fsc: 256, rate: 1, cid: 6, retries: 0 });
      let silent = false;
      await field.converse(other.exchange(SELECT_PPSE)).catch(() => (silent = true));
      expect(silent, "a block for another CID was answered");
    },
  },
  {
    name: "RATS to a card that is not selected is ignored",
    source: "ISO/IEC 14443-3 6.3",
    async run(field) {
      await field.reset();
      let ignored = false;
      await field
        .converse(activateIsoDep({ atqa: 0, uid: unhex("08000000"), sak: 0x20 }, { ...READER, retries: 0 }))
        .catch(() => (ignored = true));
      expect(ignored, "an idle card answered RATS");
    },
  },
];
