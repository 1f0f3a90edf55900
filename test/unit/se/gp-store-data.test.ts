import { createCipheriv } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { SecureElement } from "../../../emulator/se/element.js";
import { getData, personalize, selectDomain, type SecuredCard } from "../../../src/protocols/gp/poller.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import {
  CARD_AID,
  encodeGroupings,
  generateAc,
  GPO,
  groupings,
  rsaGroupings,
  SELECT_CARD,
  send,
  type Groupings,
} from "../../support/emulated-card.js";
import {
  ask,
  gpCard,
  lv,
  open,
  PAYMENT_DOMAIN,
  secured,
  TEST_DES_KEYS,
  TEST_KEYS,
  type CardChoice,
} from "../../support/gp-card.js";

/*
 * STORE DATA: GlobalPlatform Card Specification 2.3.1, 11.11 and table 11-89 for P1 and P2; EMV CPS 1.1 for groupings and their encryption; Amendment D
 * for the data encryption key of SCP03. Ciphertexts come from node:crypto.
 */

const KEY = Buffer.from("404142434445464748494A4B4C4D4E4F", "hex");
const VISIBLE = "6F118407A0000000041010A5065004544553549000";

/** AES-128, CBC from zeros, under the card's own key: SCP03 derives no session key for data (Amendment D 6.2). */
function aes(clear: string): string {
  const cipher = createCipheriv("aes-128-cbc", KEY, Buffer.alloc(16)).setAutoPadding(false);
  return cipher.update(clear, "hex", "hex").toUpperCase();
}

/** Session DEK of SCP02: CBC of 0181, sequence counter and zeros (E.4.1); then ECB. The first session of a new card has counter 1. */
function des(clear: string): string {
  const key = (bytes: Buffer): Buffer => Buffer.concat([bytes, bytes.subarray(0, 8)]);
  const derive = createCipheriv("des-ede3-cbc", key(KEY), Buffer.alloc(8)).setAutoPadding(false);
  const session = derive.update(Buffer.from("01810001" + "00".repeat(12), "hex"));
  const cipher = createCipheriv("des-ede3-ecb", key(session), null).setAutoPadding(false);
  return cipher.update(clear, "hex", "hex").toUpperCase();
}

/** First three bytes of a zero block under the key (EMV CPS 1.1). */
function checkValue(key: string): string {
  const cipher = createCipheriv("des-ede3-ecb", Buffer.from(key + key.slice(0, 16), "hex"), null);
  return cipher.setAutoPadding(false).update("00".repeat(8), "hex", "hex").slice(0, 6).toUpperCase();
}

/** A session of the payment domain, its card named for personalisation. */
function personalising(choice: CardChoice = {}): { element: SecureElement; channel: SecuredCard } {
  const element = gpCard(choice);
  ask(element, selectDomain(PAYMENT_DOMAIN));
  const { channel } = open(element, choice.scp === 2 ? 0x03 : 0x33, choice.scp === 2 ? TEST_DES_KEYS : TEST_KEYS);
  ask(element, personalize(channel, unhex(CARD_AID)));
  return { element, channel };
}

const store = (p1: string, p2: number, data: string): string =>
  `80E2${p1}${p2.toString(16).padStart(2, "0")}${data ? lv(data) : ""}`;
const seen = (element: SecureElement): string => {
  element.powerOff("wired");
  element.powerOff("contactless");
  return send(element, SELECT_CARD);
};
const open_ = (all: Groupings): string => encodeGroupings({ ...groupings(), "8000": undefined, ...all });
const KEYS = groupings()["8000"]!;

