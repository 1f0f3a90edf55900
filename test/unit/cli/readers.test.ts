import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBench } from "../../../src/bench/bench.js";
import type { Services } from "../../../src/cli/run.js";
import { transportError } from "../../../src/transport/errors.js";
import type { PcscDriver } from "../../../src/transport/pcsc/driver.js";
import { bandOnReader, ScriptedPcsc } from "../../support/scripted-pcsc.js";
import { documentOf, tapbench } from "./console.js";

const on = (pcsc: PcscDriver): Services => ({ openBench: (options) => openBench({ ...options, pcsc }) });
const missing = on({ open: () => Promise.reject(transportError("driver-missing", "install nfc-pcsc", {})) });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tapbench-readers-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function withBand(card?: string): Promise<{ pcsc: ScriptedPcsc; services: Services; trace: string }> {
  const pcsc = new ScriptedPcsc("Reader A", "Virtual PCD 00 00");
  pcsc.place("Virtual PCD 00 00", await bandOnReader("7", card));
  return { pcsc, services: on(pcsc), trace: join(folder, "trace.jsonl") };
}

describe("devices", () => {
  test("lists readers, what lies on them, and their quirks", async () => {
    const { services } = await withBand();
    const { code, out } = await tapbench(["devices"], { services });
    expect(code).toBe(0);
    expect(out).toMatch(/^emu:band-s1 +Reference Band S1 \(emulated\)$/m);
    expect(out).toMatch(/^'pcsc:Reader A' +nothing$/m);
    expect(out).toMatch(
      /^'pcsc:Virtual PCD 00 00' +card: ISO\/IEC 14443-4, ATR 3B84800131C173C84E, UID 08[0-9A-F]{6}, ATS 31C173C8 \(vpcd/m,
    );
    expect(out).toContain("it is no radio");
  });
  test("one line where the driver is missing; emulated devices are listed all the same", async () => {
    const { code, out } = await tapbench(["devices"], { services: missing });
    expect(code).toBe(0);
    expect(out).toMatch(/^emu:band-s1/m);
    expect(out.split("\n").filter((line) => line.includes("PC/SC"))).toEqual(["no PC/SC readers: install nfc-pcsc"]);
    const { readers, pcsc } = documentOf(await tapbench(["devices", "--json"], { services: missing }));
    expect(readers).toEqual([]);
    expect(pcsc).toMatchObject({ code: "transport/driver-missing" });
  });
  test("--watch tells what comes and goes until it is stopped", async () => {
    const { pcsc, services } = await withBand();
    const stop = new AbortController();
    const watching = tapbench(["devices", "--watch", "--json-lines"], { services, signal: stop.signal });
    while (!pcsc.calls.includes("open")) await new Promise((resolve) => setImmediate(resolve));
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    pcsc.remove("Virtual PCD 00 00");
    pcsc.unplug("Reader A");
    stop.abort();
    const { code, out } = await watching;
    expect(code).toBe(0);
    const events = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { event: string; reader?: string });
    expect(events.map(({ event, reader = "" }) => `${event} ${reader}`.trim())).toEqual([
      "service",
      "attached Reader A",
      "attached Virtual PCD 00 00",
      "placed Virtual PCD 00 00",
      "removed Virtual PCD 00 00",
      "detached Reader A",
    ]);
  });
});

