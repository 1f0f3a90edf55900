import type { SwapMode } from "../../src/protocols/mcuboot/trailer.js";
import { ERASED } from "./flash.js";
import type { Pair } from "./layout.js";
import type { SlotTrailer, SwapState, SwapType } from "./slot-trailer.js";

/** How far a swap got before this boot. */
export interface Progress {
  /** Whose trailer says it; undefined: none does. */
  readonly source: "primary" | "scratch" | undefined;
  /** Notes found; 0: no step is done, though the trailer may be there already. */
  readonly notes: number;
  readonly type: SwapType;
}

/** A step is done when it or a later one has its note. */
const lastNote = (notes: Uint8Array): number => notes.findLastIndex((note) => note !== ERASED) + 1;

/** The first gap behind the first note. */
function firstRun(notes: Uint8Array): number {
  const first = notes.findIndex((note) => note !== ERASED);
  if (first < 0) return 0;
  const gap = notes.indexOf(ERASED, first);
  return gap < 0 ? notes.length : gap;
}

const COUNTS: Readonly<Record<SwapMode, (notes: Uint8Array) => number>> = {
  move: lastNote,
  offset: lastNote,
  scratch: firstRun,
};

/** Where the notes are: by move and by offset in the primary slot, once its trailer is whole and the secondary's is gone. */
const begunInPrimary = (primary: SwapState, secondary: SwapState): boolean =>
  primary.magic === "good" && primary.copyDone === "unset" && secondary.magic !== "good";

/** By scratch (swap_scratch.c, boot_status_tables): the first row that fits. */
function sourceByScratch(primary: SwapState, scratch: SwapState, image: number): Progress["source"] {
  if (scratch.magic !== "good" && primary.magic === "good" && primary.copyDone === "set") return undefined;
  if (scratch.magic !== "good" && primary.magic === "good" && primary.copyDone === "unset") return "primary";
  // The scratch area serves all images.
  if (scratch.magic === "good") return scratch.image === image ? "scratch" : undefined;
  return primary.magic === "unset" && primary.copyDone === "unset" ? "primary" : undefined;
}

function sourceOf(pair: Pair): Progress["source"] {
  const { mode, image, primary, secondary, scratch } = pair;
  const own = primary.trailer.read();
  if (mode === "scratch") return scratch && sourceByScratch(own, scratch.trailer.read(), image);
  return begunInPrimary(own, secondary.trailer.read()) ? "primary" : undefined;
}

export function progressOf(pair: Pair, mode: SwapMode): Progress {
  const source = sourceOf(pair);
  const trailer = source === "scratch" ? pair.scratch?.trailer : pair.primary.trailer;
  if (source === undefined || !trailer) return { source: undefined, notes: 0, type: "none" };
  // No image reaches its trailer here, so the scratch area never holds notes.
  const notes = source === "scratch" ? 0 : COUNTS[mode](trailer.notes());
  return { source, notes, type: trailer.read().swapType };
}

/** The trailer that a swap under way left whole. */
export const trailerUnderWay = ({ primary, scratch }: Pair): SlotTrailer =>
  scratch?.trailer.read().magic === "good" ? scratch.trailer : primary.trailer;
