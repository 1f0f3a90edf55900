import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { SecureElement } from "../../../emulator/se/element.js";
import {
  deleteObject,
  getData,
  getStatus,
  putKeys,
  selectDomain,
  type SecuredCard,
} from "../../../src/protocols/gp/poller.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { CARD_AID, PPSE_NAME, SELECT_CARD, send } from "../../support/emulated-card.js";
import { ask, gpCard, lv, open, PAYMENT_DOMAIN, secured, TEST_KEYS } from "../../support/gp-card.js";

/*
 * INSTALL and LOAD: GlobalPlatform Card Specification 2.3.1, 11.5 (tables 11-41 to 11-51) and 11.6; privileges 6.6 and tables 11-7 to 11-9; DELETE 11.2.
 */

const PACKAGE = "F05441504250505345";
const MODULE = "F054415042505053452E41";
const DOMAINS = "A0000001515350";
const DOMAIN_MODULE = "A000000151535041";
const APPLICATION = "A000000999010203";
const DOMAIN = "A00000099900";
const ISSUER = "A000000151000000";
const SELECT = `00A40400${lv(APPLICATION)}00`;
const NONE = "00";

const issuer = (): { element: SecureElement; channel: SecuredCard } => {
  const element = gpCard();
  ask(element, selectDomain());
  return { element, channel: open(element).channel };
};
const install = (p1: string, p2: string, ...fields: readonly string[]): string =>
  `80E6${p1}${p2}${lv(fields.join(""))}`;
/** INSTALL [for install and make selectable], with the privileges and parameters given. */
const made = (privileges = "00", parameters = "C900", p1 = "0C"): string =>
  install(p1, "00", lv(PACKAGE), lv(MODULE), lv(APPLICATION), lv(privileges), lv(parameters), NONE);
const domainMade = (privileges = "80", aid = DOMAIN): string =>
  install("0C", "00", lv(DOMAINS), lv(DOMAIN_MODULE), lv(aid), lv(privileges), lv("C900"), NONE);
const free = (element: SecureElement, channel: SecuredCard): string => hex(ask(element, getData(channel, 0xff21))!);

