import { describe, expect, test } from "vitest";
import {
  CARD_AID,
  cdolData,
  encodeGroupings,
  generateAc,
  GET_ATC,
  GPO,
  groupings,
  newElement,
  object,
  personalise,
  personalised,
  SELECT_CARD,
  send,
  sendAll,
  storeDataCommands,
  type Control,
} from "../../support/emulated-card.js";
import { ObjectStore } from "../../../emulator/se/store.js";
import type { SecureElement } from "../../../emulator/se/element.js";

/** Number of a counter or object of the payment applet, the second instance. */
const OWN = { atc: 0x1f001, offlineInRow: 0x1f002, offlineAmount: 0x1f003 } as const;
const storeOf = (element: SecureElement): ObjectStore => new ObjectStore(element.nvm);

/** Objects of an answer to GENERATE AC without a signature, whose lengths are fixed. */
function answerOf(response: string) {
  const match = /^77299F2701(..)9F3602(....)9F2608(.{16})9F1012(....)(.{12})(....)(.{16})9000$/.exec(response);
  if (!match) throw new Error(`no answer to GENERATE AC: ${response}`);
  const [, cid, atc, cryptogram, head, cvr, dac, counters] = match;
  return { cid, atc, cryptogram, head, cvr, dac, counters };
}

describe("GET PROCESSING OPTIONS", () => {
  test("answers AIP and AFL, once in a transaction, and counts", () => {
    const element = personalised();
    expect(sendAll(element, [GET_ATC, GPO, GET_ATC, GPO, GET_ATC])).toEqual([
      "9F360200009000",
      "770A82021980940410010100" + "9000",
      "9F360200019000",
      "6985",
      "9F360200019000",
    ]);
  });

  test("a new SELECT, or the cryptogram, opens the next transaction", () => {
    const element = personalised();
    sendAll(element, [GPO, SELECT_CARD, GPO, generateAc("80"), GPO]);
    expect(send(element, GET_ATC)).toBe("9F360200039000");
  });

  test.each([
    ["P1", "80A80100028300", "6A86"],
    ["P2", "80A80001028300", "6A86"],
    ["no template 83", "80A8000002840000", "6A80"],
    ["a template that is too long", "80A800000383010000", "6A80"],
    ["no data", "80A8000000", "6A80"],
    ["the interindustry class", "00A8000002830000", "6E00"],
  ])("wrong %s: refused, and not counted", (_, command, answer) => {
    const element = personalised();
    expect(sendAll(element, [command, GET_ATC])).toEqual([answer, "9F360200009000"]);
    expect(send(element, GPO).slice(-4)).toBe("9000");
  });

  test("with a PDOL, the data have to be as long as it says", () => {
    const element = newElement();
    const fci = object("50", "54455354") + object("9F38", "9F1A029F3704");
    expect(personalise(element, { ...groupings(), "9102": fci }).at(-1)).toBe("9000");
    send(element, SELECT_CARD);
    expect(sendAll(element, [GPO, "80A80000078305027601020300", "80A8000008830602760102030400"])).toEqual([
      "6A80",
      "6A80",
      "770A82021980940410010100" + "9000",
    ]);
  });

  test("at FFFF the counter has come to its end: no further transaction, ever", () => {
    const element = personalised();
    storeOf(element).setCounter(OWN.atc, 0xfffe);
    element.restore(element.snapshot());
    sendAll(element, [SELECT_CARD, GPO]);
    expect(send(element, GET_ATC)).toBe("9F3602FFFF9000");
    for (let i = 0; i < 2; i++) {
      element.powerOff("contactless");
      expect(sendAll(element, [SELECT_CARD, GPO, GET_ATC]).slice(1)).toEqual(["6985", "9F3602FFFF9000"]);
    }
  });
});

describe("READ RECORD and GET DATA", () => {
  const record = groupings()["0201"]!;
  test.each([
    ["the record", "00B2011400", `${record}9000`],
    ["the record, before GET PROCESSING OPTIONS, too", "00B2011400", `${record}9000`],
    ["the next record, which is not there", "00B2021400", "6A83"],
    ["record 0", "00B2001400", "6A86"],
    ["another file", "00B2011C00", "6A83"],
    ["file 0", "00B2010400", "6A83"],
    ["file 31", "00B201FC00", "6A83"],
    ["by identifier", "00B2011200", "6A86"],
    ["the proprietary class", "80B2011400", "6E00"],
    ["a PAR", "80CA9F2400", "9F24055041523031" + "9000"],
    ["an object that was not personalised", "80CA9F1700", "6A88"],
    ["the keys, by their grouping's number", "80CA800000", "6A88"],
    ["GET DATA in the interindustry class", "00CA9F3600", "6E00"],
    ["an unknown instruction", "80FF000000", "6D00"],
  ])("%s", (_, command, answer) => {
    expect(send(personalised(), command)).toBe(answer);
  });
});

