import { describe, expect, test } from "vitest";
import { parseTlv } from "../../../src/codec/tlv.js";
import {
  aidsOf,
  applyContactless,
  CRS_TAGS,
  decodeCrsRefusals,
  decodeCrsStatus,
  encodeContactless,
  encodeCrsRefusals,
  tagsOf,
} from "../../../src/protocols/gp/contactless.js";
import {
  crsStatus,
  resetPriority,
  selectCrs,
  setActivation,
  setPriority,
  switchContactless,
} from "../../../src/protocols/gp/contactless-poller.js";
import { encodeCommand } from "../../../src/protocols/iso7816/apdu.js";
import type { CardAsking } from "../../../src/protocols/iso7816/poller.js";
import { hex, unhex } from "../../../src/util/bytes.js";

/*
 * Sources, as Amendment C itself was not at hand:
 *  - github.com/skythen/gobalplatform, command/parameters_test.go: literal bytes of system specific parameters and of the CRS application's tag list;
 *  - github.com/mozilla-b2g/gaia, dev_apps/demo-wallet: commands to the CRS application, after Amendment C 1.1.1;
 *  - github.com/martinpaljak/jcardengine, EngineCRSApplet and ContactlessRegistryTest: answers, after Amendment C 1.3.
 */

const AID6 = "4F06010203040506";
/** A0 as gobalplatform's test has it, with the profile (A2) and the type state (89) that the registry here does not keep. */
const PROTOCOL =
  "A02F" +
  "800184" +
  "810101" +
  "A205A103810101" +
  "8306010102030405" +
  "840102" +
  "A503820180" +
  "880DA006800401020304A103800100" +
  "890120";
/** A1 of the same test without its display control template, whose contents there are no whole object. */
const INTERACTION =
  "A150" +
  `A008${AID6}` +
  `A111${AID6}4F0701020304050607` +
  `A208${AID6}` +
  `A308${AID6}` +
  `A408${AID6}` +
  `A508${AID6}` +
  "A603010101" +
  "870101" +
  "880100";

describe("system specific parameters", () => {
  test("are read as an independent implementation writes them", () => {
    const ef = `EF8183${PROTOCOL}${INTERACTION}`;
    const { objects, initial } = applyContactless(new Map(), parseTlv(unhex(ef)))!;
    expect(initial).toBe(1);
    expect(
      Object.fromEntries([...objects].map(([tag, value]) => [tag.toString(16).toUpperCase(), hex(value)])),
    ).toEqual({
      "8C": "84",
      "8B": "010102030405",
      "8A": "02",
      "95": "80",
      "93": "A006800401020304A103800100",
      A2: AID6,
      // added, and one of the two removed
      A1: "4F0701020304050607",
      // added and removed: A4 is not there
      A5: AID6,
      A6: "010101",
      "87": "01",
      "88": "00",
    });
  });

  test("are written object by object as the same test has them", () => {
    const aid = unhex("010203040506");
    const written = encodeContactless({
      protocols: unhex("84"),
      activated: true,
      recognition: unhex("010102030405"),
      continuous: unhex("02"),
      interfaces: 0x80,
      typeF: unhex("A006800401020304A103800100"),
      head: [aid],
      authorize: [aid, unhex("01020304050607")],
      unauthorize: [aid],
      crel: [aid],
      uncrel: [aid],
      restricted: [aid],
      discretionary: unhex("010101"),
      family: unhex("01"),
      displayRequired: unhex("00"),
    });
    const kept = PROTOCOL.slice(4).replace("A205A103810101", "").replace("890120", "");
    expect(hex(written)).toBe(`EF79A025${kept}${INTERACTION}`);
  });

  test("change what is there: an empty value takes an object away, lists grow without doubles", () => {
    const start = applyContactless(new Map(), parseTlv(unhex(`EF0FA10DA3084F06010203040506870120`)))!.objects;
    expect(hex(start.get(CRS_TAGS.family)!)).toBe("20");
    const next = applyContactless(start, parseTlv(unhex(`EF17A115A311${AID6}4F07010203040506078700`)))!.objects;
    expect(aidsOf(next.get(CRS_TAGS.crel)).map(hex)).toEqual(["010203040506", "01020304050607"]);
    expect(next.has(CRS_TAGS.family)).toBe(false);
  });

  test.each([
    ["a reserved initial state (jcardengine: table 11-3)", "EF05A003810102"],
    ["an initial state of two bytes", "EF06A00481020101"],
    ["a listener whose name has four bytes", "EF0AA108A3064F0401020304"],
    ["a list of something else", "EF0AA108A306500401020304"],
    ["a family of two bytes", "EF06A10487022000"],
  ])("are refused with %s", (_what, parameters) => {
    expect(applyContactless(new Map(), parseTlv(unhex(parameters)))).toBeUndefined();
  });
});

describe("the CRS application's tags", () => {
  test("are those of an independent list", () => {
    // gobalplatform, TestTagListCRS: all tags.
    const all = tagsOf(unhex("4F9F707F208081A2A3A4A5A68788898A8B8C8D8E93949596"));
    const { entry: _entry, authorized: _authorized, ...told } = CRS_TAGS;
    expect(all).toEqual(expect.arrayContaining(Object.values(told)));
    // What is not kept here: protocol type state, system code of type F, privacy.
    expect(all.filter((tag) => !(Object.values(told) as number[]).includes(tag))).toEqual([0x89, 0x94, 0x96]);
  });
});

