import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openBench, type BenchOptions } from "../../../src/bench/bench.js";
import { readStateFile, writeStateFile } from "../../../src/bench/state-file.js";
import { memoryTrace, type MemoryTrace } from "../../../src/trace/memory.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { tapbench } from "../cli/console.js";

let temp: string;
let folder: string;
beforeEach(async () => {
  temp = await mkdtemp(join(tmpdir(), "tapbench-state-"));
  folder = join(temp, "band");
});
afterEach(() => rm(temp, { recursive: true }));

const REQUEST = { amount: 1250n, terminal: "shop" };

/** The contactless answers of a tap: nothing else comes out of a device. */
const answers = (trace: MemoryTrace): string[] =>
  trace.records.flatMap((one) => (one.layer === "apdu" && one.via === "contactless" ? [hex(one.response)] : []));

/** One run: the device, a payment, and everything written down. */
async function run(options: BenchOptions = {}, spec: `emu:${string}` = "emu:band-s1") {
  const tracer = memoryTrace();
  const bench = await openBench({ state: folder, tracer, ...options });
  try {
    const device = await bench.open(spec);
    const card = await bench.furnish(device);
    const tap = await bench.tap(device, REQUEST);
    const [account] = bench.issuer.ledger.accounts();
    return { card, tap, held: account!.held, answers: answers(tracer) };
  } finally {
    await bench.close();
  }
}

describe("a device that is kept", () => {
  test("goes on where it stopped, and so does its issuer", async () => {
    const first = await run();
    const second = await run();
    expect(first.card).toHaveProperty("apdus");
    expect(second.card).not.toHaveProperty("apdus");
    expect(second.card.par).toBe(first.card.par);
    expect([first.tap.outcome, second.tap.outcome]).toEqual(["approved", "approved"]);
    // A second hold on the same account.
    expect([first.held, second.held]).toEqual([1250n, 2500n]);
  });

  test("two runs are what one run with two taps is", async () => {
    const tracer = memoryTrace();
    const bench = await openBench({ tracer });
    const device = await bench.open("emu:band-s1");
    await bench.furnish(device);
    const taps = [await bench.tap(device, REQUEST), await bench.tap(device, REQUEST)];
    const runs = [await run(), await run()];
    expect(runs.flatMap((one) => one.answers)).toEqual(answers(tracer));
    expect(runs.map(({ tap }) => tap.receipt)).toEqual(taps.map(({ receipt }) => receipt));
  });

  test("a second card beside the first is put in once", async () => {
    await run();
    const names = [];
    for (let i = 0; i < 2; i++) {
      const bench = await openBench({ state: folder });
      const device = await bench.open("emu:band-s1");
      names.push("apdus" in (await bench.furnish(device, "k2-ring")));
      await bench.close();
    }
    expect(names).toEqual([true, false]);
  });

  test("it is the owner's alone", async () => {
    await run();
    expect((await readdir(folder)).toSorted()).toEqual(["device.cbor", "issuer.cbor", "version"]);
    for (const name of await readdir(folder)) expect((await stat(join(folder, name))).mode & 0o077).toBe(0);
    expect((await stat(folder)).mode & 0o077).toBe(0);
  });

  test("from the command line", async () => {
    const pay = ["tap", "emu:band-s1", "--state", folder, "--trace", join(temp, "t.jsonl")];
    expect((await tapbench(pay)).out).toMatch(/^provisioned k2-credit \(541333\*{6}/);
    expect((await tapbench(pay)).out).toMatch(/^emu:band-s1 holds k2-credit \(541333\*{6}/);
    // 9F36: two payments were made.
    const asked = await tapbench([
      "se",
      "apdu",
      "emu:band-s1",
      "--state",
      folder,
      "00A4040007A000000004101000",
      "80CA9F3600",
    ]);
    expect(asked.out).toContain("9F360200029000");
  });
});

describe("refused, and nothing is changed", () => {
  const code = (says: string): unknown => expect.objectContaining({ code: says });

  test("another seed, or another device's profile", async () => {
    await run({ seed: "7" });
    await expect(run({ seed: "8" })).rejects.toEqual(code("bench/state-seed"));
    await expect(run({}, "emu:band-s1?seed=8")).rejects.toEqual(code("bench/state-seed"));
    await expect(run({}, "emu:watch-w1")).rejects.toEqual(code("bench/state-device"));
    expect((await run({ seed: "7" })).held).toBe(2500n);
  });

  test("two at once", async () => {
    const bench = await openBench({ state: folder });
    await expect(openBench({ state: folder })).rejects.toEqual(code("bench/state-busy"));
    await bench.open("emu:band-s1");
    await expect(bench.open("emu:band-s1")).rejects.toEqual(code("bench/state-taken"));
    await bench.close();
    await expect(run()).resolves.toBeDefined();
  });

  test("a lock whose process is gone is taken over", async () => {
    await run();
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    await writeFile(join(folder, "lock"), `${pid}\n`);
    expect((await run()).held).toBe(2500n);
  });

  test.each(["device.cbor", "issuer.cbor"])("a changed bit in %s", async (name) => {
    await run();
    const bytes = await readFile(join(folder, name));
    bytes[100]! ^= 1;
    await writeFile(join(folder, name), bytes);
    await expect(run()).rejects.toEqual(code("bench/state-damaged"));
    // A megabyte: compared as a whole, not byte by byte.
    expect((await readFile(join(folder, name))).equals(bytes)).toBe(true);
    expect(await readdir(folder)).not.toContain("lock");
  });

  test("a folder with other things, a file, and another version", async () => {
    await writeFile(join(temp, "letter.txt"), "");
    await expect(openBench({ state: temp })).rejects.toEqual(code("bench/state-folder"));
    await expect(openBench({ state: join(temp, "letter.txt") })).rejects.toEqual(code("bench/state-folder"));
    await run();
    await writeFile(join(folder, "version"), "1\n");
    await expect(run()).rejects.toEqual(code("bench/state-version"));
  });
});

test("a file of the state: RFC 8949 behind its SHA-256, and what was written comes back", async () => {
  const file = join(temp, "x.cbor");
  const value = { a: 1n, b: unhex("0102"), c: [true, null, "x"] };
  await writeStateFile(file, value);
  // A3 map of three; D9 FDE9 tag 65001; 61 text; 42 bytes; 83 array. The digest is sha256sum's of the rest.
  expect((await readFile(file)).toString("hex")).toBe(
    "6af5286005ba3cb110bf808ba18a472ace8286a1c5ff7e5d4ca600df61060d18a36161d9fde961316162420102616383f5f66178",
  );
  const back = await readStateFile(file);
  expect(back).toEqual(value);
  expect((back as typeof value).b.constructor).toBe(Uint8Array);
  expect(await readStateFile(join(temp, "none"))).toBeUndefined();
});