describe("GENERATE AC", () => {
  test.each([
    ["before GET PROCESSING OPTIONS", [generateAc("80")], ["6985"]],
    ["twice", [GPO, generateAc("80"), generateAc("80")], [undefined, undefined, "6985"]],
    ["a byte too short", [GPO, generateAc("80", cdolData().slice(2))], [undefined, "6700"]],
    ["a byte too long", [GPO, generateAc("80", `${cdolData()}00`)], [undefined, "6700"]],
    ["without data", [GPO, "80AE800000"], [undefined, "6700"]],
    ["type RFU", [GPO, generateAc("C0")], [undefined, "6A86"]],
    ["a P1 bit that is not used", [GPO, generateAc("81")], [undefined, "6A86"]],
    ["another P2", [GPO, generateAc("80").replace("80AE8000", "80AE8001")], [undefined, "6A86"]],
    ["a signature from a card that cannot sign", [GPO, generateAc("90")], [undefined, "6985"]],
    ["the interindustry class", [GPO, generateAc("80").replace("80AE", "00AE")], [undefined, "6E00"]],
  ])("%s", (_, commands, expected) => {
    const answers = sendAll(personalised(), commands);
    expect(answers.map((answer, i) => (expected[i] === undefined ? undefined : answer))).toEqual(expected);
    for (const [i, answer] of answers.entries()) if (expected[i] === undefined) expect(answer.slice(-4)).toBe("9000");
  });

  test("a refused command does not cost the transaction", () => {
    const element = personalised();
    const answers = sendAll(element, [GPO, generateAc("C0"), generateAc("80", "00"), generateAc("80")]);
    expect(answerOf(answers[3]!)).toMatchObject({ cid: "80", atc: "0001" });
  });

  test("with the field, the transaction is gone", () => {
    const element = personalised();
    send(element, GPO);
    element.powerOff("contactless");
    expect(sendAll(element, [SELECT_CARD, generateAc("80")])[1]).toBe("6985");
  });
});

/*
 * CVR: byte 1: second AC not requested (80), first AC: AAC 00, TC 10, ARQC 20. Byte 2: CDA 40, verified on device: supported 02, done 01. Byte 4:
 * international 04, domestic 02, wrongly believed 01. Byte 5: limits of offline transactions: lower 80, upper 40.
 */
