import { describe, expect, test } from "vitest";
import {
  crsStatus,
  resetPriority,
  selectCrs,
  setActivation,
  setPriority,
} from "../../../src/protocols/gp/contactless-poller.js";
import { selectDomain, setStatus } from "../../../src/protocols/gp/poller.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { crs, directory, name, select, SELECT_CRS, tell, threeCards, wired } from "../../support/contactless.js";
import { CARD_AID, PPSE_NAME, send } from "../../support/emulated-card.js";
import { ask, contactlessCard, open, SECOND_AID, THIRD_AID } from "../../support/gp-card.js";

/*
 * Literal bytes, put together by hand from what open implementations say of Amendment C 3.11 (jcardengine's EngineCRSApplet and
 * ContactlessRegistryTest, gobalplatform, gaia's demonstration wallet), and of EMVCo's PPSE for secure elements (jcardengine's PPSEApplet).
 */

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
    ask(element, setPriority([unhex(THIRD_AID)]));
    // A whole name is that one, whoever else begins with it.
    expect(send(element, select(CARD_AID))).toContain(`8407${CARD_AID}`);
    element.powerOff("contactless");
    ask(element, setPriority([unhex(CARD_AID)]));
    const part = "00A4040005A00000000400";
    expect(send(element, part)).toContain(`8407${CARD_AID}`);
    ask(element, setPriority([unhex(SECOND_AID)]));
    element.powerOff("contactless");
    expect(send(element, part)).toContain(`8407${SECOND_AID}`);
    element.powerOff("contactless");
    expect(wired(element, part)).toContain(`8407${CARD_AID}`);
  });
});
