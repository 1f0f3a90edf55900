import { describe, expect, test } from "vitest";
import type { SecureElement } from "../../emulator/se/element.js";
import type { PowerCut } from "../../emulator/se/nvm.js";
import { openSession, putKeys, type KeySet } from "../../src/protocols/gp/poller.js";
import { decodeCommand, encodeCommand } from "../../src/protocols/iso7816/apdu.js";
import type { CardAsking } from "../../src/protocols/iso7816/poller.js";
import { hex, unhex } from "../../src/util/bytes.js";
import { COMPUTE, send } from "../support/emulated-card.js";
import { gpCard, open, TEST_DES_KEYS, TEST_KEYS, type CardChoice } from "../support/gp-card.js";

/*
 * Authentication failures of a security domain (GlobalPlatform Card Specification 2.3.1, 10.2 asks a card to bound them; how is its maker's): counted for
 * good before anything is judged, each slower than the one before, five in a row the end of the key version.
 */

const UPDATE = "8050000008010203040506070800";
const GUESS = `8482010010${"00".repeat(16)}`;
const LIMIT = 5;

interface Timed {
  readonly answer: string;
  readonly took: number;
}

const timed = (element: SecureElement, apdu: string): Timed => {
  const got = element.process(unhex(apdu), "wired")!;
  return { answer: hex(got.response), took: got.took };
};

const guess = (element: SecureElement): Timed => {
  const update = send(element, UPDATE, "wired");
  return update.endsWith("9000") ? timed(element, GUESS) : { answer: update, took: 0 };
};

/** Attempts that are left: those that can be made until the card refuses. */
function left(element: SecureElement): number {
  const start = element.snapshot();
  let count = 0;
  while (guess(element).answer === "6300") count++;
  element.restore(start);
  return count;
}

describe.each([
  ["SCP03", { scp: 3, i: 0x70 }, TEST_KEYS, 0x33],
  ["SCP02", { scp: 2, i: 0x55 }, TEST_DES_KEYS, 0x03],
] as const satisfies readonly (readonly [string, CardChoice, KeySet, number])[])("%s", (_, choice, keys, level) => {
  test("each failure in a row takes longer, by twice as many operations with a key", () => {
    const element = gpCard(choice);
    const times = Array.from({ length: LIMIT }, () => guess(element));
    expect(times.map(({ answer }) => answer)).toEqual(["6300", "6300", "6300", "6300", "6300"]);
    const slower = times.slice(1).map(({ took }, i) => (took - times[i]!.took) / COMPUTE.symmetric);
    expect(slower).toEqual([4, 8, 16, 32]);
    expect(guess(element).answer).toBe("6983");
  });

  test("a success takes the slowness away and the count back", () => {
    const element = gpCard(choice);
    const first = guess(element);
    for (let i = 0; i < 2; i++) guess(element);
    open(element, level, keys);
    const again = guess(element);
    expect(again.took).toBe(first.took);
    expect(left(element)).toBe(LIMIT - 1);
  });

  test("a blocked version stays blocked over a reset, with the right keys and for a card that only asks", () => {
    const element = gpCard(choice);
    for (let i = 0; i < LIMIT; i++) guess(element);
    for (let i = 0; i < 3; i++) {
      element.powerOff("wired");
      expect(send(element, UPDATE, "wired")).toBe("6983");
    }
    expect(() => open(element, level, keys)).toThrow(/6983/);
  });

  test("INITIALIZE UPDATE alone costs no attempt; a level that the card lacks is refused and costs none either", () => {
    const element = gpCard(choice);
    for (let i = 0; i < 3 * LIMIT; i++) expect(send(element, UPDATE, "wired").slice(-4)).toBe("9000");
    for (let i = 0; i < LIMIT; i++) {
      send(element, UPDATE, "wired");
      expect(send(element, GUESS.replace("848201", "848202"), "wired")).toBe("6A86");
      // and the challenge is used up
      expect(send(element, GUESS, "wired")).toBe("6982");
    }
    expect(left(element)).toBe(LIMIT);
  });

  const atEnd = (element: SecureElement): void => {
    for (let i = 0; i < LIMIT - 1; i++) guess(element);
  };

  test("the power going in a wrong EXTERNAL AUTHENTICATE never gives an attempt for nothing", () => {
    const element = gpCard(choice);
    atEnd(element);
    send(element, UPDATE, "wired");
    const start = element.snapshot();
    const before = element.nvm.operations;
    expect(send(element, GUESS, "wired")).toBe("6300");
    const operations = element.nvm.operations - before;
    expect(operations).toBeGreaterThan(0);
    const cuts: PowerCut[] = Array.from({ length: operations }, (_ignored, i) => i + 1).flatMap((n) => [
      { before: n },
      ...[0, 1, 2, 3, 4, 5, 6, 7].map((kept) => ({ inside: n, kept })),
    ]);
    for (const cut of cuts) {
      element.restore(start);
      element.nvm.planCut(cut);
      // No answer: the guess told nothing, whether it counted or not.
      expect(send(element, GUESS, "wired"), JSON.stringify(cut)).toBe("cut");
      element.powerOff("wired");
      expect([0, 1]).toContain(left(element));
    }
  });

  test("the power going in a right one neither blocks the keys nor gives attempts back for nothing", () => {
    const element = gpCard(choice);
    atEnd(element);
    const start = element.snapshot();
    const before = element.nvm.operations;
    open(element, level, keys);
    const operations = element.nvm.operations - before;
    expect(left(element)).toBe(LIMIT);
    for (let n = 1; n <= operations; n++)
      for (const cut of [{ before: n }, { inside: n, kept: 0 }, { inside: n, kept: 3 }]) {
        element.restore(start);
        element.nvm.planCut(cut);
        expect(() => open(element, level, keys)).toThrow();
        element.powerOff("wired");
        // As many as there were, or one less: what was not brought to its end counts.
        expect([LIMIT - 4, LIMIT - 5], JSON.stringify(cut)).toContain(left(element));
      }
  });

  test("a sequence number is durable before its challenge goes out, wherever the power goes", () => {
    const element = gpCard(choice);
    const start = element.snapshot();
    const before = element.nvm.operations;
    const first = send(element, UPDATE, "wired");
    const operations = element.nvm.operations - before;
    expect(operations).toBe(1);
    for (const cut of [{ before: 1 }, ...[0, 1, 2, 3].map((kept) => ({ inside: 1, kept }))]) {
      element.restore(start);
      element.nvm.planCut(cut);
      expect(send(element, UPDATE, "wired")).toBe("cut");
      element.powerOff("wired");
      expect(send(element, "80CA00C100", "wired")).toMatch(/^C10[23]0*9000$/);
    }
    element.restore(start);
    expect(send(element, UPDATE, "wired")).toBe(first);
    const counters = [first, send(element, UPDATE, "wired"), send(element, UPDATE, "wired")].map((answer) =>
      choice.scp === 3 ? answer.slice(58, 64) : answer.slice(24, 28),
    );
    expect(counters).toEqual(choice.scp === 3 ? ["000001", "000002", "000003"] : ["0001", "0002", "0003"]);
  });
});

