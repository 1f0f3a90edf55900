import { describe, expect, test } from "vitest";
import { boot, type BootConfiguration } from "../../../emulator/boot/boot.js";
import { Flash } from "../../../emulator/boot/flash.js";
import { confirm, eraseSecondary, pendingSwap, requestUpgrade, swapStates } from "../../../emulator/boot/requests.js";
import { openPairs } from "../../../emulator/boot/layout.js";
import { generateSigningKey, readSigningKey } from "../../../src/crypto/signing.js";
import { readAgreementKey, readAgreementSecret } from "../../../src/crypto/key-agreement.js";
import { buildImage, type BuildOptions } from "../../../src/protocols/mcuboot/build.js";
import { parseImage } from "../../../src/protocols/mcuboot/image.js";
import { formatVersion, parseVersion } from "../../../src/protocols/mcuboot/version.js";
import { equalBytes } from "../../../src/util/bytes.js";
import { seededRandom } from "../../../src/util/random.js";
import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import { BootBench } from "../../support/boot-bench.js";

const KEY = readSigningKey(generateSigningKey("ed25519", seededRandom("modes")));
const SLOT = 0x8000;
const GEOMETRY = { size: 4 * SLOT + 0x1000, sectorBytes: 0x1000, writeBytes: 8 };
const pair = (offset: number) => ({
  primary: { offset, size: SLOT },
  secondary: { offset: offset + SLOT, size: SLOT },
});

const built = (version: string, options: Partial<BuildOptions> = {}): Uint8Array =>
  buildImage(seededRandom(version).bytes(6_000), {
    version: parseVersion(version),
    key: KEY,
    random: seededRandom("modes"),
    ...options,
  });
function put(flash: Flash, offset: number, image: Uint8Array): void {
  const whole = new Uint8Array(Math.ceil(image.length / 8) * 8).fill(0xff);
  whole.set(image);
  flash.program(offset, whole);
}
const ran = (flash: Flash, configuration: BootConfiguration): string => {
  const { runs, images } = boot(flash, configuration);
  return runs ? images.map(({ slot, version }) => `${slot} ${formatVersion(version)}`).join(", ") : "nothing";
};

describe("direct XIP", () => {
  const direct = { mode: "direct-xip", images: [pair(0)], keys: [KEY] } as const satisfies BootConfiguration;

  test("the newer of two good images runs where it lies, and nothing is written", () => {
    const flash = new Flash(GEOMETRY);
    put(flash, 0, built("1.0.0"));
    expect(ran(flash, direct)).toBe("primary 1.0.0");
    put(flash, SLOT, built("1.1.0"));
    const { operations } = flash;
    expect(ran(flash, direct)).toBe("secondary 1.1.0");
    expect(flash.operations).toBe(operations);
  });

  test("of two of the same version the primary slot's runs", () => {
    const flash = new Flash(GEOMETRY);
    put(flash, 0, built("1.0.0"));
    put(flash, SLOT, built("1.0.0"));
    expect(ran(flash, direct)).toBe("primary 1.0.0");
  });

  test("a damaged newer one is erased, and the older one runs", () => {
    const flash = new Flash(GEOMETRY);
    put(flash, 0, built("1.0.0"));
    const bad = built("2.0.0");
    bad[1_000]! ^= 1;
    put(flash, SLOT, bad);
    expect(ran(flash, direct)).toBe("primary 1.0.0");
    expect(flash.read(SLOT, SLOT).every((byte) => byte === 0xff)).toBe(true);
  });

  test("an image made for another address is passed over, and stays", () => {
    const flash = new Flash(GEOMETRY);
    put(flash, 0, built("1.0.0", { romFixed: 0 }));
    put(flash, SLOT, built("2.0.0", { romFixed: 0 }));
    expect(ran(flash, direct)).toBe("primary 1.0.0");
    expect(flash.read(SLOT, 4)).not.toEqual(new Uint8Array(4).fill(0xff));
    const right = new Flash(GEOMETRY);
    put(right, 0, built("1.0.0", { romFixed: 0 }));
    put(right, SLOT, built("2.0.0", { romFixed: SLOT }));
    expect(ran(right, direct)).toBe("secondary 2.0.0");
  });

  describe("with a way back", () => {
    const revert = { ...direct, mode: "direct-xip-revert" } as const satisfies BootConfiguration;
    const both = (): Flash => {
      const flash = new Flash(GEOMETRY);
      put(flash, 0, built("1.0.0"));
      const { primary } = openPairs(flash, revert)[0]!;
      primary.trailer.writeMagic();
      primary.trailer.writeImageOk();
      put(flash, SLOT, built("2.0.0"));
      return flash;
    };

    test("one try, then the one before", () => {
      const flash = both();
      expect(requestUpgrade(flash, revert, false)).toBe("requested");
      expect(ran(flash, revert)).toBe("secondary 2.0.0");
      expect(swapStates(flash, revert).secondary).toMatchObject({ magic: "good", copyDone: "set", imageOk: "unset" });
      expect(ran(flash, revert)).toBe("primary 1.0.0");
      expect(flash.read(SLOT, 4)).toEqual(new Uint8Array(4).fill(0xff));
    });

    test("confirmed, it stays", () => {
      const flash = both();
      requestUpgrade(flash, revert, false);
      expect(ran(flash, revert)).toBe("secondary 2.0.0");
      expect(confirm(flash, revert, "secondary")).toBe("confirmed");
      expect(ran(flash, revert)).toBe("secondary 2.0.0");
    });

    test("what nobody asked for is erased", () => {
      const flash = both();
      expect(ran(flash, revert)).toBe("primary 1.0.0");
      expect(flash.read(SLOT, 4)).toEqual(new Uint8Array(4).fill(0xff));
    });
  });
});

