import { equalBytes } from "../../util/bytes.js";
import type { Nanos } from "../../util/time.js";
import type { ManagedDevice } from "../management.js";
import {
  checkFirmware,
  type CheckedImage,
  type CheckOptions,
  type FirmwareCheck,
  type FirmwareImage,
} from "./check.js";
import { firmwareError } from "./errors.js";
import { confirmImage, testImage, type ListedImage } from "./list.js";
import type { TransferProgress } from "./rate.js";
import { restart } from "./restart.js";
import { inTime, steadily, type FirmwareOptions, type FirmwareTarget } from "./target.js";
import { uploadImage, type UploadReport } from "./upload.js";

/** Where a run is. */
export type FlashProgress =
  | { readonly step: "check" | "restart" | "verify" | "take-back" }
  | ({ readonly step: "upload"; readonly image: number } & TransferProgress)
  | { readonly step: "mark" | "confirm"; readonly image: number };

export interface RunOptions extends FirmwareOptions, Pick<CheckOptions, "keys" | "trusted" | "allowDowngrade"> {
  /** Only the check. */
  readonly dryRun?: boolean | undefined;
  /** No trial: the new firmware stays, whatever it does. */
  readonly permanent?: boolean | undefined;
  /** Whether new firmware that came up is kept; true unless given. False leaves it on trial. */
  readonly confirm?: boolean | undefined;
  /** Looks at the new firmware while it is on trial; false takes it back. */
  readonly healthy?: ((device: ManagedDevice, signal: AbortSignal) => Promise<boolean>) | undefined;
  /** From each restart until the device answers again; 120 s unless given. */
  readonly restartWithin?: Nanos | undefined;
  /** Pieces under way at once; the device's buffers less one unless given. */
  readonly window?: number | undefined;
  readonly progress?: ((progress: FlashProgress) => void) | undefined;
}

interface Ran {
  readonly check: FirmwareCheck;
  readonly uploads: readonly UploadReport[];
  /** What the device has at the end. */
  readonly listed: readonly ListedImage[];
  /** One sentence: what runs now, and what the next restart does. */
  readonly says: string;
}

/** How a run ended. */
export type FlashResult =
  /** A dry run: nothing speaks against it. */
  | { readonly outcome: "planned"; readonly check: FirmwareCheck }
  /** Nothing was sent: `check.objections` says why. */
  | { readonly outcome: "refused"; readonly check: FirmwareCheck }
  | { readonly outcome: "already-running"; readonly check: FirmwareCheck }
  /** It runs and stays. */
  | ({ readonly outcome: "confirmed" } & Ran)
  /** It runs until the next restart, as it was asked for. */
  | ({ readonly outcome: "on-trial" } & Ran)
  /** It did not come up, or was not healthy: the old firmware runs again. */
  | ({ readonly outcome: "reverted" } & Ran)
  /** The boot loader did not take it: the old firmware still runs. */
  | ({ readonly outcome: "rejected" } & Ran);

/**
 * New firmware, end to end: check, upload, trial, restart, look what runs, confirm, look again.
 * @throws `firmware/too-late`, `firmware/lost-device`, `firmware/no-restart`, `firmware/not-confirmed`, `firmware/no-images`, and as `uploadImage`
 */
export function flashRun(
  target: FirmwareTarget,
  images: readonly FirmwareImage[],
  options: RunOptions = {},
): Promise<FlashResult> {
  if (images.length === 0) throw firmwareError("no-images", "name at least one image to flash", {});
  return inTime(target, options, async (signal) => {
    const { keys, trusted, allowDowngrade, progress } = options;
    progress?.({ step: "check" });
    const check = await steadily(target, signal, (device) =>
      checkFirmware(device, images, { keys, trusted, allowDowngrade, signal }),
    );
    const coming = check.images.filter(({ runsAlready }) => !runsAlready);
    if (check.objections.length > 0) return { outcome: "refused", check };
    if (coming.length === 0) return { outcome: "already-running", check };
    if (options.dryRun === true) return { outcome: "planned", check };
    return new Run(target, check, coming, options, signal).go();
  });
}

const isSame = (listed: ListedImage, { image, hash }: CheckedImage): boolean =>
  listed.image === image && listed.hash !== undefined && equalBytes(listed.hash, hash);

class Run {
  readonly #target: FirmwareTarget;
  readonly #check: FirmwareCheck;
  readonly #coming: readonly CheckedImage[];
  readonly #options: RunOptions;
  readonly #signal: AbortSignal;
  #uploads: readonly UploadReport[] = [];

