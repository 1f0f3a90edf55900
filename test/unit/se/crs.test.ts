import { describe, expect, test } from "vitest";
import type { SecureElement } from "../../../emulator/se/element.js";
import {
  crsStatus,
  resetPriority,
  selectCrs,
  setActivation,
  setPriority,
  switchContactless,
  updateContactless,
} from "../../../src/protocols/gp/contactless-poller.js";
import { aidsOf, CRS_TAGS, type ContactlessRequest } from "../../../src/protocols/gp/contactless.js";
import {
  deleteObject,
  install,
  personalize,
  selectDomain,
  setStatus,
  storeData,
} from "../../../src/protocols/gp/poller.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { CARD_AID, encodeGroupings, groupings, PPSE_NAME, send } from "../../support/emulated-card.js";
import { ask, contactlessCard, open, PAYMENT_DOMAIN, SECOND_AID, THIRD_AID } from "../../support/gp-card.js";

/*
 * Literal bytes, put together by hand from what open implementations say of Amendment C 3.11 (jcardengine's EngineCRSApplet and
 * ContactlessRegistryTest, gobalplatform, gaia's demonstration wallet), and of EMVCo's PPSE for secure elements (jcardengine's PPSEApplet).
 */

const SELECT_CRS = "00A4040009A0000001514352530000";
const SELECT_PPSE = `00A404000E${PPSE_NAME}00`;
const select = (aid: string): string => `00A40400${(aid.length / 2).toString(16).padStart(2, "0")}${aid}00`;
const wired = (element: SecureElement, apdu: string): string => send(element, apdu, "wired");
/** 4F with that name. */
const name = (aid: string): string => `4F${(aid.length / 2).toString(16).padStart(2, "0").toUpperCase()}${aid}`;

/** Opens the payment domain, tells the registry of a card, closes. */
function tell(element: SecureElement, aid: string, request: ContactlessRequest): void {
  ask(element, selectDomain(PAYMENT_DOMAIN));
  ask(element, updateContactless(open(element).channel, unhex(aid), request));
  element.powerOff("wired");
}

/** A directory entry: name, label, priority as its owner would like it, kernel 2. */
const entryOf = (aid: string, label: string, priority = "01"): string => {
  const value = `${name(aid)}50${(label.length / 2).toString(16).padStart(2, "0").toUpperCase()}${label}8701${priority}9F2A0102`;
  return `61${(value.length / 2).toString(16).padStart(2, "0").toUpperCase()}${value}`;
};
const listed = (aid: string, label: string): ContactlessRequest => {
  const entry = entryOf(aid, label);
  return {
    crel: [unhex(PPSE_NAME)],
    family: unhex("20"),
    discretionary: unhex(`BF0C${(entry.length / 2).toString(16).padStart(2, "0")}${entry}`),
  };
};

/** Three cards, each personalised and told. */
function threeCards(): SecureElement {
  const element = contactlessCard();
  for (const [aid, label] of [
    [CARD_AID, "4F4E45"],
    [SECOND_AID, "54574F"],
    [THIRD_AID, "5448524545"],
  ] as const) {
    ask(element, selectDomain(PAYMENT_DOMAIN));
    const { channel } = open(element);
    ask(element, personalize(channel, unhex(aid)));
    ask(element, storeData(channel, unhex(encodeGroupings(groupings())), "dgi"));
    element.powerOff("wired");
    tell(element, aid, listed(aid, label));
  }
  return element;
}

/** Names and priorities in the answer to a reader's SELECT of the directory. */
const directory = (element: SecureElement): string[] =>
  [...send(element, SELECT_PPSE).matchAll(/4F(07|09)(A0000000.*?)50.*?8701(..)/g)].map(
    ([, , aid, at]) => `${aid} ${at}`,
  );

const crs = (element: SecureElement): SecureElement => {
  ask(element, selectCrs());
  return element;
};

