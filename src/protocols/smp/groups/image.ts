import { blob, cborMessage, flag, int32, listOf, maybe, record, text, uint } from "../../../codec/cbor-fields.js";
import { commandsOf, LONG_BYTES, Nothing } from "../command.js";

const SOURCE = "Zephyr, SMP group 1";
const HASH = 64;
const MAX_IMAGES = 16;
const U32 = 0xffff_ffff;

const ImageState = record({
  image: [maybe(uint(255)), "number of the image, 0 when absent"],
  slot: [uint(1), "0 primary, 1 secondary"],
  version: [text(24), "such as 2.1.0 or 2.1.0.5"],
  hash: [maybe(blob(HASH)), "of header and body, as the image itself holds it; not that of the file"],
  bootable: [maybe(flag), "may be started"],
  pending: [maybe(flag), "is started at the next reset"],
  confirmed: [maybe(flag), "is what runs when no trial goes well"],
  active: [maybe(flag), "runs"],
  permanent: [maybe(flag), "stays after the next reset"],
});

const States = cborMessage("smp.image.STATE_RESPONSE", `${SOURCE}, state of images`, {
  images: [listOf(ImageState, 2 * MAX_IMAGES), "slots that hold an image"],
  splitStatus: [maybe(int32), "0 in Zephyr"],
});

const SetState = cborMessage("smp.image.SET_STATE_REQUEST", `${SOURCE}, set state of image`, {
  hash: [maybe(blob(HASH)), "which image; absent: the one that runs"],
  confirm: [maybe(flag), "false or absent: try it once; true: for good"],
});

const UploadRequest = cborMessage("smp.image.UPLOAD_REQUEST", `${SOURCE}, image upload`, {
  image: [maybe(uint(U32)), "number of the image, 0 when absent"],
  len: [maybe(uint(U32)), "bytes of the whole image, with its first piece"],
  off: [maybe(uint(U32)), "where the data lies"],
  sha: [maybe(blob(HASH)), "SHA-256 of all that is uploaded, with the first piece: an upload of the same goes on"],
  data: [maybe(blob(LONG_BYTES)), "a piece of the image"],
  upgrade: [maybe(flag), "only above the version that runs"],
});

const UploadResponse = cborMessage("smp.image.UPLOAD_RESPONSE", `${SOURCE}, image upload`, {
  off: [maybe(uint(U32)), "bytes that the device has: where it wants the next piece"],
  match: [maybe(flag), "at the end: what lies in the slot has the hash"],
});

const EraseRequest = cborMessage("smp.image.ERASE_REQUEST", `${SOURCE}, image erase`, {
  slot: [maybe(uint(U32)), "counted through all images; 1 when absent"],
});

const Slot = record({
  slot: [uint(1), "0 primary, 1 secondary"],
  size: [uint(U32), "bytes"],
  upload_image_id: [maybe(uint(U32)), "what an upload to it says as its image"],
});
const SlotsOfImage = record({
  image: [uint(255), "number of the image"],
  slots: [listOf(Slot, 2), "its slots"],
  max_image_size: [maybe(uint(U32)), "bytes that an upload may have"],
});
const SlotInfo = cborMessage("smp.image.SLOT_INFO_RESPONSE", `${SOURCE}, slot info`, {
  images: [listOf(SlotsOfImage, MAX_IMAGES), "by image"],
});

const command = commandsOf(1, "image");

export const image = {
  state: command("state", 0, "read", "images in the slots, and what the next reset does", Nothing, States),
  setState: command("set-state", 0, "write", "marks an image for a trial, or for good", SetState, States),
  upload: command("upload", 1, "write", "writes a piece of an image", UploadRequest, UploadResponse),
  erase: command("erase", 5, "write", "erases a slot", EraseRequest, Nothing),
  slotInfo: command("slot-info", 6, "read", "slots and their sizes", Nothing, SlotInfo),
} as const;
