import { contentKey, isEncrypted } from "../../src/protocols/mcuboot/encryption.js";
import { FLAGS, HEADER_BYTES, ImageHeader } from "../../src/protocols/mcuboot/image.js";
import type { SwapMode } from "../../src/protocols/mcuboot/trailer.js";
import { compareVersions, formatVersion } from "../../src/protocols/mcuboot/version.js";
import { roomFor, type Pair, type Slot } from "./layout.js";
import type { BootLog } from "./outcome.js";
import {
  checkImage,
  headerAt,
  headerErased,
  imageAt,
  orObjection,
  securityCounterAt,
  sizesAt,
  type Demands,
} from "./slot-image.js";
import type { SwapType } from "./slot-trailer.js";
import { overwrite, runSwap, stepsDone, stepsOf, type Swapped } from "./swap.js";
import { whereNow, type Region } from "./swap-plan.js";
import { progressOf, trailerUnderWay, type Progress } from "./swap-progress.js";
import { requestedSwap } from "./swap-type.js";

export interface UpgradeRules extends Demands {
  /** Refuses an image with a lower version, or with a lower security counter, than the one that is there. */
  readonly downgrade?: "allowed" | "version" | "counter" | undefined;
}

/** What is to be done with a pair, nothing of it begun. */
export interface Planned {
  readonly pair: Pair;
  /** `fail`: what was begun cannot be done, as the image is no good. */
  type: SwapType | "fail";
  readonly progress: Progress;
  /** Where the secondary slot's image begins. */
  readonly secondaryAt: number;
}

const NOTHING: Progress = { source: undefined, notes: 0, type: "none" };
const isUpgrade = (type: Planned["type"]): type is SwapType => type === "test" || type === "perm" || type === "revert";
const swapMode = ({ mode }: Pair): SwapMode | undefined =>
  mode === "move" || mode === "scratch" || mode === "offset" ? mode : undefined;

/** Ends a swap that was under way, or finds out what is asked for and whether the image may come in. */
export function planUpgrade(pair: Pair, rules: UpgradeRules, log: BootLog): Planned {
  const mode = swapMode(pair);
  const progress = mode ? progressOf(pair, mode) : NOTHING;
  const requested = requestedSwap(pair);
  const secondaryAt = secondaryStart(pair, progress.type === "revert" || requested === "revert");
  const planned: Planned = { pair, type: "none", progress, secondaryAt };
  if (mode && progress.notes > 0) {
    resume(planned, mode, rules, log);
    return planned;
  }
  // Nothing is swapped for an image that is not there.
  if ((mode === "move" || mode === "offset") && !headerAt(pair.primary.area, 0)) return planned;
  const begun = progress.type !== "none";
  const type = begun ? progress.type : requested;
  if (mode === "offset" && type === "revert" && secondaryAt > 0) {
    // What is there came in after the upgrade that is to be taken back; swapped from where an old image stands, neither would be whole.
    log(pair.image, "refused", "the image before this one is gone: another one came in instead of it");
    return planned;
  }
  if (isUpgrade(type)) {
    const refused = refusal(planned, begun ? "none" : type, rules);
    if (refused !== undefined) log(pair.image, "refused", refused);
    planned.type = refused === undefined ? type : begun ? "fail" : "none";
  }
  return planned;
}

/** By offset an upgrade comes in one sector up, and goes out without. */
function secondaryStart({ mode, secondary, sector }: Pair, reverts: boolean): number {
  if (mode !== "offset") return 0;
  const [first, other] = reverts ? [0, sector] : [sector, 0];
  return !headerAt(secondary.area, first) && headerAt(secondary.area, other) ? other : first;
}

