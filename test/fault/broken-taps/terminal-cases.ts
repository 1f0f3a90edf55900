import { at, set } from "../../support/changed-answers.js";
import { declines, type Case } from "./case.js";

export const DATE_CASES: readonly Case[] = [
  {
    name: "the card has expired",
    card: "online",
    at: "2029-07-01",
    ended: "declined",
    suspect: "issuer",
    rule: "issuer.expiry",
    names: "TVR 2/7",
    says: /good until the end of 2029-06; the payment is of 2029-07-01/,
  },
  {
    name: "the card has expired, and its certificates with it",
    at: "2029-07-01",
    ended: "not-completed",
    suspect: "card",
    rule: "c2.cda",
    names: "5F24",
    says: /card's expiry 2029-06-30 \(5F24\) lies before the date 2029-07-01/,
  },
  {
    name: "the card is not yet effective, at a gate that declines such cards",
    answer: at("record", set(0x5f25, "260701")),
    card: "online",
    setUp: declines("0070000000"),
    ended: "declined",
    suspect: "card",
    rule: "c2.taa",
    names: "TVR 2/6",
    says: /The date 2026-06-15 lies before 2026-07-01, from which on the card is effective/,
  },
  {
    name: "the card must not be used for goods",
    answer: at("record", set(0x9f07, "0300")),
    card: "online",
    setUp: declines("0070000000"),
    ended: "declined",
    suspect: "card",
    rule: "c2.taa",
    names: "TVR 2/5",
    says: /application usage control \(9F07\) 0300 does not allow/,
  },
];

export const TERMINAL_CASES: readonly Case[] = [
  {
    name: "the amount is above the contactless limit",
    amount: 100_001n,
    ended: "not-completed",
    suspect: "terminal",
    rule: "c2.transaction-limit",
    says: /EUR 1000\.01 is above EUR 1000\.00, the reader's contactless limit for devices that verify/,
  },
  {
    name: "no PIN is entered",
    card: "ring",
    amount: 6_000n,
    ended: "declined",
    suspect: "terminal",
    rule: "issuer.cardholder-verification",
    names: "9F34",
    says: /online PIN, and the request holds none/,
  },
  {
    name: "the card's list asks for what the reader cannot do",
    card: "online",
    answer: (answer, command, apdu) =>
      command === "gpo"
        ? set(0x82, "1880")(answer)
        : command === "record"
          ? at("record", set(0x8e, "00000000000000000100"))(answer, command, apdu)
          : answer,
    amount: 6_000n,
    setUp: declines("0000800000"),
    ended: "declined",
    suspect: "kernel",
    rule: "c2.taa",
    names: "TVR 3/8",
    says: /CVM list \(8E\) 0100 does not ask for/,
  },
  {
    name: "the card's list has rules for another currency only",
    card: "online",
    answer: (answer, command, apdu) =>
      command === "gpo"
        ? set(0x82, "1880")(answer)
        : command === "record"
          ? at("record", (record) => set(0x9f42, "0840")(set(0x8e, "000003E8000000001F06")(record)))(
              answer,
              command,
              apdu,
            )
          : answer,
    setUp: declines("0000800000"),
    ended: "declined",
    suspect: "kernel",
    rule: "c2.taa",
    names: "TVR 3/8",
    says: /Its currency \(9F42\) is 0840, the transaction's 0978/,
  },
  {
    name: "the device is not worn, and the terminal believes it",
    unworn: true,
    amount: 6_000n,
    card: "online",
    ended: "declined",
    suspect: "card",
    rule: "issuer.cardholder-verification",
    names: "CVR 4/1",
    says: /say that the device verified its holder; its CVR \(9F10\) says that it did not/,
  },
  {
    name: "the card declines by its own risk management",
    unworn: true,
    amount: 6_000n,
    ended: "declined",
    suspect: "card",
    rule: "c2.ac",
    names: "CVR 4/1",
    says: /asked for an ARQC and the card gave an AAC: its own risk management/,
  },
];
