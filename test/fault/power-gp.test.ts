import { describe, expect, test } from "vitest";
import type { PowerCut } from "../../emulator/se/nvm.js";
import type { SecureElement } from "../../emulator/se/element.js";
import {
  deleteKeys,
  deleteObject,
  getData,
  getStatus,
  install,
  load,
  personalize,
  putKeys,
  selectDomain,
  setStatus,
  storeData,
  type KeySet,
  type SecuredCard,
} from "../../src/protocols/gp/poller.js";
import { hex, unhex } from "../../src/util/bytes.js";
import { CARD_AID, encodeGroupings, groupings, PPSE_NAME, SELECT_CARD, send } from "../support/emulated-card.js";
import { ask, gpCard, ISSUER_DOMAIN, lv, open, PAYMENT_DOMAIN, secured, TEST_KEYS } from "../support/gp-card.js";

/*
 * The power goes before and inside every operation on the memory of a management command. Afterwards the card is as it was before the command or as
 * it is after it, its keys work, and its memory adds up to the byte.
 */

const PACKAGE = unhex("F05441504250505345");
const MODULE = unhex("F054415042505053452E41");
const APPLICATION = unhex("A000000999010203");
const NEXT: KeySet = {
  kind: "aes",
  enc: unhex("11".repeat(16)),
  mac: unhex("22".repeat(16)),
  dek: unhex("33".repeat(16)),
};

interface Case {
  readonly name: string;
  readonly domain?: Uint8Array;
  /** What the card is like first. */
  readonly before?: (element: SecureElement, card: SecuredCard) => void;
  readonly act: (element: SecureElement, card: SecuredCard) => void;
  /** The issuer domain's keys once it has happened. */
  readonly keysAfter?: KeySet;
}

const CASES: readonly Case[] = [
  {
    name: "INSTALL",
    act: (element, card) =>
      ask(element, install(card, { loadFile: PACKAGE, module: MODULE, application: APPLICATION })),
  },
  {
    name: "DELETE of an application with data",
    before: personalised,
    act: (element, card) => ask(element, deleteObject(card, unhex(CARD_AID))),
  },
  {
    name: "DELETE of a load file and what was made from it",
    act: (element, card) => ask(element, deleteObject(card, PACKAGE, true)),
  },
  {
    name: "LOAD",
    before: (element, card) => ask(element, deleteObject(card, PACKAGE, true)),
    act: (element, card) => ask(element, load(card, PACKAGE, ISSUER_DOMAIN, new Uint8Array(300))),
  },
  {
    name: "PUT KEY of a new version",
    act: (element, card) => ask(element, putKeys(card, NEXT, 0x41)),
  },
  {
    name: "PUT KEY in place of a version",
    act: (element, card) => ask(element, putKeys(card, NEXT, 0x32, 0x30)),
    keysAfter: NEXT,
  },
  {
    name: "DELETE of a key version",
    before: (element, card) => ask(element, putKeys(card, NEXT, 0x41)),
    act: (element, card) => ask(element, deleteKeys(card, 0x41)),
  },
  {
    name: "SET STATUS of an application",
    act: (element, card) => ask(element, setStatus(card, "application", 0x80, unhex(CARD_AID))),
  },
  { name: "SET STATUS of the card", act: (element, card) => ask(element, setStatus(card, "card", 0x7f)) },
  {
    name: "STORE DATA to an application",
    domain: PAYMENT_DOMAIN,
    act: (element, card) => {
      ask(element, personalize(card, unhex(CARD_AID)));
      ask(element, storeData(card, unhex(encodeGroupings(groupings())), "dgi"));
    },
  },
  {
    name: "STORE DATA to an application, its keys enciphered",
    domain: PAYMENT_DOMAIN,
    act: (element, card) => {
      ask(element, personalize(card, unhex(CARD_AID)));
      const { "8000": keys, ...rest } = groupings();
      const secret = `8000${lv(hex(card.protect(unhex(keys!))))}`;
      does(element, card, `80E20800${lv(encodeGroupings(rest))}`);
      does(element, card, `80E2E801${lv(secret)}`);
    },
  },
  {
    name: "INSTALL of what takes a privilege from the issuer's domain",
    act: (element, card) => does(element, card, installed("000200")),
  },
  {
    name: "DELETE of what gives a privilege back to it",
    before: (element, card) => does(element, card, installed("000200")),
    act: (element, card) => ask(element, deleteObject(card, APPLICATION)),
  },
  {
    name: "INSTALL [for load, install and make selectable]",
    before: (element, card) => ask(element, deleteObject(card, PACKAGE, true)),
    act: (element, card) => {
      does(element, card, `80E60E01${lv(`${lv(hex(PACKAGE))}00000000`)}`);
      does(element, card, `80E88000${lv("C40101")}`);
      does(element, card, installed("00").replace("80E60C00", "80E60E03"));
    },
  },
  {
    name: "INSTALL [for extradition]",
    act: (element, card) => does(element, card, `80E61000${lv(`${lv("A000000151000000")}00${lv(CARD_AID)}000000`)}`),
  },
  {
    name: "INSTALL [for registry update]",
    act: (element, card) => does(element, card, `80E64000${lv(`0000${lv(CARD_AID)}${lv("000200")}0000`)}`),
  },
  {
    name: "SET STATUS of a domain and its applications",
    act: (element, card) => does(element, card, `80F06080${lv(hex(PAYMENT_DOMAIN))}`),
  },
  {
    name: "SET STATUS of a domain and its applications, back",
    before: (element, card) => does(element, card, `80F06080${lv(hex(PAYMENT_DOMAIN))}`),
    act: (element, card) => does(element, card, `80F06000${lv(hex(PAYMENT_DOMAIN))}`),
  },
  {
    name: "STORE DATA of the domain's own in a grouping",
    act: (element, card) => does(element, card, `80E28800${lv(`0070${lv("4203112233450401020304")}`)}`),
  },
  {
    name: "STORE DATA of the domain's own",
    act: (element, card) => ask(element, storeData(card, unhex("4203112233"), "berTlv")),
  },
];

