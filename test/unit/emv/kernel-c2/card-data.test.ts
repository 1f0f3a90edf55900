import { describe, expect, test } from "vitest";
import { tlv } from "../../../../src/codec/tlv.js";
import { parseAfl } from "../../../../src/emv/kernels/c2/records.js";
import { hex, unhex } from "../../../../src/util/bytes.js";
import type { Script } from "../../../support/scripted-card.js";
import { askedFor, sent, tap, tvrOf, type Tapped } from "./tap.js";

const GPO = 0xa8;
const READ = 0xb2;
const AC = 0xae;

/** A card whose answer to one instruction is this, status word included. */
const answering = (ins: number, response: string): Script => ({
  respond: (command) => (command.ins === ins ? response : undefined),
});
const END = {
  kind: "end-application",
  ui: { message: "insert-swipe-or-other-card", status: "not-ready", hold: 1_300_000_000 },
};
const ended = (l2: string, more: object = {}): object => ({ ...END, error: { l2, ...more } });
const next = (l2: string, more: object = {}): object => ({ kind: "select-next", start: "C", error: { l2, ...more } });

describe("answer to SELECT", () => {
  const withFci = (fci: string): Tapped => tap({}, { fci: unhex(fci) });
  test.each([
    ["empty", "", next("parsing-error")],
    ["another template", "7009840700000000000000", next("parsing-error")],
    ["cut off", "6F0A8407A00000000410", next("parsing-error")],
    ["two templates", "6F098407A00000000410106F00", next("parsing-error")],
    ["without a DF name", "6F06A504500254E9", next("card-data-missing", { tag: "84" })],
    ["a DF name that is too short", "6F068404A0000000", next("parsing-error", { tag: "84" })],
    ["two DF names", "6F128407A00000000410108407A0000000041010", next("parsing-error", { tag: "84" })],
    ["a PDOL outside its template", "6F0E8407A00000000410109F38029F37", next("parsing-error", { tag: "9F38" })],
    ["a label in a template that has none", "6F0F8407A0000000041010E104500254E9", next("parsing-error", { tag: "50" })],
    ["a malformed PDOL", "6F108407A0000000041010A5059F38029F37", next("parsing-error", { tag: "9F38" })],
  ])("%s", (_what, fci, expected) => {
    const { outcome, card } = withFci(fci);
    expect(outcome).toMatchObject(expected);
    expect(card.commands).toHaveLength(0);
  });

  test("what the kernel does not know passes", () => {
    expect(withFci("6F1A8407A0000000041010A50F500254E9BF0C089F4D020B0ADF0100").outcome.kind).toBe("approved");
  });
});

describe("GET PROCESSING OPTIONS", () => {
  test.each([
    ["no PDOL", undefined, "8300"],
    ["an empty PDOL", "", "8300"],
    [
      "amount, country, number, an unknown tag",
      "9F02069F1A029F3704DF7F02",
      "830E" + "000000001000" + "0056" + "0A0B0C0D" + "0000",
    ],
    [
      "values cut and padded by their format",
      "9F02039F1A039F370650065A0A",
      "831C" + "001000" + "000056" + "0A0B0C0D0000" + "544553540000" + "00".repeat(10),
    ],
    ["TVR and capabilities as they stand", "95059F3303", "8308" + "0000000000" + "E06808"],
  ])("%s", (_what, pdol, data) => {
    const { card } = tap({ objects: { "9F38": pdol } });
    expect(card.commands[0]).toMatchObject({ cla: 0x80, ins: GPO, p1: 0, p2: 0, le: 256 });
    expect(hex(card.commands[0]!.data!)).toBe(data);
  });

  test("a PDOL that asks for more than a command carries", () => {
    expect(tap({ objects: { "9F38": "DF01FFDF02FF" } }).outcome).toMatchObject(
      next("card-data-error", { tag: "9F38" }),
    );
  });

  test.each([
    ["6985", next("status-bytes", { sw: 0x6985 })],
    ["6A81", next("status-bytes", { sw: 0x6a81 })],
    ["770A82020080940410010101" + "6283", next("status-bytes", { sw: 0x6283 })],
    ["9000", ended("parsing-error")],
    ["770A820200809404100101019000", { kind: "approved" }],
    ["80060080100101019000", { kind: "approved" }],
    ["800200809000", ended("parsing-error")],
    ["8007008010010101009000", ended("parsing-error")],
    ["7706820200809400" + "9000", ended("card-data-missing", { tag: "94" })],
    ["770482020080" + "9000", ended("card-data-missing", { tag: "94" })],
    ["7706940410010101" + "9000", ended("card-data-missing", { tag: "82" })],
    ["770B8203008000940410010101" + "9000", ended("parsing-error", { tag: "82" })],
    ["770E8202008082020080940410010101" + "9000", ended("parsing-error", { tag: "82" })],
    ["700A82020080940410010101" + "9000", ended("parsing-error")],
    ["770A8202008094041001010100" + "9000", { kind: "approved" }],
    ["770A82020080940410010101770082" + "9000", ended("parsing-error")],
    ["770A820200009404100101019000", ended("magstripe-not-supported")],
  ])("answered %s", (response, expected) => expect(tap(answering(GPO, response)).outcome).toMatchObject(expected));

  test("a reader without EMV mode", () => {
    expect(tap({}, { terminal: { DF811B: "C0" } }).outcome).toMatchObject(ended("magstripe-not-supported"));
  });
});

