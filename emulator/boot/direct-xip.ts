import { FLAGS } from "../../src/protocols/mcuboot/image.js";
import { compareVersions, formatVersion } from "../../src/protocols/mcuboot/version.js";
import type { Pair, Slot } from "./layout.js";
import type { BootLog, Running } from "./outcome.js";
import { checkImage, headerAt, securityCounterAt, type Demands } from "./slot-image.js";

/** Runs each image where it lies: of the two, the newer one that is good (bootutil_loader.c, MCUBOOT_DIRECT_XIP). */
export function bootDirect(pairs: readonly Pair[], demands: Demands, log: BootLog): readonly Running[] {
  const running: Running[] = [];
  for (const pair of pairs) {
    const chosen = newestGood(pair, demands, log);
    if (!chosen) {
      log(pair.image, "rejected", "no image that is good is in either slot");
      return [];
    }
    running.push(chosen);
  }
  return running;
}

function newestGood(pair: Pair, demands: Demands, log: BootLog): Running | undefined {
  for (const slot of byVersion(pair)) {
    const why = unfit(pair, slot);
    if (why !== undefined) {
      log(pair.image, "rejected", `the image in the ${slot.name} slot ${why}`);
      continue;
    }
    const { image, objection } = checkImage(pair, slot, 0, demands);
    if (image && objection === undefined) {
      settleCounter(pair, slot, demands);
      return { slot: slot.name, version: image.version, image };
    }
    slot.area.erase(0, slot.area.size);
    log(pair.image, "refused", `the image in the ${slot.name} slot was erased: ${objection}`);
  }
  return undefined;
}

/** Slots that hold an image; of two of the same version the primary comes first. */
function byVersion({ primary, secondary }: Pair): readonly Slot[] {
  const found = [primary, secondary].flatMap((slot) => {
    const header = headerAt(slot.area, 0);
    return header ? [{ slot, header }] : [];
  });
  return found.toSorted((a, b) => compareVersions(b.header, a.header, false)).map(({ slot }) => slot);
}

/** Why an image is not even looked at. One that was tried and not confirmed is erased; one that is tried now is marked. */
function unfit({ mode }: Pair, { area, offset, trailer }: Slot): string | undefined {
  const header = headerAt(area, 0)!;
  if ((header.flags & FLAGS.romFixed) !== 0 && header.loadAddress !== offset)
    return `was made for address ${header.loadAddress}, and the slot is at ${offset}`;
  if (mode !== "direct-xip-revert") return undefined;
  const { magic, copyDone, imageOk } = trailer.read();
  if (magic !== "good" || (copyDone === "set" && imageOk !== "set")) {
    area.erase(0, area.size);
    const tried = magic === "good" ? "was tried and not confirmed" : "has no request to be tried";
    return `(${formatVersion(header)}) was erased: it ${tried}`;
  }
  if (copyDone !== "set") trailer.writeCopyDone();
  return undefined;
}

function settleCounter({ mode, image }: Pair, { area, trailer }: Slot, { counters }: Demands): void {
  if (!counters || (mode === "direct-xip-revert" && trailer.read().imageOk !== "set")) return;
  const value = securityCounterAt(area, 0);
  if (value !== undefined) counters.raise(image, value);
}
