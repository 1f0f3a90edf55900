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

/** Bytes that the magic takes with what has to be written with it. */
const magicUnit = (unit: number): number => Math.ceil(TRAILER_MAGIC_BYTES / unit) * unit;

/** Fields of the trailer, as bytes before the slot's end. `swapSize` is that of move and scratch. */
export const trailerOffsets = (align: number) => {
  const unit = Math.max(align, 8);
  const behind = (fields: number): number => magicUnit(unit) + fields * unit;
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
  const { swapSize, copyDone } = trailerOffsets(align);
  return overwriteOnly ? copyDone : swapSize + maxSectors * 3 * align;
}

/** How a boot loader swaps: each keeps its own notes in the trailer. */
export type SwapMode = "move" | "scratch" | "offset";

/** What stands in the trailer of a boot loader that swaps; bytes before the slot's end. */
export interface TrailerLayout {
  readonly align: number;
  readonly magic: number;
  readonly imageOk: number;
  readonly copyDone: number;
  readonly swapInfo: number;
  /** Unprotected TLVs of both images; by offset only. */
  readonly tlvSizes: number | undefined;
  readonly swapSize: number;
  /** Content keys of the primary and of the secondary slot's image, where images may be encrypted. */
  readonly keys: readonly [number, number] | undefined;
  /** Begin of the notes on single sectors. */
  readonly status: number;
  /** Notes that there may be. */
  readonly entries: number;
  /** All of it. */
  readonly bytes: number;
}

export interface TrailerOptions {
  readonly align: number;
  /** Sectors that a slot may have. */
  readonly maxSectors: number;
  readonly mode: SwapMode;
  /** The boot loader decrypts. */
  readonly encrypted?: boolean | undefined;
}

/** Notes a sector. */
const STATES: Readonly<Record<SwapMode, number>> = { move: 3, scratch: 3, offset: 2 };
/** A content key of at most 128 bits, in whole write units. */
const KEY_BYTES = 16;

export function trailerLayout({ align, maxSectors, mode, encrypted = false }: TrailerOptions): TrailerLayout {
  const unit = Math.max(align, 8);
  const fields = trailerOffsets(align);
  const tlvSizes = mode === "offset" ? fields.swapSize : undefined;
  const swapSize = fields.swapSize + (tlvSizes === undefined ? 0 : unit);
  const key = Math.ceil(KEY_BYTES / unit) * unit;
  const keys = encrypted ? ([swapSize + key, swapSize + 2 * key] as const) : undefined;
  const entries = maxSectors * STATES[mode];
  const status = (keys?.[1] ?? swapSize) + entries * align;
  return { ...fields, align, tlvSizes, swapSize, keys, entries, status, bytes: status };
}
