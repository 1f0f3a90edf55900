import { boot, type BootConfiguration } from "../../emulator/boot/boot.js";
import { Flash, type FlashCut, type FlashOperation, type FlashSnapshot } from "../../emulator/boot/flash.js";
import type { BootMode } from "../../emulator/boot/layout.js";
import { confirm, eraseSecondary, requestUpgrade, uploadOffset } from "../../emulator/boot/requests.js";
import { sha256 } from "../../src/crypto/hash.js";
import { generateSigningKey, readSigningKey, type SigningKey } from "../../src/crypto/signing.js";
import { buildImage, type BuildOptions } from "../../src/protocols/mcuboot/build.js";
import { parseVersion } from "../../src/protocols/mcuboot/version.js";
import { concat, equalBytes, hex } from "../../src/util/bytes.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { seededRandom, type Random } from "../../src/util/random.js";

/*
 * A boot loader, two images, and a judge that knows nothing of signatures: what runs has to be one of the two, byte for byte. States of the flash are
 * snapshots; boots of equal states are done once.
 */

export const KEY: SigningKey = remembering(readSigningKey(generateSigningKey("ed25519", seededRandom("boot-bench"))));
const HEADER = 0x200;

export interface BenchOptions {
  readonly mode: BootMode;
  readonly sector?: number;
  /** Sectors a slot. */
  readonly sectors?: number;
  /** What the flash programs at least. */
  readonly align?: number;
  /** Bytes of the payloads. */
  readonly payloads?: readonly [old: number, next: number];
  readonly rules?: Partial<BootConfiguration>;
  readonly build?: Partial<BuildOptions>;
}

export interface Booted {
  readonly after: FlashSnapshot;
  readonly runs: "old" | "next" | "nothing";
  readonly operations: number;
}

export class BootBench {
  readonly configuration: BootConfiguration;
  readonly images: { readonly old: Uint8Array; readonly next: Uint8Array };
  /** What has to be there to run: the whole images, or their payloads where one comes in encrypted. */
  readonly #parts: Readonly<Record<"old" | "next", { readonly at: number; readonly bytes: Uint8Array }>>;
  readonly #geometry: { readonly size: number; readonly sectorBytes: number; readonly writeBytes: number };
  readonly #boots = new Map<string, Booted>();
  readonly #digests = new WeakMap<Uint8Array, string>();
  /** Boots done and boots asked for. */
  readonly count = { done: 0, asked: 0 };

  constructor({ mode, sector = 4096, sectors = 8, align = 8, payloads = [9_000, 13_000], rules, build }: BenchOptions) {
    const slot = sector * sectors;
    const size = 2 * slot + sector;
    this.#geometry = { size, sectorBytes: sector, writeBytes: align };
    this.configuration = {
      mode,
      images: [{ primary: { offset: 0, size: slot }, secondary: { offset: slot, size: slot } }],
      scratch: { offset: 2 * slot, size: sector },
      keys: [KEY],
      ...rules,
    };
    const payload = {
      old: seededRandom("payload old").bytes(payloads[0]),
      next: seededRandom("payload next").bytes(payloads[1]),
    };
    const image = (name: "old" | "next", version: string, options: Partial<BuildOptions>): Uint8Array =>
      buildImage(payload[name], {
        version: parseVersion(version),
        key: KEY,
        random: seededRandom(`image ${name}`),
        headerSize: HEADER,
        ...options,
      });
    this.images = {
      old: image("old", "1.0.0", { ...build, encrypt: undefined }),
      next: image("next", "2.0.0", build ?? {}),
    };
    const parts = (name: "old" | "next") =>
      build?.encrypt ? { at: HEADER, bytes: payload[name] } : { at: 0, bytes: this.images[name] };
    this.#parts = { old: parts("old"), next: parts("next") };
  }

