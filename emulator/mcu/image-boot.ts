import { FLAGS, MAX_IMAGE, parseImage } from "../../src/protocols/mcuboot/image.js";
import { HASHES } from "../../src/protocols/mcuboot/verify.js";
import type { SwapMode } from "../../src/protocols/mcuboot/trailer.js";
import { attempt } from "../../src/util/errors.js";
import { MS, SECOND, type Nanos } from "../../src/util/time.js";
import { boot, type BootConfiguration } from "../boot/boot.js";
import { ERASED, type FlashArea } from "../boot/flash.js";
import { openPairs, roomFor, trailerSectors, type Pair, type Slot } from "../boot/layout.js";
import type { BootOutcome } from "../boot/outcome.js";
import { confirm, requestUpgrade } from "../boot/requests.js";
import { requestedSwap } from "../boot/swap-type.js";
import { emulatorError } from "../errors.js";
import type { Firmware, ImageSlot, SlotImage, UpdatableImage } from "./image-slots.js";

/** A boot loader that runs images from their primary slot. */
export interface SwappingBoot extends BootConfiguration {
  readonly mode: SwapMode | "overwrite";
}

/** As group 0 numbers them (Zephyr, SMP group 0, bootloader information, mode). */
const MODES: Readonly<Record<SwappingBoot["mode"], number>> = { scratch: 1, overwrite: 2, move: 3, offset: 9 };
/** Half of what a swap does is erasing: a model. */
const BOOT_OPERATION: Nanos = 40 * MS;
const WATCHDOG: Nanos = 8 * SECOND;

/** The boot loader of emulator/boot as the management server works with it. `starts`: what was started comes up and answers. */
export function bootFirmware(
  configuration: SwappingBoot,
  starts: (outcome: BootOutcome) => boolean = () => true,
): Firmware {
  return {
    slots: (flash) => ({
      images: openPairs(flash, configuration).map((pair) => updatable(flash, configuration, pair)),
      mode: MODES[configuration.mode],
    }),
    boot: (flash) => {
      const before = flash.operations;
      const outcome = boot(flash, configuration);
      const took = (flash.operations - before) * BOOT_OPERATION;
      if (!outcome.runs) return { took, runs: false };
      return starts(outcome) ? { took, runs: true } : { took, runs: false, watchdog: WATCHDOG };
    },
  };
}

function updatable(flash: FlashArea, configuration: SwappingBoot, pair: Pair): UpdatableImage {
  const { image, mode, primary, secondary, sector } = pair;
  const did = (answer: string): void => {
    if (answer === "damaged" || answer === "erased")
      throw emulatorError("flash-failed", "the slot's trailer was damaged; upload the image again", { image });
  };
  return {
    // By offset what comes in begins behind the first sector.
    slots: [slotOf(pair, primary, 0), slotOf(pair, secondary, mode === "offset" ? sector : 0)],
    active: 0,
    room: roomFor(pair),
    next: () => requestedSwap(pair),
    request: (permanent) => did(requestUpgrade(flash, configuration, permanent, image)),
    confirm: () => did(confirm(flash, configuration, "primary", image)),
  };
}

function slotOf(pair: Pair, { area }: Slot, at: number): ImageSlot {
  const { size, sectorBytes, writeBytes } = area;
  return {
    size,
    sectorBytes,
    writeBytes,
    // By offset, what was swapped out lies from the beginning.
    found: () => foundAt(area, at) ?? (at > 0 ? foundAt(area, 0) : undefined),
    isErased: () => isErased(area.read(0, size)),
    read: (offset, length) => area.read(at + offset, length),
    write: (offset, bytes) => area.program(at + offset, bytes),
    erase: (length = size - at) => {
      const all = size / sectorBytes;
      const used = Math.ceil((at + length) / sectorBytes);
      // Sectors between image and trailer are left alone: an upload does not reach them.
      const trailer = Math.max(used, all - trailerSectors(pair));
      area.erase(0, used * sectorBytes);
      if (trailer < all) area.erase(trailer * sectorBytes, (all - trailer) * sectorBytes);
      return used + all - trailer;
    },
  };
}

function foundAt(area: FlashArea, at: number): SlotImage | undefined {
  const bytes = area.read(at, Math.min(area.size - at, MAX_IMAGE));
  const image = attempt(() => parseImage(bytes));
  const hash = image?.tlvs.find(({ type }) => HASHES.has(type))?.value;
  return image && hash && { version: image.version, hash, bootable: (image.header.flags & FLAGS.nonBootable) === 0 };
}

function isErased(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== ERASED) return false;
  return true;
}
