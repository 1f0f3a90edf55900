import { expect, test } from "vitest";
import { uploadImage } from "../../src/protocols/smp/image-upload.js";
import { imageOf, updatable } from "../support/updatable-device.js";

test("an image arrives", () => {
  const device = updatable();
  const { run, poller } = device.host();
  const data = imageOf("1.1.0", { bytes: 40_000 });
  const report = run(uploadImage(poller({ window: 9 }), data, { bufferBytes: 512 }));
  console.log(report, device.sim.now / 1e9);
  expect(device.slots().images[0]!.slots[1].read(0, data.length)).toEqual(data);
});