describe("card risk management", () => {
  const ON_DEVICE = "010000";
  interface Row {
    readonly control?: Control;
    readonly verified?: boolean;
    readonly data?: Parameters<typeof cdolData>[0];
    /** Transactions approved offline before. */
    readonly offline?: number;
  }
  type Case = readonly [what: string, asked: string, cid: string, cvr: string, row?: Row];
  const rows: readonly Case[] = [
    ["a TC, nothing against it", "40", "40", "900000020000"],
    ["an ARQC", "80", "80", "A00000020000"],
    ["an AAC", "00", "00", "800000020000"],
    ["abroad", "80", "80", "A00000040000", { data: { country: "0840" } }],
    [
      "abroad, where that goes online",
      "40",
      "80",
      "A00000040000",
      { data: { country: "0840" }, control: { online: "040000" } },
    ],
    [
      "abroad, where that declines",
      "40",
      "00",
      "800000040000",
      { data: { country: "0840" }, control: { decline: "040000" } },
    ],
    ["at home, where abroad declines", "40", "40", "900000020000", { control: { decline: "040000" } }],
    ["a holder verified on the device", "80", "80", "A00300020000", { verified: true, control: { aip: "1B80" } }],
    ["a device that can verify and did not", "80", "80", "A00200020000", { control: { aip: "1B80" } }],
    [
      "a terminal that believes wrongly",
      "80",
      "80",
      "A00200030000",
      { data: { cvmResults: "010002" }, control: { aip: "1B80" } },
    ],
    [
      "wrongly, and that declines",
      "80",
      "00",
      "800200030000",
      { data: { cvmResults: "010002" }, control: { aip: "1B80", decline: ON_DEVICE } },
    ],
    [
      "wrongly, and that goes online: an ARQC stays one",
      "80",
      "80",
      "A00200030000",
      { data: { cvmResults: "410002" }, control: { aip: "1B80", online: ON_DEVICE } },
    ],
    [
      "rightly",
      "80",
      "80",
      "A00300020000",
      { data: { cvmResults: "010002" }, verified: true, control: { aip: "1B80", decline: ON_DEVICE } },
    ],
    ["an AAC stays one, whatever goes online", "00", "00", "800000020000", { control: { online: "FFFFFF" } }],
    ["decline counts before online", "40", "00", "800000020000", { control: { decline: "020000", online: "020000" } }],
    [
      "an action code for what is not the case",
      "40",
      "40",
      "900000020000",
      { control: { decline: "F900FF", online: "F93FFF" } },
    ],
    [
      "the limits are not reached",
      "40",
      "40",
      "900000020000",
      { offline: 1, control: { lower: "02", upper: "03", online: "00C000" } },
    ],
    [
      "above the lower limit",
      "40",
      "80",
      "A00000028000",
      { offline: 2, control: { lower: "02", upper: "03", online: "008000" } },
    ],
    [
      "above the lower limit, where nobody minds",
      "40",
      "40",
      "900000028000",
      { offline: 2, control: { lower: "02", upper: "03", online: "004000" } },
    ],
    [
      "above the upper limit",
      "40",
      "80",
      "A0000002C000",
      { offline: 3, control: { lower: "02", upper: "03", online: "004000" } },
    ],
    [
      "above the upper limit, which declines",
      "40",
      "00",
      "80000002C000",
      { offline: 3, control: { lower: "02", upper: "03", decline: "004000" } },
    ],
    [
      "limits of zero: nothing offline",
      "40",
      "80",
      "A0000002C000",
      { control: { lower: "00", upper: "00", online: "00C000" } },
    ],
  ];

  test.each(rows.map((row): Required<Case> => [row[0], row[1], row[2], row[3], row[4] ?? {}]))(
    "%s: asked %s, given %s, CVR %s",
    (_, asked, cid, cvr, row) => {
      const element = personalised(row.control);
      element.holderVerified = row.verified === true;
      storeOf(element).setCounter(OWN.offlineInRow, row.offline ?? 0);
      element.restore(element.snapshot());
      const answers = sendAll(element, [SELECT_CARD, GPO, generateAc(asked, cdolData(row.data))]);
      const offline = (row.offline ?? 0).toString(16).padStart(2, "0");
      expect(answerOf(answers[2]!)).toMatchObject({
        cid,
        atc: "0001",
        head: "0111",
        cvr,
        dac: "0000",
        counters: `0000${offline}00000000FF`,
      });
    },
  );

  test("only a TC is counted as offline, with its amount", () => {
    const element = personalised();
    const counters: (string | undefined)[] = [];
    for (const [asked, amount] of [
      ["40", "000000001000"],
      ["80", "000000002000"],
      ["00", "000000003000"],
      ["40", "000000000234"],
      ["40", "999999999999"],
      ["40", "000000000001"],
      ["40", "000000000001"],
    ] as const) {
      element.powerOff("contactless");
      const answers = sendAll(element, [SELECT_CARD, GPO, generateAc(asked, cdolData({ amount }))]);
      counters.push(answerOf(answers[2]!).counters);
    }
    expect(counters).toEqual([
      "00000000000000FF",
      "000001000003E8FF", // 10.00
      "000001000003E8FF",
      "000001000003E8FF",
      "000002000004D2FF", // 12.34
      "000003FFFFFFFFFF", // stays where it would overflow
      "000004FFFFFFFFFF",
    ]);
  });
});

describe("without room in the memory", () => {
  test("a TC that cannot be counted is not given", () => {
    // just enough for the personalisation and the counters
    let bytes = 3_392;
    let element = newElement({ nvmBytes: bytes });
    while (
      sendAll(element, [SELECT_CARD, ...storeDataCommands(encodeGroupings(groupings()))], "wired").at(-1) !== "9000"
    ) {
      bytes += 64;
      element = newElement({ nvmBytes: bytes });
    }
    const store = storeOf(element);
    const ids = store.ids.length;
    for (let id = 0x2_0000; ids + (id - 0x2_0000) < 256; id++) store.put(id, new Uint8Array(0));
    element.restore(element.snapshot());
    sendAll(element, [SELECT_CARD, GPO]);
    expect(send(element, generateAc("40"))).toBe("6A84");
    expect(answerOf(send(element, generateAc("80")))).toMatchObject({ cid: "80", counters: "00000000000000FF" });
  });
});

test("the card's name is what was selected, whatever part of it was given", () => {
  const element = personalised();
  expect(send(element, "00A4040005A00000000400").slice(4, 22)).toBe(`8407${CARD_AID}`);
});
