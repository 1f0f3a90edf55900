import { describe, expect, test } from "vitest";
import { sha256 } from "../../../src/crypto/hash.js";
import { parseImage, valuesOf } from "../../../src/protocols/mcuboot/image.js";
import { TLV } from "../../../src/protocols/mcuboot/tlv.js";
import type { Command } from "../../../src/protocols/smp/command.js";
import { enumeration } from "../../../src/protocols/smp/groups/enumeration.js";
import { image } from "../../../src/protocols/smp/groups/image.js";
import { os } from "../../../src/protocols/smp/groups/os.js";
import { uploadImage } from "../../../src/protocols/smp/image-upload.js";
import { hex } from "../../../src/util/bytes.js";
import { MS, SECOND } from "../../../src/util/time.js";
import { imageOf, updatable } from "../../support/updatable-device.js";
import { HANGS, WATCHDOG } from "../../support/small-boot.js";

function open(...args: Parameters<typeof updatable>) {
  const device = updatable(...args);
  const host = device.host();
  const poller = host.poller({ within: 60 * SECOND });
  const ask = <Q, A>(command: Command<Q, A>, request: Q): A => host.run(poller.ask(command, request));
  const upload = (data: Uint8Array, image = 0) => host.run(uploadImage(poller, data, { bufferBytes: 512, image }));
  const restart = (): void => {
    ask(os.reset, {});
    device.sim.runUntil(device.sim.now + 3 * SECOND);
  };
  return { ...device, wire: host, poller, ask, upload, restart };
}
const refusal = (says: string): Error =>
  expect.objectContaining({
    code: "smp/refused",
    context: expect.objectContaining({ says, group: 1 }) as object,
  }) as Error;
const hashOf = (data: Uint8Array): Uint8Array => valuesOf(parseImage(data), TLV.sha256)[0]!;

const NEW = imageOf("1.1.0");
const OLD_HASH = hashOf(imageOf("1.0.0", { bytes: 7000 }));
const first = (data: Uint8Array, length = 100) => ({
  off: 0,
  len: data.length,
  sha: sha256(data),
  data: data.subarray(0, length),
});

