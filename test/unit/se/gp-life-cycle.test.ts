import { describe, expect, test } from "vitest";
import type { SecureElement } from "../../../emulator/se/element.js";
import { CardRegistry } from "../../../emulator/se/gp/registry.js";
import { ObjectStore } from "../../../emulator/se/store.js";
import { getStatus, selectDomain, type SecuredCard } from "../../../src/protocols/gp/poller.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { CARD_AID, PPSE_NAME, SELECT_CARD, send } from "../../support/emulated-card.js";
import { ask, gpCard, lv, open, PAYMENT_DOMAIN, secured } from "../../support/gp-card.js";

/*
 * Life cycles: GlobalPlatform Card Specification 2.3.1, 5.1 and figure 5-1 (card), 5.3 (applications), tables 11-4 to 11-6, SET STATUS 11.10, GET STATUS 11.4.
 */

const issuer = (element = gpCard()): { element: SecureElement; channel: SecuredCard } => {
  ask(element, selectDomain());
  return { element, channel: open(element).channel };
};

/** A card in a state that its maker leaves before anybody gets it. */
function inState(state: number): SecureElement {
  const element = gpCard();
  new CardRegistry(new ObjectStore(element.nvm)).cardState = state;
  element.restore(element.snapshot());
  return element;
}

const byte = (value: number): string => value.toString(16).padStart(2, "0").toUpperCase();
const STATES = [0x01, 0x07, 0x0f, 0x7f, 0xff];
/** Figure 5-1, and 5.1.2: to SECURED also past INITIALIZED. */
const LEGAL = ["01>07", "01>0F", "01>FF", "07>0F", "07>FF", "0F>7F", "0F>FF", "7F>0F", "7F>FF"];

describe("the card's life cycle", () => {
  test.each(STATES.slice(0, 4).flatMap((from) => STATES.map((to) => [from, to] as const)))(
    "from %i to %i",
    (from, to) => {
      const { element, channel } = issuer(inState(from));
      const legal = LEGAL.includes(`${byte(from)}>${byte(to)}`);
      expect(secured(element, channel, `80F080${byte(to)}`)).toBe(legal ? "9000" : "6985");
      element.powerOff("wired");
      const now = send(element, "00A4040000", "wired").slice(-4);
      const after = legal ? to : from;
      expect(now).toBe(after === 0xff ? "6A81" : after === 0x7f ? "6283" : "9000");
      if (after === 0xff) return;
      const [entry] = ask(element, getStatus(open(element).channel, "issuerDomain"));
      expect(entry!.lifeCycle).toBe(after);
    },
  );

  test.each([0x00, 0x03, 0x1f, 0x80, 0xfe])("%i is no state", (state) => {
    const { element, channel } = issuer();
    expect(secured(element, channel, `80F080${byte(state)}`)).toBe("6A86");
  });

  test("locked, it says so in SELECT's warning and takes what unlocks it, no other management", () => {
    const { element, channel } = issuer();
    expect(secured(element, channel, "80F0807F")).toBe("9000");
    element.powerOff("wired");
    expect(send(element, "00A4040000", "wired")).toBe("6F108408A000000151000000A5049F6501FF6283");
    expect(send(element, SELECT_CARD, "wired")).toBe("6A82");
    const again = open(element).channel;
    expect(secured(element, again, "80CA00C100")).toBe("C1030000029000");
    expect(secured(element, again, "80F28002024F0000").slice(-4)).toBe("9000");
    for (const command of [`80E40000${lv(`4F${lv(CARD_AID)}`)}`, "80E29000054203112233", "80E60C0000", "80D8008100"])
      expect(send(element, command, "wired"), command).toBe("6985");
    const third = issuer(element).channel;
    expect(secured(element, third, "80F0800F")).toBe("9000");
    element.powerOff("wired");
    expect(send(element, SELECT_CARD, "wired").slice(-4)).toBe("9000");
  });

  test("an application that was selected when the card was locked or ended gets no more commands", () => {
    for (const state of ["7F", "FF"]) {
      const { element, channel } = issuer();
      send(element, "0070000001", "wired");
      send(element, SELECT_CARD.replace("00A4", "01A4"), "wired");
      expect(send(element, "81CA9F3600", "wired")).toBe("6985"); // no data yet
      expect(send(element, "81CA00C1", "wired")).toBe("6985");
      expect(send(element, "81FF000000", "wired")).toBe("6D00");
      expect(secured(element, channel, `80F080${state}`)).toBe("9000");
      expect(send(element, "81FF000000", "wired")).toBe("6985");
    }
  });

  test("terminated, it says who it was and nothing else, for ever", () => {
    const { element, channel } = issuer();
    expect(secured(element, channel, "80F080FF")).toBe("9000");
    element.powerOff("wired");
    expect(send(element, "80CA9F7F00", "wired").slice(-4)).toBe("9000");
    for (const command of ["00A4040000", SELECT_CARD]) expect(send(element, command, "wired")).toBe("6A81");
    for (const command of ["80500000080102030405060708", "80F2800000", "80F0800F00"])
      expect(send(element, command, "wired"), command).toBe("6985");
  });
});

