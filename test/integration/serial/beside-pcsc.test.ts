import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBench } from "../../../src/bench/bench.js";
import { os } from "../../../src/protocols/smp/groups/os.js";
import { benchOnPcscd, SHOP } from "../../support/bench-on-pcscd.js";
import { testFolder } from "../../support/echo-pty.js";
import { emulate } from "../../support/emulation.js";
import { startPcscd, type Pcscd } from "../../support/pcscd.js";
import { missing } from "../../support/wires.js";

describe.skipIf(missing("pcsc") ?? missing("nfc-pcsc") ?? missing("serial"))("one band, two faces", () => {
  let pcscd: Pcscd;
  let folder: Awaited<ReturnType<typeof testFolder>>;
  beforeAll(async () => {
    pcscd = await startPcscd();
    folder = await testFolder();
  });
  afterAll(async () => {
    await pcscd?.close();
    await folder.remove();
  });

  test("it pays on a reader while it is managed over a paced serial line", async () => {
    const link = join(folder.path, "band");
    await emulate(pcscd, "band-s1", "--seed", "7", `--serial=${link}`, "--baud", "115200");
    const on = await benchOnPcscd(pcscd, "7");
    const bench = await openBench();
    const managed = await bench.manage(await bench.open(`serial:${link}`));
    let paying = true;
    const managing = (async () => {
      let count = 0;
      for (; paying; count++) await managed.management.request(os.echo, { d: `echo ${count}` });
      return count;
    })();
    try {
      for (let i = 0; i < 3; i++) {
        const report = await on.bench.tapCard(on.device, SHOP);
        expect([report.outcome, report.odaStatus, report.apdus]).toEqual(["online-request", "ok", 9]);
      }
    } finally {
      paying = false;
      expect(await managing).toBeGreaterThan(3);
      await managed.close();
      await on.device.close();
    }
  });
});
