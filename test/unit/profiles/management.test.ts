import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadProfile } from "../../../src/profiles/load.js";
import { MS } from "../../../src/util/time.js";

const shipped = fileURLToPath(new URL("../../../device-profiles/", import.meta.url));
let root: string;
let band: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "tapbench-management-"));
  for (const folder of ["models", "templates/device"]) await mkdir(join(root, folder), { recursive: true });
  await writeFile(
    join(root, "templates/device/wearable.yaml"),
    await readFile(join(shipped, "templates/device/wearable.yaml")),
  );
  band = await readFile(join(shipped, "models/band-s1.yaml"), "utf8");
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe("a managed device's profile", () => {
  test("the band and the watch have one, the ring and the phone none", async () => {
    const names = ["band-s1", "watch-w1", "ring-r1", "phone-p1"];
    const all = await Promise.all(names.map((name) => loadProfile("device", name)));
    expect(all.map(({ management }) => management?.bufferBytes)).toEqual([512, 2475, undefined, undefined]);
    expect(all[0]!.management).toMatchObject({
      bufferCount: 4,
      bootTime: 600 * MS,
      legacyRc: false,
      flash: { bytes: 1_048_576, sectorBytes: 4096, writeBytes: 4 },
    });
  });

  test.each([
    ["bufferBytes: 512", "bufferBytes: 40", "management.bufferBytes", "96 to 16384"],
    ["bytes: 1048576", "bytes: 1048577", "management.flash.bytes", "whole sectors of 4096"],
    ["writeBytes: 4", "writeBytes: 3", "management.flash.sectorBytes", "multiple of writeBytes, 3"],
    ["bytes: 32768", "bytes: 4096", "management.flash.partitions.settings", "even number of sectors"],
    ["offset: 1015808", "offset: 1015809", "management.flash.partitions.settings", "start at a sector"],
    ["offset: 1015808", "offset: 1007616", "management.flash.partitions.settings", "on top of another"],
    ["bytes: 32768", "bytes: 40960", "management.flash.partitions.settings", "and the flash has 1048576"],
  ])("%s -> %s", async (from, to, path, says) => {
    const text = band.replace(from, to);
    expect(text).not.toBe(band);
    await writeFile(join(root, "models/changed.yaml"), text);
    await expect(loadProfile("device", "changed", { root })).rejects.toThrow(
      expect.objectContaining({
        code: "profile/bad-value",
        context: expect.objectContaining({ path }) as object,
        message: expect.stringContaining(says) as string,
      }),
    );
  });
});
