import { at } from "../../support/changed-answers.js";
import type { Case } from "./case.js";

export const LINK_CASES: readonly Case[] = [
  ...(
    [
      ["before:select-ppse", "SELECT 2PAY.SYS.DDF01", "entry.link"],
      ["before:select-aid", "SELECT A0000000041010", "entry.link"],
      ["before:gpo", "GET PROCESSING OPTIONS", "c2.stop"],
      ["before:read-record", "READ RECORD SFI 2 record 1", "c2.stop"],
      ["before:generate-ac", "GENERATE AC ARQC with CDA", "c2.stop"],
      ["in:generate-ac", "GENERATE AC ARQC with CDA", "c2.stop"],
    ] as const
  ).map(([where, command, rule]): Case => ({
    name: `the field goes off ${where}`,
    faults: [`field-loss@${where}`],
    ended: "try-again",
    suspect: "field",
    rule,
    says: new RegExp(`The field went off at ${command.replaceAll(".", "\\.")}`),
    stopped: command,
  })),
  {
    name: "noise damages every answer to GET PROCESSING OPTIONS",
    faults: ["noise:50@in:gpo"],
    ended: "try-again",
    suspect: "link",
    rule: "c2.stop",
    says: /At GET PROCESSING OPTIONS, the card/,
    stopped: "GET PROCESSING OPTIONS",
  },
  {
    name: "frames of GENERATE AC are swallowed",
    faults: ["lost:50@in:generate-ac"],
    ended: "try-again",
    suspect: "link",
    rule: "c2.stop",
    says: /At GENERATE AC ARQC with CDA, the card did not answer/,
    stopped: "GENERATE AC ARQC with CDA",
  },
  {
    name: "nothing gets through during activation",
    faults: ["noisy:1@all"],
    ended: "not-completed",
    suspect: "link",
    rule: "terminal.fault",
    says: /Nothing answered the reader's wake-up/,
    stopped: "activation",
  },
  {
    name: "the card falls silent at READ RECORD",
    answer: at("record 3/1", () => undefined),
    ended: "try-again",
    suspect: "link",
    rule: "c2.stop",
    says: /At READ RECORD SFI 3 record 1, the card did not answer/,
    stopped: "READ RECORD SFI 3 record 1",
  },
];
