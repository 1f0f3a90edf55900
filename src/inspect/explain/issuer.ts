import { bitText, setBits } from "./bits.js";
import { dateText, rowOf, tagText, type Explain } from "./facts.js";
import { above } from "./kernel-2.js";

const token: Explain = (facts) => {
  const sequence = facts.text("sequenceAsked");
  switch (facts.text("state")) {
    case "":
      return {
        why: ["The number that the card gave is none that this issuer has put on a device."],
        flips: [
          "A card that this issuer personalised would have been found: the right key set, the same seed or state.",
        ],
        suspect: "issuer",
        tag: "5A",
      };
    case "SUSPENDED":
      return {
        why: [`The token's state is SUSPENDED, held back by ${facts.text("suspendedBy") || "somebody"}.`],
        flips: ["Once each of them has resumed it, it pays again."],
        suspect: "issuer",
      };
    case "DELETED":
      return {
        why: ["The token's state is DELETED, which is final."],
        flips: ["A new token, provisioned into the device, would pay."],
        suspect: "issuer",
      };
    case "INACTIVE":
      return {
        why: ["The token's state is INACTIVE: personalised, and never activated."],
        flips: ["Activated at the issuer, it would pay."],
        suspect: "issuer",
      };
    default:
      return sequence !== "" && sequence !== facts.text("sequence")
        ? {
            why: [`The card says sequence number ${sequence} (5F34), the token has ${facts.text("sequence")}.`],
            flips: [`With ${facts.text("sequence")} in 5F34 it would have been the token.`],
            suspect: "card",
            tag: "5F34",
          }
        : {
            why: ["Its state is ACTIVE."],
            flips: ["A token that is suspended, deleted or not activated is declined."],
          };
  }
};

const expiry: Explain = (facts) => {
  const [own, asked, date] = [facts.text("expiry"), facts.text("asked"), facts.text("date")];
  if (asked !== "" && asked !== own)
    return {
      why: [`The card says that it expires in ${dateText(asked)} (5F24), the token does in ${dateText(own)}.`],
      flips: [`With ${dateText(own)} it would have been the token's date.`],
      suspect: "card",
      tag: "5F24",
    };
  const over = date.slice(0, 4) > own;
  return {
    why: [`The token is good until the end of ${dateText(own)}; the payment is of ${dateText(date)}.`],
    flips: [
      over
        ? `A date up to the end of ${dateText(own)} would have passed.`
        : `From the month after ${dateText(own)} on it is declined.`,
    ],
    ...(over && { suspect: "issuer" as const, tag: "5F24" }),
  };
};

const COUNTERS: Readonly<
  Record<string, (atc: number, highest: number, window: number | undefined) => readonly string[]>
> = {
  replayed: (atc, highest) => [
    `The ATC ${atc} was used before; the highest so far is ${highest}.`,
    `An ATC of ${highest + 1}, the next one, would have passed.`,
  ],
  "too-far": (atc, highest, window) => [
    `The ATC ${atc} is ${atc - highest} ahead of the highest so far, ${highest}${window === undefined ? "" : `; the window is ${window}`}.`,
    `An ATC from ${highest + 1} to ${highest + (window ?? 1)} would have passed.`,
  ],
};

