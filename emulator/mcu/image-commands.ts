import { formatVersion, type ImageVersion } from "../../src/protocols/mcuboot/version.js";
import { image as messages } from "../../src/protocols/smp/groups/image.js";
import { failed, type Outcome } from "../../src/protocols/smp/answer.js";
import { on, type HandlerRow } from "../../src/protocols/smp/listener.js";
import { rc } from "../../src/protocols/smp/results.js";
import { equalBytes } from "../../src/util/bytes.js";
import type { ImageSlots, UpdatableImage } from "./image-slots.js";
import { ERASE_SECTOR, imageFailure, isFree, uploadImage, worked } from "./image-upload.js";
import { logged, type McuState } from "./state.js";

/** SHA-256, SHA-384, SHA-512. */
const HASHES: readonly number[] = [32, 48, 64];

/** Group 1, as Zephyr serves it with CONFIG_MCUMGR_GRP_IMG_ALLOW_CONFIRM_NON_ACTIVE_IMAGE_ANY and image checks. */
export function imageCommands(slots: ImageSlots): readonly HandlerRow<McuState>[] {
  const { images } = slots;
  return [
    on(messages.state, ({ state }) => ({ state, outcome: { value: states(images) } })),
    on(messages.setState, ({ state, request: { hash, confirm = false }, now }) => {
      const chosen = choose(images, hash, confirm);
      if ("failure" in chosen) return { state, outcome: chosen };
      const { image, index, slot } = chosen;
      const outcome = mark(image, slot, confirm);
      if (outcome) return { state, outcome };
      const what = slot === image.active ? "confirmed" : confirm ? "made permanent" : "marked for a trial";
      return { state: logged(state, now, "inf", "img", `image ${index} ${what}`), outcome: { value: states(images) } };
    }),
    on(messages.upload, (call) => uploadImage(call, slots)),
    on(messages.erase, ({ state, request: { slot: number = 1 } }) => {
      const image = images[number >> 1];
      const slot = (number & 1) as 0 | 1;
      if (!image) return { state, outcome: imageFailure("invalid slot") };
      // What cannot be read as an image may go, unless it runs.
      if (slot === image.active || (image.slots[slot].found() && !isFree(image, slot)))
        return { state, outcome: imageFailure("no free slot") };
      const after = { ...state, image: undefined };
      if (image.slots[slot].isErased()) return { state: after, outcome: { value: {} } };
      const erased = worked(() => image.slots[slot].erase());
      if (erased === undefined) return { state: after, outcome: imageFailure("flash erase failed") };
      return { state: after, outcome: { value: {} }, took: erased * ERASE_SECTOR };
    }),
    on(messages.slotInfo, ({ state }) => ({
      state,
      outcome: {
        value: {
          images: images.map(({ slots: both, room }, image) => ({
            image,
            slots: both.map(({ size }, slot) => ({ slot, size })),
            max_image_size: room,
          })),
        },
      },
    })),
  ];
}

/** Zephyr separates the build number with a dot. */
const versionText = (version: ImageVersion): string => formatVersion(version).replace("+", ".");

interface Flags {
  readonly pending: boolean;
  readonly confirmed: boolean;
  readonly active: boolean;
  readonly permanent: boolean;
}

/** During a trial what runs is not confirmed, and what waits is. */
function flagsOf(image: UpdatableImage, slot: 0 | 1): Flags {
  const next = image.next();
  const active = slot === image.active;
  return {
    pending: !active && (next === "test" || next === "perm"),
    confirmed: active ? next !== "revert" : next === "revert",
    active,
    permanent: !active && next === "perm",
  };
}

/** Of several images only flags that are set, or the answer would not fit a buffer (CONFIG_MCUMGR_GRP_IMG_FRUGAL_LIST). */
function states(images: readonly UpdatableImage[]) {
  const several = images.length > 1;
  const entries = images.flatMap((image, number) =>
    ([0, 1] as const).flatMap((slot) => {
      const found = image.slots[slot].found();
      if (!found) return [];
      const { version, hash, bootable } = found;
      const flags = Object.entries({ bootable, ...flagsOf(image, slot) }).filter(([, set]) => set || !several);
      const head = { ...(several && { image: number }), slot, version: versionText(version), hash };
      return [{ ...head, ...Object.fromEntries(flags) }];
    }),
  );
  return { images: entries, ...(!several && { splitStatus: 0 }) };
}

interface Chosen {
  readonly image: UpdatableImage;
  readonly index: number;
  readonly slot: 0 | 1;
}

/** The slot that a request is about: the first one with that hash. */
function choose(
  images: readonly UpdatableImage[],
  hash: Uint8Array | undefined,
  confirm: boolean,
): Chosen | Extract<Outcome<never>, { failure: object }> {
  const refusal = (why: string) => imageFailure(why) as Extract<Outcome<never>, { failure: object }>;
  if (images.length === 0) return failed(rc("not supported")) as Extract<Outcome<never>, { failure: object }>;
  if (!hash || hash.length === 0)
    return confirm ? { image: images[0]!, index: 0, slot: images[0]!.active } : refusal("invalid hash");
  if (!HASHES.includes(hash.length)) return refusal("invalid hash");
  for (const [index, image] of images.entries())
    for (const slot of [0, 1] as const) {
      const found = image.slots[slot].found();
      if (found && equalBytes(found.hash, hash)) return { image, index, slot };
    }
  return refusal("hash not found");
}

/** Zephyr's img_mgmt_set_next_boot_slot, as a table of what is asked and what was asked before. Undefined: done, or nothing to do. */
function mark(image: UpdatableImage, slot: 0 | 1, confirm: boolean): Outcome<never> | undefined {
  const active = slot === image.active;
  const next = image.next();
  if (active && !confirm) return imageFailure("the active slot cannot be tested");
  const pending = imageFailure("image already pending");
  if (next === "test") return !confirm && !active ? undefined : pending;
  if (next === "perm") return confirm && !active ? undefined : pending;
  if (next === "revert" && !confirm) return pending;
  if (next === "revert" && !active) return undefined;
  if (next === "none" && active) return undefined;
  const done = worked(() => {
    if (active) image.confirm();
    else image.request(confirm);
    return true;
  });
  return done ? undefined : imageFailure("flash write failed");
}
