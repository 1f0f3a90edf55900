import { describe, expect, test } from "vitest";
import { contactlessAtr, ContactlessAtr, historicalOfAtr } from "../../../src/protocols/pcsc/messages.js";
import { hex, unhex } from "../../../src/util/bytes.js";

/*
 * ATRs that readers made up for contactless cards, from the list of pcsc-tools (smartcard_list.txt): Mifare DESFire, JCOP J3D, a storage card's
 * (Mifare Classic 1K; the reader makes up its historical bytes, too), and a card without historical bytes.
 */
const PUBLISHED = [
  ["3B8180018080", "80"],
  ["3B8980014A434F5032343252324A", "4A434F503234325232"],
  ["3B8F8001804F0CA000000306030001000000006A", "804F0CA00000030603000100000000"],
  ["3B80800101", ""],
] as const;

describe("the ATR of a contactless card", () => {
  test.each(PUBLISHED)("%s", (atr, historical) => {
    expect(hex(contactlessAtr(unhex(historical)))).toBe(atr);
    expect(hex(historicalOfAtr(unhex(atr)))).toBe(historical);
  });

  test("only fifteen historical bytes fit", () => {
    const many = Uint8Array.from({ length: 20 }, (_, i) => i + 1);
    const atr = contactlessAtr(many);
    expect(atr.length).toBe(20);
    expect(hex(atr.subarray(0, 4))).toBe("3B8F8001");
    expect(hex(historicalOfAtr(atr))).toBe(hex(many.subarray(0, 15)));
  });

  test("field by field", () => {
    const value = ContactlessAtr.decode(unhex("3B8180018080"));
    expect(ContactlessAtr.render(value).map(({ field, text }) => `${field} ${text}`)).toEqual([
      "ts 3B",
      "format historical 1, interfaces 8",
      "td1 80",
      "td2 01",
      "historical 80",
      "check 128 (80)",
    ]);
  });

  test.each([
    ["a contact card's", "3B6500002063CB6A00", "pcsc/not-contactless"],
    ["inverse convention", "3F8180018080", "pcsc/not-contactless"],
    ["cut off", "3B818001", "pcsc/not-contactless"],
    ["nothing", "", "pcsc/not-contactless"],
    ["sixteen historical bytes", `3B8F8001${"00".repeat(16)}0E`, "pcsc/not-contactless"],
    ["wrong check byte", "3B8180018081", "pcsc/bad-atr"],
    ["wrong count", "3B8280018083", "pcsc/bad-atr"],
    ["more interface bytes announced", "3BC1800180C0", "pcsc/bad-atr"],
  ])("%s is refused", (_, atr, code) => {
    expect(() => historicalOfAtr(unhex(atr))).toThrow(expect.objectContaining({ code }) as Error);
  });
});
