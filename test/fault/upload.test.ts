import { describe, expect, test } from "vitest";
import { spawn } from "../../emulator/sim/port.js";
import { image } from "../../src/protocols/smp/groups/image.js";
import { decodeSmp } from "../../src/protocols/smp/header.js";
import { uploadImage, type ImageUploadReport } from "../../src/protocols/smp/image-upload.js";
import { hex, unhex } from "../../src/util/bytes.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { seededRandom, type Random } from "../../src/util/random.js";
import { MS, SECOND } from "../../src/util/time.js";
import type { Carry } from "../support/managed-device.js";
import { imageOf, updatable, type Updatable, type WireModel } from "../support/updatable-device.js";

const DATA = imageOf("1.1.0", { bytes: 30_000 });
const OPTIONS = { bufferBytes: 512 };

const there = ({ slots }: Updatable, length: number): string => hex(slots().images[0]!.slots[1].read(0, length));

const lossy =
  (random: Random, percent: number): Carry =>
  (message) =>
    random.below(100) < percent ? [] : [{ message, late: 0 }];

/** Of a hundred messages, so many each; the others come as they are. */
const badly =
  (random: Random, { lost = 0, twice = 0, late = 0, changed = 0 }): Carry =>
  (message) => {
    const what = random.below(100);
    if (what < lost) return [];
    if (what < lost + twice)
      return [
        { message, late: 0 },
        { message, late: random.below(80 * MS) },
      ];
    if (what < lost + twice + late) return [{ message, late: random.below(100 * MS) }];
    if (what >= lost + twice + late + changed) return [{ message, late: 0 }];
    const broken = message.slice();
    broken[random.below(broken.length)]! ^= 1 << random.below(8);
    return [{ message: broken, late: 0 }];
  };

function uploadOver(wire: WireModel, window: number, data = DATA): { device: Updatable; report: ImageUploadReport } {
  const device = updatable();
  const { run, poller } = device.host("wire", wire);
  const report = run(uploadImage(poller({ window }), data, OPTIONS));
  expect(there(device, data.length)).toBe(hex(data));
  return { device, report };
}

describe("a wire that loses messages", () => {
  test.each([1, 3, 9])("of ten one is lost each way, window %i", (window) => {
    const random = seededRandom(`upload/lossy/${window}`);
    const told: number[] = [];
    const device = updatable();
    const wire = { up: lossy(random.fork("up"), 10), down: lossy(random.fork("down"), 10), latency: 20 * MS };
    const { run, poller } = device.host("wire", wire);
    const report = run(uploadImage(poller({ window }), DATA, { ...OPTIONS, progress: (done) => told.push(done) }));
    expect(there(device, DATA.length)).toBe(hex(DATA));
    expect(report).toMatchObject({ match: true, restarts: 0, resumedAt: 0, bytes: DATA.length });
    expect(told.at(-1)).toBe(DATA.length);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(new Set(told).size).toBe(told.length);
  });

  test("the same seed sends the same bytes at the same times", () => {
    const once = (): readonly [ImageUploadReport, number] => {
      const random = seededRandom("upload/again");
      const { device, report } = uploadOver({ up: lossy(random, 10), down: lossy(random, 10) }, 9);
      return [report, device.sim.now];
    };
    expect(once()).toEqual(once());
  });

  test("what was acknowledged is not sent again", () => {
    const random = seededRandom("upload/acknowledged");
    const device = updatable();
    let acknowledged = 0;
    const host = device.host("wire", {
      latency: 20 * MS,
      up: (message) => {
        const request = image.upload.request.decode(decodeSmp(message).data);
        expect(request.off).toBeGreaterThanOrEqual(acknowledged);
        return random.below(100) < 10 ? [] : [{ message, late: 0 }];
      },
      // What has arrived at the host; what is under way is another matter.
      down: (message) => (random.below(100) < 10 ? [] : [{ message, late: 0 }]),
    });
    const options = { ...OPTIONS, progress: (done: number) => (acknowledged = done) };
    host.run(uploadImage(host.poller({ window: 9 }), DATA, options));
    expect(acknowledged).toBe(DATA.length);
  });

  test("the last answer is lost: the device says that it has it already", () => {
    let lost = 0;
    const down: Carry = (message) => {
      const { off } = answerOf(message);
      if (off === DATA.length && lost++ === 0) return [];
      return [{ message, late: 0 }];
    };
    const { device, report } = uploadOver({ down }, 9);
    expect(report.match).toBe(true);
    expect(report.restarts).toBe(0);
    // The last piece, and the first one again: nothing else.
    expect(report.bytesSent).toBeLessThan(DATA.length + 1000);
    expect(device.sim.now).toBeGreaterThan(20 * SECOND);
  });

  test("nothing comes through: five failures, each after its deadline", () => {
    const device = updatable();
    const { run, poller } = device.host("wire", { down: () => [] });
    expect(() => run(uploadImage(poller({ window: 9 }), DATA, OPTIONS))).toThrow(
      expect.objectContaining({ code: "smp/no-answer" }) as Error,
    );
    expect(Math.round(device.sim.now / SECOND)).toBe(6 * 40);
  });

  test("the wire goes quiet in the middle: 2.5 s a try", () => {
    const device = updatable();
    let answers = 0;
    const { run, poller } = device.host("wire", { down: (message) => (answers++ < 20 ? [{ message, late: 0 }] : []) });
    expect(() => run(uploadImage(poller({ window: 9 }), DATA, OPTIONS))).toThrow(
      expect.objectContaining({
        code: "smp/no-answer",
        context: { off: expect.any(Number) as number, total: DATA.length },
      }) as Error,
    );
    expect(device.sim.now / SECOND).toBeGreaterThan(6 * 2.5);
    expect(device.sim.now / SECOND).toBeLessThan(6 * 2.5 + 5);
  });
});

