import { describe, expect, test } from "vitest";
import { ObjectStore } from "../../../emulator/se/store.js";
import { scriptCommands, type CardOrder } from "../../../src/issuer/scripts.js";
import { mchipCryptogram } from "../../../src/emv/cryptogram-versions.js";
import { encodeCommand } from "../../../src/protocols/iso7816/apdu.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { arpc, bytes, commonKey, enciphered, retailMac } from "../../support/card-crypto.js";
import {
  AC_KEY,
  CDOL1,
  cdolData,
  generateAc,
  GET_ATC,
  GPO,
  object,
  personalise,
  groupings,
  personalised,
  SELECT_CARD,
  send,
  sendAll,
  SMC_KEY,
  SMI_KEY,
  UN,
  type Control,
} from "../../support/emulated-card.js";
import { openScripts, scriptSession } from "../../support/script-session.js";

const PIN = "241234FFFFFFFFFF";
const NEW_PIN = "2C999999999999FF";
const verify = (block: string): string => `0020008008${block}`;
const TRIES = "80CA9F1700";
const BLOCK = "841E0000";
const UNBLOCK = "84180000";
const BLOCK_CARD = "84160000";

const card = (control: Control = {}) => personalised({ pin: PIN, ...control });
/** CVR of the next payment over the air. */
const cvrOf = (element: ReturnType<typeof card>, p1 = "80"): string =>
  /9F1012....(.{12})/.exec(sendAll(element, [SELECT_CARD, GPO, generateAc(p1)])[2]!)![1]!;

describe("the helper beside the card", () => {
  // knovichikhin/pyemv tests/test_sm_hsm.py (MIT), values from an HSM
  test("makes the MACs and the session keys of an HSM", () => {
    const key = bytes("38758097AE8C9410581945610D85986B");
    expect(retailMac(key, bytes("842400021099AD3AF9EB3ECF0C"))).toBe("1471D88C6393BE21");
    expect(retailMac(key, bytes("8424000008"))).toBe("CF323F09A0F6AB9E");
    const session = commonKey("52E0E0B69202802A9170C7B6D3BCB5D0", "ABCDEF1234567890");
    // with its parity set, 9EE6A89276B008516226F8CE75FD8C02
    expect(session.map((byte) => byte & 0xfe)).toEqual(
      bytes("9EE6A89276B008516226F8CE75FD8C02").map((byte) => byte & 0xfe),
    );
    expect(enciphered(session, "249999FFFFFFFFFF")).toBe("28367E05DE3381C2");
    // tests/test_kd_hsm.py
    expect(arpc(bytes("C7AEDF49AEF2F146D692400E0B851A8F"), "19C1FBC83EBDC0D5", "0000")).toBe("C3620580668E5B65");
  });
});

describe("the issuer's commands", () => {
  test("are those of the helper, byte for byte: header, ATC, cryptogram or the MAC before, data", () => {
    const orders: readonly CardOrder[] = [
      { kind: "block" },
      { kind: "unblock" },
      { kind: "block-card" },
      { kind: "unblock-pin" },
      { kind: "change-pin", pin: "999999999999" },
      { kind: "lower-limit", value: 2 },
      { kind: "upper-limit", value: 255 },
      { kind: "update-record", file: 2, record: 1, data: unhex("700257FF") },
    ];
    const keys = { ac: unhex(AC_KEY), smi: unhex(SMI_KEY), smc: unhex(SMC_KEY) };
    const transaction = { atc: unhex("0102"), arqc: unhex("ABCDEF1234567890") };
    const made = scriptCommands({ recipe: mchipCryptogram(0x11), keys }, transaction, orders);
    const beside = scriptSession("0102", "ABCDEF1234567890");
    expect(made.map(({ command }) => hex(encodeCommand(command)))).toEqual([
      beside.seal("841E0000"),
      beside.seal("84180000"),
      beside.seal("84160000"),
      beside.seal("84240000"),
      beside.seal("84240002", beside.encipher(NEW_PIN)),
      beside.seal("04DA9F14", "02"),
      beside.seal("04DA9F23", "FF"),
      beside.seal("04DC0114", "700257FF"),
    ]);
  });
});

