import { describe, expect, test } from "vitest";
import { openTrace } from "../../../../src/trace/open.js";
import { sampleBytes, samplePath, SAMPLES } from "../../../support/samples.js";
import { tapbench } from "../../cli/console.js";

/*
 * The samples were typed in after the public documentation of their formats: doc/trace_notes.md and doc/commands.md of the Proxmark3 repository
 * (RfidResearchGroup/proxmark3), the README files of GlobalPlatformPro and apdu4j, pcsc-spy(1) of pcsc-lite, phNxpLog and the NCI log tags of AOSP's
 * NFC stack. What is in them is a published test tap (github:binaryfoo/emv-bertlv contactless-mastercard) with a shorter record. The golden
 * files were read line by line against the samples.
 */
describe.each(Object.entries(SAMPLES))("%s", (name, format) => {
  test(`is known as ${format}`, async () => {
    expect((await openTrace([sampleBytes(name)])).format).toBe(format);
  });

  test("trace show", async () => {
    const { out, err } = await tapbench(["trace", "show", "--frames", samplePath(name)]);
    await expect(`${out}${err}`).toMatchFileSnapshot(`../../../golden/imports/${name}.txt`);
  });
});
