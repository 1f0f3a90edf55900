import { describe, expect, test } from "vitest";
import { boot, type BootConfiguration } from "../../emulator/boot/boot.js";
import { openPairs, roomFor } from "../../emulator/boot/layout.js";
import { uploadOffset } from "../../emulator/boot/requests.js";
import { generateSigningKey, readSigningKey } from "../../src/crypto/signing.js";
import { buildImage, type BuildOptions } from "../../src/protocols/mcuboot/build.js";
import { parseImage } from "../../src/protocols/mcuboot/image.js";
import { parseVersion } from "../../src/protocols/mcuboot/version.js";
import { seededRandom } from "../../src/util/random.js";
import { BootBench, KEY } from "../support/boot-bench.js";

// An image that is damaged, forged or older does not come in: the old one runs on, and what was refused is gone.

const MODES = ["move", "scratch", "offset", "overwrite"] as const;
const stranger = readSigningKey(generateSigningKey("ed25519", seededRandom("stranger")));

const built = (version: string, options: Partial<BuildOptions> = {}, length = 13_000): Uint8Array =>
  buildImage(seededRandom("payload next").bytes(length), {
    version: parseVersion(version),
    key: KEY,
    random: seededRandom("bad"),
    headerSize: 0x200,
    ...options,
  });

/** The same bytes with one changed. */
function changed(image: Uint8Array, at: number, mask = 0x01): Uint8Array {
  const out = image.slice();
  out[at]! ^= mask;
  return out;
}

const good = built("2.0.0");
const { covered } = parseImage(good);
const TLVS = covered.length;

const BAD: readonly (readonly [name: string, image: Uint8Array, why: RegExp])[] = [
  ["one bit of the payload", changed(good, 0x200 + 5_000), /hash is not that of its bytes/],
  ["its version raised after it was signed", changed(good, 20, 0x10), /hash is not/],
  ["its size one less", changed(good, 12), /TLV/],
  ["its size beyond the slot", changed(good, 14, 0x10), /should reach/],
  ["its size beyond everything", changed(good, 15, 0x80), /should reach/],
  ["the magic of its TLVs", changed(good, TLVS), /TLVs should begin/],
  ["the length of its TLVs", changed(good, TLVS + 3, 0x40), /should reach|TLV/],
  ["the length of one TLV", changed(good, TLVS + 6, 0xff), /beyond its list|TLV/],
  ["its hash", changed(good, TLVS + 8), /hash is not/],
  ["the hash of its key", changed(good, TLVS + 8 + 32 + 4), /not trusted here/],
  ["one bit of its signature", changed(good, good.length - 1), /signature does not hold/],
  ["its protected TLVs cut off", changed(built("2.0.0", { securityCounter: 7 }), 10, 0x04), /protected|TLV/],
  ["a key that nobody knows", built("2.0.0", { key: stranger }), /not trusted here/],
  ["no signature", built("2.0.0", { key: undefined }), /signature|key/],
  ["more bytes than the slot has", built("2.0.0", {}, 32_000), /should begin|should reach/],
  ["another place to run", built("2.0.0", { nonBootable: true }), /could be started/],
  ["not even a header", new Uint8Array(64), /does not begin as MCUboot images do/],
];

