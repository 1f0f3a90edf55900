import { performance } from "node:perf_hooks";
import type { SecureElement } from "../../emulator/se/element.js";
import { aesKey } from "../../src/crypto/aes.js";
import { padOne } from "../../src/crypto/padding.js";
import { getStatus, personalize, selectDomain, storeData, type SecuredCard } from "../../src/protocols/gp/poller.js";
import { unhex } from "../../src/util/bytes.js";
import { seededRandom } from "../../src/util/random.js";
import {
  CARD_AID,
  encodeGroupings,
  generateAc,
  GPO,
  groupings,
  object,
  SELECT_CARD,
  send,
} from "../support/emulated-card.js";
import { ask, gpCard, open, PAYMENT_DOMAIN } from "../support/gp-card.js";
import { median } from "./measure.js";

/** STORE DATA blocks of one personalisation. */
export const BLOCKS = 40;
const LEVEL = 0x33;
/** Rounds that the compiler needs before it has seen everything often. */
const WARM_UP = 1000;

const micros = (work: () => void): number => {
  const start = performance.now();
  work();
  return (performance.now() - start) * 1000;
};

/**
 * Microseconds a STORE DATA block of a personalisation of 40 over the wired interface, SCP03 level 33: off-card and on-card end, and with the last
 * block the applet's checks and the memory's journal. The median of each block over all rounds, and the mean of the 40: a round is long enough
 * that a busy machine interrupts it. Beside it the AES operations of both ends alone, measured in the same way.
 */
export function measurePersonalisation(seconds: number): { blockMicros: number; aesMicros: number } {
  const element = gpCard({}, { nvmBytes: 81_920 });
  const fresh = element.snapshot();
  const data = personalisationOf(session(element, fresh).room);
  const aes = aesOfOneBlock(data.length / BLOCKS);
  const blocks = Array.from({ length: BLOCKS }, (): number[] => []);
  const alone: number[] = [];
  repeat(seconds, (counts) => {
    const card = session(element, fresh);
    ask(element, personalize(card, unhex(CARD_AID)));
    const took: number[] = [];
    ask(element, storeData(timed(card, took), data, "dgi"));
    for (let i = 0; i < BLOCKS; i++) {
      const tookAes = micros(aes);
      if (!counts) continue;
      blocks[i]!.push(took[i]!);
      alone.push(tookAes);
    }
  });
  return {
    blockMicros: blocks.reduce((sum, each) => sum + median(each), 0) / BLOCKS,
    aesMicros: median(alone),
  };
}

/** Notes how long each command takes, from the plain command to the plain answer. */
const timed = (card: SecuredCard, took: number[]): SecuredCard => ({
  ...card,
  *send(command) {
    const start = performance.now();
    const answer = yield* card.send(command);
    took.push((performance.now() - start) * 1000);
    return answer;
  },
});

/** Milliseconds to select the issuer's domain, open a session of level 33 and list all of the registry. Median. */
export function measureListing(seconds: number): number {
  const element = gpCard({}, { nvmBytes: 81_920 });
  const fresh = element.snapshot();
  const millis: number[] = [];
  repeat(seconds, (counts) => {
    element.restore(fresh);
    let entries = 0;
    const took = micros(() => {
      ask(element, selectDomain());
      const { channel } = open(element, LEVEL);
      for (const scope of ["issuerDomain", "applications", "loadFilesAndModules"] as const)
        entries += ask(element, getStatus(channel, scope)).length;
    });
    if (entries < 6) throw new Error(`the registry has ${entries} entries only`);
    if (counts) millis.push(took / 1000);
  });
  return median(millis);
}

function repeat(seconds: number, once: (counts: boolean) => void): void {
  const warmUp = seconds < 1 ? 1 : WARM_UP;
  for (let i = 0; i < warmUp; i++) once(false);
  const end = performance.now() + seconds * 1000;
  do once(true);
  while (performance.now() < end);
}

function session(element: SecureElement, fresh: ReturnType<SecureElement["snapshot"]>): SecuredCard {
  element.restore(fresh);
  ask(element, selectDomain(PAYMENT_DOMAIN));
  return open(element, LEVEL).channel;
}

/** Writes that the page written most takes for an offline payment, and payments after which it has had what it endures by default. */
export function measureWear(): { hottestPageWritesPerPayment: number; paymentsUntilWorn: number } {
  const endurance = 100_000;
  const element = gpCard({}, { nvmBytes: 81_920, cells: { writeBytes: 4, eraseBytes: 4, endurance } });
  const card = session(element, element.snapshot());
  ask(element, personalize(card, unhex(CARD_AID)));
  ask(element, storeData(card, unhex(encodeGroupings(groupings())), "dgi"));
  const { nvm } = element;
  const pages = Array.from({ length: nvm.size / nvm.pageBytes }, (_, page) => page);
  const before = pages.map((page) => nvm.cyclesOf(page));
  const payments = 320; // the journal's ring twenty times
  for (let payment = 0; payment < payments; payment++) {
    element.powerOff("contactless");
    for (const apdu of [SELECT_CARD, GPO]) send(element, apdu);
    if (!send(element, generateAc("40")).endsWith("9000")) throw new Error("the payment was refused");
  }
  const each = Math.max(...pages.map((page) => nvm.cyclesOf(page) - before[page]!)) / payments;
  return { hottestPageWritesPerPayment: each, paymentsUntilWorn: endurance / each };
}

/** A whole card and as many records as fill the blocks. */
function personalisationOf(room: number): Uint8Array {
  const wanted = BLOCKS * room;
  let all = groupings();
  const length = (): number => encodeGroupings(all).length / 2;
  for (let record = 1; ; record++) {
    const left = wanted - length();
    // DGI and length 3, 70 and 81 and length 3, DF20 and 81 and length 4
    const bytes = Math.min(200, left - 12);
    if (bytes < 128) break;
    all = { ...all, [`03${record.toString(16).padStart(2, "0")}`]: object("70", object("DF20", "00".repeat(bytes))) };
  }
  if (Math.ceil(length() / room) !== BLOCKS) throw new Error(`the personalisation has ${length()} bytes`);
  return unhex(encodeGroupings(all));
}

/** Command: initial vector, encryption, MAC at one end, MAC, initial vector, decryption at the other. Response: a MAC at both. */
function aesOfOneBlock(bytes: number): () => void {
  const random = seededRandom("bench/aes");
  const [enc, mac, rmac] = ["enc", "mac", "rmac"].map(() => aesKey(random.bytes(16))) as [
    ReturnType<typeof aesKey>,
    ReturnType<typeof aesKey>,
    ReturnType<typeof aesKey>,
  ];
  const clear = padOne(random.bytes(Math.floor(bytes)), 16);
  const head = random.bytes(5);
  const counter = random.bytes(16);
  const chain = random.bytes(16);
  const sw = random.bytes(2);
  return () => {
    const sent = enc.encryptCbc(clear, enc.encrypt(counter));
    mac.cmac(chain, head, sent);
    mac.cmac(chain, head, sent);
    enc.decryptCbc(sent, enc.encrypt(counter));
    rmac.cmac(chain, sw);
    rmac.cmac(chain, sw);
  };
}
