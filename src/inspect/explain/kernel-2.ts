import type { OdaFault } from "../../emv/oda.js";
import { COVERS, odaFaultText } from "../verify.js";
import { linkText } from "./entry.js";
import { plainly, rowOf, tagText, type Explain } from "./facts.js";
import { RESTRICTIONS, stop, terminalActionAnalysis } from "./taa.js";

const bit = (bytes: Uint8Array, byte: number, mask: number): boolean => ((bytes[byte - 1] ?? 0) & mask) !== 0;

/** Whether an amount is above a limit, both minor units as text. */
export const above = (amount: string, limit: string): boolean =>
  /^\d{1,18}$/.test(amount) && /^\d{1,18}$/.test(limit) && BigInt(amount) > BigInt(limit);

/** Which link `c2.cda` names before the colon, the tag that carries it, and what it stands for. */
export const CDA_LINKS: Readonly<Record<string, { readonly link: keyof typeof COVERS; readonly tag: string }>> = {
  "issuer certificate": { link: "issuerCertificate", tag: "90" },
  "static data": { link: "cardCertificate", tag: "9F4A" },
  "card certificate": { link: "cardCertificate", tag: "9F46" },
  signature: { link: "sdad", tag: "9F4B" },
};

/** The link and the fault in `card certificate: wrong-hash`; nothing for another text. */
export function cdaFault(
  reason: string,
): { readonly link: keyof typeof COVERS; readonly tag: string; readonly fault: string } | undefined {
  const at = reason.indexOf(": ");
  const row = at < 0 ? undefined : rowOf(CDA_LINKS, reason.slice(0, at));
  if (!row) return undefined;
  const fault = reason.slice(at + 2);
  const missing = /^([0-9A-F]{2,4}) is missing$/.exec(fault)?.[1];
  return { ...row, tag: missing ?? row.tag, fault };
}

const cda: Explain = (facts, { kernel }) => {
  const reason = facts.text("reason");
  const index = facts.text("caIndex");
  if (facts.text("status") === "missing") {
    const tag = facts.text("tag");
    if (tag !== "")
      return {
        why: [`The card supports CDA and gave no ${tagText(tag, kernel)}, which it takes.`],
        flips: [`With ${tagText(tag, kernel)} in its records the signature could have been asked for.`],
        suspect: "card",
        tag,
      };
    const key = `${index} of ${facts.text("rid")}`;
    return {
      why: [`The card's certificates hang on CA key ${key}, and the terminal has no such key.`],
      flips: [
        `A terminal with CA key ${key} could have checked the card; a card under a key that the terminal has, too.`,
      ],
      suspect: "terminal",
      tag: "8F",
    };
  }
  if (facts.text("status") !== "failed" && reason === "") return { why: [], flips: [] };
  const found = cdaFault(reason);
  if (!found) return { why: [], flips: [], suspect: "card" };
  if (found.fault === "ca-expired")
    return {
      why: [`CA key ${index} of ${facts.text("rid")} had expired on the day of the transaction.`],
      flips: ["A day before the key's expiry would have passed; so would a card under a newer CA key."],
      suspect: "terminal",
      tag: "8F",
    };
  const says = odaFaultText(found.link, found.fault as OdaFault);
  if (found.fault === "expired")
    return {
      why: [`${says[0]!.toUpperCase()}${says.slice(1)}.`],
      flips: ["A day up to the certificate's expiry would have passed; so would a card that is issued anew."],
      suspect: "card",
      tag: found.tag,
    };
  return {
    why: [`${says[0]!.toUpperCase()}${says.slice(1)}.`],
    flips: [`It would have held, had nothing changed in what it covers: ${COVERS[found.link]}.`],
    suspect: "card",
    tag: found.fault === "wrong-transaction-hash" ? "9F4B" : found.tag,
  };
};

