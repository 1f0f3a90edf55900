import type { DeviceProfile } from "../../src/profiles/types.js";
import { Flash, type FlashSnapshot } from "../boot/flash.js";
import { startFirmware } from "../boot/firmware.js";
import { PUBLISHED, publishedImage, publishedKey } from "../boot/published.js";
import { bootFirmware } from "./image-boot.js";
import type { Firmware } from "./image-slots.js";

/** What each model's flash holds when it leaves the factory: worked out once, its sectors are shared. */
const made = new Map<string, FlashSnapshot>();

/** Boot loader and firmware of a device as its maker hands it over; undefined: its profile has no boot loader. */
export function factoryFirmware(profile: DeviceProfile): Firmware | undefined {
  const { management } = profile;
  if (!management?.boot) return undefined;
  const { mode, primary, secondary } = management.boot;
  const slots = {
    primary: { offset: primary.offset, size: primary.bytes },
    secondary: { offset: secondary.offset, size: secondary.bytes },
  };
  const key = publishedKey();
  const firmware = bootFirmware(
    { mode, images: [slots], keys: [key] },
    (outcome) => startFirmware(outcome, profile).state === "runs",
  );
  const factory = (): FlashSnapshot => {
    const { bytes: size, sectorBytes, writeBytes } = management.flash;
    const id = [profile.name, profile.firmware, size, sectorBytes, writeBytes, primary.offset].join("/");
    const known = made.get(id);
    if (known) return known;
    const flash = new Flash({ size, sectorBytes, writeBytes });
    const manifest = PUBLISHED.find(({ model, version }) => model === profile.name && version === profile.firmware);
    if (manifest) flash.program(primary.offset, padded(publishedImage(manifest, key), writeBytes));
    const snapshot = { ...flash.snapshot(), operations: 0 };
    made.set(id, snapshot);
    return snapshot;
  };
  return { ...firmware, factory };
}

/** Whole write blocks. */
function padded(bytes: Uint8Array, block: number): Uint8Array {
  const whole = new Uint8Array(Math.ceil(bytes.length / block) * block).fill(0xff);
  whole.set(bytes);
  return whole;
}