describe("application file locator", () => {
  test.each([
    ["", undefined],
    ["100101", undefined],
    ["1001010110", undefined],
    ["00010100", undefined],
    ["11010100", undefined],
    ["F8010100", undefined],
    ["10000100", undefined],
    ["10020100", undefined],
    ["10010102", undefined],
    ["1001FF00", undefined],
    ["1001400018014000" + "20010100", undefined],
    ["10010101", [{ sfi: 2, first: 1, last: 1, signed: 1 }]],
    ["F0028001", [{ sfi: 30, first: 2, last: 128, signed: 1 }]],
  ])("'%s'", (afl, expected) => expect(parseAfl(unhex(afl))).toEqual(expected));

  test.each(["11010100", "10000100", "1001FF00"])("a card with AFL %s", (afl) => {
    expect(tap({ objects: { "94": afl } }).outcome).toMatchObject(ended("card-data-error", { tag: "94" }));
  });

  test("the record of mag-stripe mode is read by readers without that mode only", () => {
    const script: Script = {
      objects: { "94": "0801010010010101" },
      respond: (command) => (command.p2 === 0x0c ? "70009000" : undefined),
    };
    const reads = (DF811B: string): readonly number[] =>
      tap(script, { terminal: { DF811B } }).card.commands.flatMap(({ ins, p2 }) => (ins === READ ? [p2] : []));
    expect(reads("A0")).toEqual([0x0c, 0x14]);
    expect(reads("20")).toEqual([0x14]);
    expect(tap({ objects: { "94": "08010100" } }, { terminal: { DF811B: "20" } }).outcome).toMatchObject(
      ended("card-data-error"),
    );
  });
});

describe("records", () => {
  test.each([
    ["6A83", ended("status-bytes", { sw: 0x6a83 })],
    ["9000", ended("parsing-error")],
    ["77009000", ended("parsing-error")],
    ["5A0854133300896010759000", ended("parsing-error")],
    ["7004820200809000", ended("parsing-error", { tag: "82" })],
    ["70049F07010F9000", ended("parsing-error", { tag: "9F07" })],
    ["70099F02060000000000019000", ended("parsing-error", { tag: "9F02" })],
    ["70065F240326011500" + "9000", ended("card-data-missing", { tag: "5A" })],
    ["700C5F24032601155F24032601159000", ended("parsing-error", { tag: "5F24" })],
    ["700E9F0702FF009F080200029F4A01829000", ended("card-data-missing", { tag: "5F24" })],
  ])("answered %s", (response, expected) => expect(tap(answering(READ, response)).outcome).toMatchObject(expected));

  test("an object that was empty may come again", () => {
    const script: Script = {
      objects: { "94": "1001010118010100", "57": "" },
      respond: (command) => (command.p2 === 0x1c ? "70095707541333008960109000" : undefined),
    };
    expect(tap(script).outcome.kind).toBe("approved");
  });

  test("files beyond 10 are not looked into", () => {
    const script: Script = {
      objects: { "94": "1001010158010100" },
      respond: ({ p2 }) => (p2 === 0x5c ? "FFFF9000" : undefined),
    };
    expect(tap(script).outcome.kind).toBe("approved");
  });
});

describe("what the kernel cannot do without", () => {
  test.each(["5A", "5F24", "8C"])("%s", (tag) => {
    for (const value of tag === "5F24" ? [undefined] : [undefined, ""]) {
      const { outcome, card } = tap({ objects: { [tag]: value } });
      expect(outcome).toMatchObject(ended("card-data-missing", { tag }));
      expect(card.commands.some(({ ins }) => ins === AC)).toBe(false);
    }
  });

  test.each([undefined, ""])("an amount", (value) => {
    expect(tap({}, { terminal: { "9F02": value } }).outcome).toMatchObject({
      kind: "end-application",
      error: { l3: "amount-not-present" },
    });
  });

  test.each([
    ["9F", "parsing-error"],
    ["9F37", "parsing-error"],
    ["DF01FFDF02FF", "card-data-error"],
  ])("a CDOL1 that can be used: %s", (cdol, l2) => {
    expect(tap({ objects: { "8C": cdol } }).outcome).toMatchObject(ended(l2, { tag: "8C" }));
  });
});

test("GENERATE AC carries what CDOL1 asks for, as it stands then", () => {
  const tapped = tap({ objects: { "8C": "9F02069F0306950582029F34039F37049F3303DF7F015F2A02" } });
  expect(askedFor(tapped)).toBe(0x40);
  const command = tapped.card.commands.at(-1)!;
  expect(command).toMatchObject({ cla: 0x80, ins: AC, p2: 0, le: 256 });
  expect(hex(command.data!)).toBe(
    "000000001000" + "000000000000" + "8000000000" + "0080" + "3F0000" + "0A0B0C0D" + "E00808" + "00" + "0978",
  );
});

test("a TLV bomb is refused, not unfolded", () => {
  let bomb: Uint8Array = new Uint8Array(0);
  for (let i = 0; i < 60; i++) bomb = tlv(0x70, bomb);
  expect(tap(answering(READ, `${hex(bomb)}9000`)).outcome).toMatchObject(ended("parsing-error"));
});

test("terminal capabilities and TVR in the command are the ones in the data record", () => {
  const tapped = tap();
  const record = tapped.outcome.kind === "approved" ? tapped.outcome.dataRecord : new Map<number, Uint8Array>();
  expect(hex(record.get(0x95)!)).toBe(tvrOf(tapped));
  expect(hex(record.get(0x9f33)!)).toBe(sent(tapped, 0x9f33));
});
