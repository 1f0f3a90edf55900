import { beforeAll, describe, expect, test } from "vitest";
import { ContactlessReader } from "../../emulator/reader/reader.js";
import { Air } from "../../emulator/rf/air.js";
import { Sim } from "../../emulator/sim/sim.js";
import { EmulatedDevice } from "../../emulator/device.js";
import { createIssuer } from "../../src/issuer/issuer.js";
import { loadKeySet } from "../../src/profiles/key-sets.js";
import { loadProfile, profileNames } from "../../src/profiles/load.js";
import { encodeCommand } from "../../src/protocols/iso7816/apdu.js";
import { FDT_PCD_EMV, FDT_PCD_ISO } from "../../src/protocols/iso14443/timing.js";
import { activateTypeA, type ActivatedCard } from "../../src/protocols/iso14443/poller.js";
import { converseSync } from "../../src/util/converse.js";
import type { Dialogue } from "../../src/util/dialogue.js";
import type { Frame } from "../../src/protocols/iso14443/frame.js";
import { seededRandom } from "../../src/util/random.js";
import { contactless, type FieldUnderTest } from "./contactless.js";
import { core, type ElementUnderTest } from "./core.js";

const AT = new Date("2026-06-15T10:00:00Z");

/** A device with a card in it. */
async function provisioned(profile: string): Promise<{ device: EmulatedDevice; sim: Sim }> {
  const sim = new Sim();
  const random = seededRandom(`conformance/${profile}`);
  const device = new EmulatedDevice(await loadProfile("device", profile), sim, random);
  const issuer = createIssuer({ random, keys: await loadKeySet("test:default") });
  const card = issuer.issue(await loadProfile("card", "k2-online"), AT);
  for (const command of issuer.personalise(card).commands) device.wired(encodeCommand(command));
  return { device, sim };
}

function wired(device: EmulatedDevice): ElementUnderTest {
  return {
    name: "emulator, wired",
    transmit: async (apdu) => device.wired(apdu).response,
    reset: async () => device.element.powerOff("wired"),
  };
}

function field(device: EmulatedDevice, sim: Sim): FieldUnderTest {
  const air = new Air(sim, { frameDelay: FDT_PCD_EMV });
  air.place(device.picc);
  return {
    name: "emulator, field",
    converse: async <R>(dialogue: Dialogue<Frame, Frame, R>) => converseSync(dialogue, air),
    reset: async () => {
      air.powerOff();
      air.powerOn();
    },
  };
}

/** The core over the field: what PC/SC does as well. */
function overTheAir(under: FieldUnderTest): ElementUnderTest {
  let card: ActivatedCard | undefined;
  const reset = async (): Promise<void> => {
    await under.reset();
    card = await under.converse(activateTypeA({ fsdi: 8, maxRate: 8, retries: 2 }));
  };
  return {
    name: "emulator, contactless",
    reset,
    transmit: async (apdu) => {
      if (!card) await reset();
      return (await under.converse(card!.link.exchange(apdu))).answer;
    },
  };
}

/** The core as other programs meet it: a reader in between, that activates anew with each reset. */
function onReader(device: EmulatedDevice, sim: Sim): ElementUnderTest {
  const reader = new ContactlessReader(sim, device, {
    reader: { fsdi: 8, maxRate: 8, retries: 2 },
    frameDelay: FDT_PCD_ISO,
  });
  reader.place();
  reader.powerOn();
  return {
    name: "emulator, PC/SC reader",
    transmit: async (apdu) => reader.transmit(apdu)!,
    reset: async () => void reader.reset(),
  };
}

describe.each(await profileNames("device"))("%s", (profile) => {
  let device: EmulatedDevice;
  let sim: Sim;
  beforeAll(async () => {
    ({ device, sim } = await provisioned(profile));
  });

  describe("core, wired", () => {
    test.each(core)("$name", async (one) => {
      await expect(one.run(wired(device))).resolves.toBeUndefined();
    });
  });
  describe("core, contactless", () => {
    test.each(core)("$name", async (one) => {
      await expect(one.run(overTheAir(field(device, sim)))).resolves.toBeUndefined();
    });
  });
  describe("core, on a PC/SC reader", () => {
    test.each(core)("$name", async (one) => {
      await expect(one.run(onReader(device, sim))).resolves.toBeUndefined();
    });
  });
  describe("contactless extension", () => {
    test.each(contactless)("$name", async (one) => {
      await expect(one.run(field(device, sim))).resolves.toBeUndefined();
    });
  });
});
