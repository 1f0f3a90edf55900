import type { Pair } from "./layout.js";
import type { Flag, Magic, SwapState, SwapType } from "./slot-trailer.js";

interface Wanted {
  readonly magic?: Magic | "not good";
  readonly imageOk?: Flag;
  readonly copyDone?: Flag;
}

/** A row: what is not named may be anything. */
interface Row {
  readonly primary?: Wanted;
  readonly secondary?: Wanted;
  readonly type: SwapType;
}

const TEST: Row = { secondary: { magic: "good", imageOk: "unset" }, type: "test" };
const PERM: Row = { secondary: { magic: "good", imageOk: "set" }, type: "perm" };
const REVERT: Row = {
  primary: { magic: "good", imageOk: "unset", copyDone: "set" },
  secondary: { magic: "not good" },
  type: "revert",
};
/** By offset a revert is noted in the secondary slot before the primary slot's trailer goes. */
const REVERT_BEGUN: Row = { secondary: { magic: "good", imageOk: "unset", copyDone: "set" }, type: "revert" };

/** What trailers ask for: the first row that fits (bootutil_public.c, boot_swap_tables). */
const ROWS: readonly Row[] = [TEST, PERM, REVERT];
const ROWS_BY_OFFSET: readonly Row[] = [REVERT_BEGUN, ...ROWS];

const fits = ({ magic, imageOk, copyDone }: Wanted, found: SwapState): boolean =>
  (magic === undefined || (magic === "not good" ? found.magic !== "good" : found.magic === magic)) &&
  (imageOk === undefined || found.imageOk === imageOk) &&
  (copyDone === undefined || found.copyDone === copyDone);

export function swapTypeOf(mode: Pair["mode"], primary: SwapState, secondary: SwapState): SwapType {
  const rows = mode === "offset" ? ROWS_BY_OFFSET : ROWS;
  return rows.find((row) => fits(row.primary ?? {}, primary) && fits(row.secondary ?? {}, secondary))?.type ?? "none";
}

/** What a pair's trailers ask for now. */
export const requestedSwap = ({ mode, primary, secondary }: Pair): SwapType =>
  swapTypeOf(mode, primary.trailer.read(), secondary.trailer.read());