describe("INSTALL's forms", () => {
  test("[for install], then [for make selectable]: selectable only then", () => {
    const { element, channel } = issuer();
    expect(secured(element, channel, made("00", "C900", "04"))).toBe("009000");
    expect(send(element, SELECT, "contactless")).toBe("6A82");
    const selectable = install("08", "00", NONE, NONE, lv(APPLICATION), lv("00"), NONE, NONE);
    expect(secured(element, channel, selectable)).toBe("009000");
    expect(secured(element, channel, selectable)).toBe("6985");
    element.powerOff("wired");
    expect(send(element, SELECT, "wired").slice(-4)).toBe("9000");
  });

  test("[for extradition]: another domain personalises, lists and deletes it", () => {
    const { element, channel } = issuer();
    secured(element, channel, made());
    const to = (aid: string): string => install("10", "00", lv(aid), NONE, lv(APPLICATION), NONE, NONE, NONE);
    expect(secured(element, channel, to("A00000099999"))).toBe("6A88");
    expect(secured(element, channel, to(CARD_AID))).toBe("6A88");
    expect(secured(element, channel, to(hex(PAYMENT_DOMAIN)))).toBe("009000");
    const entries = ask(element, getStatus(channel, "applications", unhex(APPLICATION)));
    expect(entries.map(({ domain }) => hex(domain!))).toEqual([hex(PAYMENT_DOMAIN)]);
    // Personalising is for its own domain alone.
    const named = install("20", "00", NONE, NONE, lv(APPLICATION), NONE, NONE, NONE);
    expect(secured(element, channel, named)).toBe("6A88");
    ask(element, selectDomain(PAYMENT_DOMAIN));
    expect(secured(element, open(element).channel, named)).toBe("9000");
  });

  test("[for extradition]: a domain does not go below itself", () => {
    const { element, channel } = issuer();
    secured(element, channel, domainMade());
    const move = (what: string, to: string): string => install("10", "00", lv(to), NONE, lv(what), NONE, NONE, NONE);
    expect(secured(element, channel, move(DOMAIN, DOMAIN))).toBe("6985");
    expect(secured(element, channel, move(hex(PAYMENT_DOMAIN), DOMAIN))).toBe("009000");
    expect(secured(element, channel, move(DOMAIN, hex(PAYMENT_DOMAIN)))).toBe("6985");
    expect(secured(element, channel, move(ISSUER, DOMAIN))).toBe("6985");
  });

  test("[for registry update]: privileges and the contactless state change, the domain's nature does not", () => {
    const { element, channel } = issuer();
    secured(element, channel, made());
    const update = (privileges: string, parameters = ""): string =>
      install("40", "00", NONE, NONE, lv(APPLICATION), lv(privileges), lv(parameters), NONE);
    expect(secured(element, channel, update("", "EF05A003810100"))).toBe("009000");
    expect(send(element, SELECT, "contactless")).toBe("6A82");
    expect(secured(element, channel, update("", "EF05A003810101"))).toBe("009000");
    expect(send(element, SELECT, "contactless")).toBe("6A82"); // a directory without data is not there over the air
    expect(secured(element, channel, update("80"))).toBe("6A80");
    expect(secured(element, channel, update("04"))).toBe("009000");
    const [entry] = ask(element, getStatus(channel, "applications", unhex(APPLICATION)));
    expect([...entry!.privileges!]).toEqual(["cardReset"]);
  });

  test("[for load], with its hash, and [for install] from what was loaded", () => {
    const { element, channel } = issuer();
    ask(element, deleteObject(channel, unhex(PACKAGE), true));
    const block = "C403010203";
    const sha = (name: string): string => createHash(name).update(unhex("010203")).digest("hex").toUpperCase();
    const load = (hash: string): string => install("02", "00", lv(PACKAGE), NONE, lv(hash), NONE, NONE);
    for (const [hash, answer] of [
      ["00".repeat(20), "6A80"],
      ["00".repeat(32), "6A80"],
      [sha("sha1"), "009000"],
    ] as const) {
      expect(secured(element, channel, load(hash))).toBe("009000");
      expect(secured(element, channel, `80E88000${lv(block)}`)).toBe(answer);
    }
    ask(element, deleteObject(channel, unhex(PACKAGE)));
    expect(secured(element, channel, load(sha("sha256")))).toBe("009000");
    expect(secured(element, channel, `80E88000${lv(block)}`)).toBe("009000");
    expect(secured(element, channel, made())).toBe("009000");
    expect(secured(element, channel, load("00"))).toBe("6A80");
  });

  test.each([
    ["a signature of a third party in front (E2)", `E2084F02A000C3020102` + "C40101", "6A80"],
    ["an enciphered data block (D4)", "D40101", "6A80"],
    ["no data block", "4F0101", "6A80"],
    ["a data block that ends early", "C40501", "6A80"],
  ])("LOAD of %s is refused", (_, file, answer) => {
    const { element, channel } = issuer();
    ask(element, deleteObject(channel, unhex(PACKAGE), true));
    secured(element, channel, install("02", "00", lv(PACKAGE), NONE, NONE, NONE, NONE));
    expect(secured(element, channel, `80E88000${lv(file)}`)).toBe(answer);
    // and the load is over
    expect(secured(element, channel, `80E88000${lv("C40101")}`)).toBe("6985");
  });

  test("LOAD counts its blocks, and another command ends it", () => {
    const { element, channel } = issuer();
    ask(element, deleteObject(channel, unhex(PACKAGE), true));
    const begin = install("02", "00", lv(PACKAGE), NONE, NONE, NONE, NONE);
    expect(secured(element, channel, `80E88000${lv("C40101")}`)).toBe("6985");
    secured(element, channel, begin);
    expect(secured(element, channel, `80E80000${lv("C402")}`)).toBe("009000");
    expect(secured(element, channel, `80E88002${lv("0101")}`)).toBe("6A86");
    secured(element, channel, begin);
    expect(secured(element, channel, `80E80000${lv("C402")}`)).toBe("009000");
    expect(secured(element, channel, "80F28002024F0000").slice(-4)).toBe("9000");
    expect(secured(element, channel, `80E88001${lv("0101")}`)).toBe("6985");
  });

  test("[for load] that asks for more memory than there is, is refused", () => {
    const { element, channel } = issuer();
    ask(element, deleteObject(channel, unhex(PACKAGE), true));
    const load = (size: string): string =>
      install("02", "00", lv(PACKAGE), NONE, NONE, lv(`EF${lv(`C6${lv(size)}`)}`), NONE);
    expect(secured(element, channel, load("7FFFFFFF"))).toBe("6A84");
    expect(secured(element, channel, load("0000000001"))).toBe("6A80");
    expect(secured(element, channel, load("0100"))).toBe("009000");
  });

  test.each([
    ["a P1 that is none", install("01", "00", lv(PACKAGE)), "6A86"],
    ["more INSTALL commands", install("8C", "00", lv(PACKAGE)), "6A86"],
    ["a P2 that is none", made().replace("80E60C00", "80E60C02"), "6A86"],
    ["a P2 of a combined process on a single one", made().replace("80E60C00", "80E60C01"), "6A86"],
    ["no data", "80E60C00", "6A80"],
    [
      "an AID of four bytes",
      install("0C", "00", lv(PACKAGE), lv(MODULE), lv("A0000009"), lv("00"), lv("C900"), NONE),
      "6A80",
    ],
    [
      "an AID that is there",
      install("0C", "00", lv(PACKAGE), lv(MODULE), lv(ISSUER), lv("00"), lv("C900"), NONE),
      "6985",
    ],
    ["a load file that is not there", made().replace(PACKAGE, "F05441504250505300"), "6A88"],
    ["a module that is not in it", made().replace(MODULE, "F054415042505053452E42"), "6A88"],
    ["a global service", made("00", "EF03CB0101C900"), "6A80"],
    ["implicit selection", made("00", "EF03CF0181C900"), "6A80"],
    ["a quota of five bytes", made("00", "EF07C8050000000001C900"), "6A80"],
  ])("%s is refused", (_, command, answer) => {
    const { element, channel } = issuer();
    const before = free(element, channel);
    expect(secured(element, channel, command)).toBe(answer);
    expect(free(element, channel)).toBe(before);
  });

  test("a domain without Authorized Management manages nothing", () => {
    const { element } = issuer();
    ask(element, selectDomain(PAYMENT_DOMAIN));
    const { channel } = open(element);
    for (const command of [
      made(),
      install("02", "00", lv("F054415042"), NONE, NONE, NONE, NONE),
      install("40", "00", NONE, NONE, lv(CARD_AID), lv("00"), NONE, NONE),
      install("10", "00", lv(hex(PAYMENT_DOMAIN)), NONE, lv(CARD_AID), NONE, NONE, NONE),
      `80E40000${lv(`4F${lv(CARD_AID)}`)}`,
    ])
      expect(secured(element, channel, command), command).toBe("6985");
    expect(ask(element, getStatus(channel, "applications"))).toHaveLength(3);
  });
});

