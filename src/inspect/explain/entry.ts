import { listed, plainly, rowOf, swText, tagText, type Explain } from "./facts.js";

/** `A0000000041010/c2 A0000000031010/c3` to a list for people. */
const names = (text: string): string => listed(text.split(" ").filter((name) => name !== ""));

/** What a link error means for whoever holds the card. */
const LINK_ERRORS: Readonly<Record<string, string>> = {
  "time-out": "the card did not answer, although it was asked again",
  transmission: "the card's answers were damaged, although it was asked again",
  protocol: "the card answered with blocks that the protocol does not have there",
};

export const linkText = (l1: string): string => rowOf(LINK_ERRORS, l1) ?? "the link broke";

/** Decisions of entry point and of the terminal around it. */
export const ENTRY: Readonly<Record<string, Explain>> = {
  "entry.pre-processing": (facts, { money }) => {
    if (facts.count("allowed") !== 0) return { why: [], flips: [] };
    const limit = facts.text("limit");
    const amount = money(facts.text("amount"));
    return limit === ""
      ? { why: [`No combination of the terminal takes an amount of ${amount}.`], flips: [], suspect: "terminal" }
      : {
          why: [`The amount of ${amount} is not below ${money(limit)}, from which on the terminal takes no taps.`],
          flips: [`An amount below ${money(limit)} would have been let through.`],
          suspect: "terminal",
        };
  },
  "entry.ppse": (facts) => {
    const sw = facts.count("sw");
    if (sw !== undefined)
      return {
        why: [`SELECT 2PAY.SYS.DDF01 was answered ${swText(sw)}: the card shows no payment applications.`],
        flips: [
          "A card with a proximity directory would have gone on: provision one, or switch payment on in the device.",
        ],
        suspect: "card",
      };
    if (facts.has("bytes"))
      return {
        why: [
          `The ${facts.count("bytes") ?? 0} bytes that the card sent are no directory: no 6F with A5 and BF0C in it.`,
        ],
        flips: ["A directory in the form of EMV Contactless Book B would have been read."],
        suspect: "card",
        tag: "BF0C",
      };
    return { why: [], flips: [] };
  },
  "entry.candidates": (facts, { last }) => {
    if (facts.count("count") !== 0) return { why: [], flips: [] };
    const offered = last("entry.ppse").text("list");
    const taken = facts.text("terminal");
    return {
      why: [
        `The card offers ${offered === "" ? "no application" : names(offered)}; the terminal takes ${names(taken)} (AID/kernel).`,
      ],
      flips: [
        `A card with an application that begins with ${names(taken.replaceAll(/\/\w+/g, ""))}, for that kernel, would have been taken.`,
      ],
      suspect: "entry",
      tag: "4F",
    };
  },
  "entry.refused": (facts) => ({
    why: [
      `The card lists ${facts.text("aid")} in its directory and answered SELECT with ${swText(facts.count("sw") ?? 0)}.`,
    ],
    flips: ["An application that is installed, personalised and not blocked would have answered 9000."],
    suspect: "card",
  }),
  "entry.link": (facts) => ({
    why: [`During selection, ${linkText(facts.text("l1"))}.`],
    flips: ["An answer in time would have let the tap go on: hold the card still, closer, until the reader signals."],
    suspect: "link",
  }),
  "entry.selected": plainly,
  "entry.select-next": (facts) => {
    const tag = facts.text("tag");
    return tag === "" ? { why: [], flips: [] } : { why: [`It is about ${tagText(tag)}.`], flips: [], tag };
  },
  "terminal.begin": plainly,
  "terminal.outcome": plainly,
  "terminal.unanswered": plainly,
  "terminal.fault": (facts) => {
    const says = rowOf(FAULTS, facts.text("code"));
    return {
      why: says === undefined ? [] : [says],
      flips: ["A card in the field that answers each step of activation would have been read."],
      suspect: facts.text("code").startsWith("iso14443/") ? "link" : "terminal",
    };
  },
  "wallet.provision": (facts) =>
    facts.text("card") === "" ? { why: [], flips: [] } : { why: [`Card profile ${facts.text("card")}.`], flips: [] },
};

/** Why activation ends without a card, by the code of the error. */
const FAULTS: Readonly<Record<string, string>> = {
  "iso14443/no-card": "Nothing answered the reader's wake-up (WUPA): no card in the field, or one without power.",
  "iso14443/no-answer": "The card answered the wake-up and then fell silent before the first command.",
  "iso14443/transmission": "The card's answers during activation were damaged each time.",
  "iso14443/collision": "More than one card was in the field.",
};