describe("the CRS application", () => {
  test("shows its version and a counter that starts at zero, over the wired interface", () => {
    const element = contactlessCard();
    expect(wired(element, SELECT_CRS)).toBe("6F168409A00000015143525300A5099F08020100800200009000");
    expect(wired(element, "80CA00A500")).toBe("A5099F08020100800200009000");
    // As the card is made, it is not for readers.
    expect(send(element, SELECT_CRS)).toBe("6A82");
  });

  test("tells of every application but the issuer's domain, in the order of selection", () => {
    const element = contactlessCard();
    wired(element, SELECT_CRS);
    const line = (aid: string, state: string): string => {
      const value = `${name(aid)}9F7002${state}`;
      return `61${(value.length / 2).toString(16).padStart(2, "0").toUpperCase()}${value}`;
    };
    expect(wired(element, "80F24000074F005C034F9F7000")).toBe(
      line("A00000015153504101", "0F01") +
        line(PPSE_NAME, "0701") +
        line(CARD_AID, "0701") +
        line(SECOND_AID, "0701") +
        line(THIRD_AID, "0701") +
        line("A00000015143525300", "0700") +
        "9000",
    );
    // One by the beginning of its name: all objects. Priority 02: behind the domain and the directory.
    expect(wired(element, `80F24000094F07${CARD_AID}00`)).toBe(
      `61184F07${CARD_AID}9F70020701800200008101029501C0` +
        `611A4F09${THIRD_AID}9F70020701800200008101049501C0` +
        "9000",
    );
    // Searching by state: the first byte does not count.
    expect(wired(element, "80F240000A4F009F700200005C018100")).toBe("61134F09A000000151435253009F700207008101059000");
  });

  test("cuts a long list into whole templates, and says so", () => {
    const element = threeCards();
    wired(element, SELECT_CRS);
    const first = wired(element, "80F24000024F0000");
    expect(first.slice(-4)).toBe("6310");
    expect(wired(element, "80F24001024F0000").slice(-4)).toBe("9000");
    expect(wired(element, "80F24001024F0000")).toBe("6985");
    // A new question ends the old answer.
    wired(element, "80F24000024F0000");
    wired(element, "80F24000074F005C034F9F7000");
    expect(wired(element, "80F24001024F0000")).toBe("6985");
    expect(ask(element, crsStatus())).toHaveLength(6);
  });

  test.each([
    // ContactlessRegistryTest.crsApduContract, negative cases.
    ["GET STATUS without data", "80F2400000", "6A80"],
    ["GET STATUS without a name", "80F24000035C014F00", "6A80"],
    ["GET STATUS with the bit of another format", "80F24002024F0000", "6A86"],
    ["GET STATUS for a part that nobody announced", "80F24001024F0000", "6985"],
    ["GET STATUS of packages", "80F22000024F0000", "6A86"],
    ["GET STATUS with a name in a template", "80F240000461024F0000", "6A80"],
    ["GET STATUS of nobody", "80F24000074F05DEADBEEF0000", "6A88"],
    ["GET DATA of something else", "80CA01A500", "6A86"],
    ["GET DATA of nothing", "80CA000000", "6A86"],
    ["SET STATUS with a name cut short", "80F00101034F05A100", "6A80"],
    ["SET STATUS with a name in a template", "80F001010461024F0000", "6A80"],
    ["SET STATUS to non-activatable", `80F00180094F07${CARD_AID}00`, "6A86"],
    ["SET STATUS to nothing known", `80F00105094F07${CARD_AID}00`, "6A80"],
    ["SET STATUS without data", "80F0010100", "6A80"],
    ["SET STATUS of a name nobody has", "80F00101074F05A1A2A3A4A500", "A1074F05A1A2A3A4A56320"],
    ["SET STATUS of the order with a wrong place", `80F00203094F07${CARD_AID}00`, "6A86"],
    ["SET STATUS of the order of nobody", "80F00201074F05A1A2A3A4A500", "A1074F05A1A2A3A4A56320"],
    ["SET STATUS of another interface", "80F004800380018000", "6A80"],
    ["SET STATUS of a protocol", "80F008800380018000", "6A86"],
    ["SET STATUS for the rest of an answer", "80F0800000", "6985"],
    ["an instruction that it does not know", "80E2000000", "6D00"],
    ["another class", "00F24000024F0000", "6E00"],
  ])("answers %s", (_what, apdu, answer) => {
    const element = contactlessCard();
    wired(element, SELECT_CRS);
    expect(wired(element, apdu)).toBe(answer);
  });

  test("takes no wishes over the air, even where it is active there", () => {
    const element = crs(threeCards());
    ask(element, setActivation([unhex("A00000015143525300")], true));
    expect(send(element, SELECT_CRS).slice(-4)).toBe("9000");
    expect(send(element, `80F24000094F07${CARD_AID}00`).slice(-4)).toBe("9000");
    const before = directory(element);
    send(element, SELECT_CRS);
    expect(send(element, `80F00100094F07${CARD_AID}00`)).toBe("6985");
    expect(send(element, `80F00281094F07${CARD_AID}00`)).toBe("6985");
    expect(send(element, "80F004000380014000")).toBe("6985");
    expect(directory(element)).toEqual(before);
  });
});