describe("[for load, install and make selectable]", () => {
  const begin = install("0E", "01", lv(PACKAGE), NONE, NONE, NONE, NONE);
  const end = made("00", "C900", "0E").replace("80E60E00", "80E60E03");
  const without = () => {
    const all = issuer();
    ask(all.element, deleteObject(all.channel, unhex(PACKAGE), true));
    return all;
  };

  test("puts load file and application there in one", () => {
    const { element, channel } = without();
    expect(secured(element, channel, begin)).toBe("009000");
    expect(secured(element, channel, `80E80000${lv("C402")}`)).toBe("009000");
    expect(secured(element, channel, `80E88001${lv("0101")}`)).toBe("009000");
    expect(ask(element, getStatus(channel, "loadFiles", unhex(PACKAGE)))).toEqual([]);
    expect(secured(element, channel, begin)).toBe("009000"); // that was another command: from the beginning
    expect(secured(element, channel, end)).toBe("6985");
    secured(element, channel, begin);
    secured(element, channel, `80E88000${lv("C40101")}`);
    expect(secured(element, channel, end)).toBe("009000");
    element.powerOff("wired");
    expect(send(element, SELECT, "wired").slice(-4)).toBe("9000");
  });

  test("that is refused at its end leaves no load file", () => {
    const { element, channel } = without();
    const before = free(element, channel);
    for (const [wrong, answer] of [
      [end.replace(MODULE, "F054415042505053452E42"), "6A88"],
      [end.replace(PACKAGE, "F05441504250505300"), "6A80"],
    ] as const) {
      secured(element, channel, begin);
      secured(element, channel, `80E88000${lv("C40101")}`);
      expect(secured(element, channel, wrong)).toBe(answer);
      expect(secured(element, channel, end)).toBe("6985");
      expect(free(element, channel)).toBe(before);
    }
  });
});

