import { describe, expect, test } from "vitest";
import {
  encodeGroupings,
  generateAc,
  GPO,
  groupings,
  newElement,
  personalise,
  personalised,
  SELECT_CARD,
  send,
  sendAll,
  storeDataCommands,
} from "../../support/emulated-card.js";

/* PIN blocks typed from ISO 9564-1 format 2: 2, length, digits, F. VERIFY: EMV 4.3 Book 3 6.5.12; its status words: table 25 and 6.3.5. */
const PIN = "241234FFFFFFFFFF";
const WRONG = "241235FFFFFFFFFF";
const verify = (block: string): string => `0020008008${block}`;
const TRIES = "80CA9F1700";

const card = (tries = "0303") => {
  const element = personalised({ pin: PIN, tries });
  send(element, SELECT_CARD, "wired");
  return element;
};

describe("VERIFY", () => {
  test("counts wrong PINs down, gives all tries back for the right one, and blocks at none", () => {
    expect(
      sendAll(
        card(),
        [
          TRIES,
          verify(WRONG),
          TRIES,
          verify(PIN),
          TRIES,
          verify(WRONG),
          verify(WRONG),
          verify(WRONG),
          TRIES,
          verify(PIN),
        ],
        "wired",
      ),
    ).toEqual([
      "9F1701039000",
      "63C2",
      "9F1701029000",
      "9000",
      "9F1701039000",
      "63C2",
      "63C1",
      "63C0",
      "9F1701009000",
      "6983",
    ]);
  });

  test("tries outlast a reset, and a new SELECT", () => {
    const element = card();
    send(element, verify(WRONG), "wired");
    element.powerOff("wired");
    element.powerOff("contactless");
    expect(sendAll(element, [SELECT_CARD, TRIES])[1]).toBe("9F1701029000");
    expect(sendAll(element, [SELECT_CARD, verify(WRONG), SELECT_CARD, verify(WRONG)], "wired")).toMatchObject({
      1: "63C1",
      3: "63C0",
    });
  });

  test("takes the tries that were personalised", () => {
    expect(sendAll(card("0105"), [TRIES, verify(WRONG), verify(PIN)], "wired")).toEqual([
      "9F1701019000",
      "63C0",
      "6983",
    ]);
    expect(sendAll(card("0105"), [verify(PIN), TRIES], "wired")).toEqual(["9000", "9F1701059000"]);
    expect(sendAll(card("0005"), [verify(PIN)], "wired")).toEqual(["6983"]);
    expect(sendAll(card("0F0F"), [verify(WRONG)], "wired")).toEqual(["63CE"]);
  });

  test("over the air it is refused, and costs no try", () => {
    expect(sendAll(card(), [SELECT_CARD, verify(WRONG), verify(PIN), TRIES])).toMatchObject({
      1: "6985",
      2: "6985",
      3: "9F1701039000",
    });
  });

  test("a card without a PIN has nothing to compare with", () => {
    const element = personalised();
    expect(sendAll(element, [SELECT_CARD, verify(PIN), TRIES], "wired").slice(1)).toEqual(["6984", "6A88"]);
  });

  test.each([
    ["an enciphered PIN", "0020008808" + PIN, "6A86"],
    ["a PIN that is no block", "0020000008" + PIN, "6A86"],
    ["another P1", "0020018008" + PIN, "6A86"],
    ["nothing", "00200080", "6700"],
    ["seven bytes", "0020008007" + PIN.slice(2), "6700"],
    ["nine bytes", `0020008009${PIN}FF`, "6700"],
    ["a block of format 0", verify("041234FFFFFFFFFF"), "6A80"],
    ["three digits", verify("23123FFFFFFFFFFF"), "6A80"],
    ["thirteen digits", verify("2D1234567890123F"), "6A80"],
    ["a digit that is none", verify("24123AFFFFFFFFFF"), "6A80"],
    ["a filler that is none", verify("241234FFFFFFFFF0"), "6A80"],
    ["the proprietary class", `8020008008${PIN}`, "6E00"],
  ])("%s is refused and costs no try", (_, command, sw) => {
    expect(sendAll(card(), [command, TRIES], "wired")).toEqual([sw, "9F1701039000"]);
  });

  test("PINs of 4 and of 12 digits", () => {
    for (const block of ["249999FFFFFFFFFF", "2C999999999999FF"]) {
      const element = personalised({ pin: block });
      expect(sendAll(element, [SELECT_CARD, verify(block), verify(PIN)], "wired").slice(1)).toEqual(["9000", "63C2"]);
    }
  });
});