describe("activation", () => {
  test("decides who is found over the air, and leaves the wired interface alone", () => {
    const element = crs(threeCards());
    expect(send(element, select(SECOND_AID)).slice(-4)).toBe("9000");
    expect(ask(element, setActivation([unhex(SECOND_AID)], false))).toEqual({ failed: [], conflicts: [] });
    element.powerOff("contactless");
    expect(send(element, select(SECOND_AID))).toBe("6A82");
    expect(directory(element)).toEqual([`${CARD_AID} 01`, `${THIRD_AID} 02`]);
    expect(wired(element, select(SECOND_AID)).slice(-4)).toBe("9000");
    element.powerOff("wired");
    ask(crs(element), setActivation([unhex(SECOND_AID)], true));
    expect(directory(element)).toEqual([`${CARD_AID} 01`, `${SECOND_AID} 02`, `${THIRD_AID} 03`]);
  });

  test("changes what can be changed and names the rest", () => {
    const element = crs(threeCards());
    const both = `${name(CARD_AID)}4F05DEADBEEF00`;
    expect(wired(element, `80F0010010${both}00`)).toBe("A1074F05DEADBEEF006320");
    expect(directory(element)).toEqual([`${SECOND_AID} 01`, `${THIRD_AID} 02`]);
  });

  test("counts: for the card, and for the application", () => {
    const element = crs(threeCards());
    const { updates } = ask(element, selectCrs());
    const own = (): string => {
      const [entry] = ask(element, crsStatus(unhex(SECOND_AID), [0x80]));
      return hex(entry!.objects.get(0x80)!);
    };
    expect(own()).toBe("0001");
    ask(element, setActivation([unhex(SECOND_AID)], false));
    expect(ask(element, selectCrs()).updates).toBe(updates + 1);
    expect(own()).toBe("0002");
    // What is as it was asked to be is no change.
    ask(element, setActivation([unhex(SECOND_AID)], false));
    expect(ask(element, selectCrs()).updates).toBe(updates + 1);
    element.powerOff("wired");
    expect(ask(element, selectCrs()).updates).toBe(updates + 1);
  });

  test("is refused beside an active application that a policy keeps apart, whichever of the two has the policy", () => {
    const element = threeCards();
    tell(element, SECOND_AID, { restricted: [unhex(CARD_AID)] });
    crs(element);
    ask(element, setActivation([unhex(SECOND_AID)], false));
    expect(wired(element, `80F0010109${name(SECOND_AID)}00`)).toBe(`61144F07${SECOND_AID}A0094F07${CARD_AID}6320`);
    ask(element, setActivation([unhex(CARD_AID)], false));
    expect(wired(element, `80F0010109${name(SECOND_AID)}00`)).toBe("9000");
    expect(wired(element, `80F0010109${name(CARD_AID)}00`)).toBe(`61144F07${CARD_AID}A0094F07${SECOND_AID}6320`);
  });

  test("goes with a lock and comes back to the initial state with it", () => {
    const element = threeCards();
    const lock = (state: number): void => {
      ask(element, selectDomain());
      ask(element, setStatus(open(element).channel, "application", state, unhex(CARD_AID)));
      element.powerOff("wired");
    };
    lock(0x80);
    crs(element);
    expect(wired(element, `80F0010109${name(CARD_AID)}00`)).toBe(`A1094F07${CARD_AID}6320`);
    const [locked] = ask(element, crsStatus(unhex(CARD_AID)));
    expect([locked!.lifeCycle, locked!.activation]).toEqual([0x87, 0x00]);
    lock(0x00);
    expect(directory(element)[0]).toBe(`${CARD_AID} 01`);
    tell(element, CARD_AID, { activated: false });
    // Told for the next time: now it stays what it is.
    expect(directory(element)[0]).toBe(`${CARD_AID} 01`);
    lock(0x80);
    lock(0x00);
    expect(directory(element)[0]).toBe(`${SECOND_AID} 01`);
  });
});

