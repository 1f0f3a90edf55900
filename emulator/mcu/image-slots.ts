import type { ImageVersion } from "../../src/protocols/mcuboot/version.js";
import type { Nanos } from "../../src/util/time.js";
import type { Flash, FlashGeometry, FlashSnapshot } from "../boot/flash.js";

/** What a slot holds, as far as it can be read. */
export interface SlotImage {
  readonly version: ImageVersion;
  /** As the image itself holds it. */
  readonly hash: Uint8Array;
  readonly bootable: boolean;
}

/** What the boot loader is going to do with an image's slots. */
export type NextBoot = "none" | "test" | "perm" | "revert";

/** One of an image's two slots: what runs is usually in 0. */
export interface ImageSlot extends Pick<FlashGeometry, "size" | "sectorBytes" | "writeBytes"> {
  /** Undefined: no image that can be told. */
  readonly found: () => SlotImage | undefined;
  readonly isErased: () => boolean;
  /** @throws `emulator/flash-...`, `emulator/power-lost` */
  readonly read: (offset: number, length: number) => Uint8Array;
  /** Whole write blocks. @throws as `read` */
  readonly write: (offset: number, bytes: Uint8Array) => void;
  /** Makes room for an image of `length` bytes, or all of the slot, and erases what the boot loader was asked for. Returns sectors. @throws as `read` */
  readonly erase: (length?: number) => number;
}

/** An image that can be updated by itself. */
export interface UpdatableImage {
  readonly slots: readonly [ImageSlot, ImageSlot];
  /** The slot that runs. */
  readonly active: 0 | 1;
  /** Bytes that an upload may have. */
  readonly room: number;
  readonly next: () => NextBoot;
  /** Asks the boot loader to start the other slot. @throws `emulator/flash-...`, `emulator/power-lost` */
  readonly request: (permanent: boolean) => void;
  /** What runs stays. @throws as `request` */
  readonly confirm: () => void;
}

/** The slots as the management server works with them; where they are and how they are swapped is the boot loader's business. */
export interface ImageSlots {
  readonly images: readonly UpdatableImage[];
  /** How it was built, by the number that group 0 has for it (bootloader information, mode). */
  readonly mode: number;
}

/** What a boot came to. */
export interface BootReport {
  /** What it took besides the usual. */
  readonly took: Nanos;
  /** False: nothing was started, or nothing that answers. */
  readonly runs: boolean;
  /** What does not answer is reset after that time; absent: it stays as it is. */
  readonly watchdog?: Nanos | undefined;
}

/** The boot loader as the microcontroller has it. */
export interface Firmware {
  /** After every reset. @throws `emulator/power-lost` */
  readonly boot: (flash: Flash) => BootReport;
  readonly slots: (flash: Flash) => ImageSlots;
  /** The flash as it leaves the factory; absent: erased. */
  readonly factory?: (() => FlashSnapshot) | undefined;
}
