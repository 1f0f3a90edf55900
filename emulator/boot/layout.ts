import type { SwapMode } from "../../src/protocols/mcuboot/trailer.js";
import { trailerLayout, type TrailerLayout } from "../../src/protocols/mcuboot/trailer.js";
import { flashArea, type FlashArea } from "./flash.js";
import { SlotTrailer } from "./slot-trailer.js";

/** What a boot loader was built for: it takes the new image in place of the old one, or runs images where they lie. */
export type BootMode = SwapMode | "overwrite" | "direct-xip" | "direct-xip-revert";

/** Bytes of a flash; whole sectors. */
export interface Partition {
  readonly offset: number;
  readonly size: number;
}

/** Where a device's images are. */
export interface BootLayout {
  readonly mode: BootMode;
  /** Two slots an image: what runs, and what comes in. */
  readonly images: readonly { readonly primary: Partition; readonly secondary: Partition }[];
  /** Swap by scratch only. */
  readonly scratch?: Partition | undefined;
  /** Sectors that trailers have room for; 128 unless given. */
  readonly maxSectors?: number | undefined;
  /** Images in secondary slots may be encrypted: trailers have room for their keys. */
  readonly encrypted?: boolean | undefined;
}

export interface Slot {
  readonly name: "primary" | "secondary";
  /** Of the flash; where an image fixed to its place has to be. */
  readonly offset: number;
  readonly area: FlashArea;
  readonly trailer: SlotTrailer;
}

/** An image's two slots, opened. */
export interface Pair {
  readonly image: number;
  readonly mode: BootMode;
  readonly primary: Slot;
  readonly secondary: Slot;
  readonly scratch: Pick<Slot, "area" | "trailer"> | undefined;
  readonly trailer: TrailerLayout;
  readonly maxSectors: number;
  readonly sector: number;
}

const MAX_SECTORS = 128;

/** The notes that a mode keeps; those without any look at the fields that all have. */
const NOTES: Readonly<Record<BootMode, SwapMode>> = {
  move: "move",
  scratch: "scratch",
  offset: "offset",
  overwrite: "scratch",
  "direct-xip": "scratch",
  "direct-xip-revert": "scratch",
};

/** @throws `emulator/flash-range` where a partition does not fit the flash */
export function openPairs(flash: FlashArea, layout: BootLayout): readonly Pair[] {
  const { mode, maxSectors = MAX_SECTORS, encrypted, scratch } = layout;
  const trailer = trailerLayout({ align: flash.writeBytes, maxSectors, mode: NOTES[mode], encrypted });
  const part = ({ offset, size }: Partition) => {
    const area = flashArea(flash, offset, size);
    return { offset, area, trailer: new SlotTrailer(area, trailer) };
  };
  return layout.images.map(({ primary, secondary }, image) => ({
    image,
    mode,
    primary: { name: "primary", ...part(primary) },
    secondary: { name: "secondary", ...part(secondary) },
    scratch: scratch && part(scratch),
    trailer,
    maxSectors,
    sector: flash.sectorBytes,
  }));
}

/** Sectors of a trailer at the end of a slot. */
export const trailerSectors = ({ trailer, sector }: Pair): number => Math.ceil(trailer.bytes / sector);

/**
 * Bytes that an image may have, its TLVs included. More than the boot loader needs for its notes is never given away; MCUboot's own takes a little more by
 * scratch and by offset, where image and trailer share a sector.
 */
export function roomFor(pair: Pair): number {
  const { mode, primary, secondary, sector, trailer } = pair;
  const [own, other] = [primary, secondary].map(({ area }) => Math.floor(area.size / sector) - trailerSectors(pair));
  const sectors = {
    move: Math.min(own! - 1, other!),
    scratch: Math.min(own!, other!),
    offset: Math.min(own!, other! - 1),
  };
  return mode in sectors
    ? sectors[mode as SwapMode] * sector
    : Math.min(primary.area.size, secondary.area.size) - trailer.swapInfo;
}