describe("script commands", () => {
  test("change limits, a record, PIN and tries in one chain, and what is changed stays", () => {
    const element = card({ lower: "05", upper: "07" });
    const { seal, encipher } = openScripts(element);
    const record = object(
      "70",
      object("57", "5413330089601075D3012201") + object("5F28", "0840") + object("8C", CDOL1),
    );
    expect(
      sendAll(
        element,
        [
          seal("04DA9F14", "01"),
          seal("04DA9F23", "02"),
          seal("84240002", encipher(NEW_PIN)),
          verify(PIN),
          seal("84240000"),
          seal("04DC0114", record),
        ],
        "wired",
      ),
    ).toEqual(["9000", "9000", "9000", "63C2", "9000", "9000"]);
    element.powerOff("wired");
    element.powerOff("contactless");
    expect(sendAll(element, [SELECT_CARD, "80CA9F1400", "80CA9F2300", TRIES, "00B2011400"]).slice(1)).toEqual([
      "9F1401019000",
      "9F2301029000",
      "9F1701039000",
      `${record}9000`,
    ]);
    expect(sendAll(element, [SELECT_CARD, verify(NEW_PIN), verify(PIN)], "wired").slice(1)).toEqual(["9000", "63C2"]);
  });

  test("limits count in the very next payment", () => {
    const element = card({ lower: "05", upper: "07", online: "00C000" });
    expect(cvrOf(element, "40").slice(0, 2)).toBe("90"); // a TC
    const { seal } = openScripts(element);
    expect(send(element, seal("04DA9F14", "01"), "wired")).toBe("9000");
    expect(cvrOf(element, "40")).toBe("A00013228200"); // an ARQC: lower limit exceeded 80, one script carried out, received 02
  });

  test("are counted in the CVR, up to 15", () => {
    const element = card();
    const { seal } = openScripts(element);
    for (let i = 1; i <= 17; i++) {
      expect(send(element, seal("84240000"), "wired")).toBe("9000");
      if (i === 1 || i === 15 || i === 17) {
        const copy = element.snapshot();
        expect(cvrOf(element)).toBe(`A000${Math.min(i, 15).toString(16).toUpperCase()}3220200`);
        element.restore(copy);
      }
    }
  });

  test.each([
    ["before any cryptogram", [SELECT_CARD], "6985"],
    ["between GET PROCESSING OPTIONS and GENERATE AC", [SELECT_CARD, GPO], "6985"],
    ["behind another SELECT", [SELECT_CARD, GPO, generateAc("80"), SELECT_CARD], "6985"],
    ["behind another GET PROCESSING OPTIONS", [SELECT_CARD, GPO, generateAc("80"), GPO], "6985"],
    ["behind a TC", [SELECT_CARD, GPO, generateAc("40")], "6985"],
  ])("%s nothing is taken", (_, commands, sw) => {
    const element = card();
    sendAll(element, commands, "wired");
    expect(sendAll(element, [`${BLOCK}080011223344556677`, SELECT_CARD], "wired")[0]).toBe(sw);
    expect(send(element, SELECT_CARD).slice(-4)).toBe("9000");
  });

  test("over the air nothing is taken", () => {
    const element = card();
    const [, , response] = sendAll(element, [SELECT_CARD, GPO, generateAc("80")]);
    const [, ac] = /9F2608(.{16})/.exec(response!)!;
    expect(send(element, scriptSession("0001", ac!).seal(BLOCK))).toBe("6985");
    // nor over the wire with the cryptogram of the air
    send(element, SELECT_CARD, "wired");
    expect(send(element, scriptSession("0001", ac!).seal(BLOCK), "wired")).toBe("6985");
    expect(send(element, SELECT_CARD).slice(-4)).toBe("9000");
  });

  test("every bit of a command is held by its MAC; a wrong one changes nothing, is counted, and ends the session", () => {
    const start = card({ lower: "05" });
    const { seal } = openScripts(start);
    const good = Buffer.from(seal("04DA9F14", "01"), "hex");
    const next = seal("84240000");
    const open = start.snapshot();
    for (let at = 4; at < good.length; at++)
      for (const bit of [0x01, 0x80]) {
        if (at === 4) continue; // the length: another command altogether
        const bad = Buffer.from(good);
        bad[at]! ^= bit;
        start.restore(open);
        expect(sendAll(start, [bad.toString("hex"), next, good.toString("hex"), "80CA9F1400"], "wired")).toEqual([
          "6988",
          "6985",
          "6985",
          "9F1401059000",
        ]);
        expect(cvrOf(start)).toBe("A00003220300"); // byte 5: 02 a script came, 01 one failed
      }
  });

  test("a header in another order, a MAC without the chain, a command left out or sent again: 6988", () => {
    const start = card();
    const session = openScripts(start);
    const open = start.snapshot();
    const [first, second] = [session.seal("84240000"), session.seal(BLOCK)];
    const cases: readonly (readonly string[])[] = [
      [second],
      [first, first],
      [first, scriptSession(session.atc, session.ac).seal(BLOCK)],
      [scriptSession("0002", session.ac).seal(BLOCK)],
      [scriptSession(session.atc, "0000000000000000").seal(BLOCK)],
    ];
    for (const commands of cases) {
      start.restore(open);
      const answers = sendAll(start, commands, "wired");
      expect(answers.at(-1)).toBe("6988");
      expect(send(start, SELECT_CARD).slice(-4)).toBe("9000");
    }
    start.restore(open);
    expect(sendAll(start, [first, second], "wired")).toEqual(["9000", "9000"]);
  });

  test("a script of one transaction does not fit the next", () => {
    const element = card();
    const old = openScripts(element).seal(BLOCK);
    openScripts(element);
    expect(send(element, old, "wired")).toBe("6988");
    expect(send(element, SELECT_CARD).slice(-4)).toBe("9000");
  });

  test.each([
    ["P1 of a block", "841E0100", "", "6A86"],
    ["data in a block", BLOCK, "00", "6700"],
    ["P2 01 of PIN CHANGE: with the current PIN", "84240001", "0011223344556677", "6A86"],
    ["data in PIN UNBLOCK", "84240000", "00", "6700"],
    ["a short PIN block", "84240002", "00112233445566", "6700"],
    ["a PIN block that is none", "84240002", "0011223344556677", "6A80"],
    ["another object", "04DA9F17", "05", "6A88"],
    ["a limit of two bytes", "04DA9F14", "0005", "6700"],
    ["a limit without value", "04DA9F14", "", "6700"],
    ["a record that is not there", "04DC0214", "7000", "6A83"],
    ["record 0", "04DC0014", "7000", "6A86"],
    ["a record by identifier", "04DC0112", "7000", "6A86"],
    ["a record without template", "04DC0114", "5700", "6A80"],
    ["a record without CDOL1", "04DC0114", "7000", "6A80"],
    ["a CDOL1 that leaves out what the cryptogram covers", "04DC0114", "700D8C0B9F02069F1A0295059F3704", "6A80"],
    ["a record cut short", "04DC0114", "70055700", "6A80"],
  ])("%s: refused behind a right MAC, and counted as failed", (_, header, data, sw) => {
    const element = card({ lower: "05" });
    const { seal } = openScripts(element);
    const before = [TRIES, "80CA9F1400", "00B2011400"];
    const was = sendAll(element, before, "wired");
    expect(send(element, seal(header, data), "wired")).toBe(sw);
    expect(send(element, seal(BLOCK), "wired")).toBe("6985"); // the session is over
    expect(sendAll(element, before, "wired")).toEqual(was);
    expect(cvrOf(element)).toBe("A00003220300");
  });

  test("no MAC at all, another class, no PIN to change", () => {
    const element = card();
    openScripts(element);
    expect(sendAll(element, [`${BLOCK}0700112233445566`, `${BLOCK}080011223344556677`], "wired")).toEqual([
      "6987",
      "6985",
    ]);
    expect(sendAll(element, ["801E0000080011223344556677", "841E0000"], "wired")).toEqual(["6E00", "6985"]);
    const bare = personalised();
    const { seal } = openScripts(bare);
    expect(send(bare, seal("84240000"), "wired")).toBe("6984");
  });
});