test("other key versions and other domains have attempts of their own", () => {
  const element = gpCard();
  const { channel } = open(element);
  const more: KeySet = {
    kind: "aes",
    enc: unhex("11".repeat(16)),
    mac: unhex("22".repeat(16)),
    dek: unhex("33".repeat(16)),
  };
  carry(element, putKeys(channel, more, 0x41));
  for (let i = 0; i < LIMIT; i++) guess(element);
  expect(send(element, UPDATE, "wired")).toBe("6983");
  expect(send(element, UPDATE.replace("805000", "805041"), "wired").slice(-4)).toBe("9000");
  expect(send(element, "00A4040009A0000001515350410100", "wired").slice(-4)).toBe("9000");
  expect(open(element).version).toBe(0x31);
});

test("the host never sends what the card would count: with wrong keys it stops before", () => {
  const element = gpCard();
  const sent: number[] = [];
  const wrong = { ...TEST_KEYS, mac: unhex("00".repeat(16)) };
  const dialogue = openSession({ keysFor: () => wrong, version: 0, level: 1, challenge: (n) => new Uint8Array(n) });
  expect(() => carry(element, dialogue, sent)).toThrow(/cryptogram/);
  expect(sent).toEqual([0x50]);
  expect(left(element)).toBe(LIMIT);
});

/** Drives a dialogue, noting the instructions. */
function carry<R>(element: SecureElement, dialogue: CardAsking<R>, sent: number[] = []): R {
  let step = dialogue.next();
  while (step.done !== true) {
    sent.push(step.value.ins);
    const { response, took } = element.process(encodeCommand(decodeCommand(encodeCommand(step.value))), "wired")!;
    const answer = { data: response.subarray(0, -2), sw: response.at(-2)! * 256 + response.at(-1)! };
    step = dialogue.next({ answer, took });
  }
  return step.value;
}
