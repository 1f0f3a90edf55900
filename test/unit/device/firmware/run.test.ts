import { describe, expect, test } from "vitest";
import { checkFirmware } from "../../../../src/device/firmware/check.js";
import { confirmImage, eraseSlot, listImages, testImage, versionOf } from "../../../../src/device/firmware/list.js";
import { restart } from "../../../../src/device/firmware/restart.js";
import { flashRun, type FlashResult, type RunOptions } from "../../../../src/device/firmware/run.js";
import { uploadImage } from "../../../../src/device/firmware/upload.js";
import { sha256 } from "../../../../src/crypto/hash.js";
import { generateSigningKey, readSigningKey } from "../../../../src/crypto/signing.js";
import { manifestPayload } from "../../../../src/protocols/mcuboot/manifest.js";
import { parseVersion } from "../../../../src/protocols/mcuboot/version.js";
import { decodeSmp } from "../../../../src/protocols/smp/header.js";
import { seededRandom } from "../../../../src/util/random.js";
import { MS, SECOND } from "../../../../src/util/time.js";
import { firmwareTarget, type TargetOptions } from "../../../support/firmware-target.js";
import type { Carry } from "../../../support/managed-device.js";
import { HANGS, WATCHDOG } from "../../../support/small-boot.js";
import { imageOf, KEY, updatable, type Setup } from "../../../support/updatable-device.js";

const NEW = imageOf("1.1.0");
const STRANGER = readSigningKey(generateSigningKey("ed25519", seededRandom("stranger")));
const code = (name: string): Error => expect.objectContaining({ code: name }) as Error;

function open(wire: TargetOptions = {}, setup: Setup = {}) {
  const device = updatable({}, setup);
  const target = firmwareTarget(device, wire);
  const run = (data: Uint8Array = NEW, options: RunOptions = {}): Promise<FlashResult> =>
    flashRun(target, [{ data }], { restartWithin: 60 * SECOND, ...options });
  const running = async (): Promise<string> => {
    const now = await listImages(target.management);
    return now
      .filter(({ active }) => active)
      .map(({ version, confirmed }) => `${version}${confirmed ? "" : " on trial"}`)
      .join(", ");
  };
  const again = async (): Promise<string> => {
    await restart(target, () => true);
    return running();
  };
  return { device, target, run, running, again };
}

/** Which message of the run a host's message is: group, command, operation. */
const kind = (message: Uint8Array): string => {
  const { group, command, op } = decodeSmp(message);
  return `${group}.${command}.${op}`;
};
const RESET = "0.5.2";
/** Loses the nth message of a kind. */
const loses = (wanted: string, nth = 1): Carry => {
  let seen = 0;
  return (message) => (kind(message) === wanted && ++seen === nth ? [] : [{ message, late: 0 }]);
};