/*
 * CVR. Byte 1: 80 no second cryptogram asked for, 20 ARQC, 04 PIN checked, 01 it was right. Byte 2: 01 verified on the device. Byte 3: tries left. Byte 4:
 * 20 no PIN checked, 10 the last one was wrong, 08 no tries left, 02 domestic.
 */
describe("the CVR of the next payment", () => {
  const cvrs = (before: readonly string[], payments = 1): string[] => {
    const element = card();
    sendAll(element, before, "wired");
    return Array.from(
      { length: payments },
      () => /9F1012....(.{12})/.exec(sendAll(element, [SELECT_CARD, GPO, generateAc("80")])[2]!)![1]!,
    );
  };

  test.each([
    ["no PIN entered", [], "A00003220000"],
    ["the right PIN", [verify(PIN)], "A50103020000"],
    ["a wrong PIN", [verify(WRONG)], "A00002320000"],
    ["a wrong PIN behind the right one", [verify(PIN), verify(WRONG)], "A00002320000"],
    ["the right PIN behind a wrong one", [verify(WRONG), verify(PIN)], "A50103020000"],
    ["no tries left", [verify(WRONG), verify(WRONG), verify(WRONG)], "A000003A0000"],
  ] as const)("%s", (_, before, cvr) => {
    expect(cvrs(before)).toEqual([cvr]);
  });

  test("a PIN is good for one payment", () => {
    expect(cvrs([verify(PIN)], 2)).toEqual(["A50103020000", "A00003220000"]);
  });

  test("a reset of the wired interface forgets it; a snapshot keeps it", () => {
    const element = card();
    send(element, verify(PIN), "wired");
    const kept = element.snapshot();
    element.powerOff("wired");
    const ask = [SELECT_CARD, GPO, generateAc("80")];
    expect(sendAll(element, ask)[2]).toContain("0111A00003220000");
    element.restore(kept);
    expect(sendAll(element, ask)[2]).toContain("0111A50103020000");
  });
});

describe("personalisation", () => {
  test.each([
    ["a PIN without tries", { "9010": undefined }],
    ["tries without a PIN", { "8010": undefined }],
    ["a limit of none", { "9010": "0000" }],
    ["a limit that the status word cannot say", { "9010": "0310" }],
    ["more tries than the limit", { "9010": "0403" }],
    ["one byte of tries", { "9010": "03" }],
    ["a PIN block of another format", { "8010": "041234FFFFFFFFFF" }],
    ["a PIN block that is too long", { "8010": `${PIN}FF` }],
  ])("%s is refused", (_, change) => {
    expect(personalise(newElement(), { ...groupings({ pin: PIN }), ...change }).at(-1)).toBe("6A80");
  });

  test("tries alone give them back; a PIN alone keeps what is left; a whole card without a PIN has none", () => {
    const element = card();
    sendAll(element, [verify(WRONG), verify(WRONG)], "wired");
    const store = (all: Record<string, string>): string[] =>
      sendAll(element, [SELECT_CARD, ...storeDataCommands(encodeGroupings(all)), SELECT_CARD, TRIES], "wired").slice(1);
    expect(store({ "8010": WRONG })).toMatchObject({ 0: "9000", 2: "9F1701019000" });
    expect(send(element, verify(PIN), "wired")).toBe("63C0");
    expect(store({ "9010": "0202" })).toMatchObject({ 0: "9000", 2: "9F1701029000" });
    expect(send(element, verify(WRONG), "wired")).toBe("9000");
    expect(personalise(element, groupings()).at(-1)).toBe("9000");
    expect(sendAll(element, [SELECT_CARD, TRIES, verify(PIN)], "wired").slice(1)).toEqual(["6A88", "6984"]);
  });
});
