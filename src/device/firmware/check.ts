import type { VerifyingKey } from "../../crypto/signing.js";
import { dependenciesOf, parseImage, valuesOf, type Image } from "../../protocols/mcuboot/image.js";
import { readManifest } from "../../protocols/mcuboot/manifest.js";
import { TLV } from "../../protocols/mcuboot/tlv.js";
import { HASHES, judgeImage, type Objection as ImageObjection } from "../../protocols/mcuboot/verify.js";
import { compareVersions, formatVersion, type ImageVersion } from "../../protocols/mcuboot/version.js";
import { image as messages } from "../../protocols/smp/groups/image.js";
import { os } from "../../protocols/smp/groups/os.js";
import { equalBytes } from "../../util/bytes.js";
import { attempt, isTapbenchError } from "../../util/errors.js";
import type { ManagedDevice, RequestOptions } from "../management.js";
import { listImages, versionOf, type ListedImage } from "./list.js";

/** An image to be flashed. */
export interface FirmwareImage {
  readonly data: Uint8Array;
  /** Its number on the device; 0 unless given. */
  readonly image?: number | undefined;
}

export interface CheckOptions extends RequestOptions {
  /** Keys of which one must have signed; none: only hashes are looked at. */
  readonly keys?: readonly VerifyingKey[] | undefined;
  /** Hashes of the keys that the device is known to trust, as images name them. */
  readonly trusted?: readonly Uint8Array[] | undefined;
  /** Versions that are not above the running one may go, too. */
  readonly allowDowngrade?: boolean | undefined;
}

/** Why firmware should not go to this device. */
export type FirmwareObjection =
  | ImageObjection
  | "not-an-image"
  | "untrusted-key"
  | "other-model"
  | "no-slot"
  | "too-large"
  | "not-newer"
  | "missing-dependency"
  | "pending"
  | "on-trial";

export interface Objecting {
  readonly why: FirmwareObjection;
  readonly image: number;
  /** One sentence. */
  readonly says: string;
}

export interface CheckedImage {
  readonly image: number;
  readonly data: Uint8Array;
  readonly version: string;
  /** As the device will list it. */
  readonly hash: Uint8Array;
  /** What the device runs of this image. */
  readonly running: ListedImage | undefined;
  /** The device runs exactly that already. */
  readonly runsAlready: boolean;
  /** The key that signed it, of those that were given. */
  readonly key: VerifyingKey | undefined;
}

export interface FirmwareCheck {
  readonly objections: readonly Objecting[];
  /** Those that are images at all. */
  readonly images: readonly CheckedImage[];
  readonly listed: readonly ListedImage[];
  /** What the device says that it is; undefined: it does not say. */
  readonly model: string | undefined;
}

/**
 * Looks at firmware and device before the first byte goes out: whole, signed, for this model, with room for it, newer, with what it needs.
 * @throws `smp/refused`, `smp/no-answer`, `transport/...`
 */
export async function checkFirmware(
  device: ManagedDevice,
  images: readonly FirmwareImage[],
  options: CheckOptions = {},
): Promise<FirmwareCheck> {
  const { signal, within } = options;
  const patience = { signal, within };
  const listed = await listImages(device, patience);
  const model = await modelOf(device, patience);
  const rooms = await roomsOf(device, patience);
  const objections: Objecting[] = [];
  const checked: CheckedImage[] = [];
  const parsed = images.map(({ data, image: number = 0 }) => ({
    data,
    number,
    image: parsedOr(data, number, objections),
  }));
  const coming = new Map(parsed.flatMap(({ number, image }) => (image ? [[number, image.version] as const] : [])));
  for (const { data, number, image } of parsed) {
    if (!image) continue;
    const object = (why: FirmwareObjection, says: string): void => void objections.push({ why, image: number, says });
    const running = listed.find((each) => each.image === number && each.active);
    const verdict = judgeImage(image, { keys: options.keys ?? [], named: "either" });
    for (const { why, says } of verdict.objections) object(why, says);
    const hash = image.tlvs.find(({ type }) => HASHES.has(type))?.value;
    const runsAlready = hash !== undefined && running?.hash !== undefined && equalBytes(hash, running.hash);
    keyTrusted(image, options.trusted, object);
    fitsModel(image, model, object);
    fitsSlot(image.end, data.length, number, rooms, object);
    if (!runsAlready) isNewer(image.version, running, options.allowDowngrade ?? false, object);
    hasWhatItNeeds(image, coming, listed, object);
    isFree(number, listed, object);
    if (hash)
      checked.push({
        image: number,
        data,
        version: formatVersion(image.version),
        hash,
        running,
        runsAlready,
        key: verdict.key,
      });
  }
  return { objections, images: checked, listed, model };
}

