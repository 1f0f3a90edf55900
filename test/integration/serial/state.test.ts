import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openBench } from "../../../src/bench/bench.js";
import type { ManagedBenchDevice } from "../../../src/bench/managed.js";
import { os } from "../../../src/protocols/smp/groups/os.js";
import { settings } from "../../../src/protocols/smp/groups/settings.js";
import { shell } from "../../../src/protocols/smp/groups/shell.js";
import { statistics } from "../../../src/protocols/smp/groups/statistics.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { testFolder } from "../../support/echo-pty.js";
import { emulateBand } from "../../support/emulated-band.js";
import type { Emulation } from "../../support/emulation.js";
import { missing } from "../../support/wires.js";
import { documentOf, tapbench } from "../../unit/cli/console.js";

let folder: Awaited<ReturnType<typeof testFolder>>;
const bands: Emulation[] = [];
const hosts: ManagedBenchDevice[] = [];
beforeAll(async () => {
  folder = await testFolder();
});
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close();
  for (const band of bands.splice(0)) await band.stop();
});
afterAll(() => folder.remove());

async function band(state: string) {
  const emulation = emulateBand(`--serial=${state}.tty`, "--baud", "115200", "--udp=127.0.0.1:0", "--state", state);
  bands.push(emulation);
  const { udp } = await emulation.next("ready");
  return { emulation, udp: `udp:${String(udp)}`, serial: `serial:${state}.tty` };
}
async function hostOf(spec: string): Promise<ManagedBenchDevice> {
  const bench = await openBench();
  const device = await bench.manage(await bench.open(spec));
  hosts.push(device);
  return device;
}

/** Each starts it twice, as a process of its own. */
const STARTS = { timeout: 150_000 };

describe.skipIf(missing("serial"))("a band that is kept in a folder", STARTS, () => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "stopped by %s and started again: it has booted anew, and has its settings and files",
    async (signal) => {
      const state = join(folder.path, signal);
      const first = await band(state);
      const serial = await hostOf(first.serial);
      await serial.management.request(settings.write, { name: "app/name", val: unhex("6C656674") });
      await serial.management.request(settings.save, {});
      await serial.management.request(settings.write, { name: "app/name", val: unhex("6E6F7065") });
      const udp = await hostOf(first.udp);
      const file = Uint8Array.from({ length: 2000 }, (_, i) => (i * 31) & 0xff);
      await udp.management.upload("/lfs/face.bin", file);
      await udp.management.request(os.setDateTime, { datetime: "2026-06-15T10:00:00Z" });
      expect(await first.emulation.stop(signal)).toBe(0);
      expect((await readdir(state)).toSorted()).toEqual(["device.cbor", "issuer.cbor", "version"]);

      const began = performance.now();
      const second = await band(state);
      const { management } = await hostOf(second.udp);
      expect(hex((await management.request(settings.read, { name: "app/name" })).val)).toBe("6C656674");
      expect(hex(await management.download("/lfs/face.bin"))).toBe(hex(file));
      expect((await management.request(statistics.show, { name: "mcu" })).fields).toMatchObject({
        boots: 2,
        log_lines: 2,
      });
      await expect(management.request(os.dateTime, {})).rejects.toMatchObject({ code: "smp/refused" });
      // Since this run began.
      const { o } = await management.request(shell.run, { argv: ["uptime"] });
      expect(Number(/^Uptime: (\d+) ms/.exec(o)?.[1])).toBeLessThan(performance.now() - began);
    },
  );

  test("stopped while it sends, and while a restart is due: it is saved all the same", async () => {
    const state = join(folder.path, "busy");
    const first = await band(state);
    const { management } = await hostOf(first.serial);
    await management.request(settings.write, { name: "a", val: unhex("01") });
    await management.request(settings.save, {});
    await management.request(os.reset, {}); // within 250 ms
    const asked = management.request(shell.run, { argv: ["help"] }).catch((error: unknown) => error);
    expect(await first.emulation.stop()).toBe(0);
    await asked;
    const { udp } = await band(state);
    const again = documentOf(await tapbench(["smp", "settings", udp, "read", "a", "--json"]));
    expect(again).toMatchObject({ value: "01" });
  });

  test("killed: what the last clean end saved is there, and nobody has to clear up", async () => {
    const state = join(folder.path, "killed");
    const argv = ["smp", "settings", "emu:band-s1", "write", "a", "one", "--save", "--state", state];
    expect((await tapbench(argv)).code).toBe(0);
    const first = await band(state);
    const { management } = await hostOf(first.udp);
    await management.request(settings.write, { name: "a", val: unhex("02") });
    await management.request(settings.save, {});
    await first.emulation.stop("SIGKILL");
    const read = await tapbench(["smp", "settings", "emu:band-s1", "read", "a", "--state", state]);
    expect(read).toEqual({ code: 0, out: "6F6E65  'one'\n", err: "" });
  });
});
