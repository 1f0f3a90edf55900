import { describe, expect, test } from "vitest";
import { applet } from "../../../emulator/se/applet.js";
import type { SecureElement } from "../../../emulator/se/element.js";
import { crs as crsApplet } from "../../../emulator/se/gp/crs.js";
import { securityDomain } from "../../../emulator/se/gp/domain.js";
import { ppse } from "../../../emulator/se/ppse.js";
import {
  crsStatus,
  setActivation,
  setPriority,
  switchContactless,
  updateContactless,
} from "../../../src/protocols/gp/contactless-poller.js";
import { aidsOf, CRS_TAGS } from "../../../src/protocols/gp/contactless.js";
import {
  deleteObject,
  install,
  personalize,
  selectDomain,
  setStatus,
  storeData,
} from "../../../src/protocols/gp/poller.js";
import { status } from "../../../src/protocols/iso7816/apdu.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { crs, directory, name, select, SELECT_PPSE, tell, threeCards, wired } from "../../support/contactless.js";
import { CARD_AID, PPSE_NAME, send } from "../../support/emulated-card.js";
import { ask, contactlessCard, open, PAYMENT_DOMAIN, SECOND_AID, THIRD_AID } from "../../support/gp-card.js";

/*
 * What the contactless registry keeps, and the directory that follows from it (EMVCo, PPSE and Application Management for Secure Element, internal mode, as
 * jcardengine's PPSEApplet has it).
 */

describe("the directory", () => {
  test("is byte for byte the active cards' entries, with the priority that they have now", () => {
    const element = threeCards();
    ask(crs(element), setActivation([unhex(THIRD_AID)], false));
    ask(element, setPriority([unhex(SECOND_AID)]));
    const first = `61154F07${SECOND_AID}500354574F8701019F2A0102`;
    const second = `61154F07${CARD_AID}50034F4E458701029F2A0102`;
    // EMV Contactless Book B 3.3.1: 6F { 84 name, A5 { BF0C { 61 ... } } }.
    expect(send(element, SELECT_PPSE)).toBe(`6F43840E${PPSE_NAME}A531BF0C2E${first}${second}9000`);
  });

  test("has nobody who does not name it, is no payment application, or cannot be reached over the air", () => {
    const element = threeCards();
    tell(element, CARD_AID, { uncrel: [unhex(PPSE_NAME)] });
    tell(element, SECOND_AID, { family: unhex("10") });
    expect(directory(element)).toEqual([`${THIRD_AID} 01`]);
    tell(element, THIRD_AID, { interfaces: 0x80 });
    expect(send(element, SELECT_PPSE)).toBe("6A82");
    expect(send(element, select(THIRD_AID))).toBe("6A82");
    expect(wired(element, select(THIRD_AID)).slice(-4)).toBe("9000");
    element.powerOff("wired");
    expect(send(element, select(SECOND_AID)).slice(-4)).toBe("9000");
  });

  test("loses a card that is deleted", () => {
    const element = threeCards();
    ask(element, selectDomain());
    ask(element, deleteObject(open(element).channel, unhex(CARD_AID)));
    expect(directory(element)).toEqual([`${SECOND_AID} 01`, `${THIRD_AID} 02`]);
  });

  test("of an element that has none but what was written is what was written", () => {
    const element = threeCards();
    ask(element, selectDomain(PAYMENT_DOMAIN));
    const { channel } = open(element);
    ask(element, personalize(channel, unhex(PPSE_NAME)));
    ask(element, storeData(channel, unhex("910205BF0C026100"), "dgi"));
    expect(send(element, SELECT_PPSE)).toBe(`6F17840E${PPSE_NAME}A505BF0C0261009000`);
  });
});