type Object = (why: FirmwareObjection, says: string) => void;

function parsedOr(data: Uint8Array, image: number, objections: Objecting[]): Image | undefined {
  try {
    return parseImage(data);
  } catch (error) {
    if (!isTapbenchError(error)) throw error;
    objections.push({ why: "not-an-image", image, says: error.message });
    return undefined;
  }
}

function keyTrusted(image: Image, trusted: CheckOptions["trusted"], object: Object): void {
  if (!trusted) return;
  const named = valuesOf(image, TLV.keyHash);
  if (!named.some((hash) => trusted.some((each) => equalBytes(each, hash))))
    object("untrusted-key", "it was signed with a key that the device does not trust");
}

function fitsModel(image: Image, model: string | undefined, object: Object): void {
  // Firmware of a real device says nothing that can be read here.
  const wanted = attempt(() => readManifest(image.payload))?.model;
  if (wanted !== undefined && model !== undefined && wanted !== model)
    object("other-model", `it is for ${wanted}, and the device is ${model}`);
}

interface Room {
  readonly image: number;
  /** Bytes that an upload may have, or that the slot has. */
  readonly bytes: number;
}

function fitsSlot(
  end: number,
  length: number,
  image: number,
  rooms: readonly Room[] | undefined,
  object: Object,
): void {
  if (!rooms) return;
  const room = rooms.find((each) => each.image === image);
  if (!room) return object("no-slot", `the device has no image ${image}`);
  const bytes = Math.max(end, length);
  if (bytes > room.bytes) object("too-large", `it has ${bytes} bytes, and the device has room for ${room.bytes}`);
}

function isNewer(version: ImageVersion, running: ListedImage | undefined, older: boolean, object: Object): void {
  const there = running && versionOf(running);
  if (!there || older) return;
  if (compareVersions(version, there) <= 0)
    object(
      "not-newer",
      `it is ${formatVersion(version)}, and the device runs ${running.version}; allow a downgrade to go on`,
    );
}

function hasWhatItNeeds(
  image: Image,
  coming: ReadonlyMap<number, ImageVersion>,
  listed: readonly ListedImage[],
  object: Object,
): void {
  for (const need of attempt(() => dependenciesOf(image)) ?? []) {
    const active = listed.find((each) => each.image === need.image && each.active);
    const there = coming.get(need.image) ?? (active && versionOf(active));
    if (there && compareVersions(there, need, false) >= 0) continue;
    const has = there ? formatVersion(there) : "none";
    object(
      "missing-dependency",
      `it needs image ${need.image} in version ${formatVersion(need)} at least; there is ${has}`,
    );
  }
}

function isFree(image: number, listed: readonly ListedImage[], object: Object): void {
  const own = listed.filter((each) => each.image === image);
  const pending = own.find((each) => each.pending);
  if (pending) object("pending", `${pending.version} waits for the next restart; restart the device first`);
  const trial = own.find((each) => each.active && !each.confirmed);
  if (trial && !pending)
    object("on-trial", `${trial.version} is on trial; confirm it, or restart the device to take it back`);
}

async function modelOf(device: ManagedDevice, options: RequestOptions): Promise<string | undefined> {
  const outcome = await device.converse(1, (poller) => poller.outcome(os.info, { format: "i" }), options);
  return outcome.failure ? undefined : outcome.value.output; // an optional command
}

async function roomsOf(device: ManagedDevice, options: RequestOptions): Promise<readonly Room[] | undefined> {
  const outcome = await device.converse(1, (poller) => poller.outcome(messages.slotInfo, {}), options);
  if (outcome.failure) return undefined; // an optional command
  return outcome.value.images.map(({ image, slots, max_image_size: most }) => ({
    image,
    bytes: most ?? Math.min(...slots.map(({ size }) => size)),
  }));
}
