import type { Image } from "../../src/protocols/mcuboot/image.js";
import type { ImageVersion } from "../../src/protocols/mcuboot/version.js";

/** Things that a boot loader does beside starting an image. */
export type BootAct =
  /** A swap that lost its power was brought to its end. */
  | "resumed"
  /** The new image is in, for one try. */
  | "tested"
  /** The new image is in. */
  | "upgraded"
  /** The old image is back. */
  | "reverted"
  /** The image that came in is not taken; mostly it is erased. */
  | "refused"
  /** An image that was there cannot run. */
  | "rejected"
  /** The flash did not take what was written. */
  | "flash-failed";

export interface BootEvent {
  readonly image: number;
  readonly did: BootAct;
  /** One sentence. */
  readonly why: string;
}

/** An image that runs, as it was when it was judged. */
export interface Running {
  readonly slot: "primary" | "secondary";
  readonly version: ImageVersion;
  /** In clear. */
  readonly image: Image;
}

export interface BootOutcome {
  /** The first image, which is started; undefined: none is good. */
  readonly runs: Running | undefined;
  /** All of them, where a device has several. */
  readonly images: readonly Running[];
  readonly events: readonly BootEvent[];
  /** No image is good: the boot loader itself waits for one on its serial line. */
  readonly recovery: boolean;
}

/** What a boot loader did so far. */
export type BootLog = (image: number, did: BootAct, why: string) => void;