describe("what firmware asks for", () => {
  const layout = { mode: "move", images: [pair(0)] } as const;

  test("an upgrade for one try, and for good; a second request changes nothing", () => {
    for (const [permanent, type] of [
      [false, "test"],
      [true, "perm"],
    ] as const) {
      const flash = new Flash(GEOMETRY);
      expect(pendingSwap(flash, layout)).toBe("none");
      expect(requestUpgrade(flash, layout, permanent)).toBe("requested");
      expect(pendingSwap(flash, layout)).toBe(type);
      expect(requestUpgrade(flash, layout, !permanent)).toBe("already");
      expect(pendingSwap(flash, layout)).toBe(type);
      eraseSecondary(flash, layout);
      expect(pendingSwap(flash, layout)).toBe("none");
    }
  });

  // As bootutil_public.c does: a slot whose trailer is damaged cannot be asked for, and is made free.
  test("a damaged trailer: the slot is erased", () => {
    const flash = new Flash(GEOMETRY);
    flash.program(SLOT, new Uint8Array(8));
    flash.program(2 * SLOT - 16, new Uint8Array(16));
    expect(requestUpgrade(flash, layout, false)).toBe("erased");
    expect(flash.read(SLOT, SLOT).every((byte) => byte === 0xff)).toBe(true);
  });

  test("an image without a trailer is confirmed already; one with a damaged trailer cannot be", () => {
    const flash = new Flash(GEOMETRY);
    expect(confirm(flash, layout)).toBe("already");
    flash.program(SLOT - 16, new Uint8Array(16));
    expect(confirm(flash, layout)).toBe("damaged");
  });
});

