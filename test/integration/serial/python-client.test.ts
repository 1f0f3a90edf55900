import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { testFolder } from "../../support/echo-pty.js";
import { emulateBand } from "../../support/emulated-band.js";
import type { Emulation } from "../../support/emulation.js";
import { smpClient } from "../../support/smp-client.js";
import { missing } from "../../support/wires.js";

let folder: Awaited<ReturnType<typeof testFolder>>;
const bands: Emulation[] = [];
beforeAll(async () => {
  folder = await testFolder();
});
afterEach(async () => {
  for (const band of bands.splice(0)) await band.stop();
});
afterAll(() => folder.remove());

const HELD = { code: 0, failed: [], errors: "" };
/** The frames on a console, and its log. */
const CONSOLE = ["a line", "lines that are none", "a frame in two lines", "its log, between the frames"];

/** Both faces of one band; what a host finds there depends on who was there before. */
async function band(...args: readonly string[]) {
  const link = join(folder.path, `band-${bands.length}-${args.join("")}`);
  const emulation = emulateBand(`--serial=${link}`, "--udp=127.0.0.1:0", ...args);
  bands.push(emulation);
  const { udp } = await emulation.next("ready");
  return { link, udp: String(udp) };
}

describe.skipIf(missing("serial") ?? missing("python-cbor2"))("a client in Python at an emulated band's wires", () => {
  test.each([
    ["as fast as it goes", []],
    ["at 115,200 baud", ["--baud", "115200"]],
  ])("agrees about every frame and answer on the pseudo-terminal, %s", async (_, args) => {
    const { link } = await band(...args);
    const { checks, ...ended } = await smpClient("--serial", link);
    expect(ended).toEqual(HELD);
    expect(checks).toHaveLength(33 + CONSOLE.length);
    expect(checks).toEqual(expect.arrayContaining(CONSOLE));
  });

  test("agrees about every answer on UDP", async () => {
    const { udp } = await band();
    const { checks, ...ended } = await smpClient("--udp", udp);
    expect(ended).toEqual(HELD);
    expect(checks).toHaveLength(33);
  });
});
