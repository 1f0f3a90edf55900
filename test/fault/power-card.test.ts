import { describe, expect, test } from "vitest";
import type { SecureElement } from "../../emulator/se/element.js";
import type { PowerCut } from "../../emulator/se/nvm.js";
import { ObjectStore } from "../../emulator/se/store.js";
import {
  encodeGroupings,
  generateAc,
  GET_ATC,
  GPO,
  groupings,
  newElement,
  object,
  personalised,
  SELECT_CARD,
  send,
  sendAll,
  storeDataCommands,
} from "../support/emulated-card.js";

/* The power goes at every memory operation of what a card does, before it and inside it. */

/** Cuts for so many operations, and for those that do not come. */
function* cuts(operations: number): Generator<PowerCut> {
  for (let operation = 1; operation <= operations; operation++) {
    yield { before: operation };
    for (const kept of [0, 1, 2, 3, 4, 12, 63]) yield { inside: operation, kept };
  }
}
const atcOf = (element: SecureElement): number => parseInt(send(element, GET_ATC).slice(6, 10), 16);
const offlineOf = (element: SecureElement): number => new ObjectStore(element.nvm).counter(0x1f002);

describe("GET PROCESSING OPTIONS", () => {
  test("counts before it answers: no counter value is ever answered twice, and none goes back", () => {
    const element = personalised();
    const answered: number[] = [];
    let last = 0;
    for (let round = 0; round < 20; round++)
      for (const cut of cuts(2)) {
        element.powerOff("contactless");
        send(element, SELECT_CARD);
        element.nvm.planCut(cut);
        const answer = send(element, GPO);
        element.nvm.planCut(undefined);
        element.powerOff("contactless");
        send(element, SELECT_CARD);
        const now = atcOf(element);
        expect(now).toBeGreaterThanOrEqual(last);
        expect(now).toBeLessThanOrEqual(last + 1);
        if (answer !== "cut") {
          expect(answer.slice(-4)).toBe("9000");
          expect(now).toBe(last + 1);
          answered.push(now);
        }
        last = now;
      }
    expect(new Set(answered).size).toBe(answered.length);
    expect(answered.length).toBeGreaterThan(50);
    expect(last).toBeGreaterThan(answered.length); // some cuts did cost a value
  });
});

describe("GENERATE AC", () => {
  test("a TC is counted before it is given; a cut costs at most a count, never a TC that nobody counted", () => {
    const start = personalised();
    send(start, GPO);
    const open = start.snapshot();
    const before = start.nvm.operations;
    expect(send(start, generateAc("40")).slice(-4)).toBe("9000");
    const operations = start.nvm.operations - before;
    expect(operations).toBe(5); // amount, count, journal, two places of the directory
    let counted = 0;
    for (const cut of cuts(operations)) {
      const element = newElement();
      element.restore(open);
      element.nvm.planCut(cut);
      expect(send(element, generateAc("40")), JSON.stringify(cut)).toBe("cut");
      element.powerOff("contactless");
      expect([0, 1]).toContain(offlineOf(element));
      counted += offlineOf(element);
      // the transaction is over, its counter is used up, the next one works
      expect(sendAll(element, [SELECT_CARD, generateAc("40")])[1]).toBe("6985");
      expect(sendAll(element, [GPO, GET_ATC])[1]).toBe("9F360200029000");
      const known = offlineOf(element);
      const next = send(element, generateAc("40"));
      expect(next).toContain(`9F360200029F2608`);
      expect(offlineOf(element)).toBe(known + 1);
    }
    expect(counted).toBeGreaterThan(0);
  });

  test("an ARQC writes nothing", () => {
    const element = personalised();
    send(element, GPO);
    element.nvm.planCut({ before: 1 });
    expect(send(element, generateAc("80")).slice(-4)).toBe("9000");
    expect(send(element, generateAc("80"))).toBe("6985");
  });
});

describe("personalisation", () => {
  const visible = (element: SecureElement): string[] => {
    element.powerOff("contactless");
    return sendAll(element, [SELECT_CARD, "00B2011400", "80CA9F2400", GPO]);
  };
  const next = {
    ...groupings({ aip: "1B80", online: "FFFFFF" }),
    "9102": object("50", "4E455743415244"),
    A002: object("9F24", "4E4557"),
  };
  const commands = storeDataCommands(encodeGroupings(next), 60);

  function sweep(start: SecureElement, before: string[]): { old: number; fresh: number } {
    const origin = start.snapshot();
    const whole = newElement();
    whole.restore(origin);
    const first = whole.nvm.operations;
    sendAll(whole, [SELECT_CARD, ...commands], "wired");
    const operations = whole.nvm.operations - first;
    const pays = (element: SecureElement): string[] => visible(element).slice(1);
    const after = pays(whole);
    expect(after).not.toEqual(before);

    const found = { old: 0, fresh: 0 };
    for (const cut of cuts(operations)) {
      const element = newElement();
      element.restore(origin);
      element.nvm.planCut(cut);
      expect(sendAll(element, [SELECT_CARD, ...commands], "wired").at(-1), JSON.stringify(cut)).toBe("cut");
      element.powerOff("wired");
      const seen = pays(element);
      expect([before, after], JSON.stringify(cut)).toContainEqual(seen);
      if (seen.join() === after.join()) found.fresh++;
      else found.old++;
      // and the job can be done again
      expect(sendAll(element, [SELECT_CARD, ...commands], "wired").at(-1)).toBe("9000");
      element.powerOff("wired");
      expect(pays(element).slice(0, 2)).toEqual(after.slice(0, 2));
    }
    return found;
  }

  test("of an empty element: a whole card or none", () => {
    const start = newElement();
    send(start, SELECT_CARD);
    const { old, fresh } = sweep(start, ["6985", "6985", "6985"]);
    expect(old).toBeGreaterThan(30);
    expect(fresh).toBeGreaterThan(5);
  });

  test("over another card: the old card or the new one, and the counter of both", () => {
    const start = personalised();
    const before = visible(start).slice(1);
    expect(before.at(-1)).toBe("770A82021980940410010100" + "9000");
    const { old, fresh } = sweep(start, before);
    expect(old).toBeGreaterThan(30);
    expect(fresh).toBeGreaterThan(5);

    for (const cut of cuts(40)) {
      const element = newElement();
      element.restore(start.snapshot());
      element.nvm.planCut(cut);
      sendAll(element, [SELECT_CARD, ...commands], "wired");
      element.nvm.planCut(undefined);
      element.powerOff("wired");
      element.powerOff("contactless");
      send(element, SELECT_CARD);
      expect(atcOf(element)).toBe(1);
    }
  });
});
