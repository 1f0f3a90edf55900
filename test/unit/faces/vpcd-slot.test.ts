import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CardInReader } from "../../../emulator/faces/vpcd.js";
import { VpcdSlot } from "../../../emulator/faces/vpcd-slot.js";
import { unhex } from "../../../src/util/bytes.js";
import { startDriver, type Accepted, type Driver } from "./driver.js";

const ATR = "3B84800131C173C84E";

let driver: Driver;
let slot: VpcdSlot;
/** What the slot told, and somebody who waits for the next of it. */
let told: string[];
let onTold: (() => void) | undefined;
const tell = (event: string): void => {
  told.push(event);
  onTold?.();
};
const nextTold = async (count: number): Promise<void> => {
  while (told.length < count) await new Promise<void>((resolve) => (onTold = resolve));
};

beforeEach(async () => {
  driver = await startDriver();
  told = [];
});
afterEach(async () => {
  await slot.close();
  await driver.close();
});

function slotOn(port: number, card: Partial<CardInReader> = {}, patience = 20_000): VpcdSlot {
  slot = new VpcdSlot({
    host: "127.0.0.1",
    port,
    patience,
    watchdog: 10_000,
    card: {
      atr: () => unhex(ATR),
      powerOn: () => {},
      powerOff: () => {},
      reset: () => {},
      transmit: () => unhex("9000"),
      ...card,
    },
    events: {
      visible: () => tell("visible"),
      gone: (why) => tell(why),
      exchanged: () => {},
      trouble: (says) => tell(says),
    },
  });
  return slot;
}

/** Sees the card as pcscd does. */
async function look(pcscd: Accepted): Promise<Accepted> {
  pcscd.send("000101000104");
  expect(await pcscd.read(11)).toBe(`0009${ATR}`);
  return pcscd;
}

async function opened(card: Partial<CardInReader> = {}): Promise<Accepted> {
  const opening = slotOn(driver.port, card).open();
  const pcscd = await look(await driver.accept());
  await opening;
  return pcscd;
}

describe("at first", () => {
  test("open resolves when the card was seen", async () => {
    await opened();
    expect(told).toEqual(["visible"]);
  });

  test("nobody listens: one sentence with the commands that help", async () => {
    const { port } = driver;
    await driver.close();
    await expect(slotOn(port).open()).rejects.toMatchObject({
      code: "emulator/no-reader-driver",
      message: expect.stringMatching(/apt-get install pcscd vsmartcard-vpcd.*pcscd -f/) as string,
      context: { host: "127.0.0.1", port },
    });
  });

  test("somebody listens and does not look", async () => {
    await expect(slotOn(driver.port, {}, 50).open()).rejects.toMatchObject({ code: "emulator/slot-taken" });
    const pcscd = await driver.accept();
    await pcscd.closed;
  });

  test("a signal ends the wait", async () => {
    const stop = new AbortController();
    const opening = slotOn(driver.port).open(stop.signal);
    const pcscd = await driver.accept();
    stop.abort(new Error("enough"));
    await expect(opening).rejects.toThrow("enough");
    await pcscd.closed;
    await expect(slot.open(stop.signal)).rejects.toThrow("enough");
  });
});

describe("later", () => {
  test("out and in again", async () => {
    let pcscd = await opened();
    slot.eject();
    await pcscd.closed;
    slot.insert();
    slot.insert();
    pcscd = await look(await driver.accept());
    expect(told).toEqual(["visible", "taken-out", "visible"]);
    expect(pcscd.unread).toBe(0);
  });

  test("in and out so fast that nothing was open", async () => {
    const pcscd = await opened();
    slot.eject();
    await pcscd.closed;
    slot.insert();
    slot.eject();
    slot.insert();
    await look(await driver.accept());
    expect(told).toEqual(["visible", "taken-out", "visible"]);
  });

  test("the driver goes and comes back on the same port", async () => {
    const { port } = driver;
    const before = await opened();
    await driver.close();
    await before.closed;
    await nextTold(2);
    driver = await startDriver(port);
    await look(await driver.accept());
    expect(told).toEqual(["visible", "reader-gone", "visible"]);
  });

  test("after a command that was broken off it stays away for a second, and is activated anew", async () => {
    let atr: Uint8Array | undefined;
    const card = {
      atr: () => atr,
      powerOn: () => void (atr = unhex(ATR)),
      transmit: () => (atr = undefined),
    };
    const pcscd = await opened(card);
    pcscd.send("0002AABB");
    await pcscd.closed;
    const gone = performance.now();
    await look(await driver.accept());
    expect(performance.now() - gone).toBeGreaterThan(950);
    expect(told).toEqual(["visible", "card-lost", "visible"]);
  });

  test("a device that cannot be activated is tried again, and shown once it can", async () => {
    let fails = 1;
    let atr: Uint8Array | undefined;
    const card = { atr: () => atr, powerOn: () => void (atr = fails-- > 0 ? undefined : unhex(ATR)) };
    await opened(card);
    expect(told).toEqual(["the device cannot be activated over ISO 14443; it is tried again", "visible"]);
  });

  test("closing closes, whatever it was doing", async () => {
    const pcscd = await opened();
    await slot.close();
    await pcscd.closed;
    await slot.close();
    expect(told).toEqual(["visible", "taken-out"]);
  });
});
