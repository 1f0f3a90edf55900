/*
 * The protocol scenarios of ISO/IEC 14443-4 annex B, by number, as blocks on the air. The same table drives the reader alone and the
 * card alone.
 *
 * Public code names some of the numbers: 2 (waiting time extension), 5 (card chains), 6 (first block lost), 8 and 9 (answer lost, once
 * and with the reader's R(NAK)), 10 (request for more time lost). The other numbers follow the order of the 2001 edition; every
 * sequence was derived from rules 1 to 13 and A to E and not copied. What annex B does not have carries a letter.
 */

/** What the reader sends, whether that arrives, what the card answers, whether that arrives. PCB and INF in hex; CRC_A is added. */
export type Leg =
  | readonly [pcd: string, fate: "arrives", picc: string, fate: "arrives" | "broken"]
  | readonly [pcd: string, fate: "broken"]
  /** The card has nothing to say to it. */
  | readonly [pcd: string, fate: "arrives", picc: "nothing"];

export interface Scenario {
  readonly number: number | string;
  readonly title: string;
  /** Commands and answers above the protocol. A card and a reader with frames of 16 bytes: 13 bytes of INF. */
  readonly exchanges: readonly (readonly [command: string, answer: string])[];
  /** The card needs longer than its waiting time for each answer. */
  readonly slow?: true;
  /** The reader ends with DESELECT, and the card confirms or does not. */
  readonly deselect?: "confirmed" | "unconfirmed";
  readonly legs: readonly Leg[];
}

const C13 = "C1".repeat(13);
const D13 = "D1".repeat(13);
const [E13, F13] = ["E2".repeat(13), "F3".repeat(13)];
const both = (pcd: string, picc: string): Leg => [pcd, "arrives", picc, "arrives"];
const back = (pcd: string, picc: string): Leg => [pcd, "arrives", picc, "broken"];
const there = (pcd: string): Leg => [pcd, "broken"];

const [first, second, third] = [both("02 A0", "02 B0"), both("03 A1", "03 B1"), both("02 A2", "02 B2")];
const one = [["A0", "B0"]] as const;
const two = [...one, ["A1", "B1"]] as const;
const three = [...two, ["A2", "B2"]] as const;
const longCommand = [[`${C13}${D13}A0`, "B0"]] as const;
const longAnswer = [["A0", `${E13}${F13}B0`]] as const;
const [ack0, ack1, nak0, nak1] = ["A2", "A3", "B2", "B3"];
const wtx = "F2 01";
const deselect = "C2";
const [c0, c1, cEnd] = [`12 ${C13}`, `13 ${D13}`, "02 A0"];
const [p0, p1, pEnd] = [`12 ${E13}`, `13 ${F13}`, "02 B0"];
const farewell = both(deselect, deselect);
const moreTime = both("02 A0", wtx);

