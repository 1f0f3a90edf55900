import { TRAILER_MAGIC_BYTES, trailerMagic, type TrailerLayout } from "../../src/protocols/mcuboot/trailer.js";
import { equalBytes } from "../../src/util/bytes.js";
import { ERASED, type FlashArea } from "./flash.js";

/** What a swap is for; the numbers stand in trailers (bootutil_public.h, BOOT_SWAP_TYPE_...). */
export const SWAP_TYPES = ["none", "test", "perm", "revert"] as const;
export type SwapType = (typeof SWAP_TYPES)[number];
const FIRST_SWAP_TYPE = 1;

export type Magic = "good" | "unset" | "bad";
export type Flag = "set" | "unset" | "bad";

/** The trailer's fields that decide. */
export interface SwapState {
  readonly magic: Magic;
  readonly imageOk: Flag;
  readonly copyDone: Flag;
  readonly swapType: SwapType;
  /** The image that a scratch area's trailer is about. */
  readonly image: number;
}

const FLAG = 1;
const isErased = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === ERASED);
const flagOf = (byte: number): Flag => (byte === FLAG ? "set" : byte === ERASED ? "unset" : "bad");

/** The trailer of a slot, or of the scratch area. Writing throws what the area throws. */
export class SlotTrailer {
  readonly area: FlashArea;
  readonly layout: TrailerLayout;

  constructor(area: FlashArea, layout: TrailerLayout) {
    this.area = area;
    this.layout = layout;
  }

  read(): SwapState {
    const { magic, imageOk, copyDone, swapInfo } = this.layout;
    const [info] = this.#read(swapInfo, 1);
    const type = SWAP_TYPES[(info! & 0x0f) - FIRST_SWAP_TYPE];
    return {
      magic: this.#magic(this.#read(magic, TRAILER_MAGIC_BYTES)),
      imageOk: flagOf(this.#read(imageOk, 1)[0]!),
      copyDone: flagOf(this.#read(copyDone, 1)[0]!),
      swapType: type ?? "none",
      image: type === undefined ? 0 : info! >> 4,
    };
  }

  /** Bytes that both slots' images reach at most, or what the field holds. */
  get swapSize(): number {
    const { layout } = this;
    return word(this.#read(layout.swapSize, 4));
  }

  /** Unprotected TLVs of the primary and of the secondary slot's image. */
  get tlvSizes(): readonly [number, number] {
    const { tlvSizes } = this.layout;
    const both = tlvSizes === undefined ? 0 : word(this.#read(tlvSizes, 4));
    return [both & 0xffff, both >>> 16];
  }

  /** Content keys of the primary and of the secondary slot's image. */
  get keys(): readonly (Uint8Array | undefined)[] {
    return (this.layout.keys ?? []).map((at) => this.#read(at, 16)).map((key) => (isErased(key) ? undefined : key));
  }

  /** First bytes of all notes. */
  notes(): Uint8Array {
    const { status, entries, align } = this.layout;
    const all = this.#read(status, entries * align);
    return Uint8Array.from({ length: entries }, (_, i) => all[i * align]!);
  }

  writeMagic(): void {
    const { align, magic } = this.layout;
    const unit = Math.max(align, 8);
    const bytes = new Uint8Array(Math.ceil(magic / unit) * unit).fill(ERASED);
    bytes.set(trailerMagic(align), bytes.length - magic);
    this.#write(bytes.length, bytes);
  }

  writeImageOk(): void {
    this.#write(this.layout.imageOk, Uint8Array.of(FLAG));
  }

  writeCopyDone(): void {
    this.#write(this.layout.copyDone, Uint8Array.of(FLAG));
  }

  writeSwapInfo(type: SwapType, image: number): void {
    this.#write(this.layout.swapInfo, Uint8Array.of((SWAP_TYPES.indexOf(type) + FIRST_SWAP_TYPE) | (image << 4)));
  }

  writeSwapSize(size: number): void {
    this.#write(this.layout.swapSize, wordBytes(size));
  }

  /** Nothing where the mode has no such field. */
  writeTlvSizes([primary, secondary]: readonly [number, number]): void {
    const { tlvSizes } = this.layout;
    if (tlvSizes !== undefined) this.#write(tlvSizes, wordBytes(primary + secondary * 0x10000));
  }

  /** Nothing where images are not encrypted. */
  writeKeys(keys: readonly (Uint8Array | undefined)[]): void {
    for (const [i, at] of (this.layout.keys ?? []).entries())
      this.#write(at, keys[i] ?? new Uint8Array(16).fill(ERASED));
  }

  /** Notes down that a step is done. */
  writeNote(entry: number, state: number): void {
    const { status, align } = this.layout;
    this.#write(status - entry * align, Uint8Array.of(state));
  }

  /** The sectors that it lies in, from behind. */
  erase(): void {
    const { area } = this;
    const count = Math.ceil(this.layout.bytes / area.sectorBytes);
    for (let i = 1; i <= count; i++) area.erase(area.size - i * area.sectorBytes, area.sectorBytes);
  }

  #magic(bytes: Uint8Array): Magic {
    return equalBytes(bytes, trailerMagic(this.layout.align)) ? "good" : isErased(bytes) ? "unset" : "bad";
  }

  #read(before: number, length: number): Uint8Array {
    return this.area.read(this.area.size - before, length);
  }

  /** Filled up to whole write units. */
  #write(before: number, bytes: Uint8Array): void {
    const { align } = this.layout;
    const whole = new Uint8Array(Math.ceil(bytes.length / align) * align).fill(ERASED);
    whole.set(bytes);
    this.area.program(this.area.size - before, whole);
  }
}

const word = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);

function wordBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