  /** The old image in its place, nothing else. */
  fresh(): Flash {
    const flash = new Flash(this.#geometry);
    flash.program(0, this.#whole(this.images.old));
    return flash;
  }

  /** In whole write units. */
  #whole(image: Uint8Array): Uint8Array {
    const { writeBytes } = this.#geometry;
    return concat(image, new Uint8Array((writeBytes - (image.length % writeBytes)) % writeBytes).fill(0xff));
  }

  flashOf = (state: FlashSnapshot): Flash => new Flash(this.#geometry, state);

  /** An image comes in as running firmware writes it, and is asked for. */
  upload(flash: Flash, image: Uint8Array, permanent: boolean): void {
    eraseSecondary(flash, this.configuration);
    flash.program(uploadOffset(flash, this.configuration), this.#whole(image));
    requestUpgrade(flash, this.configuration, permanent);
  }

  /** The old image, the next one asked for. */
  asked(permanent: boolean, image = this.images.next): FlashSnapshot {
    const flash = this.fresh();
    this.upload(flash, image, permanent);
    return flash.snapshot();
  }

  confirmed(state: FlashSnapshot): FlashSnapshot {
    const flash = this.flashOf(state);
    confirm(flash, this.configuration);
    return flash.snapshot();
  }

  /** One boot to its end. @throws where what runs is neither image */
  boot(state: FlashSnapshot): Booted {
    this.count.asked++;
    const digest = this.digest(state);
    const known = this.#boots.get(digest);
    if (known) return known;
    this.count.done++;
    const flash = this.flashOf(state);
    const before = flash.operations;
    const runs = this.bootOn(flash);
    const booted = { after: flash.snapshot(), runs, operations: flash.operations - before };
    this.#boots.set(digest, booted);
    return booted;
  }

  /** The same without remembering, on a flash that may have faults. */
  bootOn(flash: Flash): Booted["runs"] {
    const { runs } = boot(flash, this.configuration);
    if (!runs) return "nothing";
    const slot = this.configuration.images[0]![runs.slot];
    for (const name of ["old", "next"] as const) {
      const wanted = this.#parts[name];
      const there = flash.read(slot.offset + wanted.at, wanted.bytes.length);
      const started = runs.image.bytes.subarray(wanted.at, wanted.at + wanted.bytes.length);
      if (equalBytes(wanted.bytes, there) && equalBytes(wanted.bytes, started)) return name;
    }
    throw new Error("something runs that nobody signed");
  }

  /** The state that a cut leaves; undefined where the boot ends before. */
  cut(state: FlashSnapshot, cut: FlashCut): FlashSnapshot | undefined {
    const flash = this.flashOf(state);
    flash.planCut(cut);
    try {
      boot(flash, this.configuration);
    } catch (error) {
      if (!isTapbenchError(error) || error.code !== "emulator/power-lost") throw error;
      flash.powerUp();
      return flash.snapshot();
    }
    return undefined;
  }

  /** Every state that one cut of a boot leaves, each once: before each operation, half of it done, bits of it done. */
  *cuts(state: FlashSnapshot, seed: string): Generator<FlashSnapshot> {
    const { operations } = this.boot(state);
    const seen = new Set<string>();
    for (let n = 1; n <= operations; n++)
      for (const cut of cutsAt(n, seededRandom(`${seed} ${n}`))) {
        const left = this.cut(state, cut);
        if (!left) throw new Error(`no cut came at operation ${n} of ${operations}`);
        const digest = this.digest(left);
        if (!seen.has(digest)) yield left;
        seen.add(digest);
      }
  }

  /** The same states without a boot for each: an operation changes its own bytes only, so what is left lies between the flash before and after it. */
  *leftovers(state: FlashSnapshot, seed: string): Generator<FlashSnapshot> {
    const flash = this.flashOf(state);
    const before: { readonly at: FlashSnapshot; readonly operation: FlashOperation }[] = [];
    flash.onOperation = (operation) => void before.push({ at: flash.snapshot(), operation });
    this.bootOn(flash);
    const last = flash.snapshot();
    const seen = new Set<string>();
    for (const [i, { at, operation }] of before.entries()) {
      const after = before[i + 1]?.at ?? last;
      for (const cut of cutsAt(i + 1, seededRandom(`${seed} ${i + 1}`))) {
        const left = "before" in cut ? at : this.#between(at, after, operation, cut);
        const digest = this.digest(left);
        if (!seen.has(digest)) yield left;
        seen.add(digest);
      }
    }
  }

  #between(at: FlashSnapshot, after: FlashSnapshot, { offset, length }: FlashOperation, cut: FlashCut): FlashSnapshot {
    const { sectorBytes } = this.#geometry;
    const number = Math.floor(offset / sectorBytes);
    const from = offset % sectorBytes;
    const sector = at.sectors[number]!.slice();
    const then = after.sectors[number]!;
    if ("kept" in cut) sector.set(then.subarray(from, from + Math.min(cut.kept, length)), from);
    if ("bits" in cut)
      for (const [i, done] of cut.bits.bytes(length).entries())
        sector[from + i]! ^= (sector[from + i]! ^ then[from + i]!) & done;
    return { ...at, sectors: at.sectors.with(number, sector) };
  }

  digest({ sectors }: FlashSnapshot): string {
    return sectors
      .map((sector) => {
        const known = this.#digests.get(sector) ?? hex(sha256(sector).subarray(0, 12));
        this.#digests.set(sector, known);
        return known;
      })
      .join("");
  }
}

/** Halves of what the boot loader writes at once: a note, the magic, a part of a copy, a sector erased. */
const HALVES = [4, 8, 512, 2048] as const;

export const cutsAt = (n: number, random: Random): readonly FlashCut[] => [
  { before: n },
  ...HALVES.map((kept) => ({ inside: n, kept })),
  { inside: n, bits: random },
];

/** The same key, which checks a signature over a digest once. */
function remembering(key: SigningKey): SigningKey {
  const answers = new Map<string, boolean>();
  const verify: SigningKey["verify"] = (digest, signature) => {
    const question = `${hex(digest)} ${hex(signature)}`;
    const answer = answers.get(question) ?? key.verify(digest, signature);
    answers.set(question, answer);
    return answer;
  };
  return { ...key, verify };
}
