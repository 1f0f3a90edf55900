import { compareVersions, parseVersion } from "../../src/protocols/mcuboot/version.js";
import { readManifest, type FirmwareManifest } from "../../src/protocols/mcuboot/manifest.js";
import type { DeviceProfile, RateDivisor } from "../../src/profiles/types.js";
import { isTapbenchError } from "../../src/util/errors.js";
import type { BootOutcome } from "./outcome.js";

/*
 * What firmware changes of a device. A profile describes the hardware with firmware that does everything right; a manifest takes away or slows down.
 */

type Change = (profile: DeviceProfile) => DeviceProfile;

const nfc =
  (change: Partial<DeviceProfile["nfc"]>): Change =>
  (profile) => ({
    ...profile,
    nfc: { ...profile.nfc, ...change },
  });

/** 64 bytes (ISO/IEC 14443-4 table 1). */
const SMALL_FRAMES = 5;
const LOWEST_RATE: readonly RateDivisor[] = [1];
/** About 77 ms (ISO/IEC 14443-4 5.2.5). */
const LONG_START_UP = 8;
const SLOW_BUS = 50;

/** Faults that a manifest may own up to. */
export const QUIRKS: Readonly<Record<string, Change>> = {
  /** The bus between controller and element runs at a fraction of its speed. */
  "slow-element-bus": (profile) => ({
    ...profile,
    compute: { ...profile.compute, perByte: profile.compute.perByte * SLOW_BUS },
  }),
  "small-frames": nfc({ fsci: SMALL_FRAMES }),
  "lowest-bit-rate": nfc({ ratesToDevice: LOWEST_RATE, ratesFromDevice: LOWEST_RATE }),
  "long-start-up": nfc({ sfgi: LONG_START_UP }),
};

/** The firmware does not come up: it resets before it confirms itself. */
export const CRASHES = "crashes-at-boot";

/** Abilities that are missing unless the manifest names them. */
export const FEATURES: Readonly<Record<string, Change>> = {
  management: (profile) => ({ ...profile, management: undefined }),
  "holder-verification": (profile) => ({ ...profile, verification: "none" }),
};

const atMost = (rates: readonly RateDivisor[], kbits: number): readonly RateDivisor[] =>
  rates.filter((rate) => rate * 106 <= kbits || rate === 1);

const buffers =
  (field: "bufferBytes" | "bufferCount") =>
  (limit: number): Change =>
  (profile) =>
    profile.management
      ? {
          ...profile,
          management: {
            ...profile.management,
            [field]: Math.max(LEAST[field], Math.min(profile.management[field], limit)),
          },
        }
      : profile;
/** What a profile may have at least. */
const LEAST = { bufferBytes: 96, bufferCount: 1 } as const;

/** Limits that lower what the hardware could do. */
export const LIMITS: Readonly<Record<string, (limit: number) => Change>> = {
  /** Highest bit rate over the air, kbit/s. */
  bitRate: (kbits) => (profile) => ({
    ...profile,
    nfc: {
      ...profile.nfc,
      ratesToDevice: atMost(profile.nfc.ratesToDevice, kbits),
      ratesFromDevice: atMost(profile.nfc.ratesFromDevice, kbits),
    },
  }),
  /** One MCUmgr buffer, header included; bytes. */
  bufferBytes: buffers("bufferBytes"),
  bufferCount: buffers("bufferCount"),
};

/** The device as this firmware makes it: names that are not known here change nothing. */
export function profileWith(profile: DeviceProfile, manifest: FirmwareManifest): DeviceProfile {
  const missing = Object.entries(FEATURES).filter(([name]) => !manifest.features.includes(name));
  const changes: readonly (Change | undefined)[] = [
    ...missing.map(([, change]) => change),
    ...manifest.quirks.map((name) => own(QUIRKS, name)),
    ...Object.entries(manifest.limits).map(([name, limit]) => own(LIMITS, name)?.(limit)),
  ];
  return changes.reduce<DeviceProfile>((changed, change) => change?.(changed) ?? changed, {
    ...profile,
    firmware: manifest.version,
  });
}

/** Names come out of images: `constructor` is none of ours. */
const own = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

/** A device after its boot loader. */
export type Started =
  /** The boot loader waits on the serial line. */
  | { readonly state: "recovery" }
  /** What was started does not come up; at the next reset an image on trial is taken back. */
  | { readonly state: "crashed"; readonly why: string }
  | { readonly state: "runs"; readonly manifest: FirmwareManifest; readonly profile: DeviceProfile };

/** What becomes of a device with this profile when the boot loader is done. */
export function startFirmware({ runs }: BootOutcome, profile: DeviceProfile): Started {
  if (!runs) return { state: "recovery" };
  let manifest: FirmwareManifest;
  let same: boolean;
  try {
    manifest = readManifest(runs.image.payload);
    same = compareVersions(parseVersion(manifest.version), runs.version) === 0;
  } catch (error) {
    if (isTapbenchError(error)) return { state: "crashed", why: error.message };
    throw error;
  }
  if (manifest.model !== profile.name)
    return { state: "crashed", why: `the image is for ${manifest.model}, and this is ${profile.name}` };
  if (!same) return { state: "crashed", why: `the manifest says ${manifest.version}, and the image's header does not` };
  if (manifest.quirks.includes(CRASHES)) return { state: "crashed", why: `${manifest.version} crashes at boot` };
  return { state: "runs", manifest, profile: profileWith(profile, manifest) };
}