describe("tap pcsc:", () => {
  const tap = (trace: string, ...more: string[]): string[] => [
    "tap",
    "pcsc:",
    "--seed",
    "7",
    "--trace",
    trace,
    ...more,
  ];

  test("is not done unasked", async () => {
    const { services, trace, pcsc } = await withBand();
    const { code, err } = await tapbench(tap(trace), { services });
    expect(code).toBe(1);
    expect(err).toContain("--yes");
    expect(pcsc.calls.filter((call) => call.startsWith("transmit"))).toEqual([]);
  });
  test("ends with the kernel's outcome, and exit code 0 when the card asked to go online", async () => {
    const { services, trace } = await withBand();
    const ran = await tapbench(tap(trace, "--yes", "--json"), { services });
    expect(ran.code).toBe(0);
    expect(documentOf(ran)).toMatchObject({
      outcome: "online-request",
      oda: "cda",
      odaStatus: "ok",
      cryptogram: { type: "ARQC" },
      apdus: 9,
      frames: null,
      airMicros: null,
      issuer: null,
      atc: 1,
      observed: { times: "measured", frames: false },
      reader: "Virtual PCD 00 00",
    });
    const [header] = (await readFile(trace, "utf8")).split("\n");
    expect(JSON.parse(header!)).toMatchObject({
      profile: "pcsc:Virtual PCD 00 00",
      seed: "7",
      observed: { times: "measured", frames: false },
    });
    const shown = await tapbench(["trace", "show", trace]);
    expect(shown.out).toContain("command to answer, unsplit");
  });
  test("never says approved: a card that agreed offline was not authorised by anybody", async () => {
    const { services, trace } = await withBand("k2-offline");
    const ran = await tapbench(tap(trace, "--yes", "--terminal", "transit", "--amount", "1.00", "--json"), {
      services,
    });
    const { outcome } = documentOf<{ outcome: string }>(ran);
    expect(["offline-agreed", "online-request"]).toContain(outcome);
    expect(ran.code).toBe(0);
  });
  test("exit code 3 when the card has nothing for this terminal", async () => {
    const pcsc = new ScriptedPcsc("A");
    pcsc.place("A", { atr: Uint8Array.of(0x3b, 0x80, 0x80, 1, 1), transmit: () => Uint8Array.of(0x6a, 0x82) });
    const { code, out } = await tapbench(tap(join(folder, "none.jsonl"), "--yes"), { services: on(pcsc) });
    expect(code).toBe(3);
    expect(out).toContain("6A82");
  });
  test.each([
    ["no card", "pcsc:Reader A?wait=0", "transport/no-card"],
    ["no such reader", "pcsc:Elsewhere", "transport/no-reader"],
  ])("%s: one line and exit code 2", async (_, spec, error) => {
    const { services } = await withBand();
    const { code, err } = await tapbench(["tap", spec, "--yes", "--trace", join(folder, "x.jsonl")], { services });
    expect([code, err.trim().split("\n").length]).toEqual([2, 1]);
    expect(err).toContain(`[${error}]`);
  });
  test("what only works on the emulator is refused by name", async () => {
    const { services, trace } = await withBand();
    const { code, err } = await tapbench(tap(trace, "--yes", "--fault", "field-loss@before:gpo"), { services });
    expect(code).toBe(1);
    expect(err).toContain("--fault");
  });
});

describe("se apdu", () => {
  test("sends them in order to a card on a reader", async () => {
    const { services } = await withBand();
    const ran = await tapbench(
      ["se", "apdu", "--json", "pcsc:", "00A4040007A000000004101000", "80CA9F3600", "0042000000"],
      { services },
    );
    expect(ran.code).toBe(0);
    const { via, exchanges } = documentOf<{ via: string; exchanges: { command: string; sw: string }[] }>(ran);
    expect(via).toBe("contactless");
    expect(exchanges.map(({ command, sw }) => `${command} ${sw}`)).toEqual([
      "00A4040007A000000004101000 9000",
      "80CA9F3600 9000",
      "0042000000 6D00",
    ]);
  });
  test("and over the wired interface of an emulated device", async () => {
    const { code, out } = await tapbench(["se", "apdu", "emu:band-s1", "00A4040007A000000004101000"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^> 00A4040007A000000004101000\n< 6F[0-9A-F]+9000 {2}ok, /);
  });
  test("what is no APDU is refused before anything is sent", async () => {
    const { services, pcsc } = await withBand();
    const { code } = await tapbench(["se", "apdu", "pcsc:", "00A40400", "00A4"], { services });
    expect([code, pcsc.calls]).toEqual([1, []]);
  });
});
