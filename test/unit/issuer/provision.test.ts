import { createCipheriv, createDecipheriv } from "node:crypto";
import { describe, expect, test } from "vitest";
import { aesKey } from "../../../src/crypto/aes.js";
import { desKey } from "../../../src/crypto/des.js";
import { scp02, scp02Accept, scp02Handshake } from "../../../src/protocols/gp/scp02.js";
import { scp03, scp03Accept, scp03Handshake } from "../../../src/protocols/gp/scp03.js";
import type { SecureChannel } from "../../../src/protocols/gp/secure-channel.js";
import { createIssuer } from "../../../src/issuer/issuer.js";
import type { IssuerDomain } from "../../../src/issuer/provision.js";
import { loadKeySet } from "../../../src/profiles/key-sets.js";
import { loadProfile } from "../../../src/profiles/load.js";
import { decodeCommand, encodeCommand, encodeResponse, type CommandApdu } from "../../../src/protocols/iso7816/apdu.js";
import type { CardAsking } from "../../../src/protocols/iso7816/poller.js";
import { decodeResponse } from "../../../src/protocols/iso7816/apdu.js";
import { concat, hex, NO_BYTES, unhex } from "../../../src/util/bytes.js";
import { selectCrs, setActivation, setPriority } from "../../../src/protocols/gp/contactless-poller.js";
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

async function provisioned(choice: CardChoice, keys = TEST_KEYS, profile = "k2-online") {
  const issuer = createIssuer({ random: seededRandom("provision"), keys: await loadKeySet("test:default") });
  const card = issuer.issue(await loadProfile("card", profile), AT);
  const element = gpCard(choice);
  const wire = carry(element, issuer.provision(card, domainOf(keys)));
  const plain = issuer.personalise(card).steps;
  return { issuer, card, element, wire, plain };
}

/** The commands behind the secured ones, with the keys of that session. */
function unwrapped(scp: 2 | 3, wire: readonly string[]): CommandApdu[] {
  const [, , update, answer, authenticate] = wire.map(unhex);
  const challenge = update!.subarray(5, 13);
  const rest = wire.filter((_, i) => i >= 6 && i % 2 === 0).map((apdu) => decodeCommand(unhex(apdu)));
  const out: CommandApdu[] = [];
  const run = <S extends object>(channel: SecureChannel<S>, session: S | undefined): void => {
    let now = session!;
    for (const command of rest) {
      const step = channel.unwrap(now, command)!;
      now = step.session;
      out.push(step.command);
    }
  };
  if (scp === 3) {
    const key = aesKey(TEST_KEYS.enc);
    const handshake = scp03Handshake({ enc: key, mac: key, dek: key }, challenge, answer!.subarray(13, 21), 8);
    run(scp03, scp03Accept(handshake, decodeCommand(authenticate!)));
  } else {
    const key = desKey(TEST_DES_KEYS.enc);
    const sequence = answer![12]! * 256 + answer![13]!;
    const handshake = scp02Handshake({ enc: key, mac: key, dek: key }, challenge, sequence, answer!.subarray(14, 20));
    run(scp02, scp02Accept(handshake, decodeCommand(authenticate!)));
  }
  return out;
}

/** AES-CBC from zeros under the static key; or triple DES ECB under the key that 0181 and the counter derive (Amendment D; E.4.1). */
function deciphering(scp: 2 | 3, wire: readonly string[]): (value: string) => string {
  const key = Buffer.from(TEST_KEYS.dek);
  const open = (name: string, of: Buffer, iv: Buffer | null) => (value: string) =>
    createDecipheriv(name, of, iv).setAutoPadding(false).update(value, "hex", "hex").toUpperCase();
  if (scp === 3) return open("aes-128-cbc", key, Buffer.alloc(16));
  const long = (of: Buffer): Buffer => Buffer.concat([of, of.subarray(0, 8)]);
  const derive = createCipheriv("des-ede3-cbc", long(key), Buffer.alloc(8)).setAutoPadding(false);
  const session = derive.update(Buffer.from(`0181${wire[3]!.slice(24, 28)}${"00".repeat(12)}`, "hex"));
  return open("des-ede3-ecb", long(session), null);
}

/** Groupings out of STORE DATA commands, each application's by itself. */
function groupingsOf(commands: readonly CommandApdu[]): [dgi: string, value: string][] {
  const bytes = concat(...commands.filter(({ ins }) => ins === 0xe2).map(({ data }) => data ?? NO_BYTES));
  const found: [string, string][] = [];
  for (let at = 0; at < bytes.length;) {
    const long = bytes[at + 2] === 0xff;
    const length = long ? bytes[at + 3]! * 256 + bytes[at + 4]! : bytes[at + 2]!;
    const from = at + (long ? 5 : 3);
    found.push([hex(bytes.subarray(at, at + 2)), hex(bytes.subarray(from, from + length))]);
    at = from + length;
  }
  return found;
}

const keyParts = (commands: readonly CommandApdu[]): [dgi: string, value: string][] =>
  groupingsOf(commands).filter(([dgi]) => dgi.startsWith("80") || dgi.startsWith("82"));

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

  test("shows whoever has the session's keys and not the data encryption key no key either", async () => {
    if (!keys) return;
    const { wire, plain } = await provisioned(choice, keys, "k2-credit");
    const inside = unwrapped(choice.scp, wire);
    const all = inside.map((command) => hex(command.data ?? NO_BYTES)).join(" ");
    const secrets = keyParts(plain.map(({ command }) => command));
    // Three card keys, and five parts of the private key.
    expect(secrets.map(([dgi]) => dgi)).toEqual(["8000", "8201", "8202", "8203", "8204", "8205"]);
    for (const [dgi, value] of secrets)
      for (let at = 0; at + 32 <= value.length; at += 2)
        expect(all.includes(value.slice(at, at + 32)), `${dgi}, byte ${at / 2}`).toBe(false);
    // What is no key is there: the channel is off.
    expect(all).toContain("9102");

    // Deciphered by another implementation they are what the issuer made.
    const encrypted = inside.filter(({ ins, p1 }) => ins === 0xe2 && (p1 & 0x60) === 0x60);
    const decipher = deciphering(choice.scp, wire);
    const found = groupingsOf(encrypted).map(([dgi, value]) => [dgi, decipher(value)] as const);
    expect(found.map(([dgi, value], i) => [dgi, value.startsWith(secrets[i]![1])])).toEqual(
      secrets.map(([dgi]) => [dgi, true]),
    );
    for (const [i, [, value]] of found.entries()) expect(value.slice(secrets[i]![1].length)).toMatch(/^(80(00)*)?$/);
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
