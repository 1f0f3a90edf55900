import { createPublicKey, verify } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { EmulatedDevice } from "../../../emulator/device.js";
import { boot, type BootConfiguration } from "../../../emulator/boot/boot.js";
import { profileWith, startFirmware, type Started } from "../../../emulator/boot/firmware.js";
import { Flash } from "../../../emulator/boot/flash.js";
import { PUBLISHED, publishedImage, publishedKey } from "../../../emulator/boot/published.js";
import { confirm, eraseSecondary, requestUpgrade, uploadOffset } from "../../../emulator/boot/requests.js";
import { Sim } from "../../../emulator/sim/sim.js";
import { loadProfile } from "../../../src/profiles/load.js";
import type { DeviceProfile } from "../../../src/profiles/types.js";
import { buildImage } from "../../../src/protocols/mcuboot/build.js";
import { parseImage, valuesOf } from "../../../src/protocols/mcuboot/image.js";
import { manifestPayload, readManifest, type FirmwareManifest } from "../../../src/protocols/mcuboot/manifest.js";
import { TLV } from "../../../src/protocols/mcuboot/tlv.js";
import { parseVersion } from "../../../src/protocols/mcuboot/version.js";
import { sha256 } from "../../../src/crypto/hash.js";
import { concat, hex, unhex } from "../../../src/util/bytes.js";
import { seededRandom } from "../../../src/util/random.js";

// As Python's cbor2 writes it, behind TBFW and its length.
const LITERAL = unhex(
  "544246576E000000" +
    "A666666F726D617401656D6F64656C6762616E642D73316776657273696F6E65322E302E3468666561747572657382677061" +
    "796D656E746A6D616E6167656D656E7466717569726B738170736C6F772D656C656D656E742D627573666C696D697473A167" +
    "626974526174651901A8",
);
const SELECT = unhex("00A404000E325041592E5359532E444446303100");
const SAID: FirmwareManifest = {
  format: 1,
  model: "band-s1",
  version: "2.0.4",
  features: ["payment", "management"],
  quirks: ["slow-element-bus"],
  limits: { bitRate: 424 },
};

describe("manifests", () => {
  test("are read and written as the bytes of another implementation", () => {
    expect(readManifest(concat(LITERAL, seededRandom("code").bytes(100)))).toEqual(SAID);
    expect(hex(manifestPayload(SAID, new Uint8Array(0)))).toBe(hex(LITERAL));
  });

  test.each([
    [new Uint8Array(0), /TBFW/],
    [new Uint8Array(5_000), /TBFW/],
    [LITERAL.subarray(0, LITERAL.length - 1), /110 bytes/],
    [unhex("5442465700000000A0"), /0 bytes/],
    [unhex("54424657FFFFFFFFA0"), /4294967295 bytes/],
    [unhex("5442465701000000A0"), /cannot be read/],
    [concat(LITERAL.subarray(0, 16), unhex("02"), LITERAL.subarray(17)), /format 2/],
  ])("what is none is refused (%#)", (payload, why) => {
    expect(() => readManifest(payload)).toThrow(
      expect.objectContaining({ code: "mcuboot/bad-manifest", message: expect.stringMatching(why) as unknown }),
    );
  });
});

describe("published images of the band", () => {
  const key = publishedKey();

  test("come out the same each time, and are signed", () => {
    for (const manifest of PUBLISHED) {
      const image = publishedImage(manifest, key);
      expect(hex(image)).toBe(hex(publishedImage(manifest, publishedKey())));
      const { covered, tlvs, payload } = parseImage(image);
      const [signature] = valuesOf(parseImage(image), TLV.ed25519);
      expect(tlvs.length).toBeGreaterThan(3);
      expect(verify(null, sha256(covered), createPublicKey(key.pem), signature!)).toBe(true);
      expect(readManifest(payload)).toEqual(manifest);
    }
    expect(PUBLISHED.map(({ version }) => version)).toEqual(["2.0.4", "2.1.0", "2.2.0"]);
  });
});