  constructor(
    target: FirmwareTarget,
    check: FirmwareCheck,
    coming: readonly CheckedImage[],
    options: RunOptions,
    signal: AbortSignal,
  ) {
    this.#target = target;
    this.#check = check;
    this.#coming = coming;
    this.#options = options;
    this.#signal = signal;
  }

  async go(): Promise<FlashResult> {
    const { permanent = false, confirm = true, healthy, progress } = this.#options;
    await this.#upload();
    await this.#mark(permanent);
    const listed = await this.#restart("restart", (now) => !this.#some(now, ({ pending }) => pending));
    progress?.({ step: "verify" });
    if (!this.#allRun(listed)) return this.#fellBack(listed);
    const stays = this.#allConfirmed(listed);
    if (!stays && healthy && !(await healthy(this.#target.management, this.#signal))) return this.#takeBack();
    if (stays) return this.#ran("confirmed", listed, `running for good: ${this.#new}`);
    if (!confirm) {
      const says = `running on trial: ${this.#new}; confirm it, or the next restart brings ${this.#old} back`;
      return this.#ran("on-trial", listed, says);
    }
    return this.#ran("confirmed", await this.#confirm(), `running for good: ${this.#new}`);
  }

  #steadily<T>(act: (device: ManagedDevice) => Promise<T>): Promise<T> {
    return steadily(this.#target, this.#signal, act);
  }

  async #upload(): Promise<void> {
    const { window, progress } = this.#options;
    for (const { image, data } of this.#coming) {
      const report = await uploadImage(this.#target, data, {
        image,
        window,
        signal: this.#signal,
        progress: progress && ((how) => progress({ step: "upload", image, ...how })),
      });
      this.#uploads = [...this.#uploads, report];
    }
  }

  /** Image 0 last: what it needs is marked before it. */
  async #mark(permanent: boolean): Promise<void> {
    for (const { image, hash } of this.#coming.toReversed()) {
      this.#options.progress?.({ step: "mark", image });
      await this.#steadily((device) => testImage(device, hash, { permanent, signal: this.#signal }));
    }
  }

  #restart(
    step: "restart" | "take-back",
    arrived: (listed: readonly ListedImage[]) => boolean,
  ): Promise<readonly ListedImage[]> {
    this.#options.progress?.({ step });
    return restart(this.#target, arrived, { signal: this.#signal, within: this.#options.restartWithin });
  }

  /** The device runs something else than what was sent. What came in and does not run lies in the other slot; what was not taken is gone. */
  #fellBack(listed: readonly ListedImage[]): FlashResult {
    const lies = this.#coming.every((one) => listed.some((each) => isSame(each, one)));
    if (lies) return this.#ran("reverted", listed, `${this.#new} did not come up; running again: ${this.#old}`);
    return this.#ran("rejected", listed, `the boot loader did not take ${this.#new}; still running: ${this.#old}`);
  }

  /** The next restart ends the trial. */
  async #takeBack(): Promise<FlashResult> {
    const listed = await this.#restart("take-back", (now) => !this.#allRun(now));
    return this.#ran("reverted", listed, `${this.#new} was not healthy and not confirmed; running again: ${this.#old}`);
  }

  async #confirm(): Promise<readonly ListedImage[]> {
    let listed: readonly ListedImage[] = [];
    for (const { image, hash } of this.#coming) {
      this.#options.progress?.({ step: "confirm", image });
      listed = await this.#steadily((device) => confirmImage(device, { hash, signal: this.#signal }));
    }
    if (!this.#allConfirmed(listed))
      throw firmwareError(
        "not-confirmed",
        `the device took the confirmation and does not show it; the next restart may bring ${this.#old} back`,
        { version: this.#new },
      );
    return listed;
  }

  #some(listed: readonly ListedImage[], is: (each: ListedImage) => boolean): boolean {
    return listed.some((each) => is(each) && this.#coming.some(({ image }) => image === each.image));
  }

  #allRun(listed: readonly ListedImage[]): boolean {
    return this.#coming.every((one) => listed.some((each) => each.active && isSame(each, one)));
  }

  #allConfirmed(listed: readonly ListedImage[]): boolean {
    return this.#coming.every((one) => listed.some((each) => each.active && each.confirmed && isSame(each, one)));
  }

  get #new(): string {
    return this.#coming.map(({ version }) => version).join(" and ");
  }

  get #old(): string {
    return this.#coming.map(({ running }) => running?.version ?? "the old one").join(" and ");
  }

  #ran<O extends "confirmed" | "on-trial" | "reverted" | "rejected">(
    outcome: O,
    listed: readonly ListedImage[],
    says: string,
  ): { readonly outcome: O } & Ran {
    return { outcome, check: this.#check, uploads: this.#uploads, listed, says };
  }
}