describe("two images that need each other", () => {
  const two = { mode: "move", images: [pair(0), pair(2 * SLOT)], keys: [KEY] } as const satisfies BootConfiguration;
  const needs = (image: number, version: string) => ({ dependencies: [{ image, version: parseVersion(version) }] });
  const start = (): Flash => {
    const flash = new Flash(GEOMETRY);
    put(flash, 0, built("1.0.0"));
    put(flash, 2 * SLOT, built("1.0.1"));
    return flash;
  };

  test("come in together", () => {
    const flash = start();
    put(flash, SLOT, built("2.0.0", needs(1, "2.0.1")));
    put(flash, 3 * SLOT, built("2.0.1"));
    requestUpgrade(flash, two, true, 0);
    requestUpgrade(flash, two, true, 1);
    expect(ran(flash, two)).toBe("primary 2.0.0, primary 2.0.1");
  });

  test("one alone is kept out, and may come in when the other does", () => {
    const flash = start();
    put(flash, SLOT, built("2.0.0", needs(1, "2.0.1")));
    requestUpgrade(flash, two, true, 0);
    const { images, events } = boot(flash, two);
    expect(images.map(({ version }) => formatVersion(version))).toEqual(["1.0.0", "1.0.1"]);
    expect(events[0]).toMatchObject({ image: 0, did: "refused", why: "it needs image 1 in version 2.0.1 at least" });
    put(flash, 3 * SLOT, built("2.0.1"));
    requestUpgrade(flash, two, true, 1);
    expect(ran(flash, two)).toBe("primary 2.0.0, primary 2.0.1");
  });

  test("cut anywhere while both come in: always a pair of images, each whole", () => {
    const from = start();
    put(from, SLOT, built("2.0.0"));
    put(from, 3 * SLOT, built("2.0.1"));
    requestUpgrade(from, two, true, 0);
    requestUpgrade(from, two, true, 1);
    const before = from.snapshot();
    const full = new Flash(GEOMETRY, before);
    boot(full, two);
    for (let n = 1; n <= full.operations - before.operations; n += 3) {
      const flash = new Flash(GEOMETRY, before);
      flash.planCut({ before: n });
      expect(() => boot(flash, two)).toThrow(expect.objectContaining({ code: "emulator/power-lost" }));
      flash.powerUp();
      expect(ran(flash, two)).toBe("primary 2.0.0, primary 2.0.1");
    }
  });
});

describe("encrypted images", () => {
  /** An X25519 key for tests, in PEM: RFC 8410 7 in front of a digest. */
  const secret = createPrivateKey({
    key: Buffer.concat([
      Buffer.from("302e020100300506032b656e04220420", "hex"),
      createHash("sha256").update("modes").digest(),
    ]),
    format: "der",
    type: "pkcs8",
  });
  const own = readAgreementSecret(secret.export({ type: "pkcs8", format: "pem" }) as string);
  const to = readAgreementKey(createPublicKey(secret).export({ type: "spki", format: "pem" }) as string);

  describe.each(["move", "scratch", "offset", "overwrite"] as const)("by %s", (mode) => {
    const bench = new BootBench({ mode, rules: { decryption: own, encrypted: true }, build: { encrypt: { to } } });
    const where = bench.configuration.images[0]!;
    const payload = parseImage(bench.images.next).payload;

    test("in clear where it runs, encrypted where it lies", () => {
      const tried = bench.boot(bench.asked(false));
      expect(tried.runs).toBe("next");
      const back = bench.boot(tried.after);
      expect(back.runs).toBe(mode === "overwrite" ? "next" : "old");
      if (mode === "overwrite") return;
      const flash = bench.flashOf(back.after);
      const at = where.secondary.offset + (mode === "offset" ? 0x1000 : 0) + 0x200;
      expect(equalBytes(flash.read(at, payload.length), payload)).toBe(true);
    });

    test("one cut everywhere, there and back", () => {
      for (const left of bench.leftovers(bench.asked(false), `encrypted ${mode}`)) {
        const { runs, after } = bench.boot(left);
        expect(["next", "old"]).toContain(runs);
        expect(bench.boot(after).runs).not.toBe("nothing");
      }
      const tried = bench.boot(bench.asked(false)).after;
      for (const left of bench.leftovers(tried, `encrypted back ${mode}`))
        expect(bench.boot(left).runs).not.toBe("nothing");
    });

    test("without the key it is refused", () => {
      const closed = { ...bench.configuration, decryption: undefined };
      const { runs, events } = boot(bench.flashOf(bench.asked(false)), closed);
      expect(runs?.version).toMatchObject({ major: 1 });
      expect(events[0]!.why).toMatch(/encrypted, and this device has no key/);
    });
  });
});
