import { expect, test } from "vitest";
import { flashRun } from "../../../../src/device/firmware/run.js";
import { firmwareTarget } from "../../../support/firmware-target.js";
import { imageOf, KEY, updatable } from "../../../support/updatable-device.js";

test("end to end", async () => {
  const device = updatable();
  const target = firmwareTarget(device);
  const steps: string[] = [];
  const result = await flashRun(target, [{ data: imageOf("1.1.0") }], {
    keys: [KEY],
    progress: ({ step }) => steps.at(-1) === step || steps.push(step),
  });
  console.log(result.outcome, "says" in result && result.says, steps, device.sim.now / 1e9);
  expect(result.outcome).toBe("confirmed");
});