/** Three bytes of privileges and who may be given them: an application, a security domain, both or nobody. */
const PRIVILEGES: readonly (readonly [name: string, bytes: string, application: string, domain: string])[] = [
  ["Security Domain", "800000", "6A80", "009000"],
  ["DAP Verification", "400000", "6A80", "6A80"],
  ["Delegated Management", "200000", "6A80", "6A80"],
  ["Card Lock", "100000", "6A80", "009000"],
  ["Card Terminate", "080000", "6A80", "009000"],
  ["Card Reset", "040000", "009000", "009000"],
  ["CVM Management", "020000", "6A80", "6A80"],
  ["Mandated DAP Verification", "410000", "6A80", "6A80"],
  ["Trusted Path", "008000", "6A80", "009000"],
  ["Authorized Management", "004000", "6A80", "009000"],
  ["Token Verification", "002000", "6A80", "6A80"],
  ["Global Delete", "001000", "6A80", "009000"],
  ["Global Lock", "000800", "6A80", "009000"],
  ["Global Registry", "000400", "009000", "009000"],
  ["Final Application", "000200", "009000", "009000"],
  ["Global Service", "000100", "6A80", "6A80"],
  ["Receipt Generation", "000080", "6A80", "6A80"],
  ["Ciphered Load File Data Block", "000040", "6A80", "6A80"],
  ["Contactless Activation", "000020", "009000", "009000"],
  ["Contactless Self-Activation", "000010", "009000", "009000"],
  ["a reserved bit", "000008", "6A80", "6A80"],
  ["a reserved bit", "000001", "6A80", "6A80"],
];

describe("privileges", () => {
  test.each(PRIVILEGES)("%s (%s): an application %s, a domain %s", (_, bytes, application, domain) => {
    const { element, channel } = issuer();
    expect(secured(element, channel, made(bytes))).toBe(application);
    const { element: other, channel: second } = issuer();
    const withDomain = (Number.parseInt(bytes, 16) | 0x800000).toString(16).toUpperCase();
    expect(secured(other, second, domainMade(withDomain))).toBe(domain);
  });

  test.each(["", "0000", "00000000"])("of '%s' are no privileges", (bytes) => {
    const { element, channel } = issuer();
    expect(secured(element, channel, made(bytes))).toBe("6A80");
  });

  const told = (element: SecureElement, channel: SecuredCard): string =>
    ask(element, getStatus(channel, "issuerDomain"))
      .flatMap(({ privileges }) => ["cardReset", "finalApplication"].filter((name) => privileges!.has(name as never)))
      .join(" ");

  test("Card Reset: selected where nothing is; the issuer's domain loses it, and has it again afterwards", () => {
    const { element, channel } = issuer();
    expect(told(element, channel)).toBe("cardReset finalApplication");
    expect(secured(element, channel, made("04"))).toBe("009000");
    expect(told(element, channel)).toBe("finalApplication");
    // One at a time.
    const second = made("04").replace(APPLICATION, "A000000999010299");
    expect(secured(element, channel, second)).toBe("6A80");
    element.powerOff("wired");
    // The directory's applet, which knows no GET DATA, and not the domain.
    expect(send(element, "80CA00C100", "wired")).toBe("6D00");
    ask(element, selectDomain());
    const again = open(element).channel;
    ask(element, deleteObject(again, unhex(APPLICATION)));
    expect(told(element, again)).toBe("cardReset finalApplication");
    element.powerOff("wired");
    expect(send(element, "80CA00C100", "wired")).toBe("C1030000029000");
  });

  test("Final Application: the one that a locked card still has", () => {
    const { element, channel } = issuer();
    secured(element, channel, made("000200"));
    expect(secured(element, channel, "80F0807F")).toBe("9000");
    element.powerOff("wired");
    expect(send(element, SELECT, "wired").slice(-4)).toBe("9000");
    expect(send(element, `00A404000E${PPSE_NAME}00`, "wired")).toBe("6A82");
    expect(send(element, SELECT_CARD, "wired")).toBe("6A82");
  });

  test("Trusted Path: a domain without it hands no data on", () => {
    const personalise = (privileges: string): string => {
      const { element, channel } = issuer();
      secured(element, channel, domainMade(privileges));
      secured(element, channel, made());
      secured(element, channel, install("10", "00", lv(DOMAIN), NONE, lv(APPLICATION), NONE, NONE, NONE));
      ask(element, selectDomain(unhex(DOMAIN)));
      const own = open(element).channel;
      return secured(element, own, install("20", "00", NONE, NONE, lv(APPLICATION), NONE, NONE, NONE));
    };
    expect([personalise("80"), personalise("808000")]).toEqual(["6985", "9000"]);
  });

  test.each([
    ["Card Lock", "900000", "80F0807F", "9000"],
    ["no Card Lock", "800000", "80F0807F", "6985"],
    ["Card Terminate", "880000", "80F080FF", "9000"],
    ["no Card Terminate", "900000", "80F080FF", "6985"],
    ["Global Lock", "800800", `80F04080${lv(CARD_AID)}`, "9000"],
    ["no Global Lock", "800000", `80F04080${lv(CARD_AID)}`, "6A88"],
    ["Authorized Management and Global Delete", "805000", `80E40000${lv(`4F${lv(CARD_AID)}`)}`, "009000"],
    ["Authorized Management alone", "804000", `80E40000${lv(`4F${lv(CARD_AID)}`)}`, "6A88"],
    ["Global Registry", "800400", "80F24000024F0000", "9000"],
  ])("a domain of its own keys with %s (%s): %s is %s", (_, privileges, command, answer) => {
    const { element, channel } = issuer();
    secured(element, channel, domainMade(privileges));
    ask(element, selectDomain(unhex(DOMAIN)));
    const inherited = open(element).channel; // the keys of the domain above, until it has its own
    ask(element, putKeys(inherited, { ...TEST_KEYS, enc: unhex("11".repeat(16)) }, 0x40));
    ask(element, selectDomain(unhex(DOMAIN)));
    const own = open(element, 0x33, { ...TEST_KEYS, enc: unhex("11".repeat(16)) }).channel;
    const got = secured(element, own, command);
    expect(command.startsWith("80F2") ? got.slice(-4) : got).toBe(answer);
    if (command.startsWith("80F2")) expect(got).toContain(CARD_AID);
  });
});