const cvm: Explain = (facts, { money }) => {
  const amount = facts.text("amount");
  const limit = facts.text("limit");
  const results = facts.bytes("results");
  const required = above(amount, limit);
  const shown = money(limit);
  const sides = `The amount of ${money(amount)} is ${required ? "above" : "not above"} the reader's CVM limit of ${shown}`;
  const less = `An amount of ${shown} or less would not have needed verification: the reader's CVM limit is ${shown}.`;
  const more = `Above ${shown}, the reader's CVM limit, verification is needed.`;
  const failed = results[2] === 1;
  const currencies =
    facts.text("cardCurrency") !== facts.text("currency")
      ? ` Its currency (9F42) is ${facts.text("cardCurrency") || "absent"}, the transaction's ${facts.text("currency") || "unknown"}, so rules with amounts do not count.`
      : "";
  if (!failed) {
    if (facts.text("cvm") === "online-pin")
      return { why: [`${sides}, and the card's list asks for an online PIN.`], flips: [less] };
    if (facts.text("cvm") === "cdcvm") return { why: [`${sides}, and the device verifies its holder.`], flips: [less] };
    return { why: [`${sides}.`], flips: required ? [less] : [more] };
  }
  const capability = Uint8Array.of(facts.count("capability") ?? 0);
  const can = [
    ...(bit(capability, 1, 0x40) ? ["online PIN"] : []),
    ...(bit(capability, 1, 0x20) ? ["signature"] : []),
    ...(bit(capability, 1, 0x08) ? ["no CVM"] : []),
  ];
  return {
    why: [
      `${sides}; there the reader can do ${can.length > 0 ? can.join(", ") : "nothing"} (9F33 byte 2), which the card's CVM list (8E) ${facts.text("list").slice(16) || "without rules"} does not ask for.${currencies}`,
    ],
    flips: [
      ...(required ? [less] : []),
      "A rule in 8E for what the reader can do, or a reader that can do what 8E asks for, would have passed.",
    ],
    suspect: "kernel",
    tag: "8E",
  };
};

const amountAgainst =
  (title: string, over: string, under: string): Explain =>
  (facts, { money }) => {
    const limit = money(facts.text("limit"));
    const exceeded = above(facts.text("amount"), facts.text("limit"));
    return {
      why: [`The amount of ${money(facts.text("amount"))} is ${exceeded ? "above" : "not above"} ${limit}, ${title}.`],
      flips: [exceeded ? over.replace("#", limit) : under.replace("#", limit)],
      suspect: exceeded ? "terminal" : "none",
    };
  };

const transactionLimit: Explain = (facts, around) => {
  const exceeded = above(facts.text("amount"), facts.text("limit"));
  const told = amountAgainst(
    facts.flag("onDevice")
      ? "the reader's contactless limit for devices that verify their holder"
      : "the reader's contactless limit where the device does not verify its holder",
    "An amount of # or less would have passed.",
    "An amount above # would not have been taken.",
  )(facts, around);
  return exceeded ? told : { ...told, suspect: "none" };
};

const cryptogram: Explain = (facts) => {
  const [asked, got] = [facts.text("asked"), facts.text("got")];
  if (asked === "")
    return {
      why: [`The card gave ${article(got)} without being asked for a certain type.`],
      flips: [],
      ...(got === "AAC" && { suspect: "card" as const }),
      tag: "9F10",
    };
  if (asked === got) return { why: [`The terminal asked for ${article(asked)} and got it.`], flips: [] };
  const less = ["AAC", "ARQC", "TC"].indexOf(got) < ["AAC", "ARQC", "TC"].indexOf(asked);
  return {
    why: [
      less
        ? `The terminal asked for ${article(asked)} and the card gave ${article(got)}: its own risk management decided so; the CVR says from what.`
        : `The terminal asked for ${article(asked)} and the card gave ${article(got)}, which is more.`,
    ],
    flips: [
      less
        ? `Where none of the CVR's bits stands in the card's own action codes, the card gives the ${asked} that it is asked for.`
        : `A card that answers with ${article(asked)} or less would have been believed.`,
    ],
    suspect: "card",
    tag: "9F27",
  };
};

const article = (type: string): string =>
  type === "" ? "a cryptogram" : type === "TC" || type === "CVC3" ? `a ${type}` : `an ${type}`;

const oda: Explain = (facts) => {
  if (facts.flag("cda"))
    return {
      why: ["AIP (82) byte 1 bit 1 and terminal capabilities (9F33) byte 3 bit 4 are both set."],
      flips: ["Without either of them no data would have been authenticated offline."],
    };
  const card = bit(facts.bytes("aip"), 1, 0x01);
  return card
    ? {
        why: ["The terminal's capabilities (9F33 byte 3 bit 4) have no CDA."],
        flips: ["A terminal with CDA would have authenticated the card."],
        suspect: "terminal",
        tag: "9F33",
      }
    : {
        why: [`The card's AIP (82) ${facts.text("aip")} has no CDA: byte 1 bit 1 is not set.`],
        flips: ["With that bit set, and certificates to go with it, the card would have been authenticated."],
        suspect: "card",
        tag: "82",
      };
};

