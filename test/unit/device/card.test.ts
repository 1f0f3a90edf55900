import { describe, expect, test } from "vitest";
import { CardDevice, type CardEvent } from "../../../src/device/card.js";
import { isSamSlot, loadReaders, readerNamed } from "../../../src/profiles/readers.js";
import { describeAtr } from "../../../src/protocols/pcsc/atr-meaning.js";
import { PcscReader } from "../../../src/transport/pcsc/reader.js";
import { scardError } from "../../../src/transport/pcsc/scard.js";
import { PcscSession } from "../../../src/transport/pcsc/session.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { SECOND } from "../../../src/util/time.js";
import { ManualClock, ScriptedPcsc } from "../../support/scripted-pcsc.js";

const readers = await loadReaders();
const ACR122 = "ACS ACR122U PICC Interface 00 00";
const PATIENCE = { within: 10 * SECOND };

/** A card on a reader of that name; what it answers to which command, in hex. */
function cardOn(name: string, answers: (apdu: string) => string | Error) {
  const pcsc = new ScriptedPcsc(name);
  const clock = new ManualClock();
  const sent: string[] = [];
  const card = {
    atr: unhex("3B8F8001804F0CA000000306030001000000006A"),
    transmit(apdu: Uint8Array): Uint8Array {
      sent.push(hex(apdu));
      const answer = answers(hex(apdu));
      if (answer instanceof Error) throw answer;
      return unhex(answer);
    },
  };
  pcsc.place(name, card);
  const reader = new PcscReader(new PcscSession(pcsc, clock), name);
  return { pcsc, clock, sent, card, device: new CardDevice(reader, clock, readerNamed(name, readers)) };
}

describe("a reader that takes no extended APDUs", () => {
  test("is not given one", async () => {
    const { device, sent } = cardOn(ACR122, () => "9000");
    await device.connect(PATIENCE);
    await expect(device.apdu(unhex("00A40400000000"), PATIENCE)).rejects.toMatchObject({
      code: "device/extended-unsupported",
      context: { reader: "ACS ACR122U" },
    });
    await expect(device.apdu(new Uint8Array(262).fill(1), PATIENCE)).rejects.toMatchObject({
      code: "device/command-too-long",
    });
    expect(sent).toEqual([]);
  });
});

describe("a reader that loses responses of exactly 256 bytes", () => {
  const lost = scardError("SCardTransmit", 0x80100016, ACR122);
  test("is asked for 255 of them, where asking twice does no harm", async () => {
    const { device, sent, clock } = cardOn(ACR122, (apdu) => (apdu.endsWith("FF") ? "AA6101" : lost));
    await device.connect(PATIENCE);
    const reply = device.apdu(unhex("00B2011400"), PATIENCE);
    await clock.pass(SECOND);
    expect(hex((await reply).answer)).toBe("AA6101");
    expect(sent).toEqual(["00B2011400", "00B20114FF"]);
  });
  test("is not asked twice for what the card counts", async () => {
    const { device, sent } = cardOn(ACR122, () => lost);
    await device.connect(PATIENCE);
    await expect(device.apdu(unhex("80AE80000100AA00"), PATIENCE)).rejects.toMatchObject({ code: "transport/failed" });
    expect(sent).toEqual(["80AE80000100AA00"]);
  });
  test("is named when the card insists", async () => {
    const { device, clock } = cardOn(ACR122, (apdu) => (apdu.endsWith("FF") ? "6C00" : lost));
    await device.connect(PATIENCE);
    const reply = expect(device.apdu(unhex("00B2011400"), PATIENCE)).rejects.toMatchObject({
      code: "device/response-256",
    });
    await clock.pass(SECOND);
    await reply;
  });
});

test("facts: what the reader tells of the card, and nothing where it does not", async () => {
  const told = cardOn("Reader", (apdu) => ({ FFCA000000: "08A1B2C39000", FFCA010000: "31C1739000" })[apdu] ?? "6A82");
  const facts = await told.device.facts(PATIENCE);
  expect([hex(facts.uid!), hex(facts.ats!), facts.meaning.says]).toEqual(["08A1B2C3", "31C173", "MIFARE Classic 1K"]);
  const mum = cardOn("Reader", () => "6D00");
  expect(Object.keys(await mum.device.facts(PATIENCE))).toEqual(["atr", "meaning"]);
});

test("an answer without a status word is an error", async () => {
  const { device } = cardOn("Reader", () => "90");
  await device.connect(PATIENCE);
  await expect(device.apdu(unhex("00A40400"), PATIENCE)).rejects.toMatchObject({ code: "device/short-answer" });
});

test("placed and removed are told", async () => {
  const { device, pcsc, card } = cardOn("Reader", () => "9000");
  await device.connect(PATIENCE);
  const events: CardEvent[] = [];
  const stop = device.watch((event) => events.push(event));
  pcsc.remove("Reader");
  pcsc.place("Reader", card);
  pcsc.place("Reader", card);
  stop();
  pcsc.remove("Reader");
  expect(events.map(({ kind }) => kind)).toEqual(["removed", "placed"]);
});

describe("an ATR", () => {
  test.each([
    // A MIFARE Classic 1K on an ACR122U: https://github.com/acshk/acsccid/issues/29
    ["3B8F8001804F0CA000000306030001000000006A", "storage", "MIFARE Classic 1K"],
    // PC/SC part 3, 3.1.3.2.3.1: no historical bytes
    ["3B80800101", "contactless", "ISO/IEC 14443-4"],
    // A CardOS V4.3B in a contact reader: https://github.com/LudovicRousseau/CCID/issues/27
    ["3BF2180002C10A31FE58C80874", "other", "not the ATR of a contactless card"],
  ])("%s", (atr, kind, says) => {
    expect(describeAtr(unhex(atr))).toMatchObject({ kind, says });
  });
});

describe("readers that are known", () => {
  test.each([
    [ACR122, "acr122u", false],
    ["ACS ACR1252 Dual Reader [ACR1252 Dual Reader PICC] 00 00", "acr1252u", false],
    ["ACS ACR1252 Dual Reader [ACR1252 Dual Reader SAM] 01 00", "acr1252u", true],
    ["ACS ACR1281 1S Dual Reader 00 00", "acr1281u", false],
    ["ACS ACR1281 1S Dual Reader 00 02", "acr1281u", true],
    ["Identiv uTrust 3700 F CL Reader [uTrust 3700 F CL Reader] 00 00", "utrust-3700f", false],
    ["HID Global OMNIKEY 5422 Smartcard Reader 0", "omnikey-5422", false],
    ["Virtual PCD 00 01", "virtual-pcd", false],
    ["Some other reader", undefined, false],
  ])("%s", (name, profile, sam) => {
    const found = readerNamed(name, readers);
    expect([found?.name, isSamSlot(name, found)]).toEqual([profile, sam]);
  });
  test("every one of them says where that is known from", () => {
    expect(readers.filter(({ sources }) => sources.length === 0)).toEqual([]);
    expect(readers.length).toBeGreaterThanOrEqual(10);
  });
});