describe("the registry", () => {
  const PACKAGE = unhex("F0544150424D43484950");
  const MODULE = unhex("F0544150424D434849502E41");

  test("keeps what INSTALL says: display, group, listeners, policies, protocols", () => {
    const element = threeCards();
    const head = unhex("A000000999010203");
    ask(element, selectDomain());
    const { channel } = open(element);
    // Installed with EF { A0 { 81 00, 84 01, 86 }, A1 { 7F20 { 5F50, 5F45 }, A1 { member } } }.
    const display = "5F500B687474703A2F2F782E64655F45034F4E45";
    ask(
      element,
      install(channel, {
        loadFile: PACKAGE,
        module: MODULE,
        application: head,
        contactless: {
          activated: false,
          continuous: unhex("01"),
          typeA: unhex("A0028000"),
          display: unhex(display),
          authorize: [unhex(SECOND_AID)],
          displayRequired: unhex("01"),
        },
      }),
    );
    element.powerOff("wired");
    tell(element, SECOND_AID, { head: [head] });
    // Who is not named in the head's list does not come in.
    expect(() => tell(element, THIRD_AID, { head: [head] })).toThrow(expect.objectContaining({ code: "gp/refused" }));
    element.powerOff("wired");

    crs(element);
    const [own] = ask(element, crsStatus(head));
    expect(own!.activation).toBe(0x00);
    const objects = Object.fromEntries([...own!.objects].map(([tag, value]) => [tag.toString(16), hex(value)]));
    expect(objects).toMatchObject({
      "7f20": display,
      a3: name(SECOND_AID),
      "8a": "01",
      "8d": "A0028000",
      "88": "01",
      "95": "C0",
    });
    // Who may join is not for a device to know.
    expect(own!.objects.has(CRS_TAGS.authorized)).toBe(false);
    const [member] = ask(element, crsStatus(unhex(SECOND_AID), [CRS_TAGS.head]));
    expect(aidsOf(member!.objects.get(CRS_TAGS.head)).map(hex)).toEqual([hex(head)]);

    // What happens to the head happens to its members.
    ask(element, setActivation([head], true));
    ask(element, setActivation([head], false));
    expect(directory(element)).toEqual([`${CARD_AID} 01`, `${THIRD_AID} 02`]);
    ask(element, setActivation([head], true));
    ask(element, setPriority([head]));
    expect(directory(element)).toEqual([`${SECOND_AID} 01`, `${CARD_AID} 02`, `${THIRD_AID} 03`]);
  });

  test("refuses parameters that are not well formed, and keeps what there was", () => {
    const element = threeCards();
    ask(element, selectDomain(PAYMENT_DOMAIN));
    const { channel } = open(element);
    const data = unhex(`0000 07${CARD_AID} 00 07 EF05A003810102 00`.replaceAll(" ", ""));
    const answer = ask(element, channel.send({ cla: 0x80, ins: 0xe6, p1: 0x40, p2: 0, data, le: 256 }));
    expect(answer.sw).toBe(0x6a80);
    element.powerOff("wired");
    expect(directory(element)[0]).toBe(`${CARD_AID} 01`);
  });

  test("lets a domain speak for its own applications only, and give no privileges", () => {
    const element = threeCards();
    ask(element, selectDomain(PAYMENT_DOMAIN));
    const { channel } = open(element);
    expect(() => ask(element, updateContactless(channel, unhex("A00000015143525300"), { activated: true }))).toThrow(
      expect.objectContaining({ message: expect.stringContaining("6A88") as unknown }),
    );
    const data = unhex(`0000 07${CARD_AID} 03 000020 00 00`.replaceAll(" ", ""));
    const answer = ask(element, channel.send({ cla: 0x80, ins: 0xe6, p1: 0x40, p2: 0, data, le: 256 }));
    expect(answer.sw).toBe(0x6985);
  });

  test("switches the contactless interface, and remembers it", () => {
    const element = crs(threeCards());
    expect(element.contactlessOn).toBe(true);
    ask(element, switchContactless(false));
    expect(element.contactlessOn).toBe(false);
    element.restore(element.snapshot());
    expect(element.contactlessOn).toBe(false);
    ask(crs(element), switchContactless(true));
    expect(element.contactlessOn).toBe(true);
  });
});

describe("an application's own state", () => {
  /** Becomes what P1 says, and answers whether it may. */
  const willing = applet<undefined>({
    module: "mchip",
    initial: undefined,
    select: () => ({ state: undefined, response: status(0x9000) }),
    process: ({ contactless }, state, { p1 }) => ({
      state,
      response: status(contactless?.become(p1) === true ? 0x9000 : 0x6985),
    }),
  });
  function element(privileges = "00"): SecureElement {
    const card = contactlessCard({ modules: [ppse, willing, securityDomain, crsApplet] });
    ask(card, selectDomain());
    const { channel } = open(card);
    const data = unhex(`0000 07${SECOND_AID} 03 0000${privileges} 00 00`.replaceAll(" ", ""));
    const { sw } = ask(card, channel.send({ cla: 0x80, ins: 0xe6, p1: 0x40, p2: 0, data, le: 256 }));
    expect(sw).toBe(0x9000);
    card.powerOff("wired");
    wired(card, select(SECOND_AID));
    return card;
  }
  const stateOf = (card: SecureElement): number => ask(crs(card), crsStatus(unhex(SECOND_AID)))[0]!.activation;

  test("may be less, and more only with the privilege (third byte 10)", () => {
    const card = element();
    expect(wired(card, "8010000000")).toBe("9000");
    expect(wired(card, "8010010000")).toBe("6985");
    expect(wired(card, "8010020000")).toBe("6985");
    expect(stateOf(card)).toBe(0x00);
    const privileged = element("10");
    expect([wired(privileged, "8010000000"), wired(privileged, "8010010000")]).toEqual(["9000", "9000"]);
    expect(stateOf(privileged)).toBe(0x01);
  });

  test("non-activatable is ended by itself only, not by a device and not by a lock", () => {
    const card = element("10");
    expect(wired(card, "8010800000")).toBe("9000");
    expect(wired(card, "8010010000")).toBe("6985");
    expect(send(card, select(SECOND_AID))).toBe("6A82");
    crs(card);
    expect(wired(card, `80F0010109${name(SECOND_AID)}00`)).toBe(`A1094F07${SECOND_AID}6320`);
    expect(wired(card, `80F0010009${name(SECOND_AID)}00`)).toBe(`A1094F07${SECOND_AID}6320`);
    ask(card, selectDomain());
    const { channel } = open(card);
    ask(card, setStatus(channel, "application", 0x80, unhex(SECOND_AID)));
    ask(card, setStatus(channel, "application", 0x00, unhex(SECOND_AID)));
    expect(stateOf(card)).toBe(0x80);
    wired(card, select(SECOND_AID));
    expect([wired(card, "8010000000"), wired(card, "8010010000")]).toEqual(["9000", "9000"]);
    expect(stateOf(card)).toBe(0x01);
  });
});
