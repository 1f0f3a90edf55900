import { createCipheriv } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  encodeGroupings,
  GET_ATC,
  GPO,
  groupings,
  newElement,
  object,
  personalise,
  personalised,
  rsaGroupings,
  SELECT_CARD,
  send,
  sendAll,
  storeDataCommands,
  type Groupings,
} from "../../support/emulated-card.js";
import type { SecureElement } from "../../../emulator/se/element.js";

const FCI = "6F118407A0000000041010A5065004544553549000";
const EMPTY_FCI = "6F0B8407A0000000041010A5009000";
const RECORD = "00B2011400";

/** First three bytes of a zero block under the key. */
const checkValue = (key: string): string =>
  createCipheriv("des-ede3-ecb", Buffer.from(key + key.slice(0, 16), "hex"), null)
    .setAutoPadding(false)
    .update(Buffer.alloc(8))
    .toString("hex")
    .slice(0, 6)
    .toUpperCase();

/** What a reader sees of the card. */
const visible = (element: SecureElement): string[] => {
  element.powerOff("contactless");
  return sendAll(element, [SELECT_CARD, GPO, RECORD]);
};
const NONE = ["6A82", "6985", "6985"];
const shows = (all: Groupings): string[] => [
  `6F${(11 + all["9102"]!.length / 2).toString(16).padStart(2, "0").toUpperCase()}8407A0000000041010` +
    `A5${(all["9102"]!.length / 2).toString(16).padStart(2, "0").toUpperCase()}${all["9102"]!}9000`,
  `770A${all["9104"]!}9000`,
  `${all["0201"]!}9000`,
];

describe("before personalisation", () => {
  test("a reader does not see the applet, the wire does, and neither gets anything from it", () => {
    const element = newElement();
    expect(visible(element)).toEqual(NONE);
    expect(sendAll(element, [SELECT_CARD, GPO, RECORD, GET_ATC], "wired")).toEqual([EMPTY_FCI, "6985", "6985", "6985"]);
  });

  test("there is no directory", () => {
    const element = newElement();
    expect(send(element, "00A404000E325041592E5359532E444446303100")).toBe("6A82");
  });
});

