import { beforeAll, describe, expect, test } from "vitest";
import { EmulatedDevice, type DeviceOptions, type DeviceSnapshot } from "../../../emulator/device.js";
import { Air } from "../../../emulator/rf/air.js";
import { Sim } from "../../../emulator/sim/sim.js";
import { openBench, type Bench } from "../../../src/bench/bench.js";
import { domainOwners } from "../../../src/bench/provisioning.js";
import { kernelC2 } from "../../../src/emv/kernels/c2/kernel.js";
import { caKeysOf } from "../../../src/emv/oda.js";
import { loadProfile } from "../../../src/profiles/load.js";
import type { DeviceProfile, TerminalProfile } from "../../../src/profiles/types.js";
import { isoDepPoller } from "../../../src/protocols/iso14443/isodep-poller.js";
import { activateTypeA, inventory, type ActivatedCard } from "../../../src/protocols/iso14443/poller.js";
import { combinationsOf } from "../../../src/terminal/data.js";
import { readCard } from "../../../src/terminal/tap.js";
import { memoryTrace, type MemoryTrace } from "../../../src/trace/memory.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { converseSync } from "../../../src/util/converse.js";
import { seededRandom } from "../../../src/util/random.js";

const code = (name: string): unknown => expect.objectContaining({ code: `emulator/${name}` });
const READER = { fsdi: 8, maxRate: 1, retries: 2 } as const;
const SELECT = "00A4040007A000000004101000";
const GPO = "80A8000002830000";
const CERTIFICATE = "00B2011C00";
/** Data as k2-credit's CDOL1 wants them, a signature asked for. */
const TRANSACTION = "00000000100000000000000002760000000000097826061500DEADBEEF";
const GENERATE_AC = `80AE900042${TRANSACTION}220000${"00".repeat(8)}1F0302120000${"00".repeat(20)}00`;

let bench: Bench;
let profile: DeviceProfile;
let personalised: DeviceSnapshot;
/** The card of the copies, as the bench makes it. */
let owned: DeviceOptions;
beforeAll(async () => {
  bench = await openBench({ seed: "device" });
  const device = await bench.open("emu:band-s1");
  await bench.provision(device, "k2-credit");
  profile = device.profile;
  owned = { keysFor: (await domainOwners(profile))?.keysFor };
  personalised = device.emulated.snapshot();
});

/** A device in a field of its own, its radio already talking where the snapshot says so. */
function inField(
  snapshot: DeviceSnapshot = personalised,
  seed = "another generator",
): {
  sim: Sim;
  air: Air;
  device: EmulatedDevice;
  trace: MemoryTrace;
} {
  const sim = new Sim();
  const device = new EmulatedDevice(profile, sim, seededRandom(seed), owned);
  const trace = memoryTrace();
  const air = new Air(sim, { frameDelay: 500_000, tracer: trace });
  air.place(device.picc);
  device.restore(snapshot);
  air.powerOn();
  if (snapshot.radio.phase === "protocol") device.restore(snapshot);
  return { sim, air, device, trace };
}
const activate = (air: Air): ActivatedCard => converseSync(activateTypeA(READER), air);
const ask = (air: Air, link: ActivatedCard["link"], apdu: string): string =>
  hex(converseSync(link.exchange(unhex(apdu)), air).answer);
const atcOf = (device: EmulatedDevice): string => {
  device.element.process(unhex(SELECT), "wired");
  return hex(device.element.process(unhex("80CA9F3600"), "wired")!.response);
};

describe("a device that is saved in the middle of a transaction", () => {
  function middle() {
    const field = inField();
    const card = activate(field.air);
    // two exchanges: block numbers are where they were
    expect(ask(field.air, card.link, SELECT).slice(-4)).toBe("9000");
    expect(ask(field.air, card.link, GPO).slice(-4)).toBe("9000");
    return { ...field, card, snapshot: field.device.snapshot() };
  }

  test("goes on in a copy, byte for byte as it does itself, signature and all", () => {
    const { air, card, snapshot, trace } = middle();
    const copy = inField(snapshot);
    trace.clear();
    copy.trace.clear();
    const own = [CERTIFICATE, GENERATE_AC].map((apdu) => ask(air, card.link, apdu));
    const { fsc, fwt } = card.parameters;
    const link = isoDepPoller({ fwt, fsc, rate: 1, retries: 2 });
    const others = [CERTIFICATE, GENERATE_AC].map((apdu) => ask(copy.air, link, apdu));
    expect(own[1]).toMatch(/^7781..9F2701809F360200019F4B81B0.*9000$/);
    expect(others).toEqual(own);
    const frames = (all: MemoryTrace): string[] =>
      all.records.map((record) => (record.layer === "frame" ? `${record.from} ${hex(record.bytes)}` : record.layer));
    expect(frames(copy.trace)).toEqual(frames(trace));
    expect(frames(trace).length).toBeGreaterThan(4);
  });

  test("three copies of one snapshot end alike, and the snapshot with none of them", () => {
    const { snapshot, card } = middle();
    const { fsc, fwt } = card.parameters;
    const ends = [1, 2, 3].map(() => {
      const { air, device } = inField(snapshot);
      const answer = ask(air, isoDepPoller({ fwt, fsc, rate: 1, retries: 2 }), GENERATE_AC);
      air.powerOff();
      return [answer, atcOf(device)];
    });
    expect(new Set(ends.map((end) => end.join())).size).toBe(1);
    expect(ends[0]![1]).toBe("9F360200019000");
  });

  test("goes back in the copy that is restored only: counter, and identifier of the next tap", () => {
    const { air, card, device, snapshot } = middle();
    ask(air, card.link, GENERATE_AC);
    air.powerOff();
    const copy = new EmulatedDevice(profile, new Sim(), seededRandom("third"), owned);
    copy.restore(device.snapshot());
    expect([atcOf(device), atcOf(copy)]).toEqual(["9F360200019000", "9F360200019000"]);
    device.restore(personalised);
    expect([atcOf(device), atcOf(copy)]).toEqual(["9F360200009000", "9F360200019000"]);
    device.restore(snapshot);
    // The reader still has the card selected, and nobody else can select it meanwhile (Java Card Runtime Environment 4.5.2).
    expect(atcOf(device)).toBe("6A88");
    device.element.powerOff("contactless");
    expect(atcOf(device)).toBe("9F360200019000");

    const uidOf = (from: DeviceSnapshot, seed: string): string => hex(activate(inField(from, seed).air).uid);
    expect(uidOf(personalised, "one")).toBe(uidOf(personalised, "two"));
    expect(uidOf(personalised, "one")).toMatch(/^08/);
    const again = inField(personalised);
    const first = hex(activate(again.air).uid);
    again.air.powerOff();
    again.air.powerOn();
    expect(hex(activate(again.air).uid)).not.toBe(first);
  });

  test("is refused by a device of another profile, and while something goes on", async () => {
    const watch = new EmulatedDevice(await loadProfile("device", "watch-w1"), new Sim(), seededRandom("watch"));
    expect(() => watch.restore(personalised)).toThrow(code("snapshot-mismatch"));
    const { sim, device } = inField();
    sim.at(sim.now + 50_000_000, () => {});
    expect(() => device.snapshot()).toThrow(code("busy"));
    sim.runUntil(sim.now + 50_000_000);
    expect(device.snapshot().profile).toBe("band-s1");
  });
});