describe.each(MODES)("by %s", (mode) => {
  const bench = new BootBench({ mode });

  test.each(BAD)("%s", (_, image, why) => {
    for (const permanent of [false, true]) {
      const flash = bench.fresh();
      // What does not fit is cut off at the slot's end, as a loader writes it.
      const room = bench.configuration.images[0]!.secondary.size - (mode === "offset" ? 2 : 1) * 4096;
      bench.upload(flash, image.subarray(0, room), permanent);
      const { runs, events } = boot(flash, bench.configuration);
      expect(runs?.version).toMatchObject({ major: 1 });
      expect(events.map(({ did }) => did)).toEqual(["refused"]);
      expect(events[0]!.why).toMatch(why);
      expect(bench.bootOn(flash)).toBe("old");
      if (mode === "overwrite") continue;
      const { operations } = bench.boot(flash.snapshot());
      expect(operations).toBe(0);
    }
  });

  test("all the room that there is, and a byte more", () => {
    const room = roomFor(openPairs(bench.fresh(), bench.configuration)[0]!);
    const payload = room - (good.length - 13_000);
    const flash = bench.fresh();
    bench.upload(flash, built("2.0.0", {}, payload), false);
    expect(boot(flash, bench.configuration).runs?.image.end).toBe(room);
    expect(boot(flash, bench.configuration).runs?.version).toMatchObject({ major: mode === "overwrite" ? 2 : 1 });
    if (mode === "overwrite") return; // the next byte is the trailer's
    bench.upload(flash, built("2.0.0", {}, payload + 1), false);
    const { runs, events } = boot(flash, bench.configuration);
    expect(runs?.version).toMatchObject({ major: 1 });
    expect(events[0]!.why).toMatch(new RegExp(`${room + 1} bytes, and there is room for ${room}`));
  });

  test("cut while a bad image is erased: the old one runs, and a good one comes in after it", () => {
    const start = bench.asked(false, changed(good, 0x200 + 5_000));
    let states = 0;
    for (const left of bench.leftovers(start, `bad ${mode}`)) {
      states++;
      const { runs, after } = bench.boot(left);
      expect(runs).toBe("old");
      const flash = bench.flashOf(after);
      bench.upload(flash, bench.images.next, false);
      expect(bench.bootOn(flash)).toBe("next");
    }
    expect(states).toBeGreaterThan(20);
  });

  const asOld = (rules: Partial<BootConfiguration>, own: Partial<BuildOptions>) =>
    new BootBench({ mode, rules, build: own });

  test("an older version, where that is not allowed", () => {
    const strict = asOld({ downgrade: "version" }, {});
    const flash = strict.fresh();
    strict.upload(flash, built("0.9.0"), true);
    const { runs, events } = boot(flash, strict.configuration);
    expect(runs?.version).toMatchObject({ major: 1 });
    expect(events[0]).toMatchObject({
      did: "refused",
      why: expect.stringMatching(/0\.9\.0 is below the present 1\.0\.0/) as unknown,
    });
    expect(flash.read(uploadOffset(flash, strict.configuration), 4)).toEqual(new Uint8Array(4).fill(0xff));
    strict.upload(flash, built("1.0.1"), true);
    expect(boot(flash, strict.configuration).runs?.version).toMatchObject({ major: 1, revision: 1 });
    const lax = asOld({}, {});
    const other = lax.fresh();
    lax.upload(other, built("0.9.0"), true);
    expect(boot(other, lax.configuration).runs?.version).toMatchObject({ major: 0, minor: 9 });
  });

  if (mode !== "overwrite")
    test("a lower security counter than that of the image that is there", () => {
      const strict = asOld({ downgrade: "counter" }, { securityCounter: 5 });
      for (const [counter, major] of [
        [4, 1],
        [undefined, 1],
        [5, 3],
        [6, 3],
      ] as const) {
        const flash = strict.fresh();
        strict.upload(flash, built("3.0.0", { securityCounter: counter }), true);
        expect(boot(flash, strict.configuration).runs?.version, `${counter}`).toMatchObject({ major });
      }
    });

  test("a lower security counter than the device's, which follows what runs for good", () => {
    let stored = 5;
    const counters = {
      read: () => stored,
      raise: (_: number, value: number) => void (stored = Math.max(stored, value)),
    };
    const strict = asOld({ counters }, { securityCounter: 5 });
    const flash = strict.fresh();
    strict.upload(flash, built("3.0.0", { securityCounter: 4 }), true);
    expect(boot(flash, strict.configuration).events[0]!.why).toMatch(/counter is 4, and the device's is 5/);
    strict.upload(flash, built("3.0.0"), true);
    expect(boot(flash, strict.configuration).events[0]!.why).toMatch(/no security counter/);
    strict.upload(flash, built("3.0.0", { securityCounter: 9 }), false);
    expect(boot(flash, strict.configuration).runs?.version).toMatchObject({ major: 3 });
    // A try leaves the counter, else the way back would be barred. Overwriting knows no way back.
    expect(stored).toBe(mode === "overwrite" ? 9 : 5);
    expect(boot(flash, strict.configuration).runs?.version).toMatchObject({ major: mode === "overwrite" ? 3 : 1 });
    strict.upload(flash, built("3.0.0", { securityCounter: 9 }), true);
    expect(boot(flash, strict.configuration).runs?.version).toMatchObject({ major: 3 });
    expect(stored).toBe(9);
  });

  test("no image anywhere: nothing runs, and the boot loader waits for one", () => {
    const flash = bench.fresh();
    flash.erase(0, 0x8000);
    expect(boot(flash, bench.configuration)).toMatchObject({ runs: undefined, images: [], recovery: true });
    const damaged = bench.fresh();
    damaged.program(0x400, new Uint8Array(8));
    expect(boot(damaged, bench.configuration)).toMatchObject({
      runs: undefined,
      recovery: true,
      events: [{ did: "rejected", why: expect.stringMatching(/does not run: its hash/) as unknown }],
    });
  });
});

describe("by offset", () => {
  test("an image at the slot's first sector is not taken", () => {
    const bench = new BootBench({ mode: "offset" });
    const move = new BootBench({ mode: "move" });
    const { runs, events } = boot(bench.flashOf(move.asked(false)), bench.configuration);
    expect(runs?.version).toMatchObject({ major: 1 });
    expect(events[0]!.why).toMatch(/second sector/);
  });
});