/** Why the secondary slot's image may not come in; it is erased then. */
function refusal(planned: Planned, expected: SwapType, rules: UpgradeRules): string | undefined {
  const { pair, secondaryAt, progress } = planned;
  const { primary, secondary, mode } = pair;
  const { flags } = ImageHeader.decode(secondary.area.read(secondaryAt, HEADER_BYTES));
  if (headerErased(secondary.area, secondaryAt) || (flags & FLAGS.nonBootable) !== 0) {
    if (mode === "overwrite") return "there is no image in the secondary slot that could be started";
    const stuck = mode === "move" && (progress.type === "revert" || requestedSwap(pair) === "revert");
    secondary.trailer.erase();
    if (stuck) primary.trailer.erase();
    return "there is no image in the secondary slot that could be started; the request for it was removed";
  }
  const why = objection(planned, expected, rules);
  if (why === undefined) return undefined;
  secondary.area.erase(0, secondary.area.size);
  return `the image in the secondary slot was erased: ${why}`;
}

function objection({ pair, secondaryAt }: Planned, expected: SwapType, rules: UpgradeRules): string | undefined {
  const { primary, secondary, mode } = pair;
  if (mode === "offset" && (expected === "test" || expected === "perm") && headerAt(secondary.area, 0))
    return "by offset an image begins at the slot's second sector, not its first";
  if (mode === "overwrite" && rules.downgrade === "version") {
    const older = olderThan(primary, secondary, secondaryAt);
    if (older !== undefined) return older;
  }
  return checkImage(pair, secondary, secondaryAt, rules).objection;
}

function olderThan(primary: Slot, secondary: Slot, at: number): string | undefined {
  const [own, other] = [headerAt(primary.area, 0), headerAt(secondary.area, at)];
  if (!own || !other || compareVersions(other, own, false) >= 0) return undefined;
  return `its version ${formatVersion(other)} is below the present ${formatVersion(own)}`;
}

/** Why an image that is good would be a step back. Without a counter in the present image there is nothing to go below. */
function downgrade({ pair, secondaryAt }: Planned, rule: UpgradeRules["downgrade"]): string | undefined {
  const { primary, secondary } = pair;
  if (rule === "version") return olderThan(primary, secondary, secondaryAt);
  if (rule !== "counter") return undefined;
  const [own, other] = [securityCounterAt(primary.area, 0), securityCounterAt(secondary.area, secondaryAt)];
  if (own === undefined || (other !== undefined && other >= own)) return undefined;
  return `its security counter ${other ?? "is missing and"} is below the present ${own}`;
}

/** Does what was planned. */
export function performUpgrade(planned: Planned, rules: UpgradeRules, log: BootLog): void {
  const { pair, type } = planned;
  const { image, primary, secondary } = pair;
  const mode = swapMode(pair);
  if (type === "none") return;
  if (type === "fail") {
    // As if it had just been reverted: it is not tried again.
    if (primary.trailer.read().imageOk === "unset") primary.trailer.writeImageOk();
    return;
  }
  const lower = type === "revert" ? undefined : mode && downgrade(planned, rules.downgrade);
  if (lower !== undefined) {
    secondary.area.erase(0, secondary.area.size);
    log(image, "refused", `the image in the secondary slot was erased: ${lower}`);
    return;
  }
  if (mode) swap(planned, mode, type, rules, log);
  else {
    overwrite(pair, swapped(secondary, planned.secondaryAt, rules));
    raiseCounter(pair, rules);
    const { area } = secondary;
    area.erase(0, pair.sector);
    area.erase(area.size - pair.sector, pair.sector);
    log(image, "upgraded", "the image in the secondary slot was copied over the other");
  }
}

const DONE: Readonly<Record<Exclude<SwapType, "none">, readonly ["tested" | "upgraded" | "reverted", string]>> = {
  test: ["tested", "a new image is in for one try; unless it is confirmed the next boot takes it back"],
  perm: ["upgraded", "a new image is in for good"],
  revert: ["reverted", "the new image was not confirmed; the one before it is back"],
};