describe("a run", () => {
  test("ends with the new firmware running for good", async () => {
    const { run, again } = open();
    const steps: string[] = [];
    const result = await run(NEW, { keys: [KEY], progress: ({ step }) => steps.at(-1) === step || steps.push(step) });
    expect(steps).toEqual(["check", "upload", "mark", "restart", "verify", "confirm"]);
    expect(result).toMatchObject({
      outcome: "confirmed",
      says: "running for good: 1.1.0",
      uploads: [{ bytes: NEW.length, match: true, reconnects: 0, resumedAt: 0 }],
      check: { objections: [], model: "test-device", images: [{ version: "1.1.0", key: { kind: "ed25519" } }] },
    });
    expect(await again()).toBe("1.1.0");
  });

  test("progress tells rate and time left", async () => {
    const { run } = open();
    const told: (readonly [number, number | undefined, number | undefined])[] = [];
    await run(NEW, { progress: (how) => how.step === "upload" && told.push([how.done, how.rate, how.left]) });
    expect(told.length).toBeGreaterThan(10);
    expect(told.at(-1)![0]).toBe(NEW.length);
    expect(told.at(-1)![1]).toBeGreaterThan(1000);
    expect(told.at(-1)![2]).toBe(0);
    expect(told[0]![1]).toBeUndefined();
  });

  test("of firmware that runs already sends nothing", async () => {
    const { run, device } = open();
    await run();
    const { operations } = device.mcu.flash;
    expect(await run()).toMatchObject({ outcome: "already-running" });
    expect(device.mcu.flash.operations).toBe(operations);
  });

  test("that is dry sends nothing", async () => {
    const { run, device } = open();
    const { operations } = device.mcu.flash;
    expect(await run(NEW, { dryRun: true })).toMatchObject({ outcome: "planned", check: { images: [{ image: 0 }] } });
    expect(device.mcu.flash.operations).toBe(operations);
  });

  test("without a confirmation leaves it on trial, and the next restart brings the old one back", async () => {
    const { run, running, again } = open();
    const result = await run(NEW, { confirm: false });
    expect(result).toMatchObject({
      outcome: "on-trial",
      says: "running on trial: 1.1.0; confirm it, or the next restart brings 1.0.0 back",
    });
    expect(await running()).toBe("1.1.0 on trial");
    expect(await run(imageOf("1.2.0"))).toMatchObject({
      outcome: "refused",
      check: { objections: [{ why: "on-trial", image: 0 }] },
    });
    expect(await again()).toBe("1.0.0");
  });

  test("for good at once", async () => {
    const { run, again } = open();
    expect(await run(NEW, { permanent: true })).toMatchObject({ outcome: "confirmed" });
    expect(await again()).toBe("1.1.0");
  });

  test("of firmware that never answers ends with the old one, and says so", async () => {
    const { run, running, device } = open();
    const result = await run(imageOf("1.3.0", { begins: HANGS }));
    expect(result).toMatchObject({ outcome: "reverted", says: "1.3.0 did not come up; running again: 1.0.0" });
    expect(device.sim.now).toBeGreaterThan(WATCHDOG);
    expect(await running()).toBe("1.0.0");
  });

  test("of firmware that is not healthy takes it back", async () => {
    const { run, running } = open();
    const seen: string[] = [];
    const result = await run(NEW, {
      healthy: async (device) => {
        seen.push((await listImages(device)).find(({ active }) => active)!.version);
        return false;
      },
    });
    expect(seen).toEqual(["1.1.0"]);
    expect(result).toMatchObject({
      outcome: "reverted",
      says: "1.1.0 was not healthy and not confirmed; running again: 1.0.0",
    });
    expect(await running()).toBe("1.0.0");
    expect(await run(imageOf("1.2.0"), { healthy: async () => true })).toMatchObject({ outcome: "confirmed" });
  });

  test("of firmware that the boot loader does not take ends with the old one", async () => {
    const { run, running } = open();
    const result = await run(imageOf("1.1.0", { key: STRANGER }));
    expect(result).toMatchObject({
      outcome: "rejected",
      says: "the boot loader did not take 1.1.0; still running: 1.0.0",
    });
    expect(await running()).toBe("1.0.0");
  });

  test("of two images, one of which needs the other", async () => {
    const { target, device } = open({}, { images: 2 });
    const one = imageOf("1.1.0", { dependencies: [{ image: 1, version: parseVersion("3.0.0") }] });
    const two = imageOf("3.0.0", { bytes: 5000 });
    expect(await flashRun(target, [{ data: one }])).toMatchObject({
      outcome: "refused",
      check: {
        objections: [
          { why: "missing-dependency", says: expect.stringContaining("image 1 in version 3.0.0") as string },
        ],
      },
    });
    expect(await flashRun(target, [{ data: one }, { data: two, image: 1 }])).toMatchObject({
      outcome: "confirmed",
      says: "running for good: 1.1.0 and 3.0.0",
    });
    expect(device.slots().images.map((each) => each.slots[0].found()?.version.major)).toEqual([1, 3]);
  });

  test("without images is no run", () => {
    const { target } = open();
    expect(() => flashRun(target, [])).toThrow(code("firmware/no-images"));
  });
});

describe("the check before the first byte", () => {
  const damaged = NEW.slice();
  damaged[500]! ^= 1;
  const manifest = (model: string): Uint8Array =>
    manifestPayload({ format: 1, model, version: "1.1.0", features: [], quirks: [], limits: {} }, new Uint8Array(99));
  const about = (model: string): Uint8Array =>
    imageOf("1.1.0", { bytes: manifest(model).length, begins: manifest(model) });

  test.each<[string, Uint8Array, RunOptions, string]>([
    ["no image at all", new Uint8Array(500), {}, "not-an-image"],
    ["cut off", NEW.subarray(0, 4000), {}, "not-an-image"],
    ["damaged", damaged, {}, "wrong-hash"],
    ["signed by a stranger", imageOf("1.1.0", { key: STRANGER }), { keys: [KEY] }, "unknown-key"],
    ["signed with a key that the device does not know", NEW, { trusted: [sha256(STRANGER.der)] }, "untrusted-key"],
    ["not signed", imageOf("1.1.0", { unsigned: true }), { keys: [KEY] }, "no-signature"],
    ["for another model", about("band-x9"), {}, "other-model"],
    ["too large", imageOf("1.1.0", { bytes: 125_000 }), {}, "too-large"],
    ["older", imageOf("0.9.0"), {}, "not-newer"],
    ["the same version, other bytes", imageOf("1.0.0", { bytes: 100 }), {}, "not-newer"],
    ["not to be started", imageOf("1.1.0", { nonBootable: true }), {}, "non-bootable"],
  ])("%s", async (_name, data, options, why) => {
    const { run, device } = open();
    const { operations } = device.mcu.flash;
    const result = await run(data, options);
    expect(result.outcome).toBe("refused");
    expect(result.check.objections.map((each) => each.why)).toContain(why);
    expect(result.check.objections.every(({ says }) => says.length > 10)).toBe(true);
    expect(device.mcu.flash.operations).toBe(operations);
  });

  test("what speaks for it: the model, the trusted key, a downgrade that is allowed", async () => {
    const fine = [
      [about("test-device"), {}],
      [NEW, { trusted: [sha256(KEY.der)] }],
      [imageOf("0.9.0"), { allowDowngrade: true }],
    ] as const;
    for (const [data, options] of fine)
      expect((await open().run(data, { ...options, dryRun: true })).outcome).toBe("planned");
  });

  test("another image's number, and something that waits already", async () => {
    const { target } = open();
    const none = await checkFirmware(target.management, [{ data: NEW, image: 3 }]);
    expect(none.objections).toMatchObject([{ why: "no-slot", image: 3 }]);
    await uploadImage(target, NEW);
    await testImage(target.management, none.images[0]!.hash);
    const waits = await checkFirmware(target.management, [{ data: imageOf("1.2.0") }]);
    expect(waits.objections).toMatchObject([{ why: "pending" }]);
  });
});