describe("DELETE", () => {
  const object = (aid: string, p2 = "00"): string => `80E400${p2}${lv(`4F${lv(aid)}`)}`;

  test("of what is selected on another channel or another interface waits until it is not", () => {
    const { element, channel } = issuer();
    secured(element, channel, made());
    expect(send(element, "0070000001", "wired")).toBe("019000");
    expect(send(element, SELECT.replace("00A4", "01A4"), "wired").slice(-4)).toBe("9000");
    expect(secured(element, channel, object(APPLICATION))).toBe("6985");
    expect(secured(element, channel, object(PACKAGE, "80"))).toBe("6985");
    send(element, "00708001", "wired");
    expect(secured(element, channel, object(APPLICATION))).toBe("009000");
  });

  test.each([
    ["of itself", object(ISSUER), "6985"],
    ["of a domain that has applications", object(hex(PAYMENT_DOMAIN)), "6985"],
    ["of a load file with instances", object(PACKAGE), "6985"],
    ["of a load file whose instances have dependents", object(DOMAINS, "80"), "6985"],
    ["of what is not there", object("A00000099999"), "6A88"],
    ["of an unknown key version", `80E40000${lv("D20177")}`, "6A88"],
    ["of the issuer's last key version", `80E40000${lv("D20130")}`, "6985"],
    ["of one key of a set", `80E40000${lv("D00101D20130")}`, "6A80"],
    ["of an application and a key at once", `80E40000${lv(`4F${lv(CARD_AID)}D20130`)}`, "6A80"],
    ["of nothing", "80E40000", "6A80"],
    ["of a key version of two bytes", `80E40000${lv("D2020030")}`, "6A80"],
    ["with P1", `80E40100${lv(`4F${lv(CARD_AID)}`)}`, "6A86"],
    ["with a reserved P2", object(CARD_AID, "01"), "6A86"],
  ])("%s is refused", (_, command, answer) => {
    const { element, channel } = issuer();
    const before = free(element, channel);
    expect(secured(element, channel, command)).toBe(answer);
    expect(free(element, channel)).toBe(before);
  });

  test("a number that another application has taken over is not personalised for the old one", () => {
    const { element, channel } = issuer();
    secured(element, channel, made());
    const named = install("20", "00", NONE, NONE, lv(APPLICATION), NONE, NONE, NONE);
    expect(secured(element, channel, named)).toBe("9000");
    expect(secured(element, channel, object(APPLICATION))).toBe("009000");
    expect(secured(element, channel, made().replace(APPLICATION, "A000000999010299"))).toBe("009000");
    expect(secured(element, channel, `80E28800${lv(`9102${lv("5001FF")}`)}`)).toBe("6A88");
  });
});