describe("a blocked application", () => {
  const blocked = (header = BLOCK) => {
    const element = card();
    const { seal } = openScripts(element);
    expect(send(element, seal(header), "wired")).toBe("9000");
    element.powerOff("wired");
    element.powerOff("contactless");
    return element;
  };

  test("is selected with 6283, gives AACs only, and takes no PIN (EMV 4.3 Book 1 12, Book 3 6.5.1)", () => {
    const element = blocked();
    for (const via of ["contactless", "wired"] as const) {
      const answers = sendAll(element, [SELECT_CARD, GPO, generateAc("80"), TRIES], via);
      expect(answers[0]!.slice(0, 4) + answers[0]!.slice(-4)).toBe("6F116283");
      expect(answers[1]!.slice(-4)).toBe("9000");
      expect(answers[2]).toContain("9F270100");
      expect(answers[2]).toContain("0111800013220200"); // an AAC in the CVR, too; one script carried out
      expect(answers[3]).toBe("9F1701039000");
    }
    expect(sendAll(element, [SELECT_CARD, verify(PIN)], "wired")[1]).toBe("6985");
  });

  test("comes back with a script that goes with its AAC", () => {
    const element = blocked();
    const { seal } = openScripts(element);
    expect(send(element, seal(UNBLOCK), "wired")).toBe("9000");
    expect(sendAll(element, [SELECT_CARD, GPO, generateAc("80")])[2]).toContain("9F270180");
  });

  test("of a blocked card nothing is left but its personalisation", () => {
    const element = blocked(BLOCK_CARD);
    for (const via of ["contactless", "wired"] as const) expect(send(element, SELECT_CARD, via)).toBe("6A81");
    const other = card();
    const { seal } = openScripts(other);
    expect(sendAll(other, [seal(BLOCK_CARD), seal(UNBLOCK), GPO, GET_ATC, verify(PIN), "00B2011400"], "wired")).toEqual(
      ["9000", "6985", "6985", "6985", "6985", "6985"],
    );
  });

  test("a new card in its place is not blocked, and knows nothing of scripts", () => {
    const element = blocked();
    expect(personalise(element, groupings({ pin: PIN })).at(-1)).toBe("9000");
    element.powerOff("wired");
    expect(send(element, SELECT_CARD).slice(-4)).toBe("9000");
    expect(cvrOf(element)).toBe("A00003220000");
  });
});