const answerOf = (message: Uint8Array): { off?: number; match?: boolean } =>
  image.upload.response.decode(decodeSmp(message).data);

describe("worse wires", () => {
  test.each([
    ["doubled", { twice: 20 }],
    ["out of order", { late: 20 }],
    ["lost, doubled and out of order", { lost: 10, twice: 10, late: 10 }],
  ])("messages are %s: the image arrives", (name, model) => {
    for (let seed = 0; seed < 6; seed++) {
      const random = seededRandom(`upload/${name}/${seed}`);
      const up = badly(random.fork("up"), model);
      const down = badly(random.fork("down"), model);
      const { report } = uploadOver({ up, down, latency: 20 * MS }, 1 + seed);
      expect(report.match).toBe(true);
    }
  });

  test("bits change: it arrives whole, or the host is told in words", () => {
    const data = imageOf("1.1.0", { bytes: 5000 });
    const ends: Record<string, number> = {};
    for (let seed = 0; seed < 30; seed++) {
      const random = seededRandom(`upload/changed/${seed}`);
      const model = { lost: 3, changed: 3 };
      const device = updatable();
      const wire = { up: badly(random.fork("up"), model), down: badly(random.fork("down"), model), latency: 5 * MS };
      const { run, poller } = device.host("wire", wire);
      let end = "whole";
      try {
        const report = run(uploadImage(poller({ window: 1 + (seed % 9) }), data, OPTIONS));
        // Without a match nobody says that it is whole: a bit of the last answer changed.
        if (report.match) expect(there(device, data.length)).toBe(hex(data));
        else end = "unchecked";
      } catch (error) {
        if (!isTapbenchError(error)) throw error;
        expect(error.code).toMatch(/^smp\/(refused|no-answer|stuck-transfer|wrong-transfer|upload-taken)$/);
        end = error.code;
      }
      ends[end] = (ends[end] ?? 0) + 1;
    }
    expect(ends["whole"]).toBeGreaterThan(10);
  });
});