describe("several devices in one field", () => {
  async function field(...names: readonly string[]) {
    const own = await openBench({ seed: "several" });
    const sim = new Sim();
    const air = new Air(sim, { frameDelay: 500_000 });
    const devices = [];
    for (const name of names) {
      const provisioned = await own.open(`emu:${name}`);
      await own.provision(provisioned, "k2-online");
      const device = new EmulatedDevice(provisioned.profile, sim, seededRandom(name), owned);
      device.restore(provisioned.emulated.snapshot());
      air.place(device.picc);
      devices.push(device);
    }
    air.powerOn();
    return { air, devices, caKeys: caKeysOf(own.issuer.caPublicKeys()) };
  }
  const uids = (devices: readonly EmulatedDevice[]): string[] =>
    devices.map(({ picc }) => hex(picc.state.uid)).toSorted();

  test("are all found, each by its own identifier of four or seven bytes", async () => {
    const { air, devices } = await field("band-s1", "watch-w1", "ring-r1");
    const found = converseSync(inventory(2), air);
    expect(found.map(({ uid }) => hex(uid)).toSorted()).toEqual(uids(devices));
    expect(found.map(({ uid }) => uid.length).toSorted((a, b) => a - b)).toEqual([4, 4, 7]);
  });

  test("one of them pays, the other does not even count", async () => {
    const { air, devices, caKeys } = await field("band-s1", "watch-w1");
    const terminal: TerminalProfile = await loadProfile("terminal", "shop");
    const entry = {
      combinations: combinationsOf(terminal, { amount: 1_000n, at: new Date("2026-06-15T10:00:00Z") }),
      kernels: { c2: kernelC2 },
      amount: 1_000n,
      caKeys,
      random: seededRandom("terminal"),
    };
    const { card, result } = converseSync(readCard(terminal.reader, entry), air);
    expect(result.outcome.kind).toBe("online-request");
    const known = uids(devices);
    expect(known).toContain(hex(card.uid));
    // what answers now is the other: the one that paid was sent to sleep, and WUPA wakes both
    expect(converseSync(inventory(2), air)).toHaveLength(2);
    air.powerOff();
    const payer = devices.filter((device) => atcOf(device) === "9F360200019000");
    expect(payer).toHaveLength(1);
    expect(devices.filter((device) => atcOf(device) === "9F360200009000")).toHaveLength(1);
  });

  test("two with the same identifier look like one, and neither can be talked to for long", async () => {
    const sim = new Sim();
    const air = new Air(sim, { frameDelay: 500_000 });
    for (let i = 0; i < 2; i++) {
      const twin = new EmulatedDevice(profile, sim, seededRandom("twin"), owned);
      twin.restore(personalised);
      air.place(twin.picc);
    }
    air.powerOn();
    expect(converseSync(inventory(2), air)).toHaveLength(1);
  });

  test("a device that is taken away falls silent, and one that is put there answers", async () => {
    const { air, devices } = await field("band-s1", "watch-w1");
    air.remove(devices[0]!.picc);
    const watch = hex(devices[1]!.picc.state.uid);
    expect(converseSync(inventory(2), air).map(({ uid }) => hex(uid))).toEqual([watch]);
    air.place(devices[0]!.picc);
    expect(converseSync(inventory(2), air)).toHaveLength(2);
  });
});

test("two devices of one profile do not share a UID", async () => {
  const bench = await openBench();
  const uids = await Promise.all(
    (["emu:band-s1", "emu:band-s1"] as const).map(async (spec) => {
      const { emulated } = await bench.open(spec);
      emulated.picc.powerOn(() => {});
      return emulated.picc.state.uid;
    }),
  );
  expect(uids[0]).not.toEqual(uids[1]);
});
