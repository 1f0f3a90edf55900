import { generateSigningKey, readSigningKey, type SigningKey } from "../../src/crypto/signing.js";
import { buildImage } from "../../src/protocols/mcuboot/build.js";
import { manifestPayload, type FirmwareManifest } from "../../src/protocols/mcuboot/manifest.js";
import { parseVersion } from "../../src/protocols/mcuboot/version.js";
import { seededRandom } from "../../src/util/random.js";
import { CRASHES } from "./firmware.js";

/** Signs the images of emulated devices. Everybody has it: it protects nothing. */
export const publishedKey = (): SigningKey =>
  readSigningKey(generateSigningKey("ed25519", seededRandom("tapbench/firmware/test-key")));

/** Room between header and payload, as Zephyr's images for Cortex-M have it. */
const HEADER_BYTES = 0x200;
const CODE_BYTES = 60_000;

const common = {
  format: 1,
  model: "band-s1",
  features: ["payment", "management", "holder-verification", "factory-test"],
} as const;

/** What there is to flash onto the reference band. */
export const PUBLISHED: readonly FirmwareManifest[] = [
  {
    ...common,
    version: "2.0.4",
    quirks: ["slow-element-bus"],
    limits: { bitRate: 424 },
    notes: "Known fault: the bus to the element is slow, and taps take long.",
  },
  {
    ...common,
    version: "2.1.0",
    quirks: [],
    limits: {},
    notes: "The bus to the element runs at full speed, the air at up to 848 kbit/s.",
  },
  {
    ...common,
    version: "2.2.0",
    quirks: [CRASHES],
    limits: {},
    notes: "Withdrawn: it does not come up.",
  },
];

/** The image of a published version; the same bytes each time. */
export function publishedImage(manifest: FirmwareManifest, key: SigningKey): Uint8Array {
  const random = seededRandom(`tapbench/firmware/${manifest.model}/${manifest.version}`);
  return buildImage(manifestPayload(manifest, random.fork("code").bytes(CODE_BYTES)), {
    version: parseVersion(manifest.version),
    key,
    random,
    headerSize: HEADER_BYTES,
    securityCounter: 1,
  });
}
