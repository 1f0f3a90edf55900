import { describe, expect, test } from "vitest";
import { createIssuer } from "../../../src/issuer/issuer.js";
import type { IssuerDomain } from "../../../src/issuer/provision.js";
import { loadKeySet } from "../../../src/profiles/key-sets.js";
import { loadProfile } from "../../../src/profiles/load.js";
import { encodeCommand, encodeResponse } from "../../../src/protocols/iso7816/apdu.js";
import type { CardAsking } from "../../../src/protocols/iso7816/poller.js";
import { decodeResponse } from "../../../src/protocols/iso7816/apdu.js";
import { selectCrs, setActivation, setPriority } from "../../../src/protocols/gp/contactless-poller.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { seededRandom } from "../../../src/util/random.js";
import { CARD_AID, PPSE_NAME, SELECT_CARD, send } from "../../support/emulated-card.js";
import {
  ask,
  contactlessCard,
  gpCard,
  PAYMENT_DOMAIN,
  SECOND_AID,
  TEST_DES_KEYS,
  TEST_KEYS,
  THIRD_AID,
  type CardChoice,
} from "../../support/gp-card.js";
import type { SecureElement } from "../../../emulator/se/element.js";

const AT = new Date("2026-06-15T10:00:00Z");
const domainOf = (keys = TEST_KEYS): IssuerDomain => ({
  aid: PAYMENT_DOMAIN,
  version: 0x31,
  keys,
  diversification: "none",
});

/** Everything that went over the wire, both ways, as hex. */
function carry(element: SecureElement, dialogue: CardAsking<void>): string[] {
  const wire: string[] = [];
  let step = dialogue.next();
  while (step.done !== true) {
    const command = encodeCommand(step.value);
    const { response, took } = element.process(command, "wired")!;
    const answer = decodeResponse(response);
    wire.push(hex(command), hex(encodeResponse(answer)));
    step = dialogue.next({ answer, took });
  }
  return wire;
}

async function provisioned(choice: CardChoice, keys = TEST_KEYS) {
  const issuer = createIssuer({ random: seededRandom("provision"), keys: await loadKeySet("test:default") });
  const card = issuer.issue(await loadProfile("card", "k2-online"), AT);
  const element = gpCard(choice);
  const wire = carry(element, issuer.provision(card, domainOf(keys)));
  const plain = issuer.personalise(card).steps;
  return { issuer, card, element, wire, plain };
}

describe.each([
  [{ scp: 3, i: 0x70 }, TEST_KEYS],
  [{ scp: 3, i: 0x00 }, undefined],
  [{ scp: 2, i: 0x55 }, TEST_DES_KEYS],
] as const)("provisioning over %o", (choice, keys) => {
  test("puts the card into the element, or says what the element does not offer", async () => {
    if (!keys) {
      await expect(provisioned(choice)).rejects.toMatchObject({ code: "gp/bad-level" });
      return;
    }
    const { element, card } = await provisioned(choice, keys);
    element.powerOff("wired");
    expect(send(element, `00A404000E${PPSE_NAME}00`)).toContain(hex(card.profile.aid));
    expect(send(element, SELECT_CARD).slice(-4)).toBe("9000");
  });

  test("shows whoever carries it neither keys nor account", async () => {
    if (!keys) return;
    const { wire, plain, card } = await provisioned(choice, keys);
    const all = wire.join(" ");
    const secrets = plain.filter(({ secret }) => secret).map(({ command }) => hex(command.data!));
    expect(secrets.length).toBeGreaterThan(0);
    for (const secret of secrets)
      for (let at = 0; at + 32 <= secret.length; at += 32) expect(all).not.toContain(secret.slice(at, at + 32));
    expect(all).not.toContain(card.token.dpan);
    expect(all).not.toContain(hex(TEST_KEYS.enc));
  });
});

describe("several cards in one element", () => {
  const SELECT_PPSE = `00A404000E${PPSE_NAME}00`;
  /** 4F, 50, 87, 9F2A of one card. */
  const entry = (aid: string, label: string, priority: string): string => {
    const text = Buffer.from(label, "latin1").toString("hex").toUpperCase();
    const length = (bytes: string): string => (bytes.length / 2).toString(16).toUpperCase().padStart(2, "0");
    const value = `4F${length(aid)}${aid}50${length(text)}${text}8701${priority}9F2A0102`;
    return `61${length(value)}${value}`;
  };

  test("are all in the directory, in the order in which their owner wants them", async () => {
    const issuer = createIssuer({ random: seededRandom("several"), keys: await loadKeySet("test:default") });
    const profile = await loadProfile("card", "k2-online");
    const element = contactlessCard();
    const cards = [
      [CARD_AID, "FIRST"],
      [SECOND_AID, "SECOND"],
      [THIRD_AID, "THIRD"],
    ] as const;
    for (const [aid, label] of cards) {
      const card = issuer.issue({ ...profile, aid: unhex(aid), label }, AT);
      carry(element, issuer.provision(card, domainOf()));
      element.powerOff("wired");
    }
    const inside = (): string => send(element, SELECT_PPSE).split("BF0C")[1]!.slice(2, -4);
    expect(inside()).toBe(
      entry(CARD_AID, "FIRST", "01") + entry(SECOND_AID, "SECOND", "02") + entry(THIRD_AID, "THIRD", "03"),
    );
    ask(element, selectCrs());
    ask(element, setPriority([unhex(THIRD_AID)]));
    ask(element, setActivation([unhex(CARD_AID)], false));
    expect(inside()).toBe(entry(THIRD_AID, "THIRD", "01") + entry(SECOND_AID, "SECOND", "02"));
    // The new card of an application takes the place of the old one and keeps its place.
    const again = issuer.issue({ ...profile, aid: unhex(THIRD_AID), label: "AGAIN" }, AT);
    carry(element, issuer.provision(again, domainOf()));
    element.powerOff("wired");
    expect(inside()).toBe(entry(THIRD_AID, "AGAIN", "01") + entry(SECOND_AID, "SECOND", "02"));
  });
});
