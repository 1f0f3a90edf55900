import { FLAGS, valuesOf, type Image } from "../../src/protocols/mcuboot/image.js";
import { HASHES } from "../../src/protocols/mcuboot/verify.js";
import type { ImageVersion } from "../../src/protocols/mcuboot/version.js";
import type { FlashArea } from "./flash.js";
import { openPairs, type BootLayout } from "./layout.js";
import { headerAt, imageAt, orObjection } from "./slot-image.js";
import type { SwapType } from "./slot-trailer.js";
import { requestedSwap } from "./swap-type.js";

/** A slot as running firmware reports it (Zephyr's img_mgmt: `images` of the image group's state). */
export interface SlotState {
  readonly image: number;
  readonly slot: 0 | 1;
  readonly version: ImageVersion;
  /** Of the image's hash TLV; undefined where its structure is damaged. */
  readonly hash: Uint8Array | undefined;
  readonly bootable: boolean;
  /** Comes in at the next boot, for one try unless it is `permanent`. */
  readonly pending: boolean;
  readonly confirmed: boolean;
  /** Runs. */
  readonly active: boolean;
  readonly permanent: boolean;
}

type Marks = Pick<SlotState, "pending" | "confirmed" | "active" | "permanent">;
const NO_MARKS: Marks = { pending: false, confirmed: false, active: false, permanent: false };

/** What the trailers' request says of the running slot and of the other (Zephyr, img_mgmt_state.c). */
const MARKS: Readonly<Record<SwapType, readonly [running: Partial<Marks>, other: Partial<Marks>]>> = {
  none: [{ active: true, confirmed: true }, {}],
  test: [{ active: true, confirmed: true }, { pending: true }],
  perm: [
    { active: true, confirmed: true },
    { pending: true, permanent: true },
  ],
  revert: [{ active: true }, { confirmed: true }],
};

/** The slots that hold an image, of all images; for boot loaders that run the primary slot. @throws what the flash throws */
export function slotStates(flash: FlashArea, layout: BootLayout): readonly SlotState[] {
  return openPairs(flash, layout).flatMap((pair) => {
    const { image, mode, sector, primary, secondary } = pair;
    const marks = MARKS[requestedSwap(pair)];
    const upgrade = mode === "offset" && !headerAt(secondary.area, 0) ? sector : 0;
    return [
      { area: primary.area, at: 0 },
      { area: secondary.area, at: upgrade },
    ].flatMap(({ area, at }, slot) => {
      const header = headerAt(area, at);
      if (!header) return [];
      const { major, minor, revision, build, flags } = header;
      return {
        image,
        slot: slot as 0 | 1,
        version: { major, minor, revision, build },
        hash: hashOf(orObjection(() => imageAt(area, at))),
        bootable: (flags & FLAGS.nonBootable) === 0,
        ...NO_MARKS,
        ...marks[slot],
      };
    });
  });
}

const hashOf = (image: Image | string): Uint8Array | undefined =>
  typeof image === "string" ? undefined : [...HASHES.keys()].flatMap((type) => valuesOf(image, type))[0];
