import { sha256 } from "../../src/crypto/hash.js";
import { HEADER_BYTES as IMAGE_HEADER, ImageHeader, isImage } from "../../src/protocols/mcuboot/image.js";
import { compareVersions } from "../../src/protocols/mcuboot/version.js";
import { failed, type Outcome } from "../../src/protocols/smp/answer.js";
import type { Call, Done } from "../../src/protocols/smp/listener.js";
import { groupResult } from "../../src/protocols/smp/results.js";
import { concat, equalBytes, NO_BYTES } from "../../src/util/bytes.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { MS, type Nanos } from "../../src/util/time.js";
import { ERASED } from "../boot/flash.js";
import type { ImageSlot, ImageSlots, UpdatableImage } from "./image-slots.js";
import { counted, logged, type ImageSession, type McuState } from "./state.js";

export interface UploadRequest {
  readonly image?: number;
  readonly len?: number;
  readonly off?: number;
  readonly sha?: Uint8Array;
  readonly data?: Uint8Array;
  readonly upgrade?: boolean;
}
export interface UploadAnswer {
  readonly off?: number;
  readonly match?: boolean;
}

const SHA = 32;
/** nRF52840, product specification: erasing a page. */
export const ERASE_SECTOR: Nanos = 85 * MS;

export const imageFailure = (name: string): Outcome<never> => failed(groupResult(1, name), 1);

type Uploading = Call<McuState, UploadRequest>;
type Uploaded = Done<McuState, UploadAnswer>;

/** What flash operations came to; undefined: they failed. Lost power goes on. */
export function worked<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (isTapbenchError(error) && error.code.startsWith("emulator/flash-")) return undefined;
    throw error;
  }
}

/** Whether an upload may write there: not where something runs, waits for its trial, or is what the trial would fall back to. */
export const isFree = (image: UpdatableImage, slot: 0 | 1): boolean => slot !== image.active && image.next() === "none";

/**
 * A piece of an image, as Zephyr takes it (img_mgmt_upload). The session belongs to what is uploaded, not to who does it: the same SHA-256 goes on
 * where it was, another one takes its place, and a piece that begins elsewhere is answered with where it should.
 */
export function uploadImage(call: Uploading, { images }: ImageSlots): Uploaded {
  const { state, request } = call;
  const { off, data = NO_BYTES } = request;
  if (off === undefined) return refused(state, "invalid offset");
  if (off === 0) return begin(call, images, data);
  const session = state.image;
  if (!session || off !== session.off) return { state, outcome: { value: { off: session?.off ?? 0 } } };
  if (off + data.length > session.length) return refused(state, "more data than announced");
  return write(call, session, images, data, 0);
}

function begin(call: Uploading, images: readonly UpdatableImage[], data: Uint8Array): Uploaded {
  const { state, request, now } = call;
  const { image: number = 0, len, sha = NO_BYTES, upgrade = false } = request;
  if (data.length < IMAGE_HEADER) return refused(state, "invalid image header");
  if (len === undefined) return refused(state, "invalid length");
  if (!isImage(data)) return refused(state, "invalid image header magic");
  if (sha.length > SHA) return refused(state, "invalid hash");
  const open = state.image;
  if (open && sha.length > 0 && equalBytes(open.sha, sha)) return { state, outcome: { value: { off: open.off } } };

  const image = images[number];
  const index = image?.active === 0 ? 1 : 0;
  if (!image || !isFree(image, index)) return refused(state, "no free slot");
  if (len > image.room) return refused(state, "image too large");
  if (data.length > len) return refused(state, "more data than announced");
  if (upgrade) {
    const running = images[0]!.slots[images[0]!.active].found();
    if (!running) return refused(state, "version not known");
    if (compareVersions(running.version, ImageHeader.decode(data.subarray(0, IMAGE_HEADER)), false) >= 0)
      return refused(state, "current version is newer");
  }
  const slot = image.slots[index];
  if (sha.length === SHA && equalBytes(slot.read(0, data.length), data) && holds(slot, len, sha))
    return { state: { ...state, image: undefined }, outcome: { value: { off: len, match: true } } };
  const erased = slot.isErased() ? 0 : worked(() => slot.erase(len));
  if (erased === undefined) return refused(state, "flash erase failed");
  const session: ImageSession = { image: number, length: len, off: 0, sha: sha.slice(), rest: NO_BYTES };
  const told = logged(state, now, "inf", "img", `upload of ${len} bytes for image ${number}`);
  return write({ ...call, state: told }, session, images, data, erased * ERASE_SECTOR);
}

function write(
  { state, now }: Uploading,
  session: ImageSession,
  images: readonly UpdatableImage[],
  data: Uint8Array,
  took: Nanos,
): Uploaded {
  const image = images[session.image]!;
  const slot = image.slots[image.active === 0 ? 1 : 0];
  const off = session.off + data.length;
  const last = off === session.length;
  const pending = concat(session.rest, data);
  const whole = last ? pending.length : pending.length - (pending.length % slot.writeBytes);
  const ready = padded(pending.subarray(0, whole), slot.writeBytes);
  if (ready.length > 0 && !worked(() => (slot.write(session.off - session.rest.length, ready), true)))
    return refused(state, "flash write failed", took);
  const counting = counted(state, "images", { pieces: 1, bytes_written: data.length });
  if (!last) {
    const next = { ...session, off, rest: pending.slice(whole) };
    return { state: { ...counting, image: next }, outcome: { value: { off } }, took };
  }
  const match = holds(slot, session.length, session.sha);
  const told = logged(counting, now, match ? "inf" : "err", "img", match ? "upload is whole" : "upload does not match");
  return { state: { ...told, image: undefined }, outcome: { value: { off, match } }, took };
}

/** Whether the slot's first bytes have that SHA-256. */
const holds = (slot: ImageSlot, length: number, sha: Uint8Array): boolean =>
  equalBytes(sha256(slot.read(0, length)), sha);

function padded(bytes: Uint8Array, unit: number): Uint8Array {
  const more = (unit - (bytes.length % unit)) % unit;
  return more === 0 ? bytes : concat(bytes, new Uint8Array(more).fill(ERASED));
}

/** An upload that is refused is over. */
const refused = (state: McuState, why: string, took: Nanos = 0): Uploaded => ({
  state: { ...state, image: undefined },
  outcome: imageFailure(why),
  took,
});