describe.each([
  ["SCP03: AES-CBC under the static DEK", { scp: 3, i: 0x70 }, aes],
  ["SCP02: triple DES ECB under the session DEK", { scp: 2, i: 0x55 }, des],
] as const)("encrypted groupings, %s", (_, choice, encipher) => {
  const secret = `8000${lv(encipher(KEYS))}`;

  test("reach the application in the clear: the card has the keys that it would have got unencrypted", () => {
    const { element, channel } = personalising(choice);
    expect(secured(element, channel, store("08", 0, open_({})))).toBe("9000");
    expect(secured(element, channel, store("E8", 1, secret))).toBe("9000");
    expect(seen(element)).toBe(VISIBLE);

    const clear = personalising(choice);
    expect(secured(clear.element, clear.channel, store("08", 0, open_({})))).toBe("9000");
    expect(secured(clear.element, clear.channel, store("88", 1, `8000${lv(KEYS)}`))).toBe("9000");
    expect(seen(clear.element)).toBe(VISIBLE);
    const pay = ({ element: one }: { element: SecureElement }): string[] =>
      [GPO, generateAc("80")].map((apdu) => send(one, apdu));
    expect(pay({ element })).toEqual(pay(clear));
    expect(pay({ element })[1]).toMatch(/^77.*9000$/);
  });

  test("may go on in the next block, also between their ciphertext's blocks", () => {
    for (const cut of [1, 2, 3, 4, 11, 19, secret.length / 2 - 1]) {
      const { element, channel } = personalising(choice);
      secured(element, channel, store("08", 0, open_({})));
      expect(secured(element, channel, store("68", 1, secret.slice(0, 2 * cut)))).toBe("9000");
      expect(secured(element, channel, store("E8", 2, secret.slice(2 * cut)))).toBe("9000");
      expect(seen(element)).toBe(VISIBLE);
    }
  });

  test("but not in a block that is encrypted otherwise", () => {
    const { element, channel } = personalising(choice);
    secured(element, channel, store("08", 0, open_({})));
    expect(secured(element, channel, store("68", 1, secret.slice(0, 20)))).toBe("9000");
    expect(secured(element, channel, store("88", 2, secret.slice(20)))).toBe("6A80");
    expect(seen(element)).toBe("6A82");
  });

  test("have whole blocks, and keys of their length", () => {
    for (const wrong of [
      secret.slice(0, -2),
      `8000${lv(encipher(KEYS).slice(0, 64))}`,
      `8000${lv(encipher(KEYS).slice(2))}`,
    ]) {
      const { element, channel } = personalising(choice);
      secured(element, channel, store("08", 0, open_({})));
      expect(secured(element, channel, store("E8", 1, wrong))).toBe("6A80");
      expect(seen(element)).toBe("6A82");
    }
  });

  test("that are said to be in the clear are other keys", () => {
    const { element, channel } = personalising(choice);
    const values = `9000${lv([0, 32, 64].map((at) => checkValue(KEYS.slice(at, at + 32))).join(""))}`;
    secured(element, channel, store("08", 0, open_({}) + values));
    expect(secured(element, channel, store("88", 1, secret))).toBe("6A80");
    expect(seen(element)).toBe("6A82");
    const right = personalising(choice);
    secured(right.element, right.channel, store("08", 0, open_({}) + values));
    expect(secured(right.element, right.channel, store("E8", 1, secret))).toBe("9000");
  });
});

