import { beforeAll, describe, expect, test } from "vitest";
import { openBench, type Bench } from "../../../src/bench/bench.js";
import { openSpec, parseSpec } from "../../../src/bench/spec.js";

const code = (name: string): unknown => expect.objectContaining({ code: `bench/${name}` });

describe("a device as people name it", () => {
  test.each([
    ["emu:band-s1", "emu", "band-s1", {}],
    ["emu:band-s1?seed=7&firmware=2.0.4", "emu", "band-s1", { seed: "7", firmware: "2.0.4" }],
    ["hid:1209:ba4d/SERIAL", "hid", "1209:ba4d/SERIAL", {}],
    ["serial:/dev/ttyACM0?baud=115200", "serial", "/dev/ttyACM0", { baud: "115200" }],
    ["ble:Reference Band S1", "ble", "Reference Band S1", {}],
    ["ble:Reference%20Band%3F", "ble", "Reference Band?", {}],
    ["pcsc:", "pcsc", "", {}],
    ["emu:a?", "emu", "a", {}],
    ["emu:a?x=", "emu", "a", { x: "" }],
  ])("%s", (text, wire, target, parameters) => {
    const spec = parseSpec(text);
    expect({ ...spec, parameters: Object.fromEntries(spec.parameters) }).toEqual({ wire, target, parameters, text });
  });

  test.each([
    "",
    "band-s1",
    ":band-s1",
    "E:x",
    "e:x",
    "emu:a?b",
    "emu:a?b=1=2",
    "emu:a?b=1&b=2",
    "emu:a?=1",
    "emu:%zz",
    "emu:a?b=%",
    `emu:${"a".repeat(600)}`,
  ])("'%s' is none", (text) => {
    expect(() => parseSpec(text)).toThrow(code("bad-spec"));
  });

  test("an unknown wire is told what there is, and so is an unknown parameter", async () => {
    const openers = { emu: { form: "emu:<profile>", parameters: ["seed"], open: async () => "opened" } };
    await expect(openSpec("emu:x?seed=1", openers)).resolves.toBe("opened");
    await expect(openSpec("usb:x", openers)).rejects.toMatchObject({
      code: "bench/unknown-wire",
      message: expect.stringContaining("emu:<profile>") as string,
    });
    await expect(openSpec("constructor:x", openers)).rejects.toMatchObject({ code: "bench/unknown-wire" });
    await expect(openSpec("emu:x?speed=1", openers)).rejects.toMatchObject({
      code: "bench/bad-parameter",
      message: expect.stringContaining("seed") as string,
    });
  });
});

describe("a bench", () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await openBench({ seed: "spec" });
  });
  const request = { amount: 1_000n, terminal: "shop" };

  test("lists the devices that it can emulate", async () => {
    const specs = (await bench.listDevices()).map(({ spec }) => spec);
    expect(specs).toEqual(["emu:band-s1", "emu:phone-p1", "emu:ring-r1", "emu:watch-w1"]);
  });

  test("a device without a card: not completed, and nobody is asked", async () => {
    const report = await bench.tap(await bench.open("emu:band-s1"), request);
    expect([report.outcome, report.issuer, report.apdus]).toEqual(["not-completed", undefined, 1]);
    expect(report.kernelOutcome).toMatchObject({ kind: "end-application", error: { l2: "no-ppse", sw: 0x6a82 } });
  });

  test("another currency than the terminal's is refused before the field is on", async () => {
    const device = await bench.open("emu:band-s1");
    await expect(bench.tap(device, { ...request, currency: "USD" })).rejects.toMatchObject({
      code: "bench/wrong-currency",
    });
    await expect(bench.tap(device, { ...request, faults: ["nonsense"] })).rejects.toMatchObject({
      code: "emulator/bad-fault",
    });
    await expect(bench.tap(device, { ...request, amount: 10n ** 12n })).rejects.toMatchObject({
      code: "terminal/amount-overflow",
    });
    await expect(bench.tap(device, { ...request, amount: -1n })).rejects.toMatchObject({ code: "terminal/bad-amount" });
    expect(device.emulated.picc.state.phase).toBe("idle");
  });

  test("a card in place of another of its AID: one directory entry, and the new card pays", async () => {
    const device = await bench.open("emu:band-s1?seed=4");
    await bench.provision(device, "k2-credit");
    expect((await bench.tap(device, request)).details.label).toBe("TAPBENCH CREDIT");
    const { maskedPan } = await bench.provision(device, "k2-online");
    const report = await bench.tap(device, request);
    expect([report.outcome, report.details.label, report.details.maskedPan]).toEqual([
      "approved",
      "TAPBENCH ONLINE",
      maskedPan,
    ]);
    // the counter goes on; the numbers that terminals draw are never the same
    expect(report.details.atc).toBe(2);
    const numbers = [];
    for (let i = 0; i < 3; i++) {
      const { kernelOutcome } = await bench.tap(device, request);
      numbers.push("dataRecord" in kernelOutcome ? String(kernelOutcome.dataRecord.get(0x9f37)) : "");
    }
    expect(new Set(numbers).size).toBe(3);
  });

  test("a device's own seed is its own: the same one gives the same identifiers", async () => {
    const uid = async (spec: `emu:${string}`): Promise<string> => {
      const device = await (await openBench({ seed: "any" })).open(spec);
      device.emulated.picc.powerOn(() => {});
      return String(device.emulated.picc.state.uid);
    };
    expect(await uid("emu:band-s1?seed=4")).toBe(await uid("emu:band-s1?seed=4"));
    expect(await uid("emu:band-s1?seed=4")).not.toBe(await uid("emu:band-s1?seed=5"));
    expect(await uid("emu:ring-r1")).toBe("0,161,178,195,212,229,246");
  });
});
