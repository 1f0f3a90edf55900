import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBench } from "../../../src/bench/bench.js";
import type { SerialDriver } from "../../../src/transport/serial/driver.js";
import { transportError } from "../../../src/transport/errors.js";
import { documentOf, tapbench, type Surroundings } from "./console.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tapbench-smp-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Command lines one after the other, on one bench: its emulated devices are opened once and stay as they were left. */
function onOneDevice(): Surroundings {
  const bench = openBench();
  const device = bench.then((each) => each.open("emu:band-s1"));
  const services: NonNullable<Surroundings["services"]> = {
    openBench: async () => ({ ...(await bench), open: async () => device }),
  };
  return { services };
}

describe("an emulated band in this process", () => {
  test("echo", async () => {
    expect(documentOf(await tapbench(["smp", "echo", "emu:band-s1", "hello", "--count", "3", "--json"]))).toMatchObject(
      {
        device: "emu:band-s1",
        title: "Reference Band S1",
        answer: "hello",
        count: 3,
      },
    );
    const { code, out } = await tapbench(["smp", "echo", "emu:band-s1"]);
    expect([code, out.split("\n")[0]]).toEqual([0, "tapbench"]);
  });

  test("info", async () => {
    const { code, out } = await tapbench(["smp", "info", "emu:band-s1"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^device {6}Reference Band S1\nprofile {5}band-s1\n/);
    expect(documentOf(await tapbench(["smp", "info", "emu:band-s1", "--json"]))).toMatchObject({
      profile: "band-s1",
      buffers: { bufferBytes: 512, bufferCount: 4 },
      groups: expect.arrayContaining([expect.objectContaining({ group: 64 })]) as unknown,
    });
  });

  test("stats: all groups, one, and one that there is none of", async () => {
    const all = documentOf<{ statistics: Record<string, object> }>(
      await tapbench(["smp", "stats", "emu:band-s1", "--json"]),
    );
    expect(Object.keys(all.statistics)).toContain("smp");
    const one = documentOf<{ statistics: Record<string, { boots?: number }> }>(
      await tapbench(["smp", "stats", "emu:band-s1", "mcu", "--json"]),
    );
    expect(one.statistics).toMatchObject({ mcu: { boots: 1 } });
    const none = await tapbench(["smp", "stats", "emu:band-s1", "nothing"]);
    expect(none).toMatchObject({ code: 2, out: "", err: expect.stringContaining("[smp/refused]") as string });
  });

  test("settings: written, read, saved, kept through a reset; not saved, not kept", async () => {
    const on = onOneDevice();
    const settings = (...argv: readonly string[]) => tapbench(["smp", "settings", "emu:", ...argv], on);
    await settings("write", "app/name", "left wrist");
    expect((await settings("read", "app/name")).out).toBe("6C656674207772697374  'left wrist'\n");
    expect((await settings("save")).code).toBe(0);
    await settings("write", "app/name", "6E6F7065", "--hex");
    expect(documentOf(await settings("read", "app/name", "--json"))).toMatchObject({ value: "6E6F7065" });
    const reset = await tapbench(["smp", "reset", "emu:", "--json", "--logs"], on);
    expect(reset.err).toBe("[00:00:00.000,000] <inf> mcu: boot 2\n");
    expect(documentOf<{ backAfterMillis: number }>(reset).backAfterMillis).toBeGreaterThan(0);
    expect(documentOf(await settings("read", "app/name", "--json"))).toMatchObject({ value: "6C656674207772697374" });
    await settings("delete", "app/name");
    expect((await settings("read", "app/name")).code).toBe(2);
  });

  test("files: there, their length, and back", async () => {
    const on = onOneDevice();
    const [here, back] = [join(folder, "face.bin"), join(folder, "back.bin")];
    const bytes = Uint8Array.from({ length: 3000 }, (_, i) => (i * 7) & 0xff);
    await writeFile(here, bytes);
    const fs = (...argv: readonly string[]) => tapbench(["smp", "fs", "emu:", ...argv], on);
    // python3, binascii.crc32(bytes((i * 7) & 0xff for i in range(3000)))
    expect(documentOf(await fs("upload", "/lfs/face.bin", here, "--json"))).toMatchObject({
      bytes: 3000,
      crc32: "B26B8940",
    });
    expect((await fs("stat", "/lfs/face.bin")).out).toBe("/lfs/face.bin: 3000 bytes\n");
    expect(documentOf(await fs("hash", "/lfs/face.bin", "--json"))).toMatchObject({ bytes: 3000, crc32: "B26B8940" });
    expect((await fs("download", "/lfs/face.bin", back)).code).toBe(0);
    expect(new Uint8Array(await readFile(back))).toEqual(bytes);
    const out = await fs("download", "/lfs/face.bin", "-");
    expect(Buffer.from(out.out, "latin1")).toEqual(Buffer.from(bytes));
    expect((await fs("stat", "/lfs/none")).code).toBe(2);
  });

  test("from run to run: what was saved is there, the rest is not; a card is put in once", async () => {
    const state = join(folder, "state");
    const smp = (...argv: readonly string[]) => tapbench(["smp", ...argv, "--state", state]);
    const settings = (...argv: readonly string[]) => smp("settings", "emu:band-s1", ...argv);
    expect(documentOf(await settings("write", "a", "one", "--save", "--json"))).toEqual({
      device: "emu:band-s1",
      action: "write",
      name: "a",
      saved: true,
    });
    expect((await settings("write", "b", "two")).code).toBe(0);
    expect((await settings("read", "a")).out).toBe("6F6E65  'one'\n");
    expect(await settings("read", "b")).toMatchObject({
      code: 2,
      err: expect.stringContaining("[smp/refused]") as string,
    });
    const se = (...argv: readonly string[]) => smp("shell", "emu:band-s1", "se", ...argv);
    expect((await se()).out).not.toContain("A0000000041010");
    expect((await se("--card", "k2-credit")).out).toContain("A0000000041010 TAPBENCH CREDIT *");
    expect((await se()).out).toContain("A0000000041010 TAPBENCH CREDIT *");
    // A restart that nobody waits for does not keep it from being saved. So many runs there were: each switched it on.
    expect(await smp("reset", "emu:band-s1", "--no-wait")).toMatchObject({ code: 0, err: "" });
    expect(documentOf(await smp("stats", "emu:band-s1", "mcu", "--json"))).toMatchObject({
      statistics: { mcu: { boots: 9, uptime_s: 0 } },
    });
  });

  test("shell: what it prints, and its answer no", async () => {
    expect(await tapbench(["smp", "shell", "emu:band-s1", "version"])).toMatchObject({
      code: 0,
      out: "band-s1 2.0.4\n",
    });
    expect(await tapbench(["smp", "shell", "emu:band-s1", "nonsense"])).toMatchObject({ code: 3 });
  });
});

describe("wrong usage", () => {
  test.each([
    [["echo"], "cli/missing-argument"],
    [["echo", "emu:band-s1", "x", "--count", "0"], "cli/bad-value"],
    [["settings", "emu:band-s1", "burn"], "cli/bad-value"],
    [["settings", "emu:band-s1", "read"], "cli/missing-argument"],
    [["settings", "emu:band-s1", "load", "a"], "cli/too-many-arguments"],
    [["settings", "emu:band-s1", "write", "a", "xyz", "--hex"], "cli/bad-value"],
    [["fs", "emu:band-s1", "copy", "/a"], "cli/bad-value"],
    [["fs", "emu:band-s1", "upload", "/a"], "cli/missing-argument"],
    [["fs", "emu:band-s1", "stat", "/a", "b"], "cli/too-many-arguments"],
    [["settings", "emu:band-s1", "delete", "a", "--save"], "cli/bad-value"],
    [["info", "udp:127.0.0.1:9", "--state", "there"], "cli/bad-value"],
    [["info", "serial:/dev/null", "--card", "k2-credit"], "cli/bad-value"],
    [["info", "serial:"], "bench/bad-spec"],
    [["info", "serial:/dev/null?baud=fast"], "bench/bad-parameter"],
    [["info", "serial:/dev/null?baud=9600&framing=slip"], "bench/bad-parameter"],
    [["info", "serial:/dev/null?parity=odd"], "bench/bad-parameter"],
    [["info", "udp:127.0.0.1:99999"], "bench/bad-spec"],
    [["info", "udp:a b"], "bench/bad-spec"],
    [["info", "usb:1"], "bench/unknown-wire"],
  ])("%j", async (argv, code) => {
    const ran = await tapbench(["smp", ...argv]);
    expect(ran).toMatchObject({ code: 1, out: "" });
    expect(ran.err.endsWith(`[${code}]\n`) ? code : ran.err).toBe(code);
  });
  test.each([
    [["--serial=/tmp/x", "--baud", "1"], "bench/bad-parameter"],
    [["--baud", "115200", "--udp"], "cli/bad-value"],
    [["--serial", "--framing", "slip"], "bench/bad-parameter"],
    [["--udp=a b"], "bench/bad-spec"],
    [["--udp", "--noise", "0.1"], "cli/bad-value"],
    [["--serial", "--loss", "0.1"], "cli/bad-value"],
    [["--serial", "--baud", "115200", "--noise", "1.5"], "cli/bad-value"],
    [["--serial", "--baud", "115200", "--loss", "some"], "cli/bad-value"],
    [["--udp", "--schedule", "1s in, 1s out"], "cli/bad-value"],
  ])("emulate %j", async (argv, code) => {
    const ran = await tapbench(["emulate", "band-s1", ...argv]);
    expect(ran).toMatchObject({ code: 1, out: "" });
    expect(ran.err.endsWith(`[${code}]\n`) ? code : ran.err).toBe(code);
  });
  test("standard output cannot take a file and a document", async () => {
    const ran = await tapbench(["smp", "fs", "emu:band-s1", "download", "/a", "-", "--json"]);
    expect(ran.code).toBe(1);
    expect(documentOf(ran)).toMatchObject({ error: { code: "cli/bad-value" } });
  });
  test("what is no such port is the device's fault", async () => {
    const ran = await tapbench(["smp", "info", `serial:${join(folder, "none")}`]);
    expect(ran).toMatchObject({
      code: 2,
      err: expect.stringMatching(/\[transport\/(no-port|driver-missing)\]\n$/) as string,
    });
  });
});

describe("devices lists serial ports", () => {
  const withPorts = (list: SerialDriver["list"]): Surroundings => {
    const serial: SerialDriver = { open: () => Promise.reject(new Error("not opened")), list };
    return { services: { openBench: (options) => openBench({ ...options, serial }) } };
  };
  const band = {
    path: "/dev/ttyACM0",
    stable: "/dev/serial/by-id/usb-Maker_Band",
    manufacturer: "Maker\u001b[31m",
    serialNumber: "0001",
    vendorId: "1209",
    productId: "ba4d",
  };
  test("with what they say of themselves, made harmless", async () => {
    const { out } = await tapbench(
      ["devices"],
      withPorts(async () => [band, { path: "/dev/ttyUSB1" }]),
    );
    expect(out).toMatch(/serial:\/dev\/ttyACM0 +Maker 0001 \(USB 1209:ba4d\)\n +stays the same as \/dev\/serial/);
    expect(out).toMatch(/serial:\/dev\/ttyUSB1 +serial port\n/);
  });
  test("or why there are none", async () => {
    const around = withPorts(async () => {
      throw transportError("driver-missing", "no packages", {});
    });
    expect(documentOf(await tapbench(["devices", "--json"], around))).toMatchObject({
      ports: [],
      serial: { code: "transport/driver-missing" },
    });
  });
});
