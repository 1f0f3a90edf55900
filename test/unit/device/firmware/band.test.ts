import { expect, test } from "vitest";
import { startFirmware } from "../../../../emulator/boot/firmware.js";
import { PUBLISHED, publishedImage, publishedKey } from "../../../../emulator/boot/published.js";
import { EmulatedDevice } from "../../../../emulator/device.js";
import { bootFirmware } from "../../../../emulator/mcu/image-boot.js";
import { Sim } from "../../../../emulator/sim/sim.js";
import { listImages } from "../../../../src/device/firmware/list.js";
import { flashRun } from "../../../../src/device/firmware/run.js";
import { loadProfile } from "../../../../src/profiles/load.js";
import { seededRandom } from "../../../../src/util/random.js";
import { firmwareTarget } from "../../../support/firmware-target.js";

const KEY = publishedKey();
const [OLD, NEW, WITHDRAWN] = PUBLISHED.map((manifest) => publishedImage(manifest, KEY));

/** The reference band as its profile has it, with the published 2.0.4 in its primary slot. */
async function band() {
  const profile = await loadProfile("device", "band-s1");
  const slot = 96 * 4096;
  const firmware = bootFirmware(
    {
      mode: "move",
      images: [{ primary: { offset: 0, size: slot }, secondary: { offset: slot, size: slot } }],
      keys: [KEY],
    },
    (outcome) => startFirmware(outcome, profile).state === "runs",
  );
  const sim = new Sim();
  const device = new EmulatedDevice(profile, sim, seededRandom("band"), { firmware });
  const mcu = device.management!;
  mcu.flash.program(0, OLD!.subarray(0, OLD!.length - (OLD!.length % 4)));
  const rest = new Uint8Array(4).fill(0xff);
  rest.set(OLD!.subarray(OLD!.length - (OLD!.length % 4)));
  mcu.flash.program(OLD!.length - (OLD!.length % 4), rest);
  return { target: firmwareTarget({ sim, mcu }), sim };
}

test("the reference band gets 2.1.0 for good, and does not keep the withdrawn 2.2.0", async () => {
  const { target } = await band();
  const versions = async (): Promise<string[]> => (await listImages(target.management)).map(({ version }) => version);
  expect(await versions()).toEqual(["2.0.4"]);
  const updated = await flashRun(target, [{ data: NEW! }], { keys: [KEY] });
  expect(updated).toMatchObject({ outcome: "confirmed", check: { model: "band-s1" } });
  const withdrawn = await flashRun(target, [{ data: WITHDRAWN! }], { keys: [KEY] });
  expect(withdrawn).toMatchObject({ outcome: "reverted", says: "2.2.0 did not come up; running again: 2.1.0" });
  expect(await versions()).toEqual(["2.1.0", "2.2.0"]);
  expect(await flashRun(target, [{ data: OLD! }], { keys: [KEY] })).toMatchObject({
    outcome: "refused",
    check: { objections: [{ why: "not-newer" }] },
  });
});
