import { dependenciesOf } from "../../src/protocols/mcuboot/image.js";
import { compareVersions, formatVersion } from "../../src/protocols/mcuboot/version.js";
import { bootDirect } from "./direct-xip.js";
import { isRefusal, type FlashArea } from "./flash.js";
import { openPairs, type BootLayout, type Pair } from "./layout.js";
import type { BootEvent, BootLog, BootOutcome, Running } from "./outcome.js";
import { checkImage, headerAt, imageAt, orObjection } from "./slot-image.js";
import { performUpgrade, planUpgrade, raiseCounter, type Planned, type UpgradeRules } from "./upgrade.js";

/** A boot loader as it was built, and the keys that it holds. */
export interface BootConfiguration extends BootLayout, UpgradeRules {}

/**
 * One start of the boot loader, from reset to the image that runs: what MCUboot does with the same flash (loader.c), operation by operation. Swaps that
 * lost their power go on, images are judged before they come in and before they run.
 * @throws `emulator/power-lost`, and `emulator/flash-range` where the layout does not fit the flash
 */
export function boot(flash: FlashArea, configuration: BootConfiguration): BootOutcome {
  const events: BootEvent[] = [];
  const log: BootLog = (image, did, why) => void events.push({ image, did, why });
  const pairs = openPairs(flash, configuration);
  const images = configuration.mode.startsWith("direct-xip")
    ? (unlessStuck(log, () => bootDirect(pairs, configuration, log)) ?? [])
    : bootPrimary(pairs, configuration, log);
  return { runs: images[0], images, events, recovery: images.length === 0 };
}

/** Where the flash fails, what was begun is left as it is; undefined then. */
function unlessStuck<T>(log: BootLog, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof Error) || !isRefusal(error)) throw error;
    log(0, "flash-failed", error.message);
    return undefined;
  }
}

/** Images that come in, then those that run: whatever happened before, they are judged. */
function bootPrimary(pairs: readonly Pair[], rules: BootConfiguration, log: BootLog): readonly Running[] {
  unlessStuck(log, () => upgradeAll(pairs, rules, log));
  const running: Running[] = [];
  for (const pair of pairs) {
    const { image, objection } = checkImage(pair, pair.primary, 0, rules);
    if (objection !== undefined || !image) {
      log(pair.image, "rejected", `the image in the primary slot does not run: ${objection}`);
      return [];
    }
    const { magic, imageOk } = pair.primary.trailer.read();
    if (magic !== "good" || imageOk === "set") raiseCounter(pair, rules);
    running.push({ slot: "primary", version: image.version, image });
  }
  return running;
}

function upgradeAll(pairs: readonly Pair[], rules: BootConfiguration, log: BootLog): void {
  const plans = pairs.map((pair) => planUpgrade(pair, rules, log));
  // Where one image's upgrade is under way, those before it were not tried in vain.
  for (const [i, { type, progress }] of plans.entries())
    if (progress.notes > 0 || type === "test" || type === "perm" || type === "fail")
      for (const before of plans.slice(0, i)) if (before.type === "revert") before.type = "none";
  if (plans.length > 1) dropUnmet(plans, log);
  for (const planned of plans) performUpgrade(planned, rules, log);
}

/** No image comes in while one of those that would run then misses another. */
function dropUnmet(plans: readonly Planned[], log: BootLog): void {
  const slotOf = ({ type, pair, secondaryAt }: Planned) =>
    type === "none" || type === "fail" ? { slot: pair.primary, at: 0 } : { slot: pair.secondary, at: secondaryAt };
  if (plans.every(({ type }) => type === "none" || type === "fail")) return;
  for (const planned of plans) {
    const { slot, at } = slotOf(planned);
    const needs = orObjection(() => dependenciesOf(imageAt(slot.area, at)));
    const unmet =
      typeof needs === "string"
        ? undefined
        : needs.find((need) => {
            const other = plans[need.image] && slotOf(plans[need.image]!);
            const header = other && headerAt(other.slot.area, other.at);
            return !header || compareVersions(header, need, false) < 0;
          });
    if (!unmet) continue;
    log(planned.pair.image, "refused", `it needs image ${unmet.image} in version ${formatVersion(unmet)} at least`);
    for (const one of plans) one.type = "none";
    return;
  }
}