describe("single verbs", () => {
  test("upload, list, test, confirm, erase", async () => {
    const { target, running } = open();
    const device = (): typeof target.management => target.management;
    await uploadImage(target, NEW);
    const [old, fresh] = await listImages(device());
    expect([old!.version, fresh!.version, fresh!.slot]).toEqual(["1.0.0", "1.1.0", 1]);
    expect((await testImage(device(), fresh!.hash!))[1]).toMatchObject({ pending: true, permanent: false });
    await expect(confirmImage(device())).rejects.toThrow(code("smp/refused"));
    await restart(target, (now) => !now.some(({ pending }) => pending));
    expect(await running()).toBe("1.1.0 on trial");
    expect((await confirmImage(device()))[0]).toMatchObject({ confirmed: true });
    await eraseSlot(device());
    expect(await listImages(device())).toHaveLength(1);
    await expect(eraseSlot(device(), { slot: 0 })).rejects.toThrow(code("smp/refused"));
  });

  test("versions as devices tell them", () => {
    const listed = { image: 0, slot: 0, hash: undefined, bootable: true, pending: false } as const;
    const flags = { confirmed: true, active: true, permanent: false } as const;
    const of = (version: string) => versionOf({ ...listed, ...flags, version });
    expect(of("2.1.0.5")).toEqual(parseVersion("2.1.0+5"));
    expect(of("2.1.0")).toEqual(parseVersion("2.1.0"));
    expect(of("<???>")).toBeUndefined();
  });
});

describe("the way there", () => {
  test("the wire breaks at any message of a run: it ends as if it had not", async () => {
    const counting = open();
    await counting.run();
    const all = counting.target.messages();
    expect(all).toBeGreaterThan(25);
    for (let n = 1; n <= all; n++) {
      const { run, again } = open({ breakAt: (message) => message === n });
      expect([n, await run()]).toMatchObject([n, { outcome: "confirmed" }]);
      expect(await again()).toBe("1.1.0");
    }
  });

  test("the wire breaks again and again: what arrived stays", async () => {
    const { target } = open({ breakAt: (message) => message % 9 === 0 });
    const data = imageOf("1.1.0", { bytes: 20_000 });
    const report = await uploadImage(target, data, { window: 2 });
    expect(report.reconnects).toBeGreaterThan(3);
    expect(report.match).toBe(true);
  });

  test("a wire that is gone for good ends in words", async () => {
    const { target } = open({ breakAt: (message) => message > 10 });
    await expect(uploadImage(target, NEW)).rejects.toThrow(code("transport/closed"));
  });

  test.each([
    ["the request", { up: loses(RESET) }],
    ["its answer", { down: loses("0.5.3") }],
  ])("of the restart %s is lost", async (_name, wire) => {
    const { run, again } = open(wire);
    expect(await run()).toMatchObject({ outcome: "confirmed" });
    expect(await again()).toBe("1.1.0");
  });

  test("a device that never restarts", async () => {
    const { run } = open({ up: (message) => (kind(message) === RESET ? [] : [{ message, late: 0 }]) });
    await expect(run(NEW, { restartWithin: 30 * SECOND })).rejects.toThrow(code("firmware/no-restart"));
  });

  test("a device that does not come back", async () => {
    let gone = false;
    const { run } = open({
      up: (message) => {
        gone ||= kind(message) === RESET;
        return gone && kind(message) !== RESET ? [] : [{ message, late: 0 }];
      },
    });
    await expect(run(NEW, { restartWithin: 30 * SECOND })).rejects.toMatchObject({
      code: "firmware/lost-device",
      cause: { code: "smp/no-answer" },
    });
  });

  test("stopped in the middle: the reason is thrown, and a later upload goes on there", async () => {
    const { target } = open();
    const stop = new AbortController();
    const reason = new Error("that is enough");
    const data = imageOf("1.1.0", { bytes: 20_000 });
    const stopped = uploadImage(target, data, {
      signal: stop.signal,
      progress: ({ done }) => done > 9000 && stop.abort(reason),
    });
    await expect(stopped).rejects.toBe(reason);
    const report = await uploadImage(target, data);
    expect(report.resumedAt).toBeGreaterThan(9000);
    expect(report.match).toBe(true);
  });

  test("a deadline for all of it", async () => {
    const { run, running } = open();
    await expect(run(NEW, { within: 100 * MS })).rejects.toThrow(code("firmware/too-late"));
    expect(await running()).toBe("1.0.0");
  });
});
