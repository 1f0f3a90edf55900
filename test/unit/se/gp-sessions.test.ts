import { describe, expect, test } from "vitest";
import type { CardInterface } from "../../../emulator/se/applet.js";
import type { SecureElement } from "../../../emulator/se/element.js";
import { openSession, type SecuredCard } from "../../../src/protocols/gp/poller.js";
import { decodeUpdateAnswer } from "../../../src/protocols/gp/messages.js";
import { scp03, scp03Authenticate, scp03Handshake } from "../../../src/protocols/gp/scp03.js";
import { aesKey } from "../../../src/crypto/aes.js";
import { encodeCommand, encodeResponse, decodeCommand } from "../../../src/protocols/iso7816/apdu.js";
import { exchange, type CardAsking } from "../../../src/protocols/iso7816/poller.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { send } from "../../support/emulated-card.js";
import { ask, contactlessCard, gpCard, open, PAYMENT_DOMAIN, secured, TEST_KEYS } from "../../support/gp-card.js";

/*
 * How long a secure channel session lasts, and whose it is: GlobalPlatform Card Specification 2.3.1, 10.2.3 (it ends with the selection of another
 * application, with its logical channel, with a reset, with a command of less security than was agreed on) and 11.1.4 (class bytes).
 */

const UPDATE = "8050000008010203040506070800";
const GUESS = `8482010010${"00".repeat(16)}`;
const CPLC = "80CA9F7F00";
const TOLD = /^9F7F2A.*9000$/;

/** Drives a dialogue on a logical channel 1 to 3: only the class byte knows of it. */
function askOn<R>(element: SecureElement, channel: number, dialogue: CardAsking<R>, via: CardInterface = "wired"): R {
  let step = dialogue.next();
  while (step.done !== true) {
    const parts = exchange({ ...step.value, cla: step.value.cla | channel });
    let part = parts.next();
    while (part.done !== true) {
      const { response, took } = element.process(part.value, via)!;
      part = parts.next({ answer: response, took });
    }
    step = dialogue.next(part.value);
  }
  return step.value;
}

const openOn = (element: SecureElement, channel: number, level = 0x33): SecuredCard =>
  askOn(
    element,
    channel,
    openSession({
      keysFor: () => TEST_KEYS,
      version: 0,
      level,
      challenge: (bytes) => new Uint8Array(bytes).fill(0x5a),
    }),
  ).channel;

const onChannel = (element: SecureElement, channel: number, card: SecuredCard, command: string): string =>
  hex(encodeResponse(askOn(element, channel, card.send(decodeCommand(unhex(command))))));

test("attempts count together, whichever interface and logical channel they come over", () => {
  const element = gpCard();
  expect(send(element, "0070000001", "wired")).toBe("019000");
  const ways: readonly (readonly [via: CardInterface, channel: number])[] = [
    ["wired", 0],
    ["contactless", 0],
    ["wired", 1],
  ];
  // Every challenge is there before the first of them is guessed at.
  for (const [via, channel] of ways)
    expect(send(element, UPDATE.replace(/^80/, `8${channel}`), via).slice(-4)).toBe("9000");
  for (const [via, channel] of ways) expect(send(element, GUESS.replace(/^84/, `8${4 + channel}`), via)).toBe("6300");
  for (const via of ["contactless", "wired"] as const) {
    expect(send(element, UPDATE, via).slice(-4)).toBe("9000");
    expect(send(element, GUESS, via)).toBe("6300");
  }
  for (const via of ["contactless", "wired"] as const) expect(send(element, UPDATE, via)).toBe("6983");
});

