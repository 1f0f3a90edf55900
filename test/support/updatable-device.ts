import { Mcu } from "../../emulator/mcu/mcu.js";
import type { BootOutcome } from "../../emulator/boot/outcome.js";
import { bootFirmware, type SwappingBoot } from "../../emulator/mcu/image-boot.js";
import type { ImageSlots } from "../../emulator/mcu/image-slots.js";
import { SimPort } from "../../emulator/sim/port.js";
import { Sim } from "../../emulator/sim/sim.js";
import { readSigningKey, generateSigningKey, type SigningKey } from "../../src/crypto/signing.js";
import type { ManagementProfile } from "../../src/profiles/types.js";
import { buildImage, type BuildOptions } from "../../src/protocols/mcuboot/build.js";
import { parseVersion } from "../../src/protocols/mcuboot/version.js";
import { Sequences, SmpPoller, type PollerOptions } from "../../src/protocols/smp/poller.js";
import { hex, NO_BYTES } from "../../src/util/bytes.js";
import { converseSync } from "../../src/util/converse.js";
import type { Dialogue } from "../../src/util/dialogue.js";
import { seededRandom } from "../../src/util/random.js";
import { MS, type Nanos } from "../../src/util/time.js";
import type { Carry } from "./managed-device.js";
import { HANGS, install, smallBoot } from "./small-boot.js";

/** Signs the test device's images. */
export const KEY: SigningKey = readSigningKey(generateSigningKey("ed25519", seededRandom("updatable/key")));
const SLOT = 128 * 1024;

/** An image for the test device: `bytes` of payload, its beginning if given. */
export function imageOf(
  version: string,
  {
    bytes = 9000,
    begins = NO_BYTES,
    unsigned = false,
    key = unsigned ? undefined : KEY,
    ...more
  }: {
    readonly bytes?: number;
    readonly begins?: Uint8Array;
    readonly unsigned?: boolean;
  } & Partial<BuildOptions> = {},
): Uint8Array {
  const payload = seededRandom(`image/${version}`).bytes(bytes);
  payload.set(begins);
  return buildImage(payload, { version: parseVersion(version), key, random: seededRandom("sign"), ...more });
}

const faithfully: Carry = (message) => [{ message, late: 0 }];

export interface WireModel {
  readonly up?: Carry | undefined;
  readonly down?: Carry | undefined;
  /** One way. */
  readonly latency?: Nanos | undefined;
  readonly perByte?: Nanos | undefined;
}

export interface Setup {
  readonly images?: number;
  readonly slotBytes?: number;
  /** That of emulator/boot, instead of small-boot.ts. */
  readonly mode?: SwappingBoot["mode"] | undefined;
}

/** A microcontroller with two slots for each image and a boot loader, running 1.0.0. */
export function updatable(
  changes: Partial<ManagementProfile> = {},
  { images = 1, slotBytes = SLOT, mode }: Setup = {},
) {
  const sim = new Sim();
  const layout = { slotBytes, images, keys: [KEY] };
  const scratch = { offset: 2 * images * slotBytes, size: 8 * 4096 };
  const storage = scratch.offset + scratch.size;
  const profile: ManagementProfile = {
    bufferBytes: 512,
    bufferCount: 10,
    bootTime: 600 * MS,
    batteryHours: 240,
    legacyRc: false,
    flash: {
      bytes: storage + 4 * 8192,
      sectorBytes: 4096,
      writeBytes: 4,
      partitions: {
        settings: { offset: storage, bytes: 8192 },
        files: { offset: storage + 8192, bytes: 8192 },
      },
    },
    ...changes,
  };
  const at = (n: number) => ({ offset: n * slotBytes, size: slotBytes });
  const pairs = Array.from({ length: images }, (_, i) => ({ primary: at(2 * i), secondary: at(2 * i + 1) }));
  const starts = ({ runs }: BootOutcome): boolean => hex(runs!.image.payload.subarray(0, HANGS.length)) !== hex(HANGS);
  const firmware = mode
    ? bootFirmware({ mode, images: pairs, keys: [KEY], ...(mode === "scratch" && { scratch }) }, starts)
    : smallBoot(layout);
  const mcu = new Mcu(sim, {
    identity: { model: "test-device", title: "Test device", firmware: "1.0.0", verification: "none" },
    profile,
    element: { transmit: () => undefined, reset: () => {}, atr: NO_BYTES },
    nfc: { field: () => false, listen: () => {} },
    holderVerified: () => false,
    firmware,
    onReset: () => {},
  });
  for (let image = 0; image < images; image++)
    install(mcu.flash, layout, image, imageOf("1.0.0", { bytes: 7000 + image }));
  return {
    sim,
    mcu,
    profile,
    slots: (): ImageSlots => firmware.slots(mcu.flash),
    host(name = "wire", { up = faithfully, down = faithfully, latency = MS, perByte = 10_000 }: WireModel = {}) {
      let free = sim.now;
      const end = mcu.attach({
        name,
        send: (message) => {
          for (const { message: arrives, late } of down(message))
            sim.at(sim.now + latency + late, () => port.arrived(arrives));
        },
      });
      const port = new SimPort<Uint8Array, Uint8Array>(sim, (message) => {
        free = Math.max(free, sim.now) + message.length * perByte;
        for (const { message: arrives, late } of up(message)) sim.at(free + latency + late, () => end.receive(arrives));
        return free;
      });
      const sequences = new Sequences();
      return {
        port,
        poller: (options?: PollerOptions): SmpPoller => new SmpPoller(sequences, options),
        run: <R>(dialogue: Dialogue<Uint8Array, Uint8Array, R>): R => converseSync(dialogue, port),
        detach: end.detach,
      };
    },
  };
}
export type Updatable = ReturnType<typeof updatable>;