/** INSTALL [for install and make selectable] of the directory's class, with privileges. */
const installed = (privileges: string): string =>
  `80E60C00${lv([hex(PACKAGE), hex(MODULE), hex(APPLICATION), privileges, "C900", ""].map(lv).join(""))}`;

function does(element: SecureElement, card: SecuredCard, command: string): void {
  const answer = secured(element, card, command);
  if (!answer.endsWith("9000")) throw new Error(`${command} is ${answer}`);
}

function personalised(element: SecureElement): void {
  ask(element, selectDomain(PAYMENT_DOMAIN));
  const { channel } = open(element);
  ask(element, personalize(channel, unhex(CARD_AID)));
  ask(element, storeData(channel, unhex(encodeGroupings(groupings())), "dgi"));
}

/** All that can be seen of the card, free memory included. The session itself moves counters, which are not part of it. */
function seen(element: SecureElement, after?: KeySet): string {
  element.powerOff("wired");
  element.powerOff("contactless");
  const info = send(element, "80CA00E000", "wired");
  const keys = after && info.includes("32") ? after : TEST_KEYS;
  const { channel } = open(element, 0x33, keys);
  const lists = (["issuerDomain", "applications", "loadFilesAndModules"] as const).map((scope) =>
    ask(element, getStatus(channel, scope)).map(
      ({ aid, lifeCycle, privileges, domain }) =>
        `${hex(aid)}:${lifeCycle}:${[...(privileges ?? [])].join()}:${domain ? hex(domain) : ""}`,
    ),
  );
  const free = hex(ask(element, getData(channel, 0xff21))!);
  const own = ask(element, getData(channel, 0x42));
  element.powerOff("wired");
  const air = [SELECT_CARD, `00A404000E${PPSE_NAME}00`].map((apdu) => send(element, apdu));
  return JSON.stringify([info, lists, free, own && hex(own), air]);
}

function attempt(element: SecureElement, { act, domain }: Case): boolean {
  ask(element, selectDomain(domain));
  const { channel } = open(element);
  try {
    act(element, channel);
    return true;
  } catch (error) {
    if (error instanceof Error && error.message === "the power was cut") return false;
    throw error;
  }
}

describe.each(CASES)("$name", (each) => {
  const element = gpCard();
  if (each.before) {
    const { channel } = open(element);
    each.before(element, channel);
    element.powerOff("wired");
  }
  const start = element.snapshot();
  const before = seen(element, each.keysAfter);
  element.restore(start);
  ask(element, selectDomain(each.domain));
  const session = element.nvm.operations;
  open(element);
  const opening = element.nvm.operations - session;
  element.restore(start);
  const first = element.nvm.operations;
  attempt(element, each);
  const operations = element.nvm.operations - first - opening;
  const after = seen(element, each.keysAfter);

  test("does something to the memory", () => {
    expect(operations).toBeGreaterThan(0);
    expect(after).not.toBe(before);
  });

  const cuts: PowerCut[] = Array.from({ length: operations }, (_, i) => i + 1).flatMap((n) => [
    { before: opening + n },
    { inside: opening + n, kept: 0 },
    { inside: opening + n, kept: 1 },
    { inside: opening + n, kept: 7 },
    { inside: opening + n, kept: 63 },
  ]);

  test(`is whole or did not happen, wherever the power goes in its ${operations} operations`, () => {
    for (const cut of cuts) {
      element.restore(start);
      element.powerOff("wired");
      element.nvm.planCut(cut);
      expect(attempt(element, each), JSON.stringify(cut)).toBe(false);
      const now = seen(element, each.keysAfter);
      expect([before, after], JSON.stringify(cut)).toContain(now);
    }
  });
});