function swap(planned: Planned, mode: SwapMode, type: SwapType, rules: UpgradeRules, log: BootLog): void {
  const { pair, progress, secondaryAt } = planned;
  const { primary, secondary } = pair;
  const sizes = [sizesAt(primary.area, 0), sizesAt(secondary.area, secondaryAt)];
  const size = Math.max(...sizes.map((one) => one?.end ?? 0));
  if (size > roomFor(pair)) {
    log(pair.image, "refused", `the images have up to ${size} bytes, and there is room to swap ${roomFor(pair)}`);
    return;
  }
  const images = { primary: swapped(primary, 0, rules), secondary: swapped(secondary, secondaryAt, rules) };
  const lost = runSwap({ pair, mode, type, size, progress, images });
  finish(pair, type, rules);
  report(pair, type, lost, log);
}

function resume(planned: Planned, mode: SwapMode, rules: UpgradeRules, log: BootLog): void {
  const { pair, progress } = planned;
  const { type, notes } = progress;
  const trailer = trailerUnderWay(pair);
  const size = trailer.swapSize;
  if (size === 0 || size > roomFor(pair)) {
    log(pair.image, "rejected", `a swap is under way, but its notes speak of ${size} bytes, which cannot be`);
    return;
  }
  const steps = stepsOf(pair, mode, type, size);
  const done = stepsDone(steps, notes);
  const header = (start: Region): ImageHeader | undefined => {
    const now = whereNow(start, steps, done);
    const slot = now && (now.where === "scratch" ? pair.scratch : pair[now.where]);
    return slot && headerAt(slot.area, now.at);
  };
  const [own, other] = [
    header({ where: "primary", at: 0 }),
    header({ where: "secondary", at: mode === "offset" && type !== "revert" ? pair.sector : 0 }),
  ];
  if (mode !== "scratch" && !(own && other)) {
    log(pair.image, "rejected", "a swap is under way, but the images are not where its notes say");
    return;
  }
  const [keys, tlvs] = [trailer.keys, trailer.tlvSizes];
  const images = {
    primary: { header: own, tlvs: tlvs[0], key: keys[0] },
    secondary: { header: other, tlvs: tlvs[1], key: keys[1] },
  };
  const lost = runSwap({ pair, mode, type, size, progress, images });
  finish(pair, type, rules);
  log(pair.image, "resumed", `a swap was interrupted after ${done} of ${steps.length} steps and is done now`);
  report(pair, type, lost, log);
}

function report(pair: Pair, type: SwapType, lost: number, log: BootLog): void {
  if (type !== "none") log(pair.image, ...DONE[type]);
  if (lost > 0) log(pair.image, "flash-failed", `${lost} note(s) on the swap could not be written`);
}

/** The flags that end a swap, so that it is not done again or taken back. */
function finish(pair: Pair, type: SwapType, rules: UpgradeRules): void {
  const { trailer } = pair.primary;
  if ((type === "revert" || type === "perm") && trailer.read().imageOk === "unset") trailer.writeImageOk();
  if (type === "perm") raiseCounter(pair, rules);
  if (type !== "none") trailer.writeCopyDone();
}

/** The device's counter follows the image that is in the primary slot for good. */
export function raiseCounter({ image, primary }: Pair, { counters }: Demands): void {
  const value = counters && securityCounterAt(primary.area, 0);
  if (value !== undefined) counters?.raise(image, value);
}

/** What a swap has to know of the image in a slot. */
function swapped({ area }: Slot, at: number, { decryption }: Demands): Swapped {
  const header = headerAt(area, at);
  const image = orObjection(() => imageAt(area, at));
  if (!header || typeof image === "string") return { header, tlvs: 0, key: undefined };
  const tlvs = image.end - image.covered.length;
  const key = decryption && isEncrypted(image) ? orObjection(() => contentKey(image, decryption)) : undefined;
  return { header, tlvs, key: typeof key === "string" ? undefined : key };
}