describe("the order of selection", () => {
  test("makes a card the default one, for good", () => {
    const element = crs(threeCards());
    expect(directory(element)).toEqual([`${CARD_AID} 01`, `${SECOND_AID} 02`, `${THIRD_AID} 03`]);
    ask(element, setPriority([unhex(THIRD_AID)]));
    expect(directory(element)).toEqual([`${THIRD_AID} 01`, `${CARD_AID} 02`, `${SECOND_AID} 03`]);
    ask(element, setPriority([unhex(THIRD_AID)], "lowest"));
    ask(element, setPriority([unhex(SECOND_AID), unhex(CARD_AID)]));
    expect(directory(element)).toEqual([`${SECOND_AID} 01`, `${CARD_AID} 02`, `${THIRD_AID} 03`]);
    element.powerOff("wired");
    element.powerOff("contactless");
    expect(directory(element)).toEqual([`${SECOND_AID} 01`, `${CARD_AID} 02`, `${THIRD_AID} 03`]);
  });

  test("is another one for a while, until that is taken back or the power goes", () => {
    const element = crs(threeCards());
    ask(element, setPriority([unhex(THIRD_AID), unhex(SECOND_AID)], "volatile"));
    const volatile = [`${THIRD_AID} 01`, `${SECOND_AID} 02`, `${CARD_AID} 03`];
    expect(directory(element)).toEqual(volatile);
    element.powerOff("contactless");
    element.powerOff("wired");
    expect(directory(element)).toEqual(volatile);
    const saved = element.snapshot();
    ask(crs(element), resetPriority());
    expect(directory(element)[0]).toBe(`${CARD_AID} 01`);
    element.restore(saved);
    expect(directory(element)).toEqual(volatile);
    element.nvm.planCut({ before: 1 });
    send(element, `80F0010009${name(CARD_AID)}00`, "wired"); // not selected: nothing is written
    crs(element);
    expect(wired(element, `80F0010009${name(CARD_AID)}00`)).toBe("cut");
    element.powerOff("wired");
    element.powerOff("contactless");
    expect(directory(element)).toEqual([`${CARD_AID} 01`, `${SECOND_AID} 02`, `${THIRD_AID} 03`]);
  });

  test("decides which of several a part of a name finds over the air, and not over the wired interface", () => {
    const element = crs(threeCards());
    const part = "00A4040005A00000000400";
    expect(send(element, part)).toContain(`8407${CARD_AID}`);
    ask(element, setPriority([unhex(SECOND_AID)]));
    element.powerOff("contactless");
    expect(send(element, part)).toContain(`8407${SECOND_AID}`);
    element.powerOff("contactless");
    expect(wired(element, part)).toContain(`8407${CARD_AID}`);
  });
});

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