describe("padding of what is enciphered", () => {
  const pad = (value: string): string => `${value}80`.padEnd(Math.ceil((value.length + 2) / 32) * 32, "0");
  const fci = "5004544553549F38039F1A02"; // 12 bytes

  test("80 and zeros are taken off where the value was no whole number of blocks", () => {
    const { element, channel } = personalising();
    secured(element, channel, store("08", 0, encodeGroupings({ ...groupings(), "9102": undefined })));
    expect(secured(element, channel, store("E8", 1, `9102${lv(aes(pad(fci)))}`))).toBe("9000");
    expect(seen(element)).toBe("6F178407A0000000041010A50C5004544553549F38039F1A029000");
  });

  test("a key that ends in 80 stays whole: its length is known", () => {
    const key = KEYS.slice(0, -2) + "80";
    const { element, channel } = personalising();
    secured(element, channel, store("08", 0, open_({})));
    expect(secured(element, channel, store("E8", 1, `8000${lv(aes(key))}`))).toBe("9000");
    expect(seen(element)).toBe(VISIBLE);
  });

  test("a PIN block of 8 bytes is itself again (EMV 4.3 Book 3 6.5.12: 24, the digits, F)", () => {
    const { element, channel } = personalising();
    secured(element, channel, store("08", 0, `${open_({})}9010${lv("0303")}`));
    secured(element, channel, store("68", 1, `8000${lv(aes(KEYS))}`));
    expect(secured(element, channel, store("E8", 2, `8010${lv(aes(pad("241234FFFFFFFFFF")))}`))).toBe("9000");
    expect(seen(element)).toBe(VISIBLE);
  });

  test("parts of an RSA key arrive as they are", () => {
    const { element, channel } = personalising();
    const parts = Object.entries(rsaGroupings()).map(([dgi, value]) => `${dgi}${lv(aes(value!))}`);
    secured(element, channel, store("08", 0, open_({})));
    secured(element, channel, store("68", 1, `8000${lv(aes(KEYS))}`));
    expect(secured(element, channel, store("68", 2, parts.slice(0, 3).join("")))).toBe("9000");
    expect(secured(element, channel, store("E8", 3, parts.slice(3).join("")))).toBe("9000");
    expect(seen(element)).toBe(VISIBLE);
    send(element, GPO);
    // P1 bit 5 asks for CDA, which needs the key (EMV 4.3 Book 3 6.5.5.2).
    expect(send(element, generateAc("90"))).toContain("9F4B");
  });
});

describe("P1 and P2 to an application", () => {
  const whole = encodeGroupings(groupings());
  test.each([
    ["data groupings", "88", 0, "9000"],
    ["data groupings whose answer may have data", "89", 0, "9000"],
    ["no word of a structure", "80", 0, "6A86"],
    ["BER-TLV", "90", 0, "6A86"],
    ["a reserved structure", "98", 0, "6A86"],
    ["an encryption of the application's own", "A8", 0, "6A86"],
    ["a reserved encryption", "C8", 0, "6A86"],
    ["reserved bits", "8A", 0, "6A86"],
    ["reserved bits", "8C", 0, "6A86"],
    ["a first block that is not number 0", "88", 1, "6A86"],
  ])("%s: P1 %s, P2 %i is %s", (_, p1, p2, answer) => {
    const { element, channel } = personalising();
    expect(secured(element, channel, store(p1, p2, whole))).toBe(answer);
    expect(seen(element)).toBe(answer === "9000" ? VISIBLE : "6A82");
  });

  test("after a refusal the application has to be named again", () => {
    const { element, channel } = personalising();
    expect(secured(element, channel, store("88", 1, whole))).toBe("6A86");
    // To the domain itself, which knows no such groupings.
    expect(secured(element, channel, store("88", 0, whole))).toBe("6A88");
    ask(element, personalize(channel, unhex(CARD_AID)));
    expect(secured(element, channel, store("88", 0, whole))).toBe("9000");
  });

  test("a personalisation that another command interrupts is over, and nothing of it is there", () => {
    const { element, channel } = personalising();
    const half = whole.slice(0, 100);
    expect(secured(element, channel, store("08", 0, half))).toBe("9000");
    expect(secured(element, channel, "80F24002024F0000").slice(-4)).toBe("9000");
    expect(secured(element, channel, store("88", 1, whole.slice(100)))).toBe("6A86");
    expect(seen(element)).toBe("6A82");
  });

  test("GET DATA does not interrupt it", () => {
    const { element, channel } = personalising();
    expect(secured(element, channel, store("08", 0, whole.slice(0, 100)))).toBe("9000");
    expect(secured(element, channel, "80CA00C100")).toBe("C1030000019000");
    expect(secured(element, channel, store("88", 1, whole.slice(100)))).toBe("9000");
    expect(seen(element)).toBe(VISIBLE);
  });
});

