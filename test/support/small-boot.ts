import { flashArea, type Flash, type FlashArea } from "../../emulator/boot/flash.js";
import type { Firmware, ImageSlot, ImageSlots, NextBoot, UpdatableImage } from "../../emulator/mcu/image-slots.js";
import type { VerifyingKey } from "../../src/crypto/signing.js";
import { HEADER_BYTES, isImage, parseImage, valuesOf } from "../../src/protocols/mcuboot/image.js";
import { TLV } from "../../src/protocols/mcuboot/tlv.js";
import { trailerMagic, trailerOffsets } from "../../src/protocols/mcuboot/trailer.js";
import { judgeImage } from "../../src/protocols/mcuboot/verify.js";
import { ascii, equalBytes, hex } from "../../src/util/bytes.js";
import { attempt } from "../../src/util/errors.js";
import { SECOND } from "../../src/util/time.js";

/*
 * A boot loader for tests of what is above it: trailers and swap types are MCUboot's, but slots are exchanged through memory, so that a power cut in a swap would
 * lose images.
 */

export interface SmallBoot {
  readonly slotBytes: number;
  readonly images: number;
  readonly keys: readonly VerifyingKey[];
}

/** An image whose payload begins so never answers; the watchdog resets it. */
export const HANGS = ascii("HANGS");
export const WATCHDOG = 8 * SECOND;
const ALIGN = 8;
const AT = trailerOffsets(ALIGN);
const FLAG = Uint8Array.of(1, 255, 255, 255, 255, 255, 255, 255);

class Slot implements ImageSlot {
  readonly #area: FlashArea;
  readonly size: number;
  readonly sectorBytes: number;
  readonly writeBytes: number;

  constructor(area: FlashArea) {
    this.#area = area;
    this.size = area.size;
    this.sectorBytes = area.sectorBytes;
    this.writeBytes = area.writeBytes;
  }

  readonly read = (offset: number, length: number): Uint8Array => this.#area.read(offset, length);
  readonly write = (offset: number, bytes: Uint8Array): void => this.#area.program(offset, bytes);
  readonly isErased = (): boolean => this.read(0, this.size).every((byte) => byte === 0xff);

  readonly image = () => {
    if (!isImage(this.read(0, HEADER_BYTES))) return undefined;
    const bytes = this.read(0, this.size);
    return attempt(() => parseImage(bytes));
  };

  readonly found = () => {
    const image = this.image();
    const hash = image && valuesOf(image, TLV.sha256)[0];
    return image && hash && { version: image.version, hash, bootable: true };
  };

  readonly erase = (length = this.size): number => {
    const { sectorBytes, size } = this;
    const sectors = Math.ceil(length / sectorBytes);
    this.#area.erase(0, sectors * sectorBytes);
    if (sectors * sectorBytes === size) return sectors;
    this.#area.erase(size - sectorBytes, sectorBytes);
    return sectors + 1;
  };

  has(field: keyof typeof AT): boolean {
    const wanted = field === "magic" ? trailerMagic(ALIGN) : FLAG.subarray(0, 1);
    return equalBytes(this.read(this.size - AT[field], wanted.length), wanted);
  }

  set(field: keyof typeof AT): void {
    if (!this.has(field)) this.write(this.size - AT[field], field === "magic" ? trailerMagic(ALIGN) : FLAG);
  }

  /** All but the trailer's sector. */
  take(bytes: Uint8Array): void {
    this.erase();
    this.write(0, bytes.subarray(0, this.size - this.sectorBytes));
  }
}

function pairs(flash: Flash, { slotBytes, images }: SmallBoot): readonly (readonly [Slot, Slot])[] {
  const slot = (n: number): Slot => new Slot(flashArea(flash, n * slotBytes, slotBytes));
  return Array.from({ length: images }, (_, i) => [slot(2 * i), slot(2 * i + 1)] as const);
}

/** The first row that fits, as in bootutil_public.c. */
function nextOf([primary, secondary]: readonly [Slot, Slot]): NextBoot {
  if (secondary.has("magic")) return secondary.has("imageOk") ? "perm" : "test";
  return primary.has("magic") && !primary.has("imageOk") && primary.has("copyDone") ? "revert" : "none";
}

/** The boot loader of a device with that layout, from the flash's start. */
export function smallBoot(layout: SmallBoot): Firmware {
  const starts = (slot: Slot): boolean => {
    const image = slot.image();
    return image !== undefined && judgeImage(image, { keys: layout.keys }).objections.length === 0;
  };
  const updatable = (pair: readonly [Slot, Slot]): UpdatableImage => ({
    slots: pair,
    active: 0,
    room: layout.slotBytes - 2 * pair[0].sectorBytes,
    next: () => nextOf(pair),
    request: (permanent) => {
      pair[1].set("magic");
      if (permanent) pair[1].set("imageOk");
    },
    confirm: () => pair[0].set("imageOk"),
  });
  return {
    slots: (flash): ImageSlots => ({ images: pairs(flash, layout).map(updatable), mode: 3 }),
    boot: (flash) => {
      for (const pair of pairs(flash, layout)) {
        const next = nextOf(pair);
        const [primary, secondary] = pair;
        if (next === "none") continue;
        if (!starts(secondary)) {
          secondary.erase();
          continue;
        }
        const [old, fresh] = pair.map((slot) => slot.read(0, slot.size));
        primary.take(fresh!);
        secondary.take(old!);
        primary.set("copyDone");
        if (next !== "test") primary.set("imageOk");
        primary.set("magic");
      }
      const payload = pairs(flash, layout)[0]?.[0].image()?.payload;
      const hangs = payload && hex(payload.subarray(0, HANGS.length)) === hex(HANGS);
      return hangs ? { took: 0, runs: false, watchdog: WATCHDOG } : { took: 0, runs: true };
    },
  };
}

/** Puts an image there as the factory does. */
export function install(flash: Flash, layout: SmallBoot, image: number, bytes: Uint8Array): void {
  const padded = new Uint8Array(Math.ceil(bytes.length / ALIGN) * ALIGN).fill(0xff);
  padded.set(bytes);
  const slot = pairs(flash, layout)[image]![0];
  slot.erase();
  slot.write(0, padded);
}
