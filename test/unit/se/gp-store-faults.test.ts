import { describe, expect, test } from "vitest";
import { applet, type AppletContext } from "../../../emulator/se/applet.js";
import type { SecureElement } from "../../../emulator/se/element.js";
import { securityDomain } from "../../../emulator/se/gp/domain.js";
import { CardRegistry } from "../../../emulator/se/gp/registry.js";
import { ppse } from "../../../emulator/se/ppse.js";
import { ObjectStore } from "../../../emulator/se/store.js";
import { emulatorError } from "../../../emulator/errors.js";
import { getStatus, personalize, putKeys, selectDomain, type SecuredCard } from "../../../src/protocols/gp/poller.js";
import { status } from "../../../src/protocols/iso7816/apdu.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { isTapbenchError } from "../../../src/util/errors.js";
import { CARD_AID } from "../../support/emulated-card.js";
import { ask, gpCard, open, PAYMENT_DOMAIN, secured, TEST_KEYS } from "../../support/gp-card.js";

/*
 * A store that refuses, under a secure channel: the card answers a status word, and both ends' MAC chains and counters go on together, as an
 * exception that a Java Card applet does not catch is an answer, too (Java Card Runtime Environment Specification 2.2.2, 3.3).
 */

const CPLC = "80CA9F7F00";
const goesOn = (card: SecureElement, channel: SecuredCard): void =>
  expect(secured(card, channel, CPLC)).toMatch(/^9F7F2A.*9000$/);

/** Status word that a dialogue was refused with. */
function refusal(work: () => unknown): string {
  try {
    work();
    return "9000";
  } catch (error) {
    if (!isTapbenchError(error, "gp/refused")) throw error;
    return String(error.context["sw"]);
  }
}

describe.each([0x01, 0x33])("in a session of level %i", (level) => {
  test("a memory that has no room for keys answers 6A84, again and again, and takes what is smaller", () => {
    const card = gpCard({}, { nvmBytes: 8_192 });
    ask(card, selectDomain());
    const { channel } = open(card, level);
    const answers = Array.from({ length: 60 }, (_, i) =>
      refusal(() => ask(card, putKeys(channel, TEST_KEYS, i + 1))),
    ).filter((sw, i) => i !== 0x2f); // its version is there already
    const full = answers.indexOf("6A84");
    expect(full).toBeGreaterThan(1);
    expect(new Set(answers.slice(0, full))).toEqual(new Set(["9000"]));
    expect(answers.slice(full)).toEqual(answers.slice(full).map(() => "6A84"));
    goesOn(card, channel);
    expect(secured(card, channel, "80E2900003420112")).toBe("9000");
  });

  test("an applet's transaction that is too large is 6F00, and the data may come again", () => {
    const greedy = applet({
      module: "mchip",
      initial: undefined,
      select: () => ({ state: undefined, response: status(0x9000) }),
      process({ storage }: AppletContext) {
        storage.transaction(() => storage.putAll([[1, new Uint8Array(2_000)]]));
        return { state: undefined, response: status(0x9000) };
      },
    });
    const card = gpCard({}, { modules: [ppse, greedy, securityDomain] });
    ask(card, selectDomain(PAYMENT_DOMAIN));
    const { channel } = open(card, level);
    for (let time = 0; time < 2; time++) {
      ask(card, personalize(channel, unhex(CARD_AID)));
      expect(secured(card, channel, "80E2880004020201AA")).toBe("6F00");
      goesOn(card, channel);
    }
  });

  test("a memory that is worn out answers 6581, and the registry is what it will be after the next power-up", () => {
    const card = gpCard({}, { cells: { writeBytes: 4, eraseBytes: 4, endurance: 120 } });
    ask(card, selectDomain());
    const { channel } = open(card, level);
    const list = (on: SecureElement, through: SecuredCard): string =>
      JSON.stringify(ask(on, getStatus(through, "applications")).map(({ aid, lifeCycle }) => [hex(aid), lifeCycle]));
    let failures = 0;
    for (let round = 0; round < 600 && failures < 5; round++) {
      const lock = round % 2 === 0 ? "80" : "07";
      const sw = secured(card, channel, `80F040${lock}07${CARD_AID}`);
      // 6985: the state before the one that failed is still there
      expect(["9000", "6581", "6985"]).toContain(sw);
      if (sw !== "6581") continue;
      failures++;
      const copy = gpCard({}, { cells: { writeBytes: 4, eraseBytes: 4, endurance: 120 } });
      copy.restore(card.snapshot());
      const { nvm } = copy;
      const read = new CardRegistry(new ObjectStore(nvm));
      const kept = read.applications.map(({ aid, lifeCycle }) => [hex(aid), lifeCycle]);
      const told = JSON.parse(list(card, channel)) as [string, number][];
      for (const entry of told) expect(kept).toContainEqual(entry);
      goesOn(card, channel);
    }
    expect(failures).toBe(5);
  });
});

test("objects that a worn-out memory keeps are nobody's: the card starts, and their number is not given again", () => {
  class Worn extends ObjectStore {
    override remove(): never {
      throw emulatorError("memory-worn", "worn", {});
    }
  }
  const card = gpCard();
  const number = new CardRegistry(new ObjectStore(card.nvm)).freeNumber();
  new ObjectStore(card.nvm).put(number * 0x10000 + 0x0101, unhex("AA"));
  expect(new CardRegistry(new Worn(card.nvm)).freeNumber()).toBe(number + 1);
  expect(new CardRegistry(new ObjectStore(card.nvm)).freeNumber()).toBe(number); // a good one clears them away
});
