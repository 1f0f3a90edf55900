import { describe, expect, test } from "vitest";
import type { SecureElement } from "../../../emulator/se/element.js";
import { VerifiedMemory } from "../../../emulator/se/verified-memory.js";
import {
  deleteKeys,
  deleteObject,
  getData,
  install,
  personalize,
  putKeys,
  selectDomain,
  storeData,
  type KeySet,
  type SecuredCard,
} from "../../../src/protocols/gp/poller.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import {
  CARD_AID,
  encodeGroupings,
  generateAc,
  GPO,
  groupings,
  object,
  SELECT_CARD,
  send,
} from "../../support/emulated-card.js";
import { ask, gpCard, open, PAYMENT_DOMAIN } from "../../support/gp-card.js";

/*
 * An element that is used for long: its free memory adds up to the byte, its pieces stay together, and no page wears out before its time.
 */

const PACKAGE = unhex("F0544150424D43484950");
const APPLICATION = unhex("A000000999010203");
const ENDURANCE = 100_000;
const SOAK = Number(process.env["TAPBENCH_SOAK"] ?? 0);
const CYCLES = SOAK * 1_000 || 200;
const PAYMENTS = SOAK * 1_000 || 200;
const TIMEOUT = 300_000;

const CELLS = { writeBytes: 4, eraseBytes: 4, endurance: ENDURANCE };
const element = (): SecureElement => gpCard({}, { nvmBytes: 32_768, cells: CELLS });
const free = (card: SecureElement, channel?: SecuredCard): string => hex(ask(card, getData(channel, 0xff21))!);
const hottest = ({ nvm }: SecureElement): number =>
  Math.max(...Array.from({ length: nvm.size / nvm.pageBytes }, (_, page) => nvm.cyclesOf(page)));
const spares = ({ nvm }: SecureElement): number => new VerifiedMemory(nvm).spares;

const moduleOf = (): Uint8Array => unhex("F0544150424D434849502E41");
const keys = (fill: string): KeySet => ({
  kind: "aes",
  enc: unhex(fill.repeat(16)),
  mac: unhex(fill.repeat(16)),
  dek: unhex(fill.repeat(16)),
});

test(
  `soak: ${CYCLES} installations and deletions, of keys too, leave the memory as it was`,
  () => {
    const card = element();
    const before = free(card);
    const start = hottest(card);
    const all = spares(card);
    const full = new Set<string>();
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      ask(card, selectDomain());
      const { channel } = open(card);
      // of a length that changes, so that holes do not fit by chance
      const parameters = new Uint8Array(cycle % 60);
      ask(card, install(channel, { loadFile: PACKAGE, module: moduleOf(), application: APPLICATION, parameters }));
      ask(card, personalize(channel, APPLICATION));
      const records = { "0202": object("70", object("DF20", "00".repeat(1 + ((cycle * 13) % 100)))) };
      ask(card, storeData(channel, unhex(encodeGroupings({ ...groupings(), ...records })), "dgi"));
      ask(card, putKeys(channel, keys("11"), 0x41));
      full.add(free(card, channel));
      ask(card, deleteKeys(channel, 0x41));
      ask(card, deleteObject(channel, APPLICATION));
      expect(free(card, channel), `cycle ${cycle}`).toBe(before);
      card.powerOff("wired");
    }
    expect(full).not.toContain(before);
    const worst = (hottest(card) - start) / CYCLES;
    expect(worst).toBeLessThan(ENDURANCE / 10_000); // so that 10,000 cycles wear nothing out
    expect(spares(card)).toBe(all);
  },
  TIMEOUT,
);

test(
  `soak: ${PAYMENTS} offline payments wear no page more than once each`,
  () => {
    const card = element();
    ask(card, selectDomain(PAYMENT_DOMAIN));
    const { channel } = open(card);
    ask(card, personalize(channel, unhex(CARD_AID)));
    ask(card, storeData(channel, unhex(encodeGroupings(groupings())), "dgi"));
    const start = hottest(card);
    for (let payment = 0; payment < PAYMENTS; payment++) {
      send(card, SELECT_CARD);
      send(card, GPO);
      expect(send(card, generateAc("40")).slice(-4)).toBe("9000");
      card.powerOff("contactless");
    }
    const each = (hottest(card) - start) / PAYMENTS;
    expect(each).toBeLessThanOrEqual(1.05); // more only until things have found their places
    // the transaction counter ends before the memory does
    expect(ENDURANCE / each).toBeGreaterThan(0xffff);
  },
  TIMEOUT,
);

describe("a full memory", () => {
  test("refuses an installation with 6A84 and is as it was; with something deleted it is used again", () => {
    const card = element();
    ask(card, selectDomain());
    const { channel } = open(card);
    const applications: Uint8Array[] = [];
    const made = (number: number): Uint8Array => Uint8Array.of(...APPLICATION, number);
    const add = (): void => {
      const application = made(applications.length);
      ask(card, install(channel, { loadFile: PACKAGE, module: moduleOf(), application }));
      applications.push(application);
    };
    let last = "";
    const fill = (): void => {
      for (;;) {
        last = free(card, channel);
        add();
      }
    };
    expect(fill).toThrow(
      expect.objectContaining({ code: "gp/refused", message: expect.stringContaining("6A84") as unknown }),
    );
    expect(applications.length).toBeGreaterThan(20);
    card.powerOff("wired");
    ask(card, selectDomain());
    expect(free(card)).toBe(last);
    const again = open(card).channel;
    ask(card, deleteObject(again, applications[3]!));
    ask(card, install(again, { loadFile: PACKAGE, module: moduleOf(), application: applications[3]! }));
    expect(free(card, again)).toBe(last);
  });
});
