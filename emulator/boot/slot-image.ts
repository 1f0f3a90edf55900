import type { AgreementKey } from "../../src/crypto/key-agreement.js";
import { decrypted, isEncrypted } from "../../src/protocols/mcuboot/encryption.js";
import {
  HEADER_BYTES,
  ImageHeader,
  isImage,
  MAX_IMAGE,
  parseImage,
  securityCounter,
  type Image,
} from "../../src/protocols/mcuboot/image.js";
import { judgeImage, type Trust } from "../../src/protocols/mcuboot/verify.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { ERASED, type FlashArea } from "./flash.js";
import { roomFor, type Pair, type Slot } from "./layout.js";

/** Counters that only rise, kept where no image reaches them. One an image. */
export interface SecurityCounters {
  readonly read: (image: number) => number;
  /** Never lower than it is. */
  readonly raise: (image: number, value: number) => void;
}

/** What makes an image one to run. */
export interface Demands extends Trust {
  /** Opens images that are encrypted for this device. */
  readonly decryption?: AgreementKey | undefined;
  /** Images need a security counter that is not below the device's. */
  readonly counters?: SecurityCounters | undefined;
}

/** An image in its slot, and what speaks against running it. */
export interface Checked {
  /** In clear. */
  readonly image: Image | undefined;
  /** One sentence; undefined: it may run. */
  readonly objection: string | undefined;
}

/** The header at `at`, if an image begins there. */
export function headerAt(area: FlashArea, at: number): ImageHeader | undefined {
  const bytes = area.read(at, HEADER_BYTES);
  return isImage(bytes) ? ImageHeader.decode(bytes) : undefined;
}

export const headerErased = (area: FlashArea, at: number): boolean => area.read(at, 4).every((byte) => byte === ERASED);

/** The image at `at` taken apart. @throws `mcuboot/...` where its structure is damaged */
export const imageAt = (area: FlashArea, at: number): Image =>
  parseImage(area.read(at, Math.min(area.size - at, MAX_IMAGE)));

/** Bytes of an image with all its TLVs, and of the unprotected ones; undefined where there is none, or its structure is damaged. */
export function sizesAt(area: FlashArea, at: number): { readonly end: number; readonly tlvs: number } | undefined {
  const image = orObjection(() => imageAt(area, at));
  return typeof image === "string" ? undefined : { end: image.end, tlvs: image.end - image.covered.length };
}

/** What the security counter of the image at `at` says; undefined where there is none. */
export function securityCounterAt(area: FlashArea, at: number): number | undefined {
  const counter = orObjection(() => securityCounter(imageAt(area, at)));
  return typeof counter === "string" ? undefined : counter;
}

/** Judges the image at `at` of a slot as one that is to run. In secondary slots it may be encrypted. */
export function checkImage(pair: Pair, slot: Slot, at: number, demands: Demands): Checked {
  const found = orObjection(() => imageAt(slot.area, at));
  if (typeof found === "string") return { image: undefined, objection: found };
  const room = roomFor(pair);
  if (found.end > room) return { image: found, objection: `it has ${found.end} bytes, and there is room for ${room}` };
  const swaps = !pair.mode.startsWith("direct-xip");
  const plain = slot.name === "secondary" && swaps && isEncrypted(found) ? opened(found, demands.decryption) : found;
  if (typeof plain === "string") return { image: found, objection: plain };
  return { image: plain, objection: objectionTo(pair.image, plain, demands) };
}

function opened(image: Image, key: AgreementKey | undefined): Image | string {
  return key ? orObjection(() => decrypted(image, key)) : "it is encrypted, and this device has no key";
}

function objectionTo(number: number, image: Image, demands: Demands): string | undefined {
  const [first] = judgeImage(image, demands).objections;
  if (first) return first.says;
  if (!demands.counters) return undefined;
  const counter = orObjection(() => securityCounter(image));
  const least = demands.counters.read(number);
  if (typeof counter === "string") return counter;
  if (counter === undefined) return "it has no security counter";
  return counter < least ? `its security counter is ${counter}, and the device's is ${least}` : undefined;
}

/** What is wrong with an image's bytes is no fault of the boot loader's: it becomes a reason. */
export function orObjection<T>(act: () => T): T | string {
  try {
    return act();
  } catch (error) {
    if (isTapbenchError(error) && /^(?:mcuboot|crypto|codec)\//.test(error.code)) return error.message;
    throw error;
  }
}