describe("STORE DATA", () => {
  test("in one block, in blocks of any size, the card is the same", () => {
    for (const size of [7, 16, 100, 255]) {
      const element = newElement();
      const answers = personalise(element, groupings(), size);
      expect(new Set(answers)).toEqual(new Set(["9000"]));
      expect(visible(element)).toEqual(shows(groupings()));
      expect(visible(element)[0]).toBe(FCI);
    }
  });

  test("nothing is there before the last block", () => {
    const element = newElement();
    const commands = storeDataCommands(encodeGroupings(groupings()), 40);
    expect(new Set(sendAll(element, [SELECT_CARD, ...commands.slice(0, -1)], "wired").slice(1))).toEqual(
      new Set(["9000"]),
    );
    expect(visible(element)).toEqual(NONE);
    expect(send(element, commands.at(-1)!, "wired")).toBe("9000");
    expect(visible(element)).toEqual(shows(groupings()));
  });

  test("lengths as FF LLLL, also where one byte would do", () => {
    const element = newElement();
    const { "9102": fci, ...rest } = groupings();
    const long = `9102FF0006${fci}` + encodeGroupings(rest) + `A002FF0103${object("9F24", "41".repeat(255))}`;
    expect(sendAll(element, [SELECT_CARD, ...storeDataCommands(long)], "wired").slice(1)).toEqual(
      ["9000", "9000", "9000"].slice(0, storeDataCommands(long).length),
    );
    expect(visible(element)).toEqual(shows(groupings()));
    expect(send(element, "80CA9F2400", "contactless").slice(0, 14)).toBe("9F2481FF414141");
  });

  test("over the air it is refused, whether there is a card or not", () => {
    const element = personalised();
    expect(send(element, storeDataCommands(encodeGroupings(groupings({ aip: "1B80" })))[0]!)).toBe("6985");
    expect(visible(element)).toEqual(shows(groupings()));
  });

  test.each([
    ["a block number that was left out", (c: string[]) => [c[0]!, c[2]!], ["9000", "6A86"]],
    ["a block that comes twice", (c: string[]) => [c[0]!, c[0]!], ["9000", "6A86"]],
    ["a first block that is not number 0", (c: string[]) => [c[1]!], ["6A86"]],
    ["another format than data groupings", (c: string[]) => [c[0]!.replace("80E20800", "80E20000")], ["6A86"]],
    ["encrypted groupings", (c: string[]) => [c[0]!.replace("80E20800", "80E26800")], ["6A86"]],
    ["the wrong class", (c: string[]) => [c[0]!.replace("80E2", "00E2")], ["6E00"]],
    ["the rest after a refusal", (c: string[]) => [c[0]!, c[2]!, c[1]!], ["9000", "6A86", "6A86"]],
  ])("%s is refused", (_, pick, answers) => {
    const element = newElement();
    send(element, SELECT_CARD, "wired");
    expect(sendAll(element, pick(storeDataCommands(encodeGroupings(groupings()), 60)), "wired")).toEqual(answers);
    expect(visible(element)).toEqual(NONE);
  });

  test("more than 16 KiB of data are refused", () => {
    const element = newElement();
    send(element, SELECT_CARD, "wired");
    const block = (number: number) => `80E208${number.toString(16).padStart(2, "0")}002000${"00".repeat(0x2000)}`;
    expect(sendAll(element, [block(0), block(1), block(2)], "wired")).toEqual(["9000", "9000", "6A84"]);
  });

  const all = encodeGroupings(groupings());
  test.each([
    ["one byte of a grouping", `${all}91`, "6A80"],
    ["a grouping without a length", `${all}9102`, "6A80"],
    ["a length of which half is missing", `${all}9102FF00`, "6A80"],
    ["a value that is cut off", `${all}910205AABB`, "6A80"],
    ["a long value that is cut off", `${all}9102FF1000AABB`, "6A80"],
    ["a grouping that nobody knows", `${all}BEEF0101`, "6A88"],
    ["a record that is no template 70", `${all}0202027100`, "6A80"],
    ["a record that is no TLV", `${all}020203700557`, "6A80"],
    ["an empty record", `${all}020200`, "6A80"],
    ["keys of 32 bytes", `${all}800020${"00".repeat(32)}`, "6A80"],
    ["check values of two bytes each", `${all}900006${"00".repeat(6)}`, "6A80"],
    ["a cryptogram version that the applet does not have", encodeGroupings(groupings({ cvn: "12" })), "6A80"],
    ["an AIP of one byte", encodeGroupings({ ...groupings(), "9104": "820119" + "940410010100" }), "6A80"],
    ["half of an RSA key that is none", `${all}820101AA8202018482030184820401848205` + "0184", "6A80"],
    ["nothing at all", "", "6A80"],
  ])("%s is refused and leaves no card", (_, data, answer) => {
    const element = newElement();
    expect(sendAll(element, [SELECT_CARD, ...storeDataCommands(data)], "wired").at(-1)).toBe(answer);
    expect(visible(element)).toEqual(NONE);
    expect(personalise(element, groupings()).at(-1)).toBe("9000");
  });

  test.each(["0201", "9102", "9104", "8000", "A001"])("without grouping %s there is no card", (missing) => {
    const element = newElement();
    expect(personalise(element, { ...groupings(), [missing]: undefined }).at(-1)).toBe("6A80");
    expect(visible(element)).toEqual(NONE);
  });

  test("check values have to be those of the keys", () => {
    const { "8000": keys } = groupings();
    const right = [0, 32, 64].map((at) => checkValue(keys!.slice(at, at + 32))).join("");
    expect(right.slice(0, 6)).toBe("08D7B4");
    expect(personalise(newElement(), { ...groupings(), "9000": right }).at(-1)).toBe("9000");
    for (const at of [0, 8, 17]) {
      const wrong = right.slice(0, at) + (right[at] === "0" ? "1" : "0") + right.slice(at + 1);
      const element = newElement();
      expect(personalise(element, { ...groupings(), "9000": wrong }).at(-1)).toBe("6A80");
      expect(visible(element)).toEqual(NONE);
    }
  });

  test("a memory that is too small is 6A84, and leaves no card", () => {
    const element = newElement({ nvmBytes: 3_840 });
    const many = Object.fromEntries(
      Array.from({ length: 4 }, (_, i) => [`020${i + 2}`, object("70", object("DF20", "00".repeat(120)))]),
    );
    expect(personalise(element, { ...groupings(), ...many }).at(-1)).toBe("6A84");
    expect(visible(element)).toEqual(NONE);
    const full = newElement({ nvmBytes: 3_392 });
    const first = personalise(full, { ...groupings() }).at(-1);
    expect(first).toBe("6A84");
    expect(visible(full)).toEqual(NONE);
  });
});

