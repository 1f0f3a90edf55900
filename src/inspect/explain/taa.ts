import { bitText, setBits } from "./bits.js";
import { dateText, rowOf, swText, tagText, type Explain, type Explained, type Facts } from "./facts.js";
import type { SetBit } from "../verdict.js";

/** Names of action codes as `c2.taa` has them, by which of them decided. */
const CODES: Readonly<Record<string, { readonly tac: string; readonly iac: string }>> = {
  denial: { tac: "tacDenial", iac: "iacDenial" },
  online: { tac: "tacOnline", iac: "iacOnline" },
  default: { tac: "tacDefault", iac: "iacDefault" },
};

export interface Match extends SetBit {
  readonly tac: boolean;
  readonly iac: boolean;
}

const bitIn = (bytes: Uint8Array, { byte, bit }: SetBit): boolean => ((bytes[byte - 1] ?? 0) & (1 << (bit - 1))) !== 0;

/** The bits of the TVR that an action code of the deciding kind has, too. */
export function matchedBits(facts: Facts): readonly Match[] {
  const names = rowOf(CODES, facts.text("by"));
  if (!names) return [];
  const tac = facts.bytes(names.tac);
  const iac = facts.bytes(names.iac);
  return setBits("TVR", facts.bytes("tvr"))
    .map((bit) => ({ ...bit, tac: bitIn(tac, bit), iac: bitIn(iac, bit) }))
    .filter(({ tac: inTac, iac: inIac }) => inTac || inIac);
}

/** Terminal action analysis: which bit of which action code matched. */
export const terminalActionAnalysis: Explain = (facts) => {
  const by = facts.text("by");
  const asks = facts.text("asks");
  if (by === "online-only")
    return {
      why: ["The terminal is online only (terminal type), and no denial code matched."],
      flips: ["A terminal with offline capability would have looked at its action codes for online."],
    };
  const absent = facts.text("absent").split(" ");
  const matches = matchedBits(facts);
  if (matches.length === 0)
    return {
      why: [`No bit of the TVR ${facts.text("tvr")} is in the action codes ${by}.`],
      flips: asks === "TC" ? ["Any TVR bit that is in an action code online would have asked for an ARQC."] : [],
    };
  const why = matches.map((match) => {
    const codes = [
      ...(match.tac ? [codeText("TAC", by, CODES[by]!.tac, absent)] : []),
      ...(match.iac ? [codeText("IAC", by, CODES[by]!.iac, absent)] : []),
    ];
    return `${codes.join(" and ")} ${bitText(match)} matched TVR '${match.says}'.`;
  });
  const first = matches[0]!;
  const whose = [...(first.tac ? [`the terminal's TAC ${by}`] : []), ...(first.iac ? [`the card's IAC ${by}`] : [])];
  const flips =
    asks === "AAC" || asks === "ARQC"
      ? [
          matches.length === 1
            ? `Without '${first.says}', or with ${bitText(first)} clear in ${whose.join(" and ")}, the terminal would not have asked for an ${asks}.`
            : `Only without all ${matches.length} of these TVR bits would the terminal not have asked for an ${asks}.`,
        ]
      : [];
  const suspect = asks !== "AAC" ? "none" : matches.every(({ tac }) => !tac) ? "card" : "terminal";
  return { why, flips, suspect, tag: "95" };
};

const codeText = (kind: string, by: string, name: string, absent: readonly string[]): string =>
  `${kind} ${by}${absent.includes(name) ? " (absent: its default)" : ""}`;

