import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openBench } from "../../../src/bench/bench.js";
import type { ManagedBenchDevice } from "../../../src/bench/managed.js";
import { element } from "../../../src/protocols/smp/groups/element.js";
import { os } from "../../../src/protocols/smp/groups/os.js";
import { statistics } from "../../../src/protocols/smp/groups/statistics.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { SECOND } from "../../../src/util/time.js";
import { testFolder } from "../../support/echo-pty.js";
import { emulateBand } from "../../support/emulated-band.js";
import type { Emulation } from "../../support/emulation.js";
import { missing } from "../../support/wires.js";
import { documentOf, tapbench } from "../../unit/cli/console.js";

/** The machine may be busy with other things while a band starts. */
const PATIENCE = { within: 45 * SECOND };
const SELECT_PPSE = unhex("00A404000E325041592E5359532E444446303100");

let folder: Awaited<ReturnType<typeof testFolder>>;
beforeAll(async () => {
  folder = await testFolder();
});
afterAll(() => folder.remove());

const open: ManagedBenchDevice[] = [];
const bands: Emulation[] = [];
afterEach(async () => {
  for (const device of open.splice(0)) await device.close();
  for (const band of bands.splice(0)) await band.stop();
});
let count = 0;
const newLink = (): string => join(folder.path, `band-${++count}`);

async function band(...args: readonly string[]) {
  const emulation = emulateBand(...args);
  bands.push(emulation);
  return { emulation, ready: await emulation.next("ready") };
}
async function host(spec: string): Promise<ManagedBenchDevice> {
  const bench = await openBench();
  const device = await bench.manage(await bench.open(spec));
  open.push(device);
  return device;
}

describe.skipIf(missing("serial"))("a band on a serial port and UDP at once", () => {
  test("is found by what it says it is, over either wire; both see the same device", async () => {
    const link = newLink();
    const { ready, emulation } = await band(`--serial=${link}`, "--udp=127.0.0.1:0", "--logs");
    expect(ready).toMatchObject({ serial: link, udp: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string });
    const devices = [await host(`serial:${link}`), await host(`udp:${String(ready["udp"])}`)];
    for (const { title, profile } of devices) expect([title, profile?.name]).toEqual(["Reference Band S1", "band-s1"]);
    const [serial, udp] = devices as [ManagedBenchDevice, ManagedBenchDevice];
    // Several requests at once on each wire: nobody gets another's answer.
    const texts = Array.from({ length: 3 }, (_, i) => `text ${i}`);
    const answers = await Promise.all(
      [serial, udp].flatMap(({ management }) => texts.map((d) => management.request(os.echo, { d }))),
    );
    expect(answers.map(({ r }) => r)).toEqual([...texts, ...texts]);
    // What one of them selects in the element, the other one finds selected: there is one wired interface.
    await serial.management.apdu(SELECT_PPSE, PATIENCE);
    const { answer } = await udp.management.apdu(SELECT_PPSE, PATIENCE);
    expect(hex(answer)).toMatch(/^6F.*9000$/);
    await serial.management.request(os.reset, {});
    expect(await emulation.next("log")).toMatchObject({ line: expect.stringContaining("boot 2") as string });
  });

  test("a reset: the wire stays, the device is away, and comes back", async () => {
    const link = newLink();
    await band(`--serial=${link}`);
    const device = await host(`serial:${link}`);
    const lines: string[] = [];
    const booted = new Promise<void>((resolve) => {
      device.management.watch((event) => {
        if (event.kind !== "log") return;
        lines.push(event.line);
        if (event.line.includes("boot 2")) resolve();
      });
    });
    await device.management.request(os.reset, {});
    await booted;
    await device.reconnect(PATIENCE);
    const { fields } = await device.management.request(statistics.show, { name: "mcu" });
    expect(fields["boots"]).toBe(2);
  });

  test("unplugged, and plugged in again: who waits is told, the next request works", async () => {
    const link = newLink();
    const { emulation } = await band(`--serial=${link}`);
    const device = await host(`serial:${link}`);
    await device.management.request(os.echo, { d: "before" });
    await emulation.stop("SIGKILL");
    await expect(device.management.request(os.echo, { d: "meanwhile" })).rejects.toMatchObject({
      code: "transport/unplugged",
    });
    await Promise.all([device.reconnect(PATIENCE), band(`--serial=${link}`)]);
    expect(await device.management.request(os.echo, { d: "after" })).toEqual({ r: "after" });
  });

  test("a device that is gone on UDP is told so, and found again", async () => {
    const { ready, emulation } = await band("--udp=127.0.0.1:0");
    const address = String(ready["udp"]);
    const device = await host(`udp:${address}`);
    await emulation.stop();
    await expect(device.management.request(os.echo, { d: "?" })).rejects.toMatchObject({ code: "transport/refused" });
    await Promise.all([device.reconnect(PATIENCE), band(`--udp=${address}`)]);
    expect(await device.management.request(os.echo, { d: "after" })).toEqual({ r: "after" });
  });

  test("two hosts on UDP at once: a hundred requests each, all answered", async () => {
    const { ready } = await band("--udp=127.0.0.1:0");
    const spec = `udp:${String(ready["udp"])}`;
    const hosts = [await host(spec), await host(spec)];
    await Promise.all(
      hosts.map(async ({ management }, h) => {
        for (let i = 0; i < 100; i++) {
          const d = `host ${h} text ${i}`;
          expect(await management.request(os.echo, { d })).toEqual({ r: d });
        }
      }),
    );
    expect((await hosts[0]!.management.request(element.atr, {})).atr.length).toBeGreaterThan(0);
  });

  test.each([
    ["--loss", "1", { code: 2, err: expect.stringContaining("[smp/no-answer]") as string }],
    ["--noise", "1", { code: 2, err: expect.stringContaining("[smp/no-answer]") as string }],
    ["--noise", "0", { code: 0, err: "" }],
  ])("a line with %s %s", async (option, share, ends) => {
    const link = newLink();
    await band(`--serial=${link}`, "--baud", "115200", option, share);
    expect(await tapbench(["smp", "echo", `serial:${link}`])).toMatchObject(ends);
  });

  test("nobody answers: the wrong framing, one sentence, exit 2", async () => {
    const link = newLink();
    await band(`--serial=${link}`);
    const ran = await tapbench(["smp", "echo", `serial:${link}?framing=raw`, "--json"]);
    expect(ran.code).toBe(2);
    expect(documentOf(ran)).toMatchObject({ error: { code: "smp/no-answer" } });
  });

  test("APDUs go to its element; a tap needs a field, and says so", async () => {
    const { ready } = await band("--udp=127.0.0.1:0");
    const spec = `udp:${String(ready["udp"])}`;
    const ran = await tapbench(["se", "apdu", spec, hex(SELECT_PPSE), "--json"]);
    expect(documentOf(ran)).toMatchObject({ via: "wired", times: "measured", exchanges: [{ sw: "9000" }] });
    expect(await tapbench(["tap", spec])).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringContaining("[bench/emulated-only]") as string,
    });
  });

  test("the link is gone when it ends by Ctrl-C", async () => {
    const link = newLink();
    const { emulation } = await band(`--serial=${link}`);
    expect(await emulation.stop("SIGINT")).toBe(0);
    const ran = await tapbench(["smp", "echo", `serial:${link}`]);
    expect(ran).toMatchObject({ code: 2, out: "" });
    expect(ran.err).toContain("[transport/no-port]");
  });
});