describe("a second personalisation", () => {
  const pays = (element: SecureElement): string => {
    element.powerOff("contactless");
    return sendAll(element, [SELECT_CARD, GPO, GET_ATC])[2]!;
  };

  test("takes the place of the first; the transaction counter goes on", () => {
    const element = personalised();
    expect([pays(element), pays(element)]).toEqual(["9F3602" + "00019000", "9F3602" + "00029000"]);
    const next = { ...groupings({ aip: "1B80" }), "9102": object("50", "4E4557") };
    expect(personalise(element, next).at(-1)).toBe("9000");
    expect(visible(element)).toEqual(shows(next));
    expect(pays(element)).toBe("9F3602" + "00049000");
  });

  test("of a whole card leaves nothing of the old one behind", () => {
    const element = personalised();
    expect(personalise(element, { ...groupings(), ...rsaGroupings(), "0301": "70035001FF" }).at(-1)).toBe("9000");
    expect(sendAll(element, [SELECT_CARD, GPO, "00B2011C00"])[2]).toBe("70035001FF9000");
    expect(personalise(element, groupings()).at(-1)).toBe("9000");
    element.powerOff("contactless");
    expect(sendAll(element, [SELECT_CARD, GPO, "00B2011C00"])[2]).toBe("6A83");
  });

  test("of a single grouping changes that one, and is in force at once", () => {
    const element = personalised();
    visible(element);
    expect(personalise(element, { "9104": object("82", "1B80") + object("94", "10010100") })).toEqual(["9000"]);
    expect(visible(element)[1]).toBe("770A" + "82021B80" + "940410010100" + "9000");
    expect(personalise(element, { "8000": "00".repeat(47) })).toEqual(["6A80"]);
    expect(visible(element)[1]).toBe("770A" + "82021B80" + "940410010100" + "9000");
  });

  test("that is broken off leaves the old card", () => {
    const element = personalised();
    const next = encodeGroupings({ ...groupings({ aip: "1B80" }), ...rsaGroupings() });
    const commands = storeDataCommands(next, 100);
    sendAll(element, [SELECT_CARD, ...commands.slice(0, -1)], "wired");
    element.powerOff("wired");
    expect(visible(element)).toEqual(shows(groupings()));
    // the rest alone is nothing
    expect(sendAll(element, [SELECT_CARD, commands.at(-1)!], "wired")[1]).toBe("6A86");
    expect(visible(element)).toEqual(shows(groupings()));
  });

  test("a grouping that comes twice counts once: the last", () => {
    const element = newElement();
    const data = `9102035001FF` + encodeGroupings(groupings());
    expect(sendAll(element, [SELECT_CARD, ...storeDataCommands(data)], "wired").at(-1)).toBe("9000");
    expect(visible(element)).toEqual(shows(groupings()));
  });
});