/** Processing restrictions, each of which sets a bit of the TVR's second byte. */
export const RESTRICTIONS: Readonly<Record<string, Explain>> = {
  "c2.restrictions.version": (facts) => ({
    why: [
      `The card's application version (9F08) is ${facts.text("card")}, the terminal's (9F09) ${facts.text("terminal") || "another"}.`,
    ],
    flips: [`A terminal with version ${facts.text("card")} would not have marked it.`],
    tag: "9F08",
  }),
  "c2.restrictions.not-yet-effective": (facts): Explained => {
    const from = dateText(facts.text("effective"));
    return {
      why: [
        `The date ${dateText(facts.text("date"))} lies before ${from}, from which on the card is effective (5F25).`,
      ],
      flips: [`A date from ${from} on would have passed.`],
      suspect: "card",
      tag: "5F25",
    };
  },
  "c2.restrictions.expired": (facts): Explained => {
    const until = dateText(facts.text("expiry"));
    return {
      why: [`The card's expiry ${until} (5F24) lies before the date ${dateText(facts.text("date"))}.`],
      flips: [`A date up to ${until} would have passed.`],
      suspect: "card",
      tag: "5F24",
    };
  },
  "c2.restrictions.usage": (facts): Explained => ({
    why: [
      `The card's application usage control (9F07) ${facts.text("auc")} does not allow ${facts.text("use")}: issuer country ${facts.text("issuerCountry") || "unknown"}, terminal country ${facts.text("terminalCountry") || "unknown"}.`,
    ],
    flips: [`A card whose 9F07 allows ${facts.text("use")} would have passed.`],
    suspect: "card",
    tag: "9F07",
  }),
};

/** What cards mostly mean by a refusal, by instruction: a hint, no more. */
const REFUSALS: readonly (readonly [command: string, sw: number, says: string])[] = [
  [
    "GET PROCESSING OPTIONS",
    0x6985,
    "Cards refuse processing options so when they are blocked, out of limited-use keys, at the end of their counter, or waiting for their holder.",
  ],
  ["GET PROCESSING OPTIONS", 0x6984, "Some cards ask for the contact interface with it."],
  ["GET PROCESSING OPTIONS", 0x6986, "Phones ask their holder to look at the screen with it."],
  ["GET PROCESSING OPTIONS", 0x6a80, "The data do not have the length that the card's PDOL asks for."],
  ["READ RECORD", 0x6a83, "The AFL (94) names a record that the card does not have."],
  ["GENERATE AC", 0x6985, "The card has given its cryptogram for this transaction, or cannot sign."],
  ["GENERATE AC", 0x6700, "The data do not have the length that CDOL1 asks for."],
];

/** The kernel stopped, and says why in its error indication. */
export const stop: Explain = (facts, { kernel, command }) => {
  const sw = facts.count("sw");
  if (sw !== undefined) {
    const name = command ?? "the command";
    const hint = REFUSALS.find(([start, word]) => word === sw && name.startsWith(start))?.[2];
    return {
      why: [`${name} was answered ${swText(sw)}.`, ...(hint === undefined ? [] : [hint])],
      flips: [`With status word 9000 and its data, ${name} would have let the tap go on.`],
      suspect: "card",
      ...(hint?.includes("AFL") && { tag: "94" }),
    };
  }
  const tag = facts.text("tag");
  const named = tag === "" ? "it" : tagText(tag, kernel);
  switch (facts.text("l2")) {
    case "card-data-missing":
      return {
        why: [`The card gave no ${named}, which the kernel cannot do without.`],
        flips: [`A card that gives ${named} in the right template would have gone on.`],
        suspect: "card",
        ...(tag !== "" && { tag }),
      };
    case "card-data-error":
      return {
        why: [`What the card gave as ${named} cannot be used.`],
        flips: [`A ${named} in the form that the specification has would have gone on.`],
        suspect: "card",
        ...(tag !== "" && { tag }),
      };
    case "parsing-error":
      return {
        why: [
          tag === ""
            ? "The answer is not the one whole template that it has to be."
            : `${named} came twice, with an impossible length, or in a template where it has no place.`,
        ],
        flips: ["An answer in whole BER-TLV, each object once and in its place, would have been read."],
        suspect: "card",
        ...(tag !== "" && { tag }),
      };
    case "terminal-data-error":
      return {
        why: ["The terminal's own data are wrong."],
        flips: ["A right set-up would have gone on."],
        suspect: "terminal",
      };
  }
  if (facts.text("l3") === "amount-not-present")
    return {
      why: ["The terminal gave the kernel no amount (9F02)."],
      flips: ["With an amount the kernel would have gone on."],
      suspect: "terminal",
      tag: "9F02",
    };
  return { why: [], flips: [] };
};
