import { describe, expect, test } from "vitest";
import type { FlashCut } from "../../../../emulator/boot/flash.js";
import { listImages } from "../../../../src/device/firmware/list.js";
import { restart } from "../../../../src/device/firmware/restart.js";
import { flashRun } from "../../../../src/device/firmware/run.js";
import { uploadImage } from "../../../../src/device/firmware/upload.js";
import { os } from "../../../../src/protocols/smp/groups/os.js";
import { SECOND } from "../../../../src/util/time.js";
import { firmwareTarget } from "../../../support/firmware-target.js";
import { HANGS } from "../../../support/small-boot.js";
import { imageOf, KEY, updatable, type Setup } from "../../../support/updatable-device.js";

const NEW = imageOf("1.1.0");

function open(setup: Setup) {
  const device = updatable({}, setup);
  const target = firmwareTarget(device);
  const versions = async (): Promise<readonly string[]> =>
    (await listImages(target.management)).map(
      ({ version, active, confirmed }) => `${version}${active ? " active" : ""}${confirmed ? " confirmed" : ""}`,
    );
  return { device, target, versions };
}

// The numbers of Zephyr's SMP group 0, bootloader information, mode.
describe.each([
  ["move", 3],
  ["scratch", 1],
  ["offset", 9],
] as const)("a device that swaps by %s", (mode, number) => {
  test("a run, and a trial that is over", async () => {
    const { target, versions } = open({ mode });
    expect(await target.management.request(os.bootLoader, { query: "mode" })).toEqual({ mode: number });
    expect(await flashRun(target, [{ data: NEW }], { keys: [KEY] })).toMatchObject({ outcome: "confirmed" });
    expect(await versions()).toEqual(["1.1.0 active confirmed", "1.0.0"]);
    expect(await flashRun(target, [{ data: imageOf("1.2.0") }], { confirm: false })).toMatchObject({
      outcome: "on-trial",
    });
    expect(await versions()).toEqual(["1.2.0 active", "1.1.0 confirmed"]);
    await restart(target, (now) => now.every(({ active, version }) => !active || version === "1.1.0"));
    expect(await versions()).toEqual(["1.1.0 active confirmed", "1.2.0"]);
  });

  test("firmware that hangs, and firmware that is not signed", async () => {
    const { target, versions } = open({ mode });
    const hangs = imageOf("1.3.0", { begins: HANGS });
    expect(await flashRun(target, [{ data: hangs }])).toMatchObject({ outcome: "reverted" });
    expect(await flashRun(target, [{ data: imageOf("1.4.0", { unsigned: true }) }])).toMatchObject({
      outcome: "rejected",
    });
    expect(await versions()).toEqual(["1.0.0 active confirmed"]);
  });
});

test("by overwriting there is no way back", async () => {
  const { target, versions } = open({ mode: "overwrite" });
  expect(await target.management.request(os.bootLoader, { query: "mode" })).toEqual({ mode: 2 });
  expect(await flashRun(target, [{ data: NEW }])).toMatchObject({ outcome: "confirmed" });
  expect((await versions())[0]).toBe("1.1.0 active confirmed");
});

test("two images are swapped at once", async () => {
  const { target, versions } = open({ mode: "move", images: 2 });
  const two = imageOf("3.0.0", { bytes: 5000 });
  expect(await flashRun(target, [{ data: NEW }, { data: two, image: 1 }])).toMatchObject({ outcome: "confirmed" });
  expect(await versions()).toEqual(["1.1.0 active confirmed", "1.0.0", "3.0.0 active confirmed", "1.0.0"]);
});

test("the power goes while the slots are swapped: what runs afterwards is the old or the new, and another run ends well", async () => {
  for (let n = 1; n < 60; n += 7)
    for (const cut of [{ before: n }, { inside: n, kept: 3 }] satisfies FlashCut[]) {
      const { device, target, versions } = open({ mode: "move" });
      await uploadImage(target, NEW);
      const ran = flashRun(target, [{ data: NEW }], {
        restartWithin: 30 * SECOND,
        progress: ({ step }) => step === "restart" && void device.mcu.flash.planCut(cut),
      });
      const ended = await ran.then(
        ({ outcome }) => outcome,
        (error: { code: string }) => error.code,
      );
      expect(ended).toMatch(/^(firmware\/lost-device|confirmed)$/);
      device.mcu.powerUp();
      await target.reconnect({ within: 60 * SECOND });
      const [running] = await versions();
      expect(running).toMatch(/^1\.[01]\.0 active/);
      if (running === "1.1.0 active") await restart(target, () => true);
      const again = await flashRun(target, [{ data: NEW }]);
      expect(again.outcome).toMatch(/^(confirmed|already-running)$/);
      expect((await versions())[0]).toBe("1.1.0 active confirmed");
    }
});
