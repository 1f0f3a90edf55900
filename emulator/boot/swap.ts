import { aesCtrAt } from "../../src/crypto/key-agreement.js";
import { FLAGS, type ImageHeader } from "../../src/protocols/mcuboot/image.js";
import type { SwapMode } from "../../src/protocols/mcuboot/trailer.js";
import { isRefusal, type FlashArea } from "./flash.js";
import type { Pair } from "./layout.js";
import type { SlotTrailer, SwapType } from "./slot-trailer.js";
import { stepsByMove, stepsByOffset, stepsByScratch, type Region, type Step } from "./swap-plan.js";
import type { Progress } from "./swap-progress.js";

/** What a swap has to know of the image that a slot held when it began. */
export interface Swapped {
  readonly header: ImageHeader | undefined;
  /** Bytes of its unprotected TLVs. */
  readonly tlvs: number;
  /** Its content key, if it is encrypted outside the primary slot. */
  readonly key: Uint8Array | undefined;
}

/** A swap to begin or to go on with. */
export interface Swap {
  readonly pair: Pair;
  readonly mode: SwapMode;
  readonly type: SwapType;
  /** Bytes that the longer image has. */
  readonly size: number;
  readonly progress: Progress;
  readonly images: { readonly primary: Swapped; readonly secondary: Swapped };
}

interface Method {
  readonly steps: (pair: Pair, sectors: number, type: SwapType) => readonly Step[];
  /** Makes the trailers ready, before the steps or the rest of them; it has to stand being interrupted, too. */
  readonly begin: (swap: Swap) => void;
  /** Nothing is to be copied. */
  readonly skips?: (swap: Swap, step: Step) => boolean;
  readonly end?: (swap: Swap) => void;
}

const METHODS: Readonly<Record<SwapMode, Method>> = {
  move: { steps: stepsByMove, begin: beginMove },
  scratch: { steps: stepsByScratch, begin: beginScratch },
  offset: { steps: stepsByOffset, begin: beginOffset, skips: beyondImage, end: endOffset },
};

/** A build option of MCUboot's: what it copies at once. */
const CHUNK = 0x400;

/** All steps of a swap over that many bytes. */
export const stepsOf = (pair: Pair, mode: SwapMode, type: SwapType, size: number): readonly Step[] =>
  METHODS[mode].steps(pair, Math.ceil(size / pair.sector), type);

/** The first step that has no note yet. */
export function stepsDone(steps: readonly Step[], notes: number): number {
  const next = steps.findIndex(({ entry }) => entry >= notes);
  return next < 0 ? steps.length : next;
}

/** Does what is left of a swap; returns how many notes could not be written. @throws what the flash throws */
export function runSwap(swap: Swap): number {
  const { pair, mode, type, size, progress } = swap;
  const { begin, skips, end } = METHODS[mode];
  const steps = stepsOf(pair, mode, type, size);
  begin(swap);
  let lost = 0;
  for (const step of steps.slice(stepsDone(steps, progress.notes))) {
    if (step.dropsTrailer === true) pair.secondary.trailer.erase();
    if (skips?.(swap, step) !== true) copy(swap, step);
    if (!noted(pair.primary.trailer, step)) lost++;
  }
  end?.(swap);
  return lost;
}

/** A note that the flash does not take is no reason to stop: the primary slot is judged afterwards. */
function noted(trailer: SlotTrailer, { entry, state }: Step): boolean {
  try {
    trailer.writeNote(entry, state);
    return true;
  } catch (error) {
    if (isRefusal(error)) return false;
    throw error;
  }
}

/** Fresh fields; the magic comes last and says that the others are whole. */
function writeTrailer(trailer: SlotTrailer, { pair, type, size, images }: Swap): void {
  const { imageOk } = pair.secondary.trailer.read();
  if (type !== "none") trailer.writeSwapInfo(type, pair.image);
  if (imageOk === "set") trailer.writeImageOk();
  trailer.writeSwapSize(size);
  trailer.writeTlvSizes([images.primary.tlvs, images.secondary.tlvs]);
  trailer.writeKeys([images.primary.key, images.secondary.key]);
  trailer.writeMagic();
}

function newTrailer(trailer: SlotTrailer, swap: Swap): void {
  trailer.erase();
  writeTrailer(trailer, swap);
}

/**
 * A revert is asked for by the primary slot's trailer alone, which goes first of all: the secondary's therefore asks for the same from here on, as a
 * permanent upgrade.
 */
