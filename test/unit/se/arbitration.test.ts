import { beforeAll, describe, expect, test } from "vitest";
import { EmulatedDevice, type DeviceOptions, type DeviceSnapshot } from "../../../emulator/device.js";
import { Air } from "../../../emulator/rf/air.js";
import { Arbiter } from "../../../emulator/se/arbitration.js";
import { Sim } from "../../../emulator/sim/sim.js";
import { openBench } from "../../../src/bench/bench.js";
import { domainOwners } from "../../../src/bench/provisioning.js";
import type { DeviceProfile } from "../../../src/profiles/types.js";
import { deleteObject, getStatus, personalize, selectDomain, storeData } from "../../../src/protocols/gp/poller.js";
import { selectCrs, switchContactless } from "../../../src/protocols/gp/contactless-poller.js";
import { activateTypeA, type ActivatedCard } from "../../../src/protocols/iso14443/poller.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { converseSync } from "../../../src/util/converse.js";
import { seededRandom } from "../../../src/util/random.js";
import { CARD_AID, encodeGroupings, groupings, PPSE_NAME, send } from "../../support/emulated-card.js";
import { ask, contactlessCard, open, PAYMENT_DOMAIN, SECOND_AID } from "../../support/gp-card.js";

/*
 * Two interfaces, one processor. The rules of selection are those of the Java Card Runtime Environment Specification 2.2.2, 4.5.2 and 3.6.1; the order
 * of waiting is chosen, and said where it is made.
 */

const MS = 1_000_000;
const SELECT_CARD = `00A4040007${CARD_AID}00`;
const SELECT_SECOND = `00A4040007${SECOND_AID}00`;
const SELECT_PPSE = `00A404000E${PPSE_NAME}00`;
const SELECT_CRS = "00A4040009A0000001514352530000";
const GET_ATC = "80CA9F3600";

describe("the arbiter", () => {
  function arbiter() {
    const clock = { now: 0 };
    return { clock, of: new Arbiter(() => clock.now) };
  }

  test("lets those who come later wait for all before them", () => {
    const { clock, of } = arbiter();
    expect(of.enter("contactless", 100)).toBe(0);
    clock.now = 30;
    expect(of.enter("wired", 50)).toBe(70);
    clock.now = 40;
    // behind both: until 150
    expect(of.enter("wired", 10)).toBe(110);
    clock.now = 160;
    expect(of.enter("contactless", 10)).toBe(0);
  });

  test("is free when those who had it have left", () => {
    const { clock, of } = arbiter();
    of.enter("contactless", 100);
    clock.now = 30;
    of.leave("wired");
    expect(of.enter("wired", 5)).toBe(70);
    of.leave("wired");
    of.leave("contactless");
    expect(of.enter("wired", 5)).toBe(0);
  });

  test("without a clock has nobody wait", () => {
    const of = new Arbiter(undefined);
    of.enter("contactless", 100);
    expect(of.enter("wired", 100)).toBe(0);
  });
});

describe("an element with two interfaces", () => {
  function personalised() {
    const clock = { now: 0 };
    const element = contactlessCard({ now: () => clock.now });
    for (const aid of [CARD_AID, SECOND_AID]) {
      ask(element, selectDomain(PAYMENT_DOMAIN));
      const { channel } = open(element);
      ask(element, personalize(channel, unhex(aid)));
      ask(element, storeData(channel, unhex(encodeGroupings(groupings())), "dgi"));
    }
    element.powerOff("wired");
    return { element, clock };
  }
  const took = (element: ReturnType<typeof personalised>["element"], apdu: string, via: "wired" | "contactless") =>
    element.process(unhex(apdu), via)!.took;

  test("answers one command after another, whichever interface it comes over", () => {
    const { element, clock } = personalised();
    const alone = took(element, SELECT_CRS, "wired");
    clock.now = 1_000 * MS;
    element.delay = 100 * MS;
    const first = took(element, SELECT_CARD, "contactless");
    element.delay = 0;
    expect(first).toBeGreaterThan(100 * MS);
    clock.now += 40 * MS;
    expect(took(element, SELECT_CRS, "wired")).toBe(alone + first - 40 * MS);
    clock.now += 1_000 * MS;
    expect(took(element, SELECT_CRS, "wired")).toBe(alone);
  });

  test("does not finish for a field that has gone", () => {
    const { element, clock } = personalised();
    const alone = took(element, SELECT_CRS, "wired");
    clock.now = 1_000 * MS;
    element.delay = 100 * MS;
    took(element, SELECT_CARD, "contactless");
    element.delay = 0;
    clock.now += 40 * MS;
    element.powerOff("contactless");
    expect(took(element, SELECT_CRS, "wired")).toBe(alone);
  });

  test("has a payment application, and those of its package, on one channel only: 6985", () => {
    const { element } = personalised();
    expect(send(element, SELECT_CARD).slice(-4)).toBe("9000");
    expect(send(element, SELECT_CARD, "wired")).toBe("6985");
    expect(send(element, SELECT_SECOND, "wired")).toBe("6985");
    // Who had it, has it, and may select again or another.
    expect(send(element, GET_ATC)).toBe("9F360200009000");
    expect(send(element, SELECT_SECOND).slice(-4)).toBe("9000");
    expect(send(element, SELECT_CARD).slice(-4)).toBe("9000");
    element.powerOff("contactless");
    expect(send(element, SELECT_CARD, "wired").slice(-4)).toBe("9000");
    // Nor on two logical channels of one interface.
    expect(send(element, "0070000001", "wired")).toBe("019000");
    expect(send(element, `01${SELECT_SECOND.slice(2)}`, "wired")).toBe("6985");
    expect(send(element, SELECT_SECOND)).toBe("6985");
    // Another application on the channel frees it.
    send(element, SELECT_CRS, "wired");
    expect(send(element, SELECT_SECOND).slice(-4)).toBe("9000");
  });

  test("has domains, directory and registry on several", () => {
    const { element } = personalised();
    for (const apdu of [SELECT_PPSE, SELECT_CRS, "00A4040000"]) {
      expect(send(element, apdu, "wired").slice(-4)).toBe("9000");
      send(element, "0070000101", "wired");
      expect(send(element, `01${apdu.slice(2)}`, "wired").slice(-4)).toBe("9000");
    }
    expect(send(element, "00A4040000").slice(-4)).toBe("9000");
  });

  test("keeps a secure channel through an activation, a tap and the loss of the field", () => {
    const { element } = personalised();
    ask(element, selectDomain());
    const { channel } = open(element);
    element.powerOff("contactless");
    expect(send(element, SELECT_CARD).slice(-4)).toBe("9000");
    expect(ask(element, getStatus(channel, "applications"))).toHaveLength(6);
    expect(send(element, GET_ATC)).toBe("9F360200009000");
    element.powerOff("contactless");
    expect(ask(element, getStatus(channel, "applications"))).toHaveLength(6);
  });

  test("forgets nothing of a tap when the wired interface is reset", () => {
    const { element } = personalised();
    send(element, SELECT_CARD);
    ask(element, selectDomain());
    open(element);
    element.powerOff("wired");
    expect(send(element, GET_ATC)).toBe("9F360200009000");
    // and nothing of the session is left
    expect(send(element, "80F28002024F0000", "wired")).toBe("6982");
  });

  test("does not delete what is selected elsewhere", () => {
    const { element } = personalised();
    send(element, SELECT_CARD);
    ask(element, selectDomain());
    const { channel } = open(element);
    const removal = () => ask(element, deleteObject(channel, unhex(CARD_AID)));
    expect(removal).toThrow(expect.objectContaining({ message: expect.stringContaining("6985") as unknown }));
    expect(() => ask(element, deleteObject(channel, unhex("F0544150424D43484950"), true))).toThrow(
      expect.objectContaining({ message: expect.stringContaining("6985") as unknown }),
    );
    element.powerOff("contactless");
    removal();
    expect(send(element, SELECT_CARD)).toBe("6A82");
  });
});