describe("a security domain's own objects", () => {
  const domain = () => {
    const element = gpCard();
    ask(element, selectDomain());
    return { element, channel: open(element).channel };
  };
  const IIN = "4203112233";
  const CIN = "450422334455";
  const ALL = `${IIN}${CIN}5F20054142434445` + "5F5008687474703A2F2F61" + "660473020600";

  test.each([
    ["as BER-TLV", "90"],
    ["as BER-TLV, with an answer that may have data", "91"],
    ["without a structure said", "80"],
  ])("%s are stored, and GET DATA gives them back to anybody", (_, p1) => {
    const { element, channel } = domain();
    expect(secured(element, channel, store(p1, 0, ALL))).toBe("9000");
    element.powerOff("wired");
    const told = ["0042", "0045", "5F20", "5F50", "0066"].map((tag) => send(element, `80CA${tag}00`, "wired"));
    expect(told).toEqual([
      `${IIN}9000`,
      `${CIN}9000`,
      "5F200541424344459000",
      "5F5008687474703A2F2F619000",
      "6604730206009000",
    ]);
  });

  test("as grouping 0070, in the clear and encrypted", () => {
    const { element, channel } = domain();
    expect(secured(element, channel, store("88", 0, `0070${lv(IIN)}`))).toBe("9000");
    const padded = `${CIN}80`.padEnd(32, "0");
    expect(secured(element, channel, store("E8", 0, `0070${lv(aes(padded))}`))).toBe("9000");
    expect([0x42, 0x45].map((tag) => hex(ask(element, getData(channel, tag))!))).toEqual([IIN, CIN]);
  });

  test("come through the domain above it, too, once that has named it (7.3.3)", () => {
    const { element, channel } = domain();
    ask(element, personalize(channel, PAYMENT_DOMAIN));
    expect(secured(element, channel, store("10", 0, ALL.slice(0, 14)))).toBe("9000");
    expect(secured(element, channel, store("90", 1, ALL.slice(14)))).toBe("9000");
    expect(ask(element, getData(channel, 0x42))).toBeUndefined(); // the issuer's domain has none of it
    ask(element, selectDomain(PAYMENT_DOMAIN));
    expect(send(element, "80CA004200", "wired")).toBe(`${IIN}9000`);
    expect(send(element, "80E290000342015500", "wired")).toBe("6982"); // not without the channel
  });

  test("may come in several blocks; nothing is there before the last", () => {
    const { element, channel } = domain();
    expect(secured(element, channel, store("10", 0, ALL.slice(0, 14)))).toBe("9000");
    expect(ask(element, getData(channel, 0x42))).toBeUndefined();
    expect(secured(element, channel, store("90", 1, ALL.slice(14)))).toBe("9000");
    expect(hex(ask(element, getData(channel, 0x45))!)).toBe(CIN);
  });

  test.each([
    ["a block left out", [store("10", 0, IIN), store("90", 2, CIN)], "6A86"],
    ["a block twice", [store("10", 0, IIN), store("10", 0, CIN)], "6A86"],
    ["another structure in the middle", [store("10", 0, IIN), store("88", 1, `0070${lv(CIN)}`)], "6A86"],
    ["encryption without groupings", [store("F0", 0, IIN)], "6A86"],
    ["reserved bits", [store("92", 0, IIN)], "6A86"],
    ["an object that a domain does not keep", [store("90", 0, `${IIN}9F7F0100`)], "6A80"],
    ["an object that ends early", [store("90", 0, IIN.slice(0, -2))], "6A80"],
    ["nothing", [store("90", 0, "")], "6A80"],
    ["a grouping that a domain does not know", [store("88", 0, `8010${lv("00")}`)], "6A88"],
    ["a grouping that is cut off", [store("88", 0, `007005${IIN.slice(0, 6)}`)], "6A80"],
    ["more than a kilobyte", [0, 1, 2, 3, 4].map((block) => store("10", block, "00".repeat(220))), "6A84"],
  ])("%s is refused and stores nothing", (_, commands, answer) => {
    const { element, channel } = domain();
    const answers = commands.map((command) => secured(element, channel, command));
    expect(answers).toEqual([...answers.slice(0, -1).map(() => "9000"), answer]);
    expect([0x42, 0x45].map((tag) => ask(element, getData(channel, tag)))).toEqual([undefined, undefined]);
    expect(secured(element, channel, store("90", 0, IIN))).toBe("9000");
  });
});
