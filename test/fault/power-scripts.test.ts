import { describe, expect, test } from "vitest";
import type { SecureElement } from "../../emulator/se/element.js";
import type { PowerCut } from "../../emulator/se/nvm.js";
import { arpc, bytes } from "../support/card-crypto.js";
import {
  AC_KEY,
  CDOL1,
  cdolData,
  generateAc,
  GPO,
  newElement,
  object,
  personalised,
  SELECT_CARD,
  send,
  sendAll,
  UN,
} from "../support/emulated-card.js";
import { openScripts, type ScriptSession } from "../support/script-session.js";

/* The power goes at every memory operation of a PIN try, of each script command and of the issuer's answer, before it and inside it. */

const PIN = "241234FFFFFFFFFF";
const WRONG = "249999FFFFFFFFFF";
const NEW_PIN = "26567890FFFFFFFF";
const verify = (block: string): string => `0020008008${block}`;
const TRIES = "80CA9F1700";
const KEPT = [0, 1, 2, 3, 4, 8, 12, 63];

function* cuts(operations: number): Generator<PowerCut> {
  for (let operation = 1; operation <= operations; operation++) {
    yield { before: operation };
    for (const kept of KEPT) yield { inside: operation, kept };
  }
}

/** Operations that a command takes from here; the element is as before. */
function operationsOf(element: SecureElement, command: string): number {
  const start = element.snapshot();
  const before = element.nvm.operations;
  send(element, command, "wired");
  const operations = element.nvm.operations - before;
  element.restore(start);
  return operations;
}

/** Power off and on again; what the card was doing is forgotten. */
function reset(element: SecureElement): void {
  element.nvm.planCut(undefined);
  element.powerOff("wired");
  element.powerOff("contactless");
  send(element, SELECT_CARD, "wired");
}

const triesOf = (element: SecureElement): number => parseInt(send(element, TRIES, "wired").slice(6, 8), 16);

const withPin = (wrong = 0): SecureElement => {
  const element = personalised({ pin: PIN, lower: "05", upper: "07", cdol2: "910A8A0295059F3704" });
  sendAll(element, [SELECT_CARD, ...Array<string>(wrong).fill(verify(WRONG))], "wired");
  return element;
};

describe("a PIN try", () => {
  test.each([
    ["the wrong PIN, three tries left", WRONG, 0],
    ["the wrong PIN, the last try", WRONG, 2],
    ["the right PIN, three tries left", PIN, 0],
    ["the right PIN, the last try", PIN, 2],
  ])("%s: costs the try before anything is compared, whatever cut comes", (_, block, wrong) => {
    const start = withPin(wrong);
    const origin = start.snapshot();
    const left = 3 - wrong;
    const right = block === PIN;
    const operations = operationsOf(start, verify(block));
    expect(operations).toBe(right ? 2 : 1);
    const after = new Set<string>();
    for (const cut of cuts(operations)) {
      const element = newElement();
      element.restore(origin);
      element.nvm.planCut(cut);
      expect(send(element, verify(block), "wired"), JSON.stringify(cut)).toBe("cut");
      const operation = "before" in cut ? cut.before : cut.inside;
      reset(element);
      const tries = triesOf(element);
      after.add(`${operation}: ${tries}`);
      // no cut leaves the holder verified
      expect(sendAll(element, [SELECT_CARD, GPO, generateAc("80")])[2]).toMatch(/9F10120111A000/);
      expect(send(element, verify(PIN), "wired")).toBe(tries > 0 ? "9000" : "6983");
    }
    // in the first operation, before anything is compared, the try goes or stays; in the second, behind the right PIN only, all come back or none
    const first = [`1: ${left - 1}`, `1: ${left}`];
    expect([...after].toSorted()).toEqual(right ? [...first, `2: ${left - 1}`, "2: 3"] : first);
  });

  test("guessing with cuts: never more comparisons than tries, whichever cut is used", () => {
    const start = withPin();
    const origin = start.snapshot();
    for (const cut of [...cuts(2), undefined]) {
      const element = newElement();
      element.restore(origin);
      let compared = 0;
      let last = 3;
      for (let guess = 0; guess < 40; guess++) {
        element.nvm.planCut(cut);
        const answer = send(element, verify(guess === 39 ? PIN : WRONG), "wired");
        const inFirst = cut !== undefined && ("before" in cut ? cut.before : cut.inside) === 1;
        if (answer !== "6983" && !(answer === "cut" && inFirst)) compared++;
        reset(element);
        const tries = triesOf(element);
        expect(tries).toBeLessThanOrEqual(last);
        last = tries;
      }
      expect(compared, JSON.stringify(cut)).toBeLessThanOrEqual(3);
    }
  });
});

/** What a holder and a terminal can see of a card. */
function seen(element: SecureElement): string[] {
  const kept = element.snapshot();
  reset(element);
  const found = [
    ...sendAll(element, [SELECT_CARD, "80CA9F1400", "80CA9F2300", TRIES, "80CA9F1300", "00B2011400"], "wired"),
    ...[PIN, NEW_PIN].map((pin) => send(element, verify(pin), "wired")),
  ];
  element.restore(kept);
  return found;
}

