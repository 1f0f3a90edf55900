import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { boot, type BootConfiguration } from "../../emulator/boot/boot.js";
import { Flash, type FlashCut } from "../../emulator/boot/flash.js";
import { pendingSwap, swapStates } from "../../emulator/boot/requests.js";
import { readVerifyingKey } from "../../src/crypto/signing.js";
import { formatVersion } from "../../src/protocols/mcuboot/version.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { describeVectors, vectorBytes, vectors } from "../support/vectors.js";

// Every flash operation and every byte as MCUboot's own C boot loader left it (commit 2d4bacc3), with and without power cuts.

interface Trailer {
  readonly magic: "good" | "unset" | "bad";
  readonly image_ok: number;
  readonly copy_done: number;
}
interface Run {
  readonly operation: string;
  readonly before: string;
  readonly after: string;
  readonly runs: string | null;
  readonly swap_type_before: string;
  readonly swap_type_after: string;
  readonly primary_trailer_after: Trailer;
  readonly secondary_trailer_after: Trailer;
  readonly trace: readonly string[];
}
interface Cut {
  readonly operation: string;
  readonly cut: "clean" | "half";
  readonly n: number;
  readonly op: { readonly kind: string; readonly done: number };
  readonly runs: string | null;
  readonly swap_type_at_cut: string;
  readonly swap_type_after: string;
  readonly flash_ops_next_boot: number;
  readonly before: string;
  readonly at_cut: string;
  readonly after: string;
}
interface Area {
  readonly offset: number;
  readonly size: number;
}
interface Group {
  readonly mode: "move" | "scratch" | "offset" | "overwrite";
  readonly signature: string;
  readonly key: string;
  readonly geometry: {
    readonly sector_size: number;
    readonly align: number;
    readonly max_img_sectors: number;
    readonly flash_size: number;
    readonly primary: Area;
    readonly secondary: Area;
    readonly scratch: Area | null;
  };
  readonly blobs: string;
  readonly runs: readonly Run[];
  readonly cuts: readonly Cut[];
}

/** Keys of contents: the first digits of their digest. */
const nameOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

function prepared({ mode, key, geometry, blobs }: Group) {
  const contents = vectors<Readonly<Record<string, string>>>(`mcuboot/flash/${blobs.replace(/\.json$/, "")}`);
  const { sector_size: sectorBytes, align: writeBytes, flash_size: size, primary, secondary, scratch } = geometry;
  const pem = new TextDecoder().decode(vectorBytes(`mcuboot/${key.replace(".pem", "-pub.pem")}`));
  const configuration: BootConfiguration = {
    mode,
    images: [{ primary, secondary }],
    scratch: scratch ?? undefined,
    maxSectors: geometry.max_img_sectors,
    keys: [readVerifyingKey(pem)],
  };
  const flashOf = (name: string): Flash => {
    const bytes = new Uint8Array(gunzipSync(Buffer.from(contents[name]!, "base64")));
    const sectors = Array.from({ length: size / sectorBytes }, (_, i) =>
      bytes.slice(i * sectorBytes, (i + 1) * sectorBytes),
    );
    return new Flash({ size, sectorBytes, writeBytes }, { sectors, operations: 0 });
  };
  const contentOf = (flash: Flash): string => nameOf(flash.read(0, size));
  /** What it runs, as the vectors write it. */
  const booted = (flash: Flash): string | null => {
    const { runs } = boot(flash, configuration);
    return runs ? `${formatVersion(runs.version)}${runs.version.build === 0 ? "+0" : ""}` : null;
  };
  return { configuration, flashOf, contentOf, booted };
}

const FLAGS: Readonly<Record<string, number>> = { set: 1, unset: 0xff };

describeVectors<{ groups: readonly Group[] }>("mcuboot/flash/flash", ({ groups }) => {
  describe.each(groups.map((group) => [group.signature, group.mode, group] as const))("%s, %s", (_, __, group) => {
    const { configuration, flashOf, contentOf, booted } = prepared(group);

    test.each(group.runs.map((run) => [run.operation, run] as const))("%s", (_, run) => {
      const flash = flashOf(run.before);
      expect(pendingSwap(flash, configuration)).toBe(run.swap_type_before);
      const trace: string[] = [];
      flash.onOperation = ({ kind, offset, length }) =>
        void trace.push(
          `${kind === "erase" ? "E" : "W"} ${offset.toString(16).padStart(6, "0")} ${length.toString(16)}`,
        );
      expect(booted(flash)).toBe(run.runs);
      expect(trace).toEqual(run.trace);
      expect(contentOf(flash)).toBe(run.after);
      expect(pendingSwap(flash, configuration)).toBe(run.swap_type_after);
      const { primary, secondary } = swapStates(flash, configuration);
      for (const [found, said] of [
        [primary, run.primary_trailer_after],
        [secondary, run.secondary_trailer_after],
      ] as const)
        expect([found.magic, FLAGS[found.imageOk], FLAGS[found.copyDone]]).toEqual([
          said.magic,
          said.image_ok,
          said.copy_done,
        ]);
    });

    test.each(group.cuts.map((cut) => [cut.operation, cut.cut, cut.n, cut] as const))("%s, %s cut %i", (...row) => {
      const cut = row[3];
      const flash = flashOf(cut.before);
      const plan: FlashCut = cut.cut === "clean" ? { before: cut.n } : { inside: cut.n, kept: cut.op.done };
      flash.planCut(plan);
      expect(codeOf(() => booted(flash))).toBe("emulator/power-lost");
      flash.powerUp();
      expect(contentOf(flash)).toBe(cut.at_cut);
      expect(pendingSwap(flash, configuration)).toBe(cut.swap_type_at_cut);
      const before = flash.operations;
      expect(booted(flash)).toBe(cut.runs);
      expect(contentOf(flash)).toBe(cut.after);
      expect(flash.operations - before).toBe(cut.flash_ops_next_boot);
      expect(pendingSwap(flash, configuration)).toBe(cut.swap_type_after);
    });
  });
});

function codeOf(act: () => unknown): string {
  try {
    return `no error: ${String(act())}`;
  } catch (error) {
    if (isTapbenchError(error)) return error.code;
    throw error;
  }
}
