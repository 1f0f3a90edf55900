import { parseVersion, type ImageVersion } from "../../protocols/mcuboot/version.js";
import { image } from "../../protocols/smp/groups/image.js";
import { attempt } from "../../util/errors.js";
import { SECOND, type Nanos } from "../../util/time.js";
import type { ManagedDevice, RequestOptions } from "../management.js";

/** An image in a slot of the device. */
export interface ListedImage {
  readonly image: number;
  /** 0 primary, 1 secondary. */
  readonly slot: number;
  /** As the device tells it: `2.1.0`, or `2.1.0.5` with a build number. */
  readonly version: string;
  /** As the image itself holds it. */
  readonly hash: Uint8Array | undefined;
  readonly bootable: boolean;
  readonly pending: boolean;
  readonly confirmed: boolean;
  readonly active: boolean;
  readonly permanent: boolean;
}

/** Erasing takes a while. */
const ERASE_WITHIN: Nanos = 40 * SECOND;

type States = Awaited<ReturnType<typeof readStates>>;
const readStates = (device: ManagedDevice, options: RequestOptions) => device.request(image.state, {}, options);

const listed = ({ images }: States): readonly ListedImage[] =>
  images.map((each) => ({
    image: each.image ?? 0,
    slot: each.slot,
    version: each.version,
    hash: each.hash,
    bootable: each.bootable ?? false,
    pending: each.pending ?? false,
    confirmed: each.confirmed ?? false,
    active: each.active ?? false,
    permanent: each.permanent ?? false,
  }));

/** Images in the device's slots. @throws `smp/refused`, `smp/no-answer`, `transport/...` */
export const listImages = async (
  device: ManagedDevice,
  options: RequestOptions = {},
): Promise<readonly ListedImage[]> => listed(await readStates(device, options));

/** Marks an image for a trial at the next restart, or for good. @throws as `listImages` */
export const testImage = async (
  device: ManagedDevice,
  hash: Uint8Array,
  { permanent = false, ...options }: RequestOptions & { readonly permanent?: boolean | undefined } = {},
): Promise<readonly ListedImage[]> =>
  listed(await device.request(image.setState, { hash, confirm: permanent }, options));

/** Keeps what runs; `hash`: which image, where the device has several. @throws as `listImages` */
export const confirmImage = async (
  device: ManagedDevice,
  { hash, ...options }: RequestOptions & { readonly hash?: Uint8Array | undefined } = {},
): Promise<readonly ListedImage[]> =>
  listed(await device.request(image.setState, { ...(hash && { hash }), confirm: true }, options));

/** Erases a slot, counted through all images; 1 unless given. An upload to it is forgotten. @throws as `listImages` */
export async function eraseSlot(
  device: ManagedDevice,
  { slot, ...options }: RequestOptions & { readonly slot?: number | undefined } = {},
): Promise<void> {
  const request = slot === undefined ? {} : { slot };
  await device.request(image.erase, request, { within: ERASE_WITHIN, ...options });
}

/** What the device says a version is; undefined: nothing that images have. */
export function versionOf({ version }: ListedImage): ImageVersion | undefined {
  const parts = version.split(".");
  const text = parts.length === 4 ? `${parts.slice(0, 3).join(".")}+${parts[3]}` : version;
  return attempt(() => parseVersion(text));
}