/** Script bits of the CVR in the next payment: carried out, received or failed. */
function scriptBits(element: SecureElement): readonly [done: number, flags: number] {
  const kept = element.snapshot();
  reset(element);
  const response = sendAll(element, [SELECT_CARD, GPO, generateAc("80")])[2]!;
  element.restore(kept);
  const cvr = /9F1012....(.{12})/.exec(response)?.[1];
  return cvr === undefined ? [-1, -1] : [parseInt(cvr[4]!, 16), parseInt(cvr.slice(8, 10), 16) & 0x03];
}

const RECORD = object("70", object("57", "5413330089601075D3012201") + object("5F28", "0840") + object("8C", CDOL1));
const CASES: readonly (readonly [string, (session: ScriptSession) => string])[] = [
  ["PUT DATA", ({ seal }) => seal("04DA9F14", "01")],
  ["UPDATE RECORD", ({ seal }) => seal("04DC0114", RECORD)],
  ["APPLICATION BLOCK", ({ seal }) => seal("841E0000")],
  ["CARD BLOCK", ({ seal }) => seal("84160000")],
  ["PIN UNBLOCK", ({ seal }) => seal("84240000")],
  ["PIN CHANGE", ({ seal, encipher }) => seal("84240002", encipher(NEW_PIN))],
  ["APPLICATION UNBLOCK", ({ seal }) => seal("84180000")],
];

describe.each([
  ["the card's first script", 0],
  ["the card's second script", 1],
])("%s", (_, earlier) => {
  test.each(CASES)("%s: done or not done, never half, and the issuer hears which", (name, make) => {
    const start = withPin(1);
    if (earlier > 0) expect(send(start, openScripts(start).seal("04DA9F23", "06"), "wired")).toBe("9000");
    if (name === "APPLICATION UNBLOCK") send(start, openScripts(start).seal("841E0000"), "wired");
    const before = seen(start);
    const [already] = scriptBits(start);
    const session = openScripts(start);
    const command = make(session);
    const open = start.snapshot();
    const operations = operationsOf(start, command);
    expect(operations).toBeGreaterThan(3);
    expect(send(start, command, "wired")).toBe("9000");
    const after = seen(start);
    expect(after).not.toEqual(before);

    const found = { old: 0, fresh: 0 };
    for (const cut of cuts(operations)) {
      const element = newElement();
      element.restore(open);
      element.nvm.planCut(cut);
      expect(send(element, command, "wired"), JSON.stringify(cut)).toBe("cut");
      reset(element);
      const now = seen(element);
      expect([before, after], JSON.stringify(cut)).toContainEqual(now);
      const done = now.join() === after.join();
      if (done) found.fresh++;
      else found.old++;
      const [count, flags] = scriptBits(element);
      if (count >= 0) {
        expect(count, JSON.stringify(cut)).toBe(already + (done ? 1 : 0));
        // carried out and received; or counted and failed; or not even counted
        expect(done ? [0x02] : already > 0 ? [0x02, 0x03] : [0x00, 0x03]).toContain(flags);
      }
      // the session is gone with the power, and the command with it
      expect(send(element, command, "wired")).toMatch(/^(6985|6882)$/); // 6882: nothing is selected that would know it
      if (now[0] === "6A81") continue;
      expect(send(element, make(openScripts(element)), "wired")).toBe("9000");
    }
    expect(found.old).toBeGreaterThan(9);
    expect(found.fresh).toBeGreaterThan(0);
  });
});

test("a wrong MAC is counted before it is looked at: no cut makes another try of it", () => {
  const start = withPin();
  const good = openScripts(start).seal("04DA9F14", "01");
  const bad = `${good.slice(0, -2)}${good.endsWith("00") ? "01" : "00"}`;
  const open = start.snapshot();
  for (const cut of cuts(operationsOf(start, bad))) {
    const element = newElement();
    element.restore(open);
    element.nvm.planCut(cut);
    expect(send(element, bad, "wired")).toBe("cut");
    reset(element);
    expect(send(element, good, "wired")).toBe("6985");
    expect(send(element, "80CA9F1400", "wired")).toBe("9F1401059000");
  }
});

test("the issuer's answer: counters, last online ATC and scripts reported, all of them or none", () => {
  const start = withPin();
  for (const amount of ["000000001000", "000000000234"])
    sendAll(start, [SELECT_CARD, GPO, generateAc("40", cdolData({ amount }))]);
  expect(send(start, openScripts(start).seal("84240000"), "wired")).toBe("9000");
  const { ac } = openScripts(start);
  const data = `${arpc(bytes(AC_KEY), ac, "0012")}00123030${"00".repeat(5)}${UN}`;
  const command = `80AE400015${data}00`;
  const open = start.snapshot();
  const operations = operationsOf(start, command);
  expect(operations).toBeGreaterThan(3);
  const states = new Set<string>();
  for (const cut of [...cuts(operations), undefined]) {
    const element = newElement();
    element.restore(open);
    element.nvm.planCut(cut);
    expect(send(element, command, "wired") === "cut").toBe(cut !== undefined);
    reset(element);
    const [, , response] = sendAll(element, [SELECT_CARD, GPO, generateAc("80")]);
    const [, cvr, counters] = /9F1012....(.{12})....(.{16})9000$/.exec(response!)!;
    states.add(`${cvr} ${counters}`);
    expect(send(element, command, "wired")).toBe("6985");
  }
  expect([...states].toSorted()).toEqual(["A00003220000 00040000000000FF", "A00013220200 000002000004D2FF"]);
});