describe("an upload", () => {
  test("takes pieces of any length, and says at the end that all of it is there", () => {
    const { ask, slots } = open();
    let off = ask(image.upload, first(NEW, 101)).off!;
    expect(off).toBe(101);
    for (let size = 1; off < NEW.length - 200; size = (size * 3) % 257) {
      const answer = ask(image.upload, { off, data: NEW.subarray(off, off + size) });
      expect(answer).toEqual({ off: off + size });
      off += size;
    }
    expect(ask(image.upload, { off, data: NEW.subarray(off) })).toEqual({ off: NEW.length, match: true });
    expect(slots().images[0]!.slots[1].read(0, NEW.length)).toEqual(NEW);
  });

  test("a piece from elsewhere is answered with where it should begin, and nothing is written", () => {
    const { ask, mcu } = open();
    ask(image.upload, first(NEW));
    const { operations } = mcu.flash;
    for (const off of [1, 99, 101, NEW.length - 1, 0xffff_ffff])
      expect(ask(image.upload, { off, data: NEW.subarray(0, 8) })).toEqual({ off: 100 });
    expect(mcu.flash.operations).toBe(operations);
  });

  test("the same SHA-256 goes on, also from another wire; another one begins anew", () => {
    const device = open();
    const { ask } = device;
    ask(image.upload, first(NEW));
    ask(image.upload, { off: 100, data: NEW.subarray(100, 300) });
    expect(ask(image.upload, first(NEW))).toEqual({ off: 300 });
    const other = device.host("other");
    expect(other.run(other.poller().ask(image.upload, first(NEW, 60)))).toEqual({ off: 300 });
    const newer = imageOf("1.2.0");
    expect(ask(image.upload, first(newer))).toEqual({ off: 100 });
    expect(ask(image.upload, { off: 300, data: NEW.subarray(300, 400) })).toEqual({ off: 100 });
  });

  test("a shorter SHA tells uploads apart as well; none goes on with none", () => {
    const { ask } = open();
    const start = { ...first(NEW), sha: sha256(NEW).subarray(0, 8) };
    ask(image.upload, start);
    ask(image.upload, { off: 100, data: NEW.subarray(100, 200) });
    expect(ask(image.upload, start)).toEqual({ off: 200 });
    const { sha: _none, ...unnamed } = start;
    ask(image.upload, unnamed);
    ask(image.upload, { off: 100, data: NEW.subarray(100, 200) });
    expect(ask(image.upload, unnamed)).toEqual({ off: 100 });
  });

  test("what lies in the slot already is not sent again", () => {
    const { ask, upload, mcu } = open();
    upload(NEW);
    const { operations } = mcu.flash;
    expect(ask(image.upload, first(NEW))).toEqual({ off: NEW.length, match: true });
    expect(mcu.flash.operations).toBe(operations);
  });

  test("something else than was announced does not match", () => {
    const { ask } = open();
    const wrong = NEW.slice();
    wrong[5000]! ^= 1;
    ask(image.upload, { ...first(NEW), len: 200 });
    expect(ask(image.upload, { off: 100, data: wrong.subarray(100, 200) })).toEqual({ off: 200, match: false });
  });

  test("the first piece erases the slot, which takes a page's time for each sector", () => {
    const { sim, ask, upload } = open();
    upload(imageOf("1.2.0", { bytes: 30_000 }));
    const before = sim.now;
    ask(image.upload, first(NEW));
    // 9.2 KiB and the trailer's sector: 3 + 1 sectors of 4 KiB.
    expect(sim.now - before).toBeGreaterThan(4 * 85 * MS);
    expect(sim.now - before).toBeLessThan(5 * 85 * MS);
  });

  const { off: _off, ...noOffset } = first(NEW);
  const { len: _len, ...noLength } = first(NEW);
  test.each([
    ["no offset", noOffset, "invalid offset"],
    ["no length", noLength, "invalid length"],
    ["less than a header", first(NEW, 31), "invalid image header"],
    ["no data", { off: 0, len: 9, sha: sha256(NEW) }, "invalid image header"],
    ["no image", { ...first(NEW), data: new Uint8Array(64) }, "invalid image header magic"],
    ["a hash that is too long", { ...first(NEW), sha: new Uint8Array(33) }, "invalid hash"],
    ["more than the slot holds", { ...first(NEW), len: 128 * 1024 }, "image too large"],
    ["more than it announces", { ...first(NEW), len: 50 }, "more data than announced"],
    ["another image", { ...first(NEW), image: 1 }, "no free slot"],
  ])("refused: %s", (_name, request, says) => {
    const { ask, mcu } = open();
    const { operations } = mcu.flash;
    expect(() => ask(image.upload, request)).toThrow(refusal(says));
    expect(mcu.flash.operations).toBe(operations);
    expect(mcu.state.image).toBeUndefined();
  });

  test("more than was announced ends it", () => {
    const { ask } = open();
    ask(image.upload, { ...first(NEW), len: 150 });
    expect(() => ask(image.upload, { off: 100, data: NEW.subarray(100, 200) })).toThrow(
      refusal("more data than announced"),
    );
    expect(ask(image.upload, { off: 100, data: NEW.subarray(100, 150) })).toEqual({ off: 0 });
  });

  test("only upwards, when asked for; the build number does not count", () => {
    const { ask } = open();
    for (const version of ["1.0.0", "0.9.9", "1.0.0+7"])
      expect(() => ask(image.upload, { ...first(imageOf(version)), upgrade: true })).toThrow(
        refusal("current version is newer"),
      );
    expect(ask(image.upload, { ...first(imageOf("1.0.1")), upgrade: true })).toEqual({ off: 100 });
    expect(ask(image.upload, { ...first(imageOf("0.9.0")), upgrade: false })).toEqual({ off: 100 });
  });

  test("is gone after a restart, and after an erase", () => {
    const { ask, restart } = open();
    ask(image.upload, first(NEW));
    restart();
    expect(ask(image.upload, { off: 100, data: NEW.subarray(100, 200) })).toEqual({ off: 0 });
    ask(image.upload, first(NEW));
    ask(image.erase, {});
    expect(ask(image.upload, { off: 100, data: NEW.subarray(100, 200) })).toEqual({ off: 0 });
  });
});

