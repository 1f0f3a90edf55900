import { equalBytes } from "../../util/bytes.js";
import { firmwareError } from "./errors.js";
import { confirmImage, listImages, testImage, type ListedImage } from "./list.js";
import { restart, type RestartOptions } from "./restart.js";
import { steadily, type FirmwareTarget } from "./target.js";

export interface RevertOptions extends RestartOptions {
  readonly signal: AbortSignal;
  /** Number of the image; 0 unless given. */
  readonly image?: number | undefined;
}

export interface RevertReport {
  /** Whether the other image runs now, for good. */
  readonly reverted: boolean;
  readonly from: string;
  readonly to: string;
  readonly listed: readonly ListedImage[];
}

const isSame = (a: ListedImage, b: ListedImage): boolean =>
  a.image === b.image && a.hash !== undefined && b.hash !== undefined && equalBytes(a.hash, b.hash);

/**
 * Back to the image in the other slot: a trial ends with a restart; what was confirmed gives way to the other one, which is confirmed in turn.
 * @throws `firmware/nothing-to-revert`, `firmware/lost-device`, `firmware/no-restart`, `smp/refused`, `smp/no-answer`, `transport/...`
 */
export async function revert(target: FirmwareTarget, options: RevertOptions): Promise<RevertReport> {
  const { signal, image = 0 } = options;
  const before = await steadily(target, signal, (device) => listImages(device, { signal }));
  const active = before.find((each) => each.image === image && each.active);
  const other = before.find((each) => each.image === image && !each.active);
  if (!active || !other?.hash || !other.bootable)
    throw firmwareError("nothing-to-revert", "the other slot holds no image that could run; flash one instead", {
      image,
    });
  if (other.pending)
    throw firmwareError(
      "nothing-to-revert",
      `${other.version} waits for the next restart and does not run yet; erase its slot to call it off`,
      { image },
    );
  const { hash } = other;
  if (active.confirmed) await steadily(target, signal, (device) => testImage(device, hash, { signal }));
  const arrived = await restart(target, (now) => !now.some(({ pending }) => pending), options);
  const runs = arrived.some((each) => each.active && isSame(each, other));
  const keep = runs && arrived.some((each) => each.active && isSame(each, other) && !each.confirmed);
  const listed = keep ? await steadily(target, signal, (device) => confirmImage(device, { hash, signal })) : arrived;
  return { reverted: runs, from: active.version, to: other.version, listed };
}