/** Decisions of the issuer. */
export const ISSUER: Readonly<Record<string, Explain>> = {
  "issuer.token": token,
  "issuer.data": (facts, { kernel }) => {
    const tag = facts.text("tag");
    return {
      why: tag === "" ? [] : [`It is about ${tagText(tag, kernel)}.`],
      flips: ["Chip data that are whole and in their formats would have been read."],
      suspect: "card",
      ...(/^[0-9A-F]{2,4}$/.test(tag) && { tag }),
    };
  },
  "issuer.expiry": expiry,
  "issuer.cryptogram-version": (facts) => ({
    why: [
      `The card's issuer application data (9F10) say cryptogram version ${facts.count("cvn") ?? "?"} and key index ${facts.count("keyIndex") ?? "?"}; it was issued with ${facts.count("issuedCvn") ?? "?"} and ${facts.count("issuedKeyIndex") ?? "?"}.`,
    ],
    flips: ["With the version and key index that it was issued with, the cryptogram would have been tried."],
    suspect: "card",
    tag: "9F10",
  }),
  "issuer.cryptogram": (facts, { last }) => {
    if (facts.flag("verified"))
      return { why: [], flips: ["A change in any of the data that it covers, or another key, and it is declined."] };
    const signed = last("c2.cda").text("status") === "ok";
    return {
      why: [
        `The cryptogram (9F26) that the issuer computes with its key, version ${facts.count("cvn") ?? "?"} and ATC ${facts.count("atc") ?? "?"} is another one.`,
        signed
          ? "The card signed this cryptogram (CDA holds), so it was not changed on the way: the card has another key than the issuer, or derives it differently."
          : "Nothing else proves these data: a changed 9F26, 9F10, 9F36 or 9F37, or another key.",
      ],
      flips: ["The same key on both sides, and unchanged data, would have made the same cryptogram."],
      suspect: signed ? "issuer" : "card",
      tag: "9F26",
    };
  },
  "issuer.atc": (facts) => {
    const [atc, highest] = [facts.count("atc") ?? 0, facts.count("highest") ?? 0];
    const told = rowOf(COUNTERS, facts.text("verdict"))?.(atc, highest, facts.count("window"));
    return told
      ? { why: [told[0]!], flips: [told[1]!], suspect: "card", tag: "9F36" }
      : {
          why: [`The ATC is ${atc}, the highest before was ${highest}.`],
          flips: ["A value that was used before is declined."],
        };
  },
  "issuer.cryptogram-type": (facts) => ({
    why: [`The cryptogram type (9F27) is ${facts.count("cid") ?? "?"}; 2 is an ARQC. CVR ${facts.text("cvr")}.`],
    flips: ["An ARQC that the CVR calls an ARQC, too, would have passed."],
    suspect: "card",
    tag: "9F27",
  }),
  "issuer.amount": (facts, { money }) => ({
    why: [
      `The card signed ${money(facts.text("signed"))} in currency ${facts.text("signedCurrency") || "unknown"}; the terminal asks for ${money(facts.text("asked"))} in ${facts.text("currency")}.`,
    ],
    flips: ["With the same amount and currency in both places it would have passed."],
    suspect: "terminal",
    tag: "9F02",
  }),
  "issuer.transaction": (facts) =>
    (facts.count("type") ?? 0) !== 0
      ? {
          why: [`The transaction type (9C) is ${facts.count("type")}; the account takes purchases (0).`],
          flips: ["A purchase would have passed."],
          suspect: "terminal",
          tag: "9C",
        }
      : {
          why: [
            `The account is kept in currency ${facts.text("accountCurrency") || "none"}, the payment is in ${facts.text("currency")} (5F2A).`,
          ],
          flips: [`A payment in currency ${facts.text("accountCurrency")} would have passed.`],
          suspect: "issuer",
          tag: "5F2A",
        },
  "issuer.terminal-verification": (facts) => {
    const set = setBits("TVR", facts.bytes("tvr")).map((bit) => `${bitText(bit)}, ${bit.says}`);
    return {
      why: [`The TVR (95) ${facts.text("tvr")} that the card covered with its cryptogram says: ${set.join("; ")}.`],
      flips: ["Without that bit of the TVR the issuer would have gone on."],
      suspect: "card",
      tag: "95",
    };
  },
  "issuer.cardholder-verification": (facts) => {
    const method = (facts.bytes("cvmResults")[0] ?? 0xff) & 0x3f;
    if (method === 0x02)
      return facts.flag("pin")
        ? { why: ["The CVM results (9F34) say online PIN, and one came."], flips: [] }
        : {
            why: ["The CVM results (9F34) say online PIN, and the request holds none: nobody entered it."],
            flips: ["With a PIN entered (tap --pin) the issuer would have gone on."],
            suspect: "terminal",
            tag: "9F34",
          };
    if (method === 0x01 && !facts.flag("onDevice"))
      return {
        why: ["The CVM results (9F34) say that the device verified its holder; its CVR (9F10) says that it did not."],
        flips: ["A device that is worn and unlocked would have verified its holder."],
        suspect: "card",
        tag: "9F34",
      };
    return {
      why: [
        `The CVM results (9F34) are ${facts.text("cvmResults") || "absent"}, the TVR (95) is ${facts.text("tvr")}.`,
      ],
      flips: ["A verification that succeeds would have passed."],
      suspect: "kernel",
      tag: "95",
    };
  },
  "issuer.limit": (facts, { money }) => {
    const limit = money(facts.text("limit"));
    const over = above(facts.text("amount"), facts.text("limit"));
    return {
      why: [
        `The amount of ${money(facts.text("amount"))} is ${over ? "above" : "within"} the issuer's limit a payment of ${limit}.`,
      ],
      flips: [
        over ? `An amount of ${limit} or less would have passed.` : `An amount above ${limit} would be declined.`,
      ],
      ...(over && { suspect: "issuer" as const }),
    };
  },
  "issuer.balance": (facts, { money }) =>
    facts.has("available")
      ? {
          why: [
            `The amount of ${money(facts.text("amount"))} is above what the account has: ${money(facts.text("available"))}.`,
          ],
          flips: [`An amount of ${money(facts.text("available"))} or less would have passed.`],
          suspect: "issuer",
        }
      : { why: [`${money(facts.text("amount"))} are set aside.`], flips: ["An amount above the balance is declined."] },
};
