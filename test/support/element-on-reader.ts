import { openBench } from "../../src/bench/bench.js";
import type { SecureElement } from "../../emulator/se/element.js";
import type { Services } from "../../src/cli/run.js";
import { scardError } from "../../src/transport/pcsc/scard.js";
import { encodeGroupings, groupings, object, rsaGroupings } from "./emulated-card.js";
import { gpCard, type CardChoice } from "./gp-card.js";
import { ScriptedPcsc } from "./scripted-pcsc.js";

/* A GlobalPlatform card with known keys on a scripted reader, for commands that manage it. */

export interface ElementOnReader {
  readonly element: SecureElement;
  readonly pcsc: ScriptedPcsc;
  readonly services: Services;
  /** Commands that reached the card since this was last emptied, hex; the reader's own are left out. */
  readonly sent: string[];
  /** What happens to a command in place of being answered; undefined: nothing. Gets its number, from 1, of `sent`. */
  meddle: ((count: number, apdu: string) => Uint8Array | Promise<Uint8Array | undefined> | undefined) | undefined;
}

const ATR = Uint8Array.of(0x3b, 0x80, 0x80, 0x01, 0x01);
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex").toUpperCase();

export function elementOnReader(choice: CardChoice = {}, reader = "Reader A"): ElementOnReader {
  const element = gpCard(choice);
  const pcsc = new ScriptedPcsc(reader);
  const on: ElementOnReader = {
    element,
    pcsc,
    services: { openBench: (options) => openBench({ ...options, pcsc }) },
    sent: [],
    meddle: undefined,
  };
  pcsc.place(reader, {
    atr: ATR,
    powerUp: () => element.powerOff("contactless"),
    async transmit(apdu) {
      if (apdu[0] === 0xff) return Uint8Array.of(0x6a, 0x81);
      on.sent.push(hexOf(apdu));
      const instead = await on.meddle?.(on.sent.length, on.sent.at(-1)!);
      if (instead) return instead;
      const answer = element.process(apdu, "contactless");
      if (!answer) throw scardError("SCardTransmit", 0x80100069, reader);
      return answer.response;
    },
  });
  return on;
}

/** The wire breaks under a command: whether the card got it, nobody knows. */
export const wireLost = (reader = "Reader A"): never => {
  throw scardError("SCardTransmit", 0x80100069, reader);
};

/** A personalisation of three blocks in a session with everything on. */
export const THREE_BLOCKS = encodeGroupings({
  ...groupings(),
  ...rsaGroupings(),
  "0202": object("70", object("9F46", "5A".repeat(180))),
});
