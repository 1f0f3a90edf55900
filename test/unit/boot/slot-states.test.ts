import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { slotStates } from "../../../emulator/boot/slot-states.js";
import { parseImage } from "../../../src/protocols/mcuboot/image.js";
import { trailerLayout } from "../../../src/protocols/mcuboot/trailer.js";
import { hex } from "../../../src/util/bytes.js";
import { BootBench } from "../../support/boot-bench.js";

// As Zephyr's image management reports them: in a try the running slot is active and not confirmed, the other confirmed.
const told = (bench: BootBench, state: ReturnType<BootBench["asked"]>): readonly string[] =>
  slotStates(bench.flashOf(state), bench.configuration).map((one) =>
    [
      one.slot,
      one.version.major,
      ...(["pending", "confirmed", "active", "permanent"] as const).filter((mark) => one[mark]),
    ].join(" "),
  );

describe.each(["move", "scratch", "offset"] as const)("by %s", (mode) => {
  const bench = new BootBench({ mode });

  test("from the request to the confirmation", () => {
    expect(told(bench, bench.fresh().snapshot())).toEqual(["0 1 confirmed active"]);
    expect(told(bench, bench.asked(false))).toEqual(["0 1 confirmed active", "1 2 pending"]);
    expect(told(bench, bench.asked(true))).toEqual(["0 1 confirmed active", "1 2 pending permanent"]);
    const tried = bench.boot(bench.asked(false)).after;
    expect(told(bench, tried)).toEqual(["0 2 active", "1 1 confirmed"]);
    expect(told(bench, bench.confirmed(tried))).toEqual(["0 2 confirmed active", "1 1"]);
    expect(told(bench, bench.boot(tried).after)).toEqual(["0 1 confirmed active", "1 2"]);
  });

  test("the hash is that of the image's bytes", () => {
    const [running, other] = slotStates(bench.flashOf(bench.asked(false)), bench.configuration);
    for (const [state, image] of [
      [running, bench.images.old],
      [other, bench.images.next],
    ] as const) {
      const { covered } = parseImage(image);
      expect(hex(state!.hash!).toLowerCase()).toBe(createHash("sha256").update(covered).digest("hex"));
      expect(state!.bootable).toBe(true);
    }
  });
});

test("fields of the trailer stand where MCUboot has them", () => {
  // docs/design.md, "Image trailer"; alignment 8, 128 sectors. Bytes before the slot's end.
  expect(trailerLayout({ align: 8, maxSectors: 128, mode: "move" })).toMatchObject({
    magic: 16,
    imageOk: 24,
    copyDone: 32,
    swapInfo: 40,
    tlvSizes: undefined,
    swapSize: 48,
    keys: undefined,
    bytes: 3120,
  });
  expect(trailerLayout({ align: 8, maxSectors: 128, mode: "offset" })).toMatchObject({
    tlvSizes: 48,
    swapSize: 56,
    bytes: 2104,
  });
  expect(trailerLayout({ align: 8, maxSectors: 128, mode: "scratch", encrypted: true })).toMatchObject({
    swapSize: 48,
    keys: [64, 80],
    bytes: 3152,
  });
});