const states = ({ element, channel }: ReturnType<typeof issuer>): string =>
  ask(element, getStatus(channel, "applications"))
    .map(({ lifeCycle }) => byte(lifeCycle))
    .join(" ");
const set = (state: string, aid: string, p1 = "40"): string => `80F0${p1}${state}${lv(aid)}`;
const OWNER = hex(PAYMENT_DOMAIN);

describe("an application's life cycle", () => {
  // The payment domain is PERSONALIZED, directory and card are SELECTABLE.
  test.each([
    ["a lock", [set("80", CARD_AID)], "9000", "0F 07 87"],
    ["a lock, whatever else P2 says", [set("FF", CARD_AID)], "9000", "0F 07 87"],
    ["a lock twice", [set("80", CARD_AID), set("80", CARD_AID)], "6985", "0F 07 87"],
    ["a lock and its end", [set("80", CARD_AID), set("00", CARD_AID)], "9000", "0F 07 07"],
    ["the state that it has", [set("07", CARD_AID)], "6985", "0F 07 07"],
    ["a state of its own", [set("0F", CARD_AID)], "9000", "0F 07 0F"],
    [
      "a state of its own, locked, and back in it",
      [set("7F", CARD_AID), set("80", CARD_AID), set("00", CARD_AID)],
      "9000",
      "0F 07 7F",
    ],
    ["back from a state of its own", [set("0F", CARD_AID), set("07", CARD_AID)], "6985", "0F 07 0F"],
    ["a state without its low bits", [set("08", CARD_AID)], "6985", "0F 07 07"],
    ["back to INSTALLED", [set("03", CARD_AID)], "6985", "0F 07 07"],
    ["a domain in a state that domains lack", [set("1F", OWNER)], "6985", "0F 07 07"],
    ["a domain's lock", [set("80", OWNER)], "9000", "8F 07 07"],
    ["a domain with its applications", [set("80", OWNER, "60")], "9000", "8F 87 87"],
    ["a domain with its applications, and back", [set("80", OWNER, "60"), set("00", OWNER, "60")], "9000", "0F 07 07"],
    ["the applications of none", [set("80", CARD_AID, "60")], "6A88", "0F 07 07"],
    ["the issuer's domain as an application", [set("80", "A000000151000000")], "6A88", "0F 07 07"],
    ["what is not there", [set("80", "A00000099999")], "6A88", "0F 07 07"],
    ["an unknown scope", [set("80", CARD_AID, "20")], "6A86", "0F 07 07"],
  ])("%s", (_, commands, answer, after) => {
    const card = issuer();
    expect(commands.map((command) => secured(card.element, card.channel, command)).at(-1)).toBe(answer);
    expect(states(card)).toBe(after);
  });

  test("INSTALLED becomes SELECTABLE by INSTALL, not by SET STATUS; it can be locked and is INSTALLED again", () => {
    const card = issuer();
    const fields = ["F05441504250505345", "F054415042505053452E41", "A000000999010203", "00", "C900", ""];
    expect(secured(card.element, card.channel, `80E60400${lv(fields.map(lv).join(""))}`)).toBe("009000");
    expect(secured(card.element, card.channel, set("07", "A000000999010203"))).toBe("6985");
    expect(secured(card.element, card.channel, set("80", "A000000999010203"))).toBe("9000");
    expect(states(card)).toBe("0F 07 07 83");
    expect(secured(card.element, card.channel, set("00", "A000000999010203"))).toBe("9000");
    expect(states(card)).toBe("0F 07 07 03");
  });

  test("a domain with what it may not reach does not lock it", () => {
    const element = gpCard();
    ask(element, selectDomain(PAYMENT_DOMAIN));
    const { channel } = open(element);
    expect(secured(element, channel, set("80", CARD_AID))).toBe("9000");
    expect(secured(element, channel, set("80", "A000000151000000"))).toBe("6A88");
    expect(secured(element, channel, "80F0807F")).toBe("6985");
  });
});