describe("states", () => {
  const flags = (ask: ReturnType<typeof open>["ask"]) =>
    ask(image.state, {}).images.map(({ slot, version, ...more }) => [
      slot,
      version,
      Object.entries(more)
        .filter(([, value]) => value === true)
        .map(([name]) => name)
        .join(" "),
    ]);

  test("upload, trial, confirmation", () => {
    const { ask, upload, restart } = open();
    expect(flags(ask)).toEqual([[0, "1.0.0", "bootable confirmed active"]]);
    upload(NEW);
    expect(flags(ask)[1]).toEqual([1, "1.1.0", "bootable"]);
    const answer = ask(image.setState, { hash: hashOf(NEW), confirm: false });
    expect(answer.images[1]).toMatchObject({ pending: true, permanent: false });
    expect(flags(ask)[1]).toEqual([1, "1.1.0", "bootable pending"]);
    restart();
    // During a trial what runs is active and not confirmed, the other is confirmed.
    expect(flags(ask)).toEqual([
      [0, "1.1.0", "bootable active"],
      [1, "1.0.0", "bootable confirmed"],
    ]);
    ask(image.setState, { confirm: true });
    expect(flags(ask)).toEqual([
      [0, "1.1.0", "bootable confirmed active"],
      [1, "1.0.0", "bootable"],
    ]);
    restart();
    expect(flags(ask)[0]).toEqual([0, "1.1.0", "bootable confirmed active"]);
  });

  test("a trial that nobody confirms is over at the next reset", () => {
    const { ask, upload, restart } = open();
    upload(NEW);
    ask(image.setState, { hash: hashOf(NEW) });
    restart();
    restart();
    expect(flags(ask)).toEqual([
      [0, "1.0.0", "bootable confirmed active"],
      [1, "1.1.0", "bootable"],
    ]);
  });

  test("for good at once", () => {
    const { ask, upload, restart } = open();
    upload(NEW);
    ask(image.setState, { hash: hashOf(NEW), confirm: true });
    expect(flags(ask)[1]).toEqual([1, "1.1.0", "bootable pending permanent"]);
    restart();
    expect(flags(ask)[0]).toEqual([0, "1.1.0", "bootable confirmed active"]);
  });

  test("what hangs is reset by the watchdog, and its trial is over", () => {
    const { ask, upload, sim, wire } = open();
    const hanging = imageOf("1.3.0", { begins: HANGS });
    upload(hanging);
    ask(image.setState, { hash: hashOf(hanging) });
    ask(os.reset, {});
    sim.runUntil(sim.now + 2 * SECOND);
    expect(() => wire.run(wire.poller({ within: SECOND, retries: 0 }).ask(os.echo, { d: "" }))).toThrow(
      expect.objectContaining({ code: "smp/no-answer" }) as Error,
    );
    sim.runUntil(sim.now + WATCHDOG);
    expect(flags(ask)[0]).toEqual([0, "1.0.0", "bootable confirmed active"]);
  });

  test("asked for in vain", () => {
    const { ask, upload, restart } = open();
    const set = (request: { hash?: Uint8Array; confirm?: boolean }) => () => ask(image.setState, request);
    expect(set({})).toThrow(refusal("invalid hash"));
    expect(set({ hash: new Uint8Array(31) })).toThrow(refusal("invalid hash"));
    expect(set({ hash: new Uint8Array(32) })).toThrow(refusal("hash not found"));
    expect(set({ hash: OLD_HASH })).toThrow(refusal("the active slot cannot be tested"));
    upload(NEW);
    ask(image.setState, { hash: hashOf(NEW) });
    // Nothing may be confirmed while something waits for its trial.
    expect(set({ confirm: true })).toThrow(refusal("image already pending"));
    expect(set({ hash: hashOf(NEW), confirm: true })).toThrow(refusal("image already pending"));
    expect(set({ hash: hashOf(NEW) })()).toBeDefined();
    // Nor may it be written over or erased.
    expect(() => ask(image.upload, first(imageOf("1.2.0")))).toThrow(refusal("no free slot"));
    expect(() => ask(image.erase, {})).toThrow(refusal("no free slot"));
    restart();
    // What the trial falls back to stays, too.
    expect(set({ hash: OLD_HASH })).toThrow(refusal("image already pending"));
    expect(() => ask(image.erase, { slot: 1 })).toThrow(refusal("no free slot"));
    expect(() => ask(image.upload, first(imageOf("1.2.0")))).toThrow(refusal("no free slot"));
  });

  test("erasing", () => {
    const { ask, upload, slots } = open();
    upload(NEW);
    ask(image.erase, {});
    expect(slots().images[0]!.slots[1].isErased()).toBe(true);
    expect(ask(image.erase, { slot: 1 })).toEqual({});
    expect(() => ask(image.erase, { slot: 0 })).toThrow(refusal("no free slot"));
    expect(() => ask(image.erase, { slot: 2 })).toThrow(refusal("invalid slot"));
  });

  test("slots, the boot loader, the groups", () => {
    const { ask } = open();
    expect(ask(image.slotInfo, {})).toEqual({
      images: [
        {
          image: 0,
          slots: [
            { slot: 0, size: 131_072 },
            { slot: 1, size: 131_072 },
          ],
          max_image_size: 122_880,
        },
      ],
    });
    expect(ask(os.bootLoader, {})).toEqual({ bootloader: "MCUboot" });
    expect(ask(os.bootLoader, { query: "mode" })).toEqual({ mode: 3 });
    expect(ask(enumeration.list, {}).groups).toContain(1);
  });

  test("two images: each by its own hash, and the answer fits a buffer", () => {
    const { ask, upload, restart } = open({}, { images: 2 });
    const [one, two] = [imageOf("1.1.0"), imageOf("3.0.0", { bytes: 5000 })];
    upload(one);
    upload(two, 1);
    ask(image.setState, { hash: hashOf(two) });
    ask(image.setState, { hash: hashOf(one) });
    restart();
    expect(ask(image.state, {}).images.map((each) => [each.image, each.slot, each.version])).toEqual([
      [0, 0, "1.1.0"],
      [0, 1, "1.0.0"],
      [1, 0, "3.0.0"],
      [1, 1, "1.0.0"],
    ]);
    ask(image.setState, { hash: hashOf(one), confirm: true });
    ask(image.setState, { hash: hashOf(two), confirm: true });
    restart();
    expect(flags(ask).map(([, version]) => version)).toEqual(["1.1.0", "1.0.0", "3.0.0", "1.0.0"]);
  });
});

test("literal bytes of a refusal, in both versions", () => {
  const { mcu, sim } = open();
  const answers: string[] = [];
  const end = mcu.attach({ name: "raw", send: (message) => answers.push(hex(message)) });
  // Group 1, command 1, an upload without an offset: A0. Error 20, which version 1 calls 3.
  end.receive(Uint8Array.of(0x0a, 0, 0, 1, 0, 1, 7, 1, 0xa0));
  end.receive(Uint8Array.of(0x02, 0, 0, 1, 0, 1, 8, 1, 0xa0));
  sim.runUntil(sim.now + SECOND);
  expect(answers).toEqual(["0B00001100010701A163657272A26567726F75700162726314", "0300000500010801A162726303"]);
});