function beginMove(swap: Swap): void {
  const { pair, type, size, progress } = swap;
  if (progress.notes > 0) return;
  const { primary, secondary } = pair;
  if (type === "revert" && secondary.trailer.read().magic === "unset") {
    secondary.trailer.erase();
    secondary.trailer.writeImageOk();
    secondary.trailer.writeSwapSize(size);
    secondary.trailer.writeMagic();
  }
  if (progress.source !== "primary") newTrailer(primary.trailer, swap);
  secondary.trailer.erase();
}

/** What is asked for stands in the scratch area while the primary slot's trailer is erased. */
function beginScratch(swap: Swap): void {
  const { pair, progress } = swap;
  const { primary, scratch } = pair;
  if (progress.notes > 0 || !scratch) return;
  eraseAll(scratch.area);
  writeTrailer(scratch.trailer, swap);
  newTrailer(primary.trailer, swap);
}

/** As by move, but the secondary's trailer says that it is a revert. Done again while only the first note is there. */
function beginOffset(swap: Swap): void {
  const { pair, type, progress } = swap;
  if (progress.notes > 1) return;
  const { primary, secondary } = pair;
  if (type === "revert" && secondary.trailer.read().magic === "unset") {
    secondary.trailer.erase();
    secondary.trailer.writeCopyDone();
    writeTrailer(secondary.trailer, swap);
  }
  if (progress.source !== "primary") newTrailer(primary.trailer, swap);
  secondary.trailer.erase();
}

/** Sectors behind the image that a slot held are not copied, but for the first. */
function beyondImage({ pair, images }: Swap, { from, to }: Step): boolean {
  const { header, tlvs } = images[from.where === "primary" ? "primary" : "secondary"];
  if (!header) return false;
  const used = Math.ceil((header.headerSize + header.protectedSize + header.imageSize + tlvs) / pair.sector);
  const index = (from.where === "primary" ? from.at : to.at) / pair.sector;
  return index > used;
}

/** After a revert no header and no request is left behind in the secondary slot. */
function endOffset({ pair, type }: Swap): void {
  if (type !== "revert") return;
  pair.secondary.area.erase(0, pair.sector);
  pair.secondary.trailer.erase();
}

const eraseAll = (area: FlashArea): void => area.erase(0, area.size);

const areaOf = ({ primary, secondary, scratch }: Pair, { where }: Region): FlashArea =>
  where === "primary" ? primary.area : where === "secondary" ? secondary.area : scratch!.area;

function copy(swap: Swap, { from, to, bytes }: Step): void {
  const { pair } = swap;
  const target = areaOf(pair, to);
  if (to.where === "scratch") eraseAll(target);
  else target.erase(to.at, bytes);
  const source = areaOf(pair, from);
  for (let done = 0; done < bytes; done += CHUNK) {
    const read = source.read(from.at + done, Math.min(CHUNK, bytes - done));
    target.program(to.at + done, crossed(swap, from, to, done, read));
  }
}

/** The whole secondary slot over the primary one, which is erased before; in clear. */
export function overwrite({ primary, secondary }: Pair, image: Swapped): void {
  eraseAll(primary.area);
  for (let at = 0; at < primary.area.size; at += CHUNK) {
    const read = secondary.area.read(at, Math.min(CHUNK, primary.area.size - at));
    primary.area.program(at, ciphered(image, at, read));
  }
}

/** Payloads are in clear in the primary slot and nowhere else. */
function crossed(
  { type, mode, images, pair }: Swap,
  from: Region,
  to: Region,
  done: number,
  bytes: Uint8Array,
): Uint8Array {
  const inward = to.where === "primary";
  if (inward === (from.where === "primary")) return bytes;
  const up = mode === "offset" && type === "revert" && !inward ? pair.sector : 0;
  return ciphered(inward ? images.secondary : images.primary, to.at - up + done, bytes);
}

/** What of the bytes at `at` of an image is payload, encrypted or decrypted: it is the same. */
function ciphered({ header, key }: Swapped, at: number, bytes: Uint8Array): Uint8Array {
  if (!header || !key || (header.flags & (FLAGS.encryptedAes128 | FLAGS.encryptedAes256)) === 0) return bytes;
  const begin = Math.max(at, header.headerSize);
  const end = Math.min(at + bytes.length, header.headerSize + header.imageSize);
  if (begin >= end) return bytes;
  const out = bytes.slice();
  out.set(aesCtrAt(key, bytes.subarray(begin - at, end - at), begin - header.headerSize), begin - at);
  return out;
}
