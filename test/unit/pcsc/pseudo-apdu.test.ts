import { describe, expect, test } from "vitest";
import { decodeCommand, encodeCommand, encodeResponse } from "../../../src/protocols/iso7816/apdu.js";
import { isForReader, readerAnswer } from "../../../src/protocols/pcsc/listener.js";
import { getHistoricalBytes, getUid } from "../../../src/protocols/pcsc/messages.js";
import { hex, unhex } from "../../../src/util/bytes.js";

const card = { uid: unhex("08A6AAA9"), historical: unhex("31C173C8") };
const answer = (command: string, facts: Parameters<typeof readerAnswer>[1] = card): string =>
  hex(encodeResponse(readerAnswer(decodeCommand(unhex(command)), facts)));

test("the commands are spelt as manuals print them", () => {
  // SCM SCL3711 reference manual 6.1.1 (Get UID); Microsoft, "NFC storage card requirements" (Get Data, P1 00 and 01).
  expect(hex(encodeCommand(getUid))).toBe("FFCA000000");
  expect(hex(encodeCommand(getHistoricalBytes))).toBe("FFCA010000");
});

test("class FF is the reader's", () => {
  expect(isForReader(unhex("FFCA000000"))).toBe(true);
  expect(isForReader(unhex("00CA000000"))).toBe(false);
  expect(isForReader(new Uint8Array(0))).toBe(false);
});

describe("GET DATA", () => {
  // Status words of GET UID: SCM SCL3711 reference manual 6.1.1.4, which repeats PC/SC part 3.
  test.each([
    ["FFCA000000", "08A6AAA99000"], // Le 00: all of it
    ["FFCA000004", "08A6AAA99000"],
    ["FFCA000003", "6C04"], // too little: the right Le
    ["FFCA000001", "6C04"],
    ["FFCA000005", "08A6AAA96282"], // more than there is: a warning behind the data
    ["FFCA0000FF", "08A6AAA96282"],
    ["FFCA0000000000", "08A6AAA99000"], // extended, as much as there is
    ["FFCA010000", "31C173C89000"],
    ["FFCA010002", "6C04"],
    ["FFCA010008", "31C173C86282"],
  ])("%s is answered %s", (command, response) => {
    expect(answer(command)).toBe(response);
  });

  test("seven bytes of UID", () => {
    expect(answer("FFCA000004", { ...card, uid: unhex("04010203040506") })).toBe("6C07");
    expect(answer("FFCA000000", { ...card, uid: unhex("04010203040506") })).toBe("040102030405069000");
  });

  test("a card without an ATS has no historical bytes, which is 6A81; one with an empty list has", () => {
    expect(answer("FFCA010000", { ...card, historical: undefined })).toBe("6A81");
    expect(answer("FFCA010000", { ...card, historical: new Uint8Array(0) })).toBe("9000");
  });

  test.each([
    ["FFCA020000", "6A81"], // what else P1 may ask for
    ["FFCA000100", "6B00"],
    ["FFCA0000", "6700"], // no Le
    ["FFCA000001AA", "6700"], // data
    ["FFCA000001AA00", "6700"],
  ])("%s is refused with %s", (command, response) => {
    expect(answer(command)).toBe(response);
  });
});

test.each([
  ["LOAD KEYS", "FF82000006FFFFFFFFFFFF"],
  ["GENERAL AUTHENTICATE", "FF860000050100006000"],
  ["VERIFY", "FF20000000"],
  ["READ BINARY", "FFB0000410"],
  ["UPDATE BINARY", "FFD600041000112233445566778899AABBCCDDEEFF"],
  ["an escape of other readers", "FF00000004D44A0100"],
  ["MANAGE SESSION", "FFC2000002810000"],
])("%s is not supported", (_, command) => {
  expect(answer(command)).toBe("6A81");
});