const mode: Explain = (facts) => {
  const emv = bit(facts.bytes("aip"), 2, 0x80);
  const reader = !bit(facts.bytes("configuration"), 1, 0x40);
  if (emv && reader) return { why: [], flips: [] };
  return emv
    ? {
        why: ["The reader's kernel configuration (DF811B) byte 1 bit 7 says that it has no EMV mode."],
        flips: ["With that bit clear the tap would have gone on in EMV mode."],
        suspect: "terminal",
        tag: "DF811B",
      }
    : {
        why: [`The card's AIP (82) ${facts.text("aip")} has no EMV mode: byte 2 bit 8 is not set.`],
        flips: ["With that bit set the tap would have gone on in EMV mode; mag-stripe mode this kernel does not have."],
        suspect: "card",
        tag: "82",
      };
};

const outcome: Explain = (facts) => {
  const cid = (facts.count("cid") ?? 0) & 0xc0;
  if (cid !== 0) return { why: [], flips: [] };
  return {
    why: facts.flag("contacts")
      ? ["The terminal has a contact reader, so it sends the card there instead of declining it."]
      : [],
    flips: [],
    suspect: "card",
    tag: "9F27",
  };
};

/** Decisions of kernel 2. */
export const KERNEL_2: Readonly<Record<string, Explain>> = {
  "c2.aid": plainly,
  "c2.mode": mode,
  "c2.oda": oda,
  "c2.signed-data": (facts) => ({
    why: [
      `The record of file ${facts.count("sfi") ?? "?"} is no template 70, or the signed records have more than ${facts.count("most") ?? 0} bytes.`,
    ],
    flips: ["Signed records of the right form, within that room, would have been taken."],
    suspect: "card",
    tag: "70",
  }),
  "c2.transaction-limit": transactionLimit,
  ...RESTRICTIONS,
  "c2.cvm": cvm,
  "c2.floor-limit": amountAgainst(
    "the floor limit",
    "An amount of # or less would not have set that TVR bit.",
    "An amount above # would have been marked for going online.",
  ),
  "c2.random-selection": (facts) => ({
    why: [`${facts.count("drawn") ?? "?"} of 100 was drawn; up to ${facts.count("percentage") ?? "?"} goes online.`],
    flips: ["Another draw, from another seed, can go the other way."],
  }),
  "c2.taa": terminalActionAnalysis,
  "c2.cda": cda,
  "c2.on-device-cvm": () => ({
    why: ["The device verifies its holder itself, and without CDA nobody can tell that it was this device."],
    flips: ["With CDA done it would not have been declined here."],
  }),
  "c2.ac": cryptogram,
  "c2.outcome": outcome,
  "c2.stop": (facts, around) => {
    const l1 = facts.text("l1");
    if (l1 === "") return stop(facts, around);
    const during = around.command === undefined ? "" : `At ${around.command}, `;
    const says = linkText(l1);
    return {
      why: [`${during}${during === "" ? `${says[0]!.toUpperCase()}${says.slice(1)}` : says}.`],
      flips: ["An answer in time would have let the tap go on: hold the card still, closer, until the reader signals."],
      suspect: "link",
    };
  },
};

/** The rules that can set a bit of the TVR: `byte/bit` to names, the likeliest first. EMV 4.3 Book 3, Annex C5. */
export const SET_BY: Readonly<Record<string, readonly string[]>> = {
  "1/8": ["c2.oda"],
  "1/6": ["c2.cda", "c2.cvm"],
  "1/3": ["c2.cda", "c2.signed-data"],
  "2/8": ["c2.restrictions.version"],
  "2/7": ["c2.restrictions.expired"],
  "2/6": ["c2.restrictions.not-yet-effective"],
  "2/5": ["c2.restrictions.usage"],
  "3/8": ["c2.cvm"],
  "3/7": ["c2.cvm"],
  "3/3": ["c2.cvm"],
  "4/8": ["c2.floor-limit"],
  "4/5": ["c2.random-selection"],
};
