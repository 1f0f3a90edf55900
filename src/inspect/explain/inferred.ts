import { swText, type Explain } from "./facts.js";
import { KERNEL_2 } from "./kernel-2.js";

const again = (rule: string): Explain => KERNEL_2[rule]!;

/** What can be told of a tap whose decisions nobody recorded: from its commands and answers alone. */
export const INFERRED: Readonly<Record<string, Explain>> = {
  "inferred.nothing": () => ({ why: ["Nothing was exchanged with a card."], flips: [], suspect: "field" }),
  "inferred.status-word": (facts) => ({
    why: [`${facts.text("command")} was answered ${swText(facts.count("sw") ?? 0)}, and nothing came after it.`],
    flips: [`With status word 9000 and its data, ${facts.text("command")} would have let the tap go on.`],
    suspect: "card",
  }),
  "inferred.unfinished": (facts) => ({
    why: [`After ${facts.text("command")}, which went well, nothing more was recorded.`],
    flips: ["Whether the card left, or the terminal stopped, only the terminal's own decisions can tell."],
    suspect: "link",
  }),
  "inferred.taa": again("c2.taa"),
  "inferred.ac": again("c2.ac"),
  "inferred.cda": again("c2.cda"),
};
