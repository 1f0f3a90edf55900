import { describe, expect, test } from "vitest";
import type { SecureElement } from "../../emulator/se/element.js";
import type { PowerCut } from "../../emulator/se/nvm.js";
import {
  crsStatus,
  selectCrs,
  setActivation,
  setPriority,
  switchContactless,
  updateContactless,
} from "../../src/protocols/gp/contactless-poller.js";
import type { ContactlessRequest } from "../../src/protocols/gp/contactless.js";
import {
  deleteObject,
  getData,
  install,
  personalize,
  selectDomain,
  setStatus,
  storeData,
  type SecuredCard,
} from "../../src/protocols/gp/poller.js";
import { hex, unhex } from "../../src/util/bytes.js";
import { CARD_AID, encodeGroupings, groupings, PPSE_NAME, send } from "../support/emulated-card.js";
import { ask, contactlessCard, open, PAYMENT_DOMAIN, SECOND_AID, THIRD_AID } from "../support/gp-card.js";

/*
 * The power goes before and inside every operation on the memory of a command that changes the contactless registry. Afterwards cards, their order, what a
 * reader sees and every counter are as before or as after, all of them together.
 */

const CARDS = [CARD_AID, SECOND_AID, THIRD_AID];
const NEW = "A000000999010203";

const listed = (aid: string): ContactlessRequest => ({
  crel: [unhex(PPSE_NAME)],
  family: unhex("20"),
  discretionary: unhex(aid.length === 14 ? `BF0C0E610C4F07${aid}870101` : `BF0C10610E4F09${aid.padEnd(18, "0")}870101`),
});

function domain(element: SecureElement, aid?: Uint8Array): SecuredCard {
  ask(element, selectDomain(aid));
  return open(element).channel;
}

interface Case {
  readonly name: string;
  /** Everything up to the command. */
  readonly prepare: (element: SecureElement) => () => void;
}

const crs =
  (command: () => Parameters<typeof ask>[1]): Case["prepare"] =>
  (element) => {
    ask(element, selectCrs());
    return () => void ask(element, command());
  };

const CASES: readonly Case[] = [
  { name: "deactivation of two cards", prepare: crs(() => setActivation([CARD_AID, THIRD_AID].map(unhex), false)) },
  {
    name: "activation of the CRS application itself",
    prepare: crs(() => setActivation([unhex("A00000015143525300")], true)),
  },
  { name: "a new order of selection", prepare: crs(() => setPriority([THIRD_AID, SECOND_AID].map(unhex))) },
  { name: "the interface switched off", prepare: crs(() => switchContactless(false)) },
  {
    name: "INSTALL with contactless parameters",
    prepare: (element) => {
      const channel = domain(element);
      const loadFile = unhex("F0544150424D43484950");
      const module = unhex("F0544150424D434849502E41");
      return () =>
        ask(element, install(channel, { loadFile, module, application: unhex(NEW), contactless: listed(NEW) }));
    },
  },
  {
    name: "INSTALL [for registry update]",
    prepare: (element) => {
      const channel = domain(element, PAYMENT_DOMAIN);
      const request = { ...listed(SECOND_AID), activated: false, restricted: [unhex(CARD_AID)] };
      return () => ask(element, updateContactless(channel, unhex(SECOND_AID), request));
    },
  },
  {
    name: "a lock, which deactivates",
    prepare: (element) => {
      const channel = domain(element);
      return () => ask(element, setStatus(channel, "application", 0x80, unhex(CARD_AID)));
    },
  },
  {
    name: "DELETE of a card that is in the order",
    prepare: (element) => {
      const channel = domain(element);
      return () => ask(element, deleteObject(channel, unhex(CARD_AID)));
    },
  },
];

/** Three cards; the second is told of last, and not by these cases' parameters. */
function start(): SecureElement {
  const element = contactlessCard();
  for (const aid of CARDS) {
    const channel = domain(element, PAYMENT_DOMAIN);
    ask(element, personalize(channel, unhex(aid)));
    ask(element, storeData(channel, unhex(encodeGroupings(groupings())), "dgi"));
    if (aid !== SECOND_AID) ask(element, updateContactless(channel, unhex(aid), listed(aid)));
  }
  ask(element, selectCrs());
  ask(element, setPriority([unhex(SECOND_AID)]));
  element.powerOff("wired");
  return element;
}

/** All that can be seen, free memory included. */
function seen(element: SecureElement): string {
  element.powerOff("wired");
  element.powerOff("contactless");
  const crsSays = ask(element, selectCrs());
  const entries = ask(element, crsStatus()).map((entry) => [
    hex(entry.aid),
    entry.lifeCycle,
    [...entry.objects].map(([tag, value]) => `${tag}:${hex(value)}`),
  ]);
  element.powerOff("wired");
  const air = [PPSE_NAME, ...CARDS, NEW].map((aid) =>
    send(element, `00A40400${(aid.length / 2).toString(16).padStart(2, "0")}${aid}00`),
  );
  element.powerOff("contactless");
  const free = hex(ask(element, getData(undefined, 0xff21)) ?? unhex(""));
  element.powerOff("wired");
  return JSON.stringify([crsSays, entries, air, free, element.contactlessOn]);
}

function attempt(act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (error instanceof Error && error.message === "the power was cut") return false;
    throw error;
  }
}

describe.each(CASES)("$name", ({ prepare }) => {
  const element = start();
  const fresh = element.snapshot();
  const before = seen(element);
  element.restore(fresh);
  const act = prepare(element);
  const first = element.nvm.operations;
  act();
  const operations = element.nvm.operations - first;
  const after = seen(element);

  test("does something to the memory", () => {
    expect(operations).toBeGreaterThan(0);
    expect(after).not.toBe(before);
  });

  const cuts: PowerCut[] = Array.from({ length: operations }, (_, i) => i + 1).flatMap((n) => [
    { before: n },
    { inside: n, kept: 0 },
    { inside: n, kept: 1 },
    { inside: n, kept: 7 },
    { inside: n, kept: 63 },
  ]);

  test(`is whole or did not happen, wherever the power goes in its ${operations} operations`, () => {
    const found = new Set<string>();
    for (const cut of cuts) {
      element.restore(fresh);
      const again = prepare(element);
      element.nvm.planCut(cut);
      expect(attempt(again), JSON.stringify(cut)).toBe(false);
      const now = seen(element);
      expect([before, after], JSON.stringify(cut)).toContain(now);
      found.add(now);
    }
    // Somewhere in it the change is made: both are seen.
    expect(found.size).toBe(2);
  });
});