describe("an upload that broke off", () => {
  test("at any piece: another upload of the same image goes on there, nothing is sent twice", () => {
    const data = imageOf("1.1.0", { bytes: 9000 });
    const whole = uploadOver({}, 1, data).report;
    for (let n = 1; n < whole.pieces; n++) {
      const device = updatable();
      let sent = 0;
      const { run, poller } = device.host("wire", { up: (message) => (sent++ < n ? [{ message, late: 0 }] : []) });
      expect(() => run(uploadImage(poller({ window: 3 }), data, OPTIONS))).toThrow(
        expect.objectContaining({ code: "smp/no-answer" }) as Error,
      );
      const again = device.host("again");
      const report = again.run(uploadImage(again.poller({ window: 3 }), data, OPTIONS));
      expect(report.match).toBe(true);
      // The first piece asks where to go on; one that has arrived already makes it cheap.
      expect(report.resumedAt === 0 ? n === 1 : report.resumedAt > 0).toBe(true);
      expect(report.bytesSent).toBeLessThanOrEqual(data.length - report.resumedAt + 500);
      expect(there(device, data.length)).toBe(hex(data));
    }
    expect(whole.pieces).toBeGreaterThan(15);
  });

  test("the device restarts at any time: the upload begins again by itself", () => {
    const data = imageOf("1.1.0", { bytes: 9000 });
    const slow = { latency: 40 * MS };
    const end = uploadOver(slow, 2, data).device.sim.now - 250 * MS;
    let begunAgain = 0;
    for (let k = 1; k <= 12; k++) {
      const device = updatable();
      const { port, poller } = device.host("wire", slow);
      const outcome = spawn(uploadImage(poller({ window: 2 }), data, OPTIONS), port);
      // The answer to a reset request leaves the device 250 ms.
      const other = device.host("other");
      device.sim.runUntil(Math.floor((end * k) / 13));
      other.port.begin({ send: [unhex("0A0000080000010" + "5A165666F72636501")], within: SECOND }, () => {});
      while (outcome().state === "running") if (!device.sim.step()) break;
      const done = outcome();
      if (done.state !== "done") throw new Error(`${k}: ${JSON.stringify(done)}`);
      expect(done.value.match).toBe(true);
      expect(done.value.restarts).toBeLessThanOrEqual(1);
      begunAgain += done.value.restarts;
      expect(there(device, data.length)).toBe(hex(data));
    }
    expect(begunAgain).toBeGreaterThan(3);
  });

  test("a device that restarts again and again ends it in words", () => {
    const device = updatable({ bootTime: 10 * MS });
    const { port, poller } = device.host();
    const outcome = spawn(uploadImage(poller({ window: 3 }), DATA, OPTIONS), port);
    const other = device.host("other");
    while (outcome().state === "running") {
      other.port.begin({ send: [unhex("0A0000080000010" + "5A165666F72636501")], within: SECOND }, () => {});
      device.sim.runUntil(device.sim.now + 400 * MS);
    }
    expect(outcome()).toMatchObject({
      state: "failed",
      error: { code: expect.stringMatching(/wrong-transfer|no-answer/) as string },
    });
  });

  test("power goes at any flash operation: dark, and after it the upload begins again", () => {
    const data = imageOf("1.1.0", { bytes: 4000 });
    const { device: uncut } = uploadOver({}, 3, data);
    const device0 = updatable();
    const operations = uncut.mcu.flash.operations - device0.mcu.flash.operations;
    expect(operations).toBeGreaterThan(8);
    for (let n = 1; n <= operations; n++)
      for (const cut of [{ before: n }, { inside: n, kept: 5 }]) {
        const device = updatable();
        const { run, poller } = device.host();
        device.mcu.flash.planCut(cut);
        expect(() => run(uploadImage(poller({ window: 3 }), data, OPTIONS))).toThrow(
          expect.objectContaining({ code: "smp/no-answer" }) as Error,
        );
        device.mcu.powerUp();
        device.sim.runUntil(device.sim.now + SECOND);
        const report = run(uploadImage(poller({ window: 3 }), data, OPTIONS));
        expect(report.match).toBe(true);
        expect(there(device, data.length)).toBe(hex(data));
        // What runs was never touched.
        expect(device.slots().images[0]!.slots[0].found()?.version).toMatchObject({ major: 1, minor: 0 });
      }
  });
});

