import { concat, unhex } from "../../util/bytes.js";

/*
 * The end of a slot, from behind: magic, image_ok, copy_done, swap_info, swap_size, encryption keys, swap status (MCUboot, docs/design.md,
 * "Image trailer"; bootutil_public.c). Each field stands in its own write unit.
 */

export const TRAILER_MAGIC_BYTES = 16;
/** The slot's last bytes where its write alignment is at most 8. */
const MAGIC_ALIGN_8 = unhex("77C295F360D2EF7F3552500F2CB67980");
/** Behind the alignment, which stands in front of it, otherwise. */
const MAGIC_ALIGNED = unhex("2DE15D29410B8D77679C110F1F8A");

export const trailerMagic = (align: number): Uint8Array =>
  align <= 8 ? MAGIC_ALIGN_8 : concat(Uint8Array.of(align & 0xff, align >> 8), MAGIC_ALIGNED);

/** Fields of the trailer, as bytes before the slot's end. `swapSize` is that of move and scratch. */
export const trailerOffsets = (align: number) => {
  const unit = Math.max(align, 8);
  const behind = (fields: number): number => TRAILER_MAGIC_BYTES + fields * unit;
  return {
    magic: TRAILER_MAGIC_BYTES,
    imageOk: behind(1),
    copyDone: behind(2),
    swapInfo: behind(3),
    swapSize: behind(4),
  };
};

/** Bytes that a trailer takes from a slot: what a boot loader needs that may lose its power while it swaps. */
export function trailerBytes(align: number, maxSectors: number, overwriteOnly = false): number {
  const unit = Math.max(align, 8);
  const { swapSize } = trailerOffsets(align);
  return overwriteOnly ? TRAILER_MAGIC_BYTES + 2 * unit : swapSize + maxSectors * 3 * align;
}