/*
 * Second GENERATE AC. CDOL2: issuer authentication data, response code, TVR, unpredictable number. ARPC: method 1 with the master key (CVN 16, 17). Its
 * response code, byte 2: 10 approved, 04 go online next time, 02 counters to zero.
 */
describe("the issuer's answer", () => {
  const CDOL2 = "910A8A0295059F3704";
  const answered = (ac: string, code: string, key = AC_KEY): string =>
    `${arpc(bytes(key), ac, code)}${code}3030${"00".repeat(5)}${UN}`;
  const second = (data: string, p1 = "40"): string =>
    `80AE${p1}00${(data.length / 2).toString(16).padStart(2, "0")}${data}00`;
  const PARTS = /9F2701(..)9F3602(....)9F2608(.{16})9F1012....(.{12})....(.{16})9000$/;
  const spent = () => {
    const element = personalised({ cdol2: CDOL2, pin: PIN });
    for (const amount of ["000000001000", "000000000234"])
      sendAll(element, [SELECT_CARD, GPO, generateAc("40", cdolData({ amount }))]);
    return element;
  };
  const counters = (element: ReturnType<typeof spent>): string[] => {
    const [, , response] = sendAll(element, [SELECT_CARD, GPO, generateAc("80")]);
    const [, , , , cvr, counted] = PARTS.exec(response!)!;
    return [cvr!, counted!];
  };

  test("sets the counters to zero where it says so, and is answered with a TC of the same session key", () => {
    const element = spent();
    expect(new ObjectStore(element.nvm).counter(0x1f002)).toBe(2);
    const { ac, atc } = openScripts(element);
    const response = send(element, second(answered(ac, "0012")), "wired");
    const [, cid, counted, cryptogram, cvr, after] = PARTS.exec(response)!;
    // byte 1: second a TC 40, first an ARQC 20; byte 2: 10 issuer authentication performed
    expect([cid, counted, cvr, after]).toEqual(["40", "0003", "601003220000", "00030000000000FF"]);
    const message = `${cdolData().slice(0, 58)}1980${atc}${cvr}${after}`;
    expect(cryptogram).toBe(retailMac(commonKey(AC_KEY, `${atc}0000${UN}`), bytes(message)));
    expect(counters(element)).toEqual(["A00003220000", "00030000000000FF"]);
    expect(send(element, "80CA9F1300")).toBe("9F130200039000");
  });

  test.each([
    ["approved, counters kept", "0010", "40", "601003220000", ["A00003220000", "000302000004D2FF"]],
    ["declined, counters to zero", "0002", "00", "201003220000", ["A00003220000", "00030000000000FF"]],
    ["approved, go online next time", "0014", "40", "601003220000", ["A00003220800", "000302000004D2FF"]],
    ["the counters' other values: kept", "0013", "40", "601003220000", ["A00003220000", "000302000004D2FF"]],
  ])("%s: %s", (_, code, cid, cvr, after) => {
    const element = spent();
    const { ac } = openScripts(element);
    const [, type, , , seen] = PARTS.exec(send(element, second(answered(ac, code)), "wired"))!;
    expect([type, seen, counters(element)]).toEqual([cid, cvr, after]);
  });

  test("with a wrong ARPC changes nothing and leaves its mark until a right one", () => {
    const element = spent();
    const wrong = openScripts(element);
    const bad = answered(wrong.ac, "0012", "FEDCBA98765432100123456789ABCDEF");
    const [, cid, , , cvr] = PARTS.exec(send(element, second(bad), "wired"))!;
    expect([cid, cvr]).toEqual(["00", "201003220400"]); // byte 5: 04 issuer authentication failed
    expect(send(element, second(answered(wrong.ac, "0012")), "wired")).toBe("6985"); // one answer a transaction
    expect(counters(element)).toEqual(["A00003220400", "000002000004D2FF"]);
    const right = openScripts(element);
    expect(send(element, second(answered(right.ac, "0010")), "wired").slice(-4)).toBe("9000");
    expect(counters(element)[0]).toBe("A00003220000");
  });

  test("none at all: an AAC, and nothing changes", () => {
    const element = spent();
    openScripts(element);
    const [, cid, , , cvr] = PARTS.exec(
      send(element, second(`${"00".repeat(10)}5A33${"00".repeat(5)}${UN}`), "wired"),
    )!;
    expect([cid, cvr]).toEqual(["00", "200003220000"]);
    expect(counters(element)).toEqual(["A00003220000", "000002000004D2FF"]);
  });

  test("an AAC asked for stays one", () => {
    const element = spent();
    const { ac } = openScripts(element);
    expect(PARTS.exec(send(element, second(answered(ac, "0012"), "00"), "wired"))![1]).toBe("00");
  });

  test("takes note of the scripts before it; those behind it show in the next transaction", () => {
    const element = spent();
    const before = openScripts(element);
    expect(send(element, before.seal("84240000"), "wired")).toBe("9000");
    const session = openScripts(element);
    const [, , , , cvr] = PARTS.exec(send(element, second(answered(session.ac, "0010")), "wired"))!;
    expect(cvr).toBe("601013220200");
    expect(send(element, session.seal("84240000"), "wired")).toBe("9000");
    expect(send(element, session.seal("84240000"), "wired")).toBe("9000");
    expect(counters(element)[0]).toBe("A00023220200");
  });

  test.each([
    ["ARQC asked for", (data: string) => second(data, "80"), "6A86"],
    ["a signature asked for", (data: string) => second(data, "50"), "6A86"],
    ["too short", (data: string) => second(data.slice(2)), "6700"],
    ["too long", (data: string) => second(`${data}00`), "6700"],
  ])("%s: refused", (_, command, sw) => {
    const element = spent();
    const { ac } = openScripts(element);
    expect(send(element, command(answered(ac, "0012")), "wired")).toBe(sw);
    expect(send(element, second(answered(ac, "0012")), "wired").slice(-4)).toBe("9000");
  });

  test("over the air, behind an AAC, or of a card without CDOL2 there is none", () => {
    const element = spent();
    const [, , response] = sendAll(element, [SELECT_CARD, GPO, generateAc("80")]);
    expect(send(element, second(answered(/9F2608(.{16})/.exec(response!)![1]!, "0012")))).toBe("6985");
    const aac = openScripts(element, "00");
    expect(send(element, second(answered(aac.ac, "0012")), "wired")).toBe("6985");
    const without = card();
    expect(send(without, second(answered(openScripts(without).ac, "0012")), "wired")).toBe("6985");
  });
});
