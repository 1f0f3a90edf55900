import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  AC_KEY,
  cardRsaKey,
  cdolData,
  generateAc,
  GPO,
  personalised,
  SELECT_CARD,
  send,
  sendAll,
  UN,
} from "../../support/emulated-card.js";
import { bytes, commonKey, retailMac } from "../../support/card-crypto.js";

/*
 * The cryptogram and the signature, worked out with node:crypto and integers of the language, from the descriptions in EMV 4.3 Book 2 Annex A1
 * and chapter 6.6, and of M/Chip's session key.
 */

/** From ATC and unpredictable number (M/Chip), or the ATC alone (EMV's common session key). */
const sessionKey = (master: string, atc: string, number: string): Buffer => commonKey(master, `${atc}0000${number}`);

const PARTS = /9F2701(..)9F3602(....)9F2608(.{16})9F1012(.{36})9000$/;

describe("the cryptogram", () => {
  // CVN 16 and 17: M/Chip's session key; 20 and 21: the common one; 17 and 21 cover the counters, too
  test.each([
    ["10", UN, false],
    ["11", UN, true],
    ["14", "00000000", false],
    ["15", "00000000", true],
  ])("of version %s", (cvn, number, covered) => {
    const element = personalised({ cvn });
    for (const [atc, p1] of [
      ["0001", "80"],
      ["0002", "40"],
      ["0003", "00"],
    ] as const) {
      const data = cdolData({ amount: `00000000${atc}` });
      const answers = sendAll(element, [SELECT_CARD, GPO, generateAc(p1, data)]);
      const [, cid, counted, cryptogram, iad] = PARTS.exec(answers[2]!)!;
      expect([cid, counted]).toEqual([p1, atc]);
      expect(iad!.slice(0, 4)).toBe(`01${cvn}`);
      // amounts, country, TVR, currency, date, type, number; then AIP, ATC, CVR, counters
      const message = data.slice(0, 58) + "1980" + atc + iad!.slice(4, 16) + (covered ? iad!.slice(20) : "");
      expect(cryptogram).toBe(retailMac(sessionKey(AC_KEY, atc, number), bytes(message)));
    }
  });

  test("is the same for the same transaction of a copy, and another with another counter", () => {
    const element = personalised();
    const snapshot = element.snapshot();
    const once = sendAll(element, [GPO, generateAc("80")])[1];
    element.restore(snapshot);
    expect(sendAll(element, [GPO, generateAc("80")])[1]).toBe(once);
    expect(sendAll(element, [GPO, generateAc("80")])[1]).not.toBe(once);
  });
});

describe("the signature", () => {
  const power = (base: bigint, exponent: bigint, modulus: bigint): bigint => {
    let result = 1n;
    for (let bit = exponent, square = base; bit > 0n; bit >>= 1n, square = (square * square) % modulus)
      if (bit & 1n) result = (result * square) % modulus;
    return result;
  };
  const sha1 = (...parts: readonly string[]): string =>
    createHash("sha1")
      .update(bytes(parts.join("")))
      .digest("hex")
      .toUpperCase();

  function opened(signature: string): string {
    const { p, q } = cardRsaKey();
    const number = (part: Uint8Array): bigint => BigInt(`0x${Buffer.from(part).toString("hex")}`);
    const modulus = number(p) * number(q);
    return power(BigInt(`0x${signature}`), 3n, modulus)
      .toString(16)
      .padStart(192, "0")
      .toUpperCase();
  }

  test.each([
    ["an ARQC", "90", "80"],
    ["a TC", "50", "40"],
  ])("of %s holds what EMV says: cryptogram, hash of the transaction, hash of it all", (_, p1, cid) => {
    const element = personalised({}, true);
    const data = cdolData();
    const response = sendAll(element, [GPO, generateAc(p1, data)])[1]!;
    const match = /^77(?:81)?..(9F2701..9F3602(....))9F4B60(.{192})(9F1012(.{36}))9000$/.exec(response);
    const [, head, atc, signature, tail, iad] = match!;
    const block = opened(signature!);
    expect(block.slice(0, 8)).toBe("6A050126"); // header, format, SHA-1, 38 bytes of dynamic data
    expect(block.slice(-2)).toBe("BC");
    const dynamic = block.slice(8, 8 + 76);
    const [, number, type, cryptogram, transaction] = /^08(.{16})(..)(.{16})(.{40})$/.exec(dynamic)!;
    expect(type).toBe(cid);
    expect(number!.slice(0, 4)).toBe(iad!.slice(16, 20));
    // no PDOL; data of GENERATE AC; the answer without the signature
    expect(transaction).toBe(sha1(data, head!, tail!));
    expect(block.slice(84, -42)).toBe("BB".repeat(96 - 42 - 21));
    expect(block.slice(-42, -2)).toBe(sha1(block.slice(2, -42), UN));
    const message = data.slice(0, 58) + "1980" + atc! + iad!.slice(4, 16) + iad!.slice(20);
    expect(cryptogram).toBe(retailMac(sessionKey(AC_KEY, atc!, UN), bytes(message)));
    expect(iad!.slice(4, 8)).toBe(cid === "80" ? "A040" : "9040"); // CDA in the first GENERATE AC
  });

  test("an AAC carries none, though it was asked for, and its CVR does not claim one", () => {
    const element = personalised({ decline: "020000" }, true);
    for (const p1 of ["10", "90", "50"]) {
      const response = sendAll(element, [SELECT_CARD, GPO, generateAc(p1)])[2]!;
      const [, cid, , , iad] = PARTS.exec(response)!;
      expect([cid, iad!.slice(4, 16)]).toEqual(["00", "800000020000"]);
    }
  });

  test("the dynamic number is another each time", () => {
    const element = personalised({}, true);
    const numbers = Array.from({ length: 4 }, () => {
      const response = sendAll(element, [SELECT_CARD, GPO, generateAc("90")])[2]!;
      return opened(/9F4B60(.{192})/.exec(response)![1]!).slice(10, 26);
    });
    expect(new Set(numbers).size).toBe(4);
  });

  test("is not asked for: the cryptogram comes in clear", () => {
    expect(send(personalised({}, true), GPO).slice(-4)).toBe("9000");
    expect(sendAll(personalised({}, true), [GPO, generateAc("80")])[1]).toMatch(PARTS);
  });
});