describe("a band in a field", () => {
  let profile: DeviceProfile;
  let snapshot: DeviceSnapshot;
  let owned: DeviceOptions;
  beforeAll(async () => {
    const bench = await openBench({ seed: "arbitration" });
    const device = await bench.open("emu:band-s1");
    await bench.provision(device, "k2-credit");
    ({ profile } = device);
    owned = { keysFor: (await domainOwners(profile))?.keysFor };
    snapshot = device.emulated.snapshot();
  });

  function inField() {
    const sim = new Sim();
    const device = new EmulatedDevice(profile, sim, seededRandom("arbitration"), owned);
    device.restore(snapshot);
    const air = new Air(sim, { frameDelay: 500_000 });
    air.place(device.picc);
    air.powerOn();
    return { sim, device, air };
  }
  const activate = (air: Air): ActivatedCard => converseSync(activateTypeA({ fsdi: 8, maxRate: 1, retries: 2 }), air);
  const tell = (air: Air, card: ActivatedCard, apdu: string): string =>
    hex(converseSync(card.link.exchange(unhex(apdu)), air).answer);

  test("waits for what its own controller has the element do, and asks the reader for time", () => {
    const { sim, device, air } = inField();
    const card = activate(air);
    const start = sim.now;
    tell(air, card, SELECT_PPSE);
    const usual = sim.now - start;
    device.element.delay = 400 * MS;
    expect(device.element.process(unhex(SELECT_CRS), "wired")!.took).toBeGreaterThan(400 * MS);
    device.element.delay = 0;
    const late = sim.now;
    const frames = air.frames;
    expect(tell(air, card, SELECT_PPSE).slice(-4)).toBe("9000");
    expect(sim.now - late).toBeGreaterThan(400 * MS);
    // command, answer, and at least one request for more time with its answer
    expect(air.frames - frames).toBeGreaterThanOrEqual(4);
    expect(usual).toBeLessThan(100 * MS);
    // less what went by while the command was in the air
    expect(device.lastCompute).toBeGreaterThan(390 * MS);
  });

  test("makes its own controller wait for the reader's command", () => {
    const { sim, device, air } = inField();
    activate(air);
    const alone = device.wired(unhex(SELECT_CRS)).took;
    device.element.delay = 50 * MS;
    const { took } = device.element.process(unhex(SELECT_PPSE), "contactless")!;
    device.element.delay = 0;
    const start = sim.now;
    expect(device.wired(unhex(SELECT_CRS)).took).toBe(took + alone);
    expect(sim.now - start).toBe(took + alone);
  });

  test("is not there for a reader while its contactless interface is switched off", () => {
    const { device, air } = inField();
    air.powerOff();
    ask(device.element, selectCrs());
    ask(device.element, switchContactless(false));
    air.powerOn();
    expect(() => activate(air)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^iso14443\//) as unknown }),
    );
    air.powerOff();
    ask(device.element, switchContactless(true));
    air.powerOn();
    expect(tell(air, activate(air), SELECT_PPSE)).toContain(CARD_AID);
  });
});
