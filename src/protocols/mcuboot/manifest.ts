import { cborMessage, listOf, mapOf, maybe, text, uint, type CborValueOf } from "../../codec/cbor-fields.js";
import type { CborLimits } from "../../codec/cbor-check.js";
import { ascii, concat, equalBytes } from "../../util/bytes.js";
import { isTapbenchError } from "../../util/errors.js";
import { mcubootError } from "./errors.js";

/*
 * The payload of an emulated device's image: "TBFW", the manifest's length in four bytes little-endian, the manifest in CBOR, anything behind it. It takes
 * the place of machine code: what the manifest says is what the simulated firmware does.
 */

const MAGIC = ascii("TBFW");
const HEAD_BYTES = 8;
export const MANIFEST_LIMITS: CborLimits = { bytes: 16_384, depth: 4, items: 512 };
const NAMES = 32;

const FIELDS = {
  format: [uint(0xffff), "1; others are not understood"],
  model: [text(NAMES), "the device profile that it is for"],
  version: [text(NAMES), "as in the image's header"],
  features: [listOf(text(NAMES), 64), "what the firmware can do"],
  quirks: [listOf(text(NAMES), 64), "what it does wrong"],
  limits: [mapOf(uint(0xffff_ffff), 64), "sizes and speeds, by name"],
  notes: [maybe(text(1024)), "for people"],
} as const;

export const FirmwareManifest = cborMessage("firmware.manifest", "tapbench, firmware manifests", FIELDS);
export type FirmwareManifest = CborValueOf<typeof FIELDS>;

/** An image's payload; `filler` stands where code would be, so that images have sizes. */
export function manifestPayload(manifest: FirmwareManifest, filler: Uint8Array): Uint8Array {
  const body = FirmwareManifest.encode(manifest);
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, body.length, true);
  return concat(MAGIC, head, body, filler);
}

/** @throws `mcuboot/bad-manifest` */
export function readManifest(payload: Uint8Array): FirmwareManifest {
  if (payload.length < HEAD_BYTES || !equalBytes(payload.subarray(0, MAGIC.length), MAGIC))
    throw bad("it does not begin with TBFW: this is firmware for a real device");
  const length = new DataView(payload.buffer, payload.byteOffset).getUint32(4, true);
  if (length === 0 || length > Math.min(MANIFEST_LIMITS.bytes, payload.length - HEAD_BYTES))
    throw bad(`its manifest should have ${length} bytes, and at most ${MANIFEST_LIMITS.bytes} may be there`);
  let manifest: FirmwareManifest;
  try {
    manifest = FirmwareManifest.decode(payload.subarray(HEAD_BYTES, HEAD_BYTES + length), MANIFEST_LIMITS);
  } catch (cause) {
    if (isTapbenchError(cause)) throw bad(`its manifest cannot be read: ${cause.message}`, cause);
    throw cause;
  }
  if (manifest.format !== 1) throw bad(`its manifest has format ${manifest.format}; 1 is understood here`);
  return manifest;
}

const bad = (why: string, cause?: unknown): Error =>
  mcubootError("bad-manifest", `an emulated device cannot run this image: ${why}`, {}, cause);