/** What a dialogue sends, answered with what is given. */
function sent<R>(dialogue: CardAsking<R>, ...answers: readonly string[]): { commands: string[]; result: R } {
  const commands: string[] = [];
  let step = dialogue.next();
  while (step.done !== true) {
    commands.push(hex(encodeCommand(step.value)));
    const bytes = unhex(answers[commands.length - 1] ?? "9000");
    const sw = bytes.at(-2)! * 256 + bytes.at(-1)!;
    step = dialogue.next({ answer: { data: bytes.subarray(0, -2), sw }, took: 0 });
  }
  return { commands, result: step.value };
}

describe("the dialogue with the CRS application", () => {
  const card = unhex("D2450000007702BBBB");

  test("selects it and reads its counter", () => {
    // jcardengine, table 3-30: 6F { 84 name, A5 { 9F08 0100, 80 counter } }.
    const fci = "6F168409A00000015143525300A5099F080201008002002A9000";
    const { commands, result } = sent(selectCrs(), fci);
    expect(commands).toEqual(["00A4040009A0000001514352530000"]);
    expect(result).toEqual({ version: 0x0100, updates: 42 });
  });

  test("sends what a demonstration wallet sends", () => {
    // gaia: getStatusAll1st, getStatusAllNext, activateCLF, deactivateCLF, nfcActivate, nfcDeactivate.
    const entry = "61104F09D2450000007702BBBB9F70020701";
    const { commands, result } = sent(crsStatus(undefined, [0x4f, 0x9f70]), `${entry}6310`, `${entry}9000`);
    expect(commands).toEqual(["80F24000074F005C034F9F7000", "80F24001074F005C034F9F7000"]);
    expect(result.map(({ aid, lifeCycle, activation }) => [hex(aid), lifeCycle, activation])).toEqual([
      ["D2450000007702BBBB", 7, 1],
      ["D2450000007702BBBB", 7, 1],
    ]);
    expect(sent(setActivation([card], true)).commands).toEqual(["80F001010B4F09D2450000007702BBBB00"]);
    expect(sent(setActivation([card], false)).commands).toEqual(["80F001000B4F09D2450000007702BBBB00"]);
    expect(sent(switchContactless(true)).commands).toEqual(["80F004800380014000"]);
    expect(sent(switchContactless(false)).commands).toEqual(["80F004000380014000"]);
  });

  test("asks for places in the order of selection", () => {
    // gobalplatform, command.go: P1 02; P2 01 highest, 81 lowest, 02 volatile, 82 reset.
    expect(sent(setPriority([card])).commands).toEqual(["80F002010B4F09D2450000007702BBBB00"]);
    expect(sent(setPriority([card], "lowest")).commands).toEqual(["80F002810B4F09D2450000007702BBBB00"]);
    expect(sent(setPriority([card], "volatile")).commands).toEqual(["80F002020B4F09D2450000007702BBBB00"]);
    expect(sent(resetPriority()).commands).toEqual(["80F0028200"]);
  });

  test("says what was not done", () => {
    // jcardengine: A1 with the names that failed, and 6320.
    const { result } = sent(setActivation([card], true), "A1074F05A1A2A3A4A56320");
    expect(result.failed.map(hex)).toEqual(["A1A2A3A4A5"]);
    expect(() => sent(setActivation([card], true), "6985")).toThrow(expect.objectContaining({ code: "gp/refused" }));
    expect(() => sent(crsStatus(), "6A86")).toThrow(expect.objectContaining({ code: "gp/refused" }));
    expect(sent(crsStatus(), "6A88").result).toEqual([]);
  });

  test("does not follow a card that never ends, nor one that answers something else", () => {
    const endless = Array.from({ length: 300 }, () => "61104F09D2450000007702BBBB9F700207016310");
    expect(() => sent(crsStatus(), ...endless)).toThrow(expect.objectContaining({ code: "gp/endless-registry" }));
    expect(() => sent(crsStatus(), "E3104F09D2450000007702BBBB9F700207019000")).toThrow(
      expect.objectContaining({ code: "gp/bad-registry" }),
    );
    expect(() => sent(selectCrs(), "6F0B8409A000000151435253009000")).toThrow(
      expect.objectContaining({ code: "gp/bad-registry" }),
    );
  });
});

describe("refusals", () => {
  // skcc wallet (decompiled): 61 { 4F, A0 { 4F ... } } names conflicts; A1 { 4F ... } failures.
  const text = "61104F050102030405A0074F05060708090AA1074F05A1A2A3A4A5";

  test("are written and read with conflicts first", () => {
    const refusals = {
      failed: [unhex("A1A2A3A4A5")],
      conflicts: [{ aid: unhex("0102030405"), with: [unhex("060708090A")] }],
    };
    expect(hex(encodeCrsRefusals(refusals))).toBe(text);
    expect(decodeCrsRefusals(unhex(text))).toEqual(refusals);
    expect(decodeCrsRefusals(unhex(""))).toEqual({ failed: [], conflicts: [] });
  });

  test("an entry without a state of two bytes is none", () => {
    expect(() => decodeCrsStatus(unhex("610A4F05A1A2A3A4A59F7000"))).toThrow(
      expect.objectContaining({ code: "gp/bad-registry" }),
    );
  });
});