export const SCENARIOS: readonly Scenario[] = [
  { number: 1, title: "blocks there and back", exchanges: three, legs: [first, second, third] },
  { number: 2, title: "the card asks for more time", exchanges: one, slow: true, legs: [moreTime, both(wtx, "02 B0")] },
  { number: 3, title: "DESELECT", exchanges: one, deselect: "confirmed", legs: [first, farewell] },
  {
    number: 4,
    title: "the reader chains",
    exchanges: [[`${C13}A1`, "B1"]],
    legs: [both(c0, ack0), both("03 A1", "03 B1")],
  },
  {
    number: 5,
    title: "the card chains",
    exchanges: [["A0", `${E13}B1`]],
    legs: [both("02 A0", p0), both(ack1, "03 B1")],
  },
  {
    number: 6,
    title: "the first block does not arrive",
    exchanges: two,
    legs: [there("02 A0"), both(nak0, ack1), first, second],
  },
  {
    number: 7,
    title: "a later block does not arrive",
    exchanges: three,
    legs: [first, there("03 A1"), both(nak1, ack0), second, third],
  },
  {
    number: 8,
    title: "the answer does not arrive",
    exchanges: two,
    legs: [back("02 A0", "02 B0"), both(nak0, "02 B0"), second],
  },
  {
    number: 9,
    title: "the answer does not arrive, nor the R(NAK)",
    exchanges: two,
    legs: [back("02 A0", "02 B0"), there(nak0), both(nak0, "02 B0"), second],
  },
  {
    number: 10,
    title: "the request for more time does not arrive",
    exchanges: one,
    slow: true,
    legs: [back("02 A0", wtx), both(nak0, wtx), both(wtx, "02 B0")],
  },
  {
    number: 11,
    title: "the request for more time does not arrive, nor the R(NAK)",
    exchanges: one,
    slow: true,
    legs: [back("02 A0", wtx), there(nak0), both(nak0, wtx), both(wtx, "02 B0")],
  },
  {
    number: 12,
    title: "the grant of more time does not arrive",
    exchanges: one,
    slow: true,
    legs: [moreTime, there(wtx), both(nak0, wtx), both(wtx, "02 B0")],
  },
  {
    number: 13,
    title: "the answer after more time does not arrive",
    exchanges: one,
    slow: true,
    legs: [moreTime, back(wtx, "02 B0"), both(nak0, "02 B0")],
  },
  {
    number: 14,
    title: "the answer after more time does not arrive, nor the R(NAK)",
    exchanges: one,
    slow: true,
    legs: [moreTime, back(wtx, "02 B0"), there(nak0), both(nak0, "02 B0")],
  },
  {
    number: 15,
    title: "DESELECT does not arrive",
    exchanges: one,
    deselect: "confirmed",
    legs: [first, there(deselect), farewell],
  },
  {
    number: 16,
    title: "the reader chains: the R(ACK) does not arrive",
    exchanges: longCommand,
    legs: [back(c0, ack0), both(nak0, ack0), both(c1, ack1), both(cEnd, "02 B0")],
  },
  {
    number: 17,
    title: "the reader chains: a part does not arrive",
    exchanges: longCommand,
    legs: [both(c0, ack0), there(c1), both(nak1, ack0), both(c1, ack1), both(cEnd, "02 B0")],
  },
  {
    number: 18,
    title: "the reader chains: the R(ACK) does not arrive, nor the R(NAK)",
    exchanges: longCommand,
    legs: [back(c0, ack0), there(nak0), both(nak0, ack0), both(c1, ack1), both(cEnd, "02 B0")],
  },
  {
    number: 19,
    title: "the card chains: the R(ACK) does not arrive",
    exchanges: longAnswer,
    legs: [both("02 A0", p0), there(ack1), both(ack1, p1), both(ack0, pEnd)],
  },
  {
    number: 20,
    title: "the card chains: a part does not arrive",
    exchanges: longAnswer,
    legs: [both("02 A0", p0), back(ack1, p1), both(ack1, p1), both(ack0, pEnd)],
  },
  {
    number: 21,
    title: "the card chains: a part does not arrive, nor the R(ACK)",
    exchanges: longAnswer,
    legs: [both("02 A0", p0), back(ack1, p1), there(ack1), both(ack1, p1), both(ack0, pEnd)],
  },
  {
    number: "a",
    title: "the same block does not arrive twice",
    exchanges: one,
    legs: [there("02 A0"), both(nak0, ack1), there("02 A0"), both(nak0, ack1), first],
  },
  {
    number: "b",
    title: "the first part of a chained command does not arrive",
    exchanges: longCommand,
    legs: [there(c0), both(nak0, ack1), both(c0, ack0), both(c1, ack1), both(cEnd, "02 B0")],
  },
  {
    number: "c",
    title: "the last part of a chained command does not arrive, then its answer",
    exchanges: longCommand,
    legs: [both(c0, ack0), both(c1, ack1), there(cEnd), both(nak0, ack1), back(cEnd, "02 B0"), both(nak0, "02 B0")],
  },
  {
    number: "d",
    title: "the first part of a chained answer does not arrive",
    exchanges: longAnswer,
    legs: [back("02 A0", p0), both(nak0, p0), both(ack1, p1), both(ack0, pEnd)],
  },
  {
    number: "e",
    title: "the last part of a chained answer does not arrive",
    exchanges: longAnswer,
    legs: [both("02 A0", p0), both(ack1, p1), back(ack0, pEnd), both(ack0, pEnd)],
  },
  {
    number: "f",
    title: "more time before a chained answer to a chained command",
    exchanges: [[`${C13}A1`, `${E13}B1`]],
    slow: true,
    legs: [both(c0, ack0), both("03 A1", wtx), both(wtx, `13 ${E13}`), both(ack0, "02 B1")],
  },
  {
    number: "g",
    title: "all that concerns more time goes wrong once",
    exchanges: one,
    slow: true,
    legs: [
      back("02 A0", wtx),
      both(nak0, wtx),
      there(wtx),
      back(nak0, wtx),
      both(nak0, wtx),
      back(wtx, "02 B0"),
      both(nak0, "02 B0"),
    ],
  },
  {
    number: "h",
    title: "the answer to DESELECT does not arrive: the card sleeps already and says no more",
    exchanges: one,
    deselect: "unconfirmed",
    legs: [first, back(deselect, deselect), [deselect, "arrives", "nothing"], [deselect, "arrives", "nothing"]],
  },
];
