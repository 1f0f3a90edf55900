import { describe, expect, test } from "vitest";
import type { SecureElement } from "../../emulator/se/element.js";
import type { PowerCut } from "../../emulator/se/nvm.js";
import { ObjectStore } from "../../emulator/se/store.js";
import { openBench } from "../../src/bench/bench.js";
import { getStatus, personalize, selectDomain, storeData } from "../../src/protocols/gp/poller.js";
import { hex, unhex } from "../../src/util/bytes.js";
import {
  CARD_AID,
  encodeGroupings,
  generateAc,
  GET_ATC,
  GPO,
  groupings,
  PPSE_NAME,
  rsaGroupings,
  SELECT_CARD,
  send,
} from "../support/emulated-card.js";
import { ask, gpCard, open, PAYMENT_DOMAIN } from "../support/gp-card.js";

/*
 * The power goes before and inside every memory operation of a payment over the air, on memories that erase by words and by pages; what was not
 * written yet is as it was, erased or random. No cryptogram leaves before its counter is durable, and the card goes on.
 */

const PAYMENT = [`00A404000E${PPSE_NAME}00`, SELECT_CARD, GPO, "00B2011400", generateAc("50")];

/** Each operation, cut before it and in four ways inside it. */
const cuts = (operations: number): PowerCut[] =>
  Array.from({ length: operations }, (_, i) => i + 1).flatMap((n): PowerCut[] => [
    { before: n },
    { inside: n, kept: 4 },
    { inside: n, kept: 4, rest: "erased" },
    { inside: n, kept: 0, rest: { noise: n } },
    { inside: n, kept: 4, rest: { noise: n } },
  ]);

const atcOf = (element: SecureElement): number => parseInt(send(element, GET_ATC).slice(6, 10), 16);

/** Everything in the memory but counters, which are told by their cells of another kind than objects. */
function objects(element: SecureElement): Map<number, string> {
  const store = new ObjectStore(element.nvm);
  const isCounter = (id: number): boolean => {
    try {
      store.counter(id);
      return true;
    } catch {
      return false;
    }
  };
  return new Map(store.ids.filter((id) => !isCounter(id)).map((id) => [id, hex(store.get(id)!)]));
}

describe.each([
  { writeBytes: 4, eraseBytes: 4 },
  { writeBytes: 8, eraseBytes: 64 },
])("a payment with CDA on a memory that erases $eraseBytes bytes at once", (kind) => {
  const made = (): SecureElement => gpCard({}, { nvmBytes: 49_152, cells: { ...kind, endurance: 100_000 } });
  const start = made();
  ask(start, selectDomain(PAYMENT_DOMAIN));
  const { channel } = open(start);
  ask(start, personalize(channel, unhex(CARD_AID)));
  ask(start, storeData(channel, unhex(encodeGroupings({ ...groupings({ aip: "1981" }), ...rsaGroupings() })), "dgi"));
  start.powerOff("wired");
  // one payment before, so that everything is there that payments leave
  for (const apdu of PAYMENT) send(start, apdu);
  start.powerOff("contactless");
  const fresh = start.snapshot();
  const before = objects(start);

  /** Answers up to a cut. */
  const pay = (element: SecureElement): string[] => {
    const answers: string[] = [];
    for (const apdu of PAYMENT) {
      answers.push(send(element, apdu));
      if (answers.at(-1) === "cut") break;
    }
    return answers;
  };
  const whole = made();
  whole.restore(fresh);
  const first = whole.nvm.operations;
  const answers = pay(whole);
  const operations = whole.nvm.operations - first;
  const after = objects(whole);

  test("is a TC with the next counter, and writes", () => {
    expect(answers.at(-1)).toMatch(/^77.*9F270140.*9F36020002/);
    expect(operations).toBeGreaterThanOrEqual(5);
    expect([...after.keys()]).toEqual([...before.keys()]);
    expect(after).not.toEqual(before);
  });

  test("is there or not at all wherever the power goes; the counter only goes up, the next payment works, and so do the keys", () => {
    const given = new Set<string>();
    const sides = new Set<string>();
    for (const cut of cuts(operations)) {
      const name = JSON.stringify(cut);
      const element = made();
      element.restore(fresh);
      element.nvm.planCut(cut);
      expect(pay(element).at(-1), name).toBe("cut");
      element.powerOff("contactless");
      const now = objects(element);
      expect([before, after], name).toContainEqual(now);
      sides.add(JSON.stringify([...now]) === JSON.stringify([...before]) ? "before" : "after");

      send(element, SELECT_CARD);
      const atc = atcOf(element);
      expect([1, 2], name).toContain(atc);
      element.powerOff("contactless");
      const next = pay(element).at(-1)!;
      expect(next, name).toMatch(new RegExp(`^77.*9F3602${(atc + 1).toString(16).padStart(4, "0")}`));
      given.add(next);

      element.powerOff("contactless");
      ask(element, selectDomain());
      expect(ask(element, getStatus(open(element).channel, "applications")).length, name).toBe(3);
    }
    expect(given.size).toBeGreaterThan(1);
    expect(sides).toEqual(new Set(["before", "after"]));
  });

  test("gives no counter value away that is not durable", () => {
    const element = made();
    element.restore(fresh);
    const durable = PAYMENT.map((apdu) => {
      const shown = /9F3602(....)/.exec(send(element, apdu))?.[1];
      const again = made();
      again.restore({ ...fresh, nvm: element.nvm.snapshot() });
      again.powerOff("contactless");
      send(again, SELECT_CARD);
      return [shown, atcOf(again)];
    });
    // from the answer to GET PROCESSING OPTIONS on; what GENERATE AC shows is what is there
    expect(durable).toEqual([
      [undefined, 1],
      [undefined, 1],
      [undefined, 2],
      [undefined, 2],
      ["0002", 2],
    ]);
  });
});