describe("what the device does not take", () => {
  test("an image that is too large is refused before anything is erased", () => {
    const device = updatable();
    const { run, poller } = device.host();
    const { operations } = device.mcu.flash;
    expect(() => run(uploadImage(poller(), imageOf("1.1.0", { bytes: 125_000 }), OPTIONS))).toThrow(
      expect.objectContaining({
        code: "smp/refused",
        context: expect.objectContaining({ says: "image too large" }) as object,
      }) as Error,
    );
    expect(device.mcu.flash.operations).toBe(operations);
  });

  test("buffers without room for an image's header", () => {
    const device = updatable();
    const { run, poller } = device.host();
    expect(() => run(uploadImage(poller(), DATA, { bufferBytes: 90 }))).toThrow(
      expect.objectContaining({ code: "smp/too-long" }) as Error,
    );
  });

  test("messages that are too long for the device, although it says otherwise, become shorter", () => {
    const device = updatable({ bufferBytes: 256 });
    const { run, poller } = device.host();
    const report = run(uploadImage(poller({ window: 3 }), DATA, { bufferBytes: 1024 }));
    expect(report.match).toBe(true);
    expect(there(device, DATA.length)).toBe(hex(DATA));
  });

  test("a device that calls them too long is believed at once", () => {
    const device = updatable();
    // As a server whose buffers are smaller than it says: 24 bytes of error for anything above 200 bytes.
    const refusals: Uint8Array[] = [];
    const host = device.host("wire", {
      up: (message) => {
        if (message.length <= 200) return [{ message, late: 0 }];
        refusals.push(message);
        host.port.arrived(unhex(`0B0000050001${hex(message.subarray(6, 7))}01A162726307`));
        return [];
      },
    });
    const report = host.run(uploadImage(host.poller({ window: 3 }), DATA, OPTIONS));
    expect(report.match).toBe(true);
    expect(refusals.length).toBeGreaterThan(0);
    expect(refusals.length).toBeLessThan(6);
    expect(device.sim.now).toBeLessThan(5 * SECOND);
  });
});

describe("two hosts at once", () => {
  test.each([0, 30, 100])("with two images, %i ms apart: who is told that it is there was told the truth", (apart) => {
    const device = updatable();
    const hosts = ["1.1.0", "1.2.0"].map((version, i) => {
      const data = imageOf(version, { bytes: 20_000 + 1000 * i });
      // What lay in the slot when the device said that it matches.
      const slot = { held: "" };
      const down: Carry = (message) => {
        if (answerOf(message).match === true) slot.held = there(device, data.length);
        return [{ message, late: 0 }];
      };
      return { data, slot, ...device.host(version, { down }) };
    });
    const begun = hosts.map(({ data, slot, port, poller }, i) => {
      device.sim.runUntil(device.sim.now + i * apart * MS);
      return { data, slot, outcome: spawn(uploadImage(poller({ window: 3 }), data, OPTIONS), port), seen: false };
    });
    let told = 0;
    for (;;) {
      for (const one of begun) {
        if (one.seen || one.outcome().state === "running") continue;
        one.seen = true;
        const end = one.outcome();
        if (end.state === "done") {
          told++;
          expect(one.slot.held).toBe(hex(one.data));
        } else
          expect(end).toMatchObject({
            error: { code: expect.stringMatching(/upload-taken|wrong-transfer/) as string },
          });
      }
      if (begun.every(({ seen }) => seen) || !device.sim.step()) break;
    }
    expect(told).toBeGreaterThan(0);
  });

  test("with the same image they get there together", () => {
    const device = updatable();
    const outcomes = ["one", "other"].map((name) => {
      const { port, poller } = device.host(name);
      return spawn(uploadImage(poller({ window: 3 }), DATA, OPTIONS), port);
    });
    while (outcomes.some((outcome) => outcome().state === "running")) if (!device.sim.step()) break;
    expect(outcomes.map((outcome) => outcome())).toMatchObject([
      { state: "done", value: { match: true } },
      { state: "done", value: { match: true } },
    ]);
    expect(there(device, DATA.length)).toBe(hex(DATA));
  });
});
