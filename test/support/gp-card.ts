import type { CardInterface } from "../../emulator/se/applet.js";
import { SecureElement, type ElementOptions } from "../../emulator/se/element.js";
import { crs } from "../../emulator/se/gp/crs.js";
import { securityDomain } from "../../emulator/se/gp/domain.js";
import type { StoredKeys } from "../../emulator/se/gp/keys.js";
import { PACKAGES } from "../../emulator/se/gp/packages.js";
import { mchip } from "../../emulator/se/mchip/applet.js";
import { ppse } from "../../emulator/se/ppse.js";
import { openSession, type KeySet, type Opened, type SecuredCard } from "../../src/protocols/gp/poller.js";
import { decodeCommand, encodeResponse } from "../../src/protocols/iso7816/apdu.js";
import { exchange, type CardAsking } from "../../src/protocols/iso7816/poller.js";
import { hex, unhex } from "../../src/util/bytes.js";
import { seededRandom } from "../../src/util/random.js";
import { CARD_AID, COMPUTE, PPSE_NAME } from "./emulated-card.js";

/* A GlobalPlatform card with the test keys that everybody knows, and the off-card dialogues driven against it. */

export const ISSUER_DOMAIN = unhex("A000000151000000");
export const PAYMENT_DOMAIN = unhex("A00000015153504101");
const KNOWN = unhex("404142434445464748494A4B4C4D4E4F");
export const TEST_KEYS: KeySet = { kind: "aes", enc: KNOWN, mac: KNOWN, dek: KNOWN };
export const TEST_DES_KEYS: KeySet = { ...TEST_KEYS, kind: "des" };

export interface CardChoice {
  readonly scp?: 2 | 3;
  readonly i?: number;
  readonly keys?: KeySet;
}

const stored = ({ kind, enc, mac, dek }: KeySet): StoredKeys => ({ kind, enc, mac, dek });

export const cplc = Uint8Array.from({ length: 42 }, (_, i) => i);

export function gpCard(
  { scp = 3, i = 0x70, keys = scp === 3 ? TEST_KEYS : TEST_DES_KEYS }: CardChoice = {},
  changes: Partial<ElementOptions> = {},
): SecureElement {
  return new SecureElement({
    nvmBytes: 32_768,
    pageBytes: 64,
    applets: [
      { module: "ppse", aid: unhex(PPSE_NAME) },
      { module: "mchip", aid: unhex(CARD_AID) },
    ],
    modules: [ppse, mchip, securityDomain],
    compute: COMPUTE,
    random: seededRandom("gp card"),
    card: {
      settings: {
        cplc,
        diversification: unhex("00112233445566778899"),
        scp,
        i,
        maxFailures: 5,
        packages: PACKAGES,
      },
      issuer: { aid: ISSUER_DOMAIN, version: 0x30, keys: stored(keys) },
      domain: { aid: PAYMENT_DOMAIN, version: 0x31, keys: stored(keys) },
    },
    ...changes,
  });
}

/** A second card's name, and a third's. */
export const SECOND_AID = "A0000000043060";
export const THIRD_AID = "A00000000410101213";

/** The same with the CRS application and three payment applications. Numbers: domains 1 and 2, then in this order. */
export const contactlessCard = (changes: Partial<ElementOptions> = {}): SecureElement =>
  gpCard(
    {},
    {
      nvmBytes: 65_536,
      applets: [
        { module: "ppse", aid: unhex(PPSE_NAME) },
        { module: "mchip", aid: unhex(CARD_AID) },
        { module: "mchip", aid: unhex(SECOND_AID) },
        { module: "mchip", aid: unhex(THIRD_AID) },
        { module: "crs", aid: unhex("A00000015143525300") },
      ],
      modules: [ppse, mchip, securityDomain, crs],
      ...changes,
    },
  );

/** Drives a dialogue against the element, `61xx` and `6Cxx` included. Fails where the power was cut. */
export function ask<R>(element: SecureElement, dialogue: CardAsking<R>, via: CardInterface = "wired"): R {
  let step = dialogue.next();
  while (step.done !== true) {
    const parts = exchange(step.value);
    let part = parts.next();
    while (part.done !== true) {
      const answer = element.process(part.value, via);
      if (!answer) throw new Error("the power was cut");
      part = parts.next({ answer: answer.response, took: answer.took });
    }
    step = dialogue.next(part.value);
  }
  return step.value;
}

/** A session with what is selected. */
export const open = (
  element: SecureElement,
  level = 0x33,
  keys: KeySet = TEST_KEYS,
  via: CardInterface = "wired",
): Opened =>
  ask(
    element,
    openSession({
      keysFor: () => keys,
      version: 0,
      level,
      challenge: (bytes) => new Uint8Array(bytes).fill(0xa5),
    }),
    via,
  );

/** One command as it is without its secure channel, sent through it; its answer likewise. */
export const secured = (element: SecureElement, channel: SecuredCard, command: string): string =>
  hex(encodeResponse(ask(element, channel.send(decodeCommand(unhex(command))))));

/** One byte of length in front. */
export const lv = (value: string): string => (value.length / 2).toString(16).padStart(2, "0").toUpperCase() + value;