describe("a tap on a terminal, cut at every memory operation: try again, and the next tap is approved with a counter of its own", () => {
  test("offline", async () => {
    const { bench, device } = await provisioned("k2-offline");
    const { emulated } = device;
    const { nvm } = emulated.element;
    const tap = await bench.prepareTap(device, { amount: 100n, terminal: "supermarket" });
    const fresh = emulated.snapshot();
    const first = nvm.operations;
    expect(tap().cryptogram?.type).toBe("TC");
    for (const cut of cuts(nvm.operations - first)) {
      emulated.restore(fresh);
      emulated.element.nvm.planCut(cut);
      const torn = tap();
      expect([torn.outcome, torn.cryptogram], JSON.stringify(cut)).toEqual(["try-again", undefined]);
      const next = tap();
      expect(next.outcome, JSON.stringify(cut)).toBe("approved");
      expect([1, 2], JSON.stringify(cut)).toContain(next.details.atc);
      const last = tap();
      expect([last.outcome, last.details.atc]).toEqual(["approved", next.details.atc! + 1]);
    }
  });

  // The issuer takes no counter twice: no going back to a snapshot here.
  test.each(["k2-credit", "k2-online"])("online, %s", async (card) => {
    const { bench, device } = await provisioned(card);
    const { nvm } = device.emulated.element;
    const tap = await bench.prepareTap(device, { amount: 100n, terminal: "shop" });
    const first = nvm.operations;
    let atc = tap().details.atc!;
    const operations = nvm.operations - first;
    expect([atc, operations]).toEqual([1, 1]);
    for (const cut of cuts(operations)) {
      nvm.planCut(cut);
      const torn = tap();
      expect([torn.outcome, torn.cryptogram], JSON.stringify(cut)).toEqual(["try-again", undefined]);
      const next = tap();
      expect(next.outcome, JSON.stringify(cut)).toBe("approved");
      expect([atc + 1, atc + 2], JSON.stringify(cut)).toContain(next.details.atc);
      atc = next.details.atc!;
    }
  });
});

async function provisioned(card: string) {
  const bench = await openBench({ seed: "power" });
  const device = await bench.open("emu:band-s1");
  await bench.provision(device, card);
  return { bench, device };
}
