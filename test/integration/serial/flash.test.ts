import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { testFolder } from "../../support/echo-pty.js";
import { emulateBand } from "../../support/emulated-band.js";
import type { Emulation } from "../../support/emulation.js";
import { missing } from "../../support/wires.js";
import { documentOf, tapbench } from "../../unit/cli/console.js";

let folder: Awaited<ReturnType<typeof testFolder>>;
const bands: Emulation[] = [];
beforeAll(async () => {
  folder = await testFolder();
});
afterEach(async () => {
  for (const band of bands.splice(0)) await band.stop();
});
afterAll(() => folder.remove());

describe.skipIf(missing("serial"))("a band on a serial port", { timeout: 150_000 }, () => {
  test("gets 2.1.0 for good, over its port, and has it when it is switched on again", async () => {
    const [state, port, image, key] = ["band", "tty", "2.1.0.bin", "pub.pem"].map((name) =>
      join(folder.path, name),
    ) as [string, string, string, string];
    await tapbench(["flash", "published", "2.1.0", "--out", image, "--key-out", key]);
    const start = async (): Promise<Emulation> => {
      const emulation = emulateBand(`--serial=${port}`, "--baud", "1000000", "--state", state);
      bands.push(emulation);
      await emulation.next("ready");
      return emulation;
    };
    const first = await start();
    const spec = `serial:${port}?baud=1000000`;
    const ran = await tapbench(["flash", "run", image, spec, "--key", key, "--json"]);
    expect(ran).toMatchObject({ code: 0, err: "" });
    expect(documentOf(ran)).toMatchObject({ outcome: "confirmed", title: "Reference Band S1" });
    expect((await tapbench(["smp", "shell", spec, "version"])).out).toBe("band-s1 2.1.0\n");
    expect(await first.stop()).toBe(0);
    await start();
    expect(documentOf(await tapbench(["flash", "list", spec, "--json"]))).toMatchObject({
      listed: [
        { slot: 0, version: "2.1.0", active: true, confirmed: true },
        { slot: 1, version: "2.0.4", active: false },
      ],
    });
  });
});
