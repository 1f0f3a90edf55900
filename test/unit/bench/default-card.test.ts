import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBench, type Bench } from "../../../src/bench/bench.js";
import type { EmulatedBenchDevice } from "../../../src/bench/emulated-devices.js";
import {
  crsStatus,
  resetPriority,
  selectCrs,
  setActivation,
  setPriority,
  switchContactless,
} from "../../../src/protocols/gp/contactless-poller.js";
import type { CardAsking } from "../../../src/protocols/iso7816/poller.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { ask } from "../../support/gp-card.js";

/* A band with two cards: the wearer's wishes go over the wired interface, and the next tap pays accordingly. */

const FIRST = "A0000000041010";
const SECOND = "A0000000043060";
const REQUEST = { amount: 1_000n, terminal: "shop" };

let folder: string;
let bench: Bench;
let band: EmulatedBenchDevice;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "default-card-"));
  const device = join(folder, "two.yaml");
  const card = join(folder, "second.yaml");
  const applets = [
    ["ppse", "325041592E5359532E4444463031"],
    ["mchip", FIRST],
    ["mchip", SECOND],
    ["crs", "A00000015143525300"],
  ].map(([module, aid]) => `    - { module: ${module}, aid: "${aid}" }`);
  await writeFile(
    device,
    ["extends: band-s1", "title: Two cards", "element:", "  applets:", ...applets, ""].join("\n"),
  );
  await writeFile(card, `extends: k2-online\ntitle: Second\nlabel: SECOND\naid: "${SECOND}"\n`);
  bench = await openBench({ seed: "default card" });
  band = await bench.open(`emu:${device}`);
  await bench.provision(band, "k2-online");
  await bench.provision(band, card);
});
afterAll(() => rm(folder, { recursive: true }));

/** The wearer's wish, from the band's own controller. */
function wish<R>(dialogue: CardAsking<R>): R {
  const { element } = band.emulated;
  ask(element, selectCrs());
  const result = ask(element, dialogue);
  element.powerOff("wired");
  return result;
}
const paidWith = async (): Promise<string | undefined> => {
  const { outcome, details } = await bench.tap(band, REQUEST);
  return outcome === "approved" ? details.aid : outcome;
};

describe("the default card of a band", () => {
  test("is the first that came, until the wearer wants another", async () => {
    expect(await paidWith()).toBe(FIRST);
    wish(setPriority([unhex(SECOND)]));
    expect(await paidWith()).toBe(SECOND);
    wish(setPriority([unhex(FIRST)], "volatile"));
    expect([await paidWith(), await paidWith()]).toEqual([FIRST, FIRST]);
    wish(resetPriority());
    expect(await paidWith()).toBe(SECOND);
    expect(wish(crsStatus(unhex("A000000004"))).map(({ aid, priority }) => [hex(aid), priority])).toEqual([
      [SECOND, 0],
      [FIRST, 3],
    ]);
  });

  test("is the next one where it is deactivated; without any there is nothing to pay with", async () => {
    wish(setActivation([unhex(SECOND)], false));
    expect(await paidWith()).toBe(FIRST);
    wish(setActivation([unhex(FIRST)], false));
    expect(await paidWith()).not.toMatch(/^A0/);
    wish(setActivation([unhex(FIRST), unhex(SECOND)], true));
    expect(await paidWith()).toBe(SECOND);
  });

  test("does not pay while the contactless interface is off", async () => {
    wish(switchContactless(false));
    await expect(bench.tap(band, REQUEST)).rejects.toMatchObject({
      code: expect.stringMatching(/^iso14443\//) as unknown,
    });
    wish(switchContactless(true));
    expect(await paidWith()).toBe(SECOND);
  });
});