describe("a band from 2.0.4 to 2.1.0, and not to 2.2.0", () => {
  const key = publishedKey();
  const slot = 0x20000;
  const configuration: BootConfiguration = {
    mode: "move",
    images: [{ primary: { offset: 0, size: slot }, secondary: { offset: slot, size: slot } }],
    keys: [key],
  };
  const image = (version: string): Uint8Array =>
    publishedImage(
      PUBLISHED.find((one) => one.version === version)!,
      key,
    );
  let profile: DeviceProfile;
  beforeAll(async () => {
    profile = await loadProfile("device", "band-s1");
  });
  const put = (flash: Flash, at: number, bytes: Uint8Array): void =>
    flash.program(at, concat(bytes, new Uint8Array((8 - (bytes.length % 8)) % 8).fill(0xff)));
  const starts = (flash: Flash): Started => startFirmware(boot(flash, configuration), profile);
  const upload = (flash: Flash, version: string): void => {
    eraseSecondary(flash, configuration);
    put(flash, uploadOffset(flash, configuration), image(version));
    requestUpgrade(flash, configuration, false);
  };

  test("the fault is there, goes, and comes back with nothing", () => {
    const flash = new Flash({ size: 2 * slot, sectorBytes: 0x1000, writeBytes: 8 });
    put(flash, 0, image("2.0.4"));
    const faulty = starts(flash);
    expect(faulty).toMatchObject({
      state: "runs",
      profile: { firmware: "2.0.4", compute: { perByte: 100_000 }, nfc: { ratesToDevice: [1, 2, 4] } },
    });
    upload(flash, "2.1.0");
    const repaired = starts(flash);
    expect(repaired).toMatchObject({
      state: "runs",
      profile: { firmware: "2.1.0", compute: { perByte: 2_000 }, nfc: { ratesToDevice: [1, 2, 4, 8] } },
    });
    // The firmware is content with itself.
    confirm(flash, configuration);
    expect(starts(flash)).toEqual(repaired);
    upload(flash, "2.2.0");
    expect(starts(flash)).toEqual({ state: "crashed", why: "2.2.0 crashes at boot" });
    // The watchdog resets it.
    expect(starts(flash)).toEqual(repaired);
    expect(starts(flash)).toEqual(repaired);
  });

  test("an element answers later through the slow bus", () => {
    const took = (version: string): { readonly took: number; readonly bytes: number } => {
      const changed = profileWith(
        profile,
        PUBLISHED.find((one) => one.version === version)!,
      );
      const device = new EmulatedDevice(changed, new Sim(), seededRandom("bus"));
      const { took, response } = device.wired(SELECT);
      return { took, bytes: SELECT.length + response.length };
    };
    const [slow, fast] = [took("2.0.4"), took("2.1.0")];
    // 100 microseconds a byte instead of two.
    expect(slow.took - fast.took).toBe(98_000 * slow.bytes);
    expect(slow.bytes).toBe(fast.bytes);
  });

  test("an image of another device, of another version than it says, or of no manifest does not come up", () => {
    const of = (payload: Uint8Array, version = "3.0.0"): Started => {
      const flash = new Flash({ size: 2 * slot, sectorBytes: 0x1000, writeBytes: 8 });
      put(flash, 0, buildImage(payload, { version: parseVersion(version), key, random: seededRandom("x") }));
      return starts(flash);
    };
    const manifest = { ...SAID, version: "3.0.0" };
    const none = new Uint8Array(0);
    expect(of(manifestPayload(manifest, none))).toMatchObject({ state: "runs" });
    expect(of(manifestPayload({ ...manifest, model: "watch-w1" }, none))).toMatchObject({ why: /for watch-w1/ });
    expect(of(manifestPayload(manifest, none), "3.0.1")).toMatchObject({ why: /the manifest says 3\.0\.0/ });
    expect(of(new Uint8Array(500))).toMatchObject({ state: "crashed", why: /TBFW/ });
    const empty = new Flash({ size: 2 * slot, sectorBytes: 0x1000, writeBytes: 8 });
    expect(starts(empty)).toEqual({ state: "recovery" });
  });

  test("features that are not named are missing, limits lower, names that nobody knows change nothing", () => {
    const bare = profileWith(profile, { ...SAID, features: [], quirks: ["constructor", "unheard-of"], limits: {} });
    expect(bare).toMatchObject({ management: undefined, verification: "none", nfc: profile.nfc });
    const slow = profileWith(profile, {
      ...SAID,
      features: ["management", "holder-verification"],
      quirks: ["small-frames", "lowest-bit-rate", "long-start-up"],
      limits: { bufferBytes: 1, bufferCount: 2, toString: 1 },
    });
    expect(slow).toMatchObject({
      verification: "passcode",
      nfc: { fsci: 5, sfgi: 8, ratesToDevice: [1], ratesFromDevice: [1] },
      management: { bufferBytes: 96, bufferCount: 2 },
    });
  });
});