describe("GET STATUS", () => {
  const PACKAGES = "A0000001515350 F05441504250505345 F0544150424D43484950".split(" ");

  test("in templates: name, state, privileges (tables 11-36 and 11-9)", () => {
    const { element, channel } = issuer();
    expect(secured(element, channel, "80F28002024F0000")).toBe("E3134F08A0000001510000009F70010FC5039EFE809000");
  });

  test("as lists: length, name, state and first byte of the privileges; load files with their modules counted", () => {
    const { element, channel } = issuer();
    expect(secured(element, channel, "80F28000024F0000")).toBe("08A0000001510000000F9E9000");
    expect(secured(element, channel, "80F24000024F0000")).toBe(
      `${lv(OWNER)}0F80${lv(PPSE_NAME)}0700${lv(CARD_AID)}07009000`,
    );
    expect(secured(element, channel, "80F22000024F0000")).toBe(
      `${PACKAGES.map((aid) => `${lv(aid)}0100`).join("")}9000`,
    );
    expect(secured(element, channel, "80F21000044F02F054" + "00")).toBe(
      `${lv(PACKAGES[1]!)}010001${lv("F054415042505053452E41")}${lv(PACKAGES[2]!)}010001${lv("F0544150424D434849502E41")}9000`,
    );
  });

  test("with a tag list: what it names, and nothing else", () => {
    const { element, channel } = issuer();
    const aid = `4F${lv(CARD_AID)}`;
    expect(secured(element, channel, `80F24002${lv(`${aid}5C034F9F70`)}00`)).toBe(`E3${lv(`${aid}9F70020701`)}9000`);
    expect(secured(element, channel, `80F24002${lv(`${aid}5C01CC`)}00`)).toBe(`E3${lv(`CC${lv(OWNER)}`)}9000`);
    expect(secured(element, channel, `80F24002${lv(`${aid}5C019F`)}00`)).toBe("6A80");
  });

  test("goes on where an answer is full, and only with the same question", () => {
    const { element, channel } = issuer();
    for (let i = 0; i < 12; i++) {
      const fields = ["F05441504250505345", "F054415042505053452E41", `A0000009990102${byte(i)}`, "00", "C900", ""];
      secured(element, channel, `80E60C00${lv(fields.map(lv).join(""))}`);
    }
    const first = secured(element, channel, "80F24002024F0000");
    expect(first.slice(-4)).toBe("6310");
    expect(first.length / 2).toBeLessThanOrEqual(225);
    expect(secured(element, channel, "80F24003034F01A000")).toBe("6985");
    secured(element, channel, "80F24002024F0000");
    const parts: string[] = [];
    for (let more = "6310"; more === "6310" && parts.length < 10;) {
      const part = secured(element, channel, "80F24003024F0000");
      more = part.slice(-4);
      parts.push(more);
    }
    expect(parts.at(-1)).toBe("9000");
    expect(secured(element, channel, "80F24003024F0000")).toBe("6985");
    expect(ask(element, getStatus(channel, "applications"))).toHaveLength(15);
  });

  test.each([
    ["no criteria", "80F2400200", "6A80"],
    ["a name of 17 bytes", `80F24002${lv(`4F${lv("A0".repeat(17))}`)}00`, "6A80"],
    ["an unknown scope", "80F23002024F0000", "6A86"],
    ["a reserved format", "80F24004024F0000", "6A86"],
    ["a name that nothing has", "80F24002054F03AABBCC00", "6A88"],
  ])("%s: %s is %s", (_, command, answer) => {
    const { element, channel } = issuer();
    expect(secured(element, channel, command)).toBe(answer);
  });

  test("a domain sees its own tree", () => {
    const element = gpCard();
    ask(element, selectDomain(PAYMENT_DOMAIN));
    const { channel } = open(element);
    expect(ask(element, getStatus(channel, "issuerDomain"))).toEqual([]);
    expect(ask(element, getStatus(channel, "applications")).map(({ aid }) => hex(aid))).toEqual([
      OWNER,
      PPSE_NAME,
      CARD_AID,
    ]);
    expect(ask(element, getStatus(channel, "loadFiles", unhex("F0")))).toEqual([]);
  });
});

describe("SELECT", () => {
  const other = "A000000004101099";
  const withTwo = (): SecureElement => {
    const { element, channel } = issuer();
    const fields = ["F0544150424D43484950", "F0544150424D434849502E41", other, "00", "C900", ""];
    expect(secured(element, channel, `80E60C00${lv(fields.map(lv).join(""))}`)).toBe("009000");
    element.powerOff("wired");
    return element;
  };
  const named = (answer: string): string => answer.slice(8, 8 + 2 * Number.parseInt(answer.slice(6, 8), 16));

  test("by a part of the name takes the first, then the next, then says that there is none (ISO/IEC 7816-4 7.1.1)", () => {
    const element = withTwo();
    expect(named(send(element, "00A4040005A00000000400", "wired"))).toBe(CARD_AID);
    expect(named(send(element, "00A4040205A00000000400", "wired"))).toBe(other);
    expect(send(element, "00A4040205A00000000400", "wired")).toBe("6A82");
    expect(named(send(element, `00A40400${lv(other)}00`, "wired"))).toBe(other);
  });

  test("passes over what is locked", () => {
    const element = withTwo();
    const { channel } = issuer(element);
    secured(element, channel, set("80", CARD_AID));
    expect(named(send(element, "00A4040005A00000000400", "wired"))).toBe(other);
  });
});