describe("a session ends", () => {
  const CASES: readonly (readonly [how: string, does: (element: SecureElement) => void])[] = [
    ["with SELECT of another application", (element) => send(element, "00A4040000", "wired")],
    ["with SELECT of the domain itself", (element) => send(element, "00A4040009A0000001515350410100", "wired")],
    ["with a reset of its interface", (element) => element.powerOff("wired")],
    [
      "with INITIALIZE UPDATE, even one that is refused",
      (element) => send(element, "8050770008010203040506070800", "wired"),
    ],
    ["with a command in the clear", (element) => send(element, CPLC, "wired")],
    ["with an authentication from an earlier one", (element) => send(element, GUESS, "wired")],
  ];
  test.each(CASES)("%s", (_, does) => {
    const element = gpCard();
    send(element, "00A4040009A0000001515350410100", "wired");
    const { channel } = open(element, 0x33);
    expect(secured(element, channel, CPLC)).toMatch(TOLD);
    does(element);
    send(element, "00A4040009A0000001515350410100", "wired");
    expect(secured(element, channel, CPLC)).toBe("6982");
  });

  test.each([7, 16])(
    "with a command of %i bytes that has its MAC, but not the encryption that was agreed on",
    (length) => {
      const element = gpCard();
      const challenge = unhex("0102030405060708");
      const update = decodeUpdateAnswer(unhex(send(element, UPDATE, "wired").slice(0, -4)));
      const [enc, mac, dek] = [aesKey(TEST_KEYS.enc), aesKey(TEST_KEYS.mac), aesKey(TEST_KEYS.dek)];
      const handshake = scp03Handshake({ enc, mac, dek }, challenge, update.challenge, 8);
      const { session, command } = scp03Authenticate(handshake, 0x03);
      expect(send(element, hex(encodeCommand(command)), "wired")).toBe("9000");
      const fine = scp03.wrap(session, decodeCommand(unhex(CPLC)));
      expect(send(element, hex(encodeCommand(fine.command)), "wired")).toMatch(TOLD);
      const bare = { cla: 0x80, ins: 0xe2, p1: 0x90, p2: 0, data: new Uint8Array(length).fill(0x42) };
      const less = scp03.wrap({ ...fine.session, level: 0x01 }, bare);
      expect(send(element, hex(encodeCommand(less.command)), "wired")).toBe("6982");
      const after = scp03.wrap(less.session, decodeCommand(unhex(CPLC)));
      expect(send(element, hex(encodeCommand(after.command)), "wired")).toBe("6982");
    },
  );
});

test("a session goes on after a SELECT that found nothing: what was selected still is (ISO/IEC 7816-4 7.1.1)", () => {
  const element = gpCard();
  const { channel } = open(element, 0x33);
  expect(send(element, "00A4040005F00000000000", "wired")).toBe("6A82");
  expect(secured(element, channel, CPLC)).toMatch(TOLD);
});

test("each logical channel has a session of its own, and closing one ends no other's", () => {
  const element = gpCard();
  expect(send(element, "0070000001", "wired")).toBe("019000");
  expect(send(element, "0070000001", "wired")).toBe("029000");
  const first = open(element, 0x33).channel;
  const second = openOn(element, 1, 0x01);
  const third = openOn(element, 2, 0x33);
  for (let round = 0; round < 3; round++) {
    expect(secured(element, first, CPLC)).toMatch(TOLD);
    expect(onChannel(element, 1, second, CPLC)).toMatch(TOLD);
    expect(onChannel(element, 2, third, CPLC)).toMatch(TOLD);
  }
  expect(send(element, "00708001", "wired")).toBe("9000");
  expect(onChannel(element, 2, third, CPLC)).toMatch(TOLD);
  expect(secured(element, first, CPLC)).toMatch(TOLD);
  // The number opened again is another channel: nothing of the old one's session is left.
  expect(send(element, "0070000001", "wired")).toBe("019000");
  expect(onChannel(element, 1, second, CPLC)).toBe("6982");
});

test("each interface has sessions of its own: the field going off ends those over the air only", () => {
  const element = contactlessCard();
  const select = `00A4040009${hex(PAYMENT_DOMAIN)}00`;
  send(element, select, "wired");
  const wired = open(element, 0x33).channel;
  expect(send(element, select, "contactless").slice(-4)).toBe("9000");
  const air = open(element, 0x33, TEST_KEYS, "contactless").channel;
  const overAir = (): string => hex(encodeResponse(ask(element, air.send(decodeCommand(unhex(CPLC))), "contactless")));
  expect(overAir()).toMatch(TOLD);
  expect(secured(element, wired, CPLC)).toMatch(TOLD);
  element.powerOff("contactless");
  expect(send(element, select, "contactless").slice(-4)).toBe("9000");
  expect(overAir()).toBe("6982");
  expect(secured(element, wired, CPLC)).toMatch(TOLD);
});
