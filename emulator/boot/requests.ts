import type { FlashArea } from "./flash.js";
import { openPairs, type BootLayout, type Pair } from "./layout.js";
import type { SwapState, SwapType } from "./slot-trailer.js";
import { requestedSwap } from "./swap-type.js";

/*
 * What running firmware asks of the boot loader, by the trailers (bootutil_public.c). `image` is the number of the pair of slots. All of them throw what
 * the flash throws.
 */

/** `erased`: the slot's trailer was damaged, and the slot with it. */
export type RequestAnswer = "requested" | "already" | "erased";

const pairOf = (flash: FlashArea, layout: BootLayout, image: number): Pair => openPairs(flash, layout)[image]!;

/** Asks for the secondary slot's image at the next boot: for one try, or for good. */
export function requestUpgrade(flash: FlashArea, layout: BootLayout, permanent: boolean, image = 0): RequestAnswer {
  const { area, trailer } = pairOf(flash, layout, image).secondary;
  const { magic } = trailer.read();
  if (magic === "good") return "already";
  if (magic === "bad") {
    area.erase(0, area.size);
    return "erased";
  }
  trailer.writeMagic();
  if (permanent) trailer.writeImageOk();
  trailer.writeSwapInfo(permanent ? "perm" : "test", 0);
  return "requested";
}

/** Keeps the running image: it is not taken back at the next boot. In direct XIP the running one may be in the secondary slot. */
export function confirm(
  flash: FlashArea,
  layout: BootLayout,
  slot: "primary" | "secondary" = "primary",
  image = 0,
): "confirmed" | "already" | "damaged" {
  const { trailer } = pairOf(flash, layout, image)[slot];
  const { magic, imageOk } = trailer.read();
  if (magic === "bad") return "damaged";
  if (magic === "unset" || imageOk !== "unset") return "already";
  trailer.writeImageOk();
  return "confirmed";
}

/** What the next boot is asked to do. */
export const pendingSwap = (flash: FlashArea, layout: BootLayout, image = 0): SwapType =>
  requestedSwap(pairOf(flash, layout, image));

/** Both trailers. */
export function swapStates(
  flash: FlashArea,
  layout: BootLayout,
  image = 0,
): { readonly primary: SwapState; readonly secondary: SwapState } {
  const { primary, secondary } = pairOf(flash, layout, image);
  return { primary: primary.trailer.read(), secondary: secondary.trailer.read() };
}

/** Makes room for an image that comes in. */
export function eraseSecondary(flash: FlashArea, layout: BootLayout, image = 0): void {
  const { area } = pairOf(flash, layout, image).secondary;
  area.erase(0, area.size);
}

/** Where an image that comes in has to begin, in bytes of the flash. */
export function uploadOffset(flash: FlashArea, layout: BootLayout, image = 0): number {
  const { mode, secondary, sector } = pairOf(flash, layout, image);
  return secondary.offset + (mode === "offset" ? sector : 0);
}
