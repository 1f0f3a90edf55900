import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBench } from "../../../../src/bench/bench.js";
import { presentableTrace } from "../../../../src/trace/file.js";
import { memoryTrace } from "../../../../src/trace/memory.js";
import { openTrace } from "../../../../src/trace/open.js";
import { pcapngPieces } from "../../../../src/trace/pcapng/write.js";
import { hex } from "../../../../src/util/bytes.js";
import type { ApduRecord, FrameRecord, TraceRecord } from "../../../../src/util/tracer.js";
import { missing } from "../../../support/wires.js";

/* Wireshark's own dissector and capture writers, against what is written and read here. */

const execute = promisify(execFile);
const run = async (program: string, ...args: readonly string[]): Promise<string> =>
  (await execute(program, [...args], { timeout: 50_000, maxBuffer: 1 << 26 })).stdout;

describe.skipIf(missing("tshark"))("Wireshark", () => {
  let folder: string;
  let path: string;
  let records: readonly TraceRecord[];
  let frames: readonly FrameRecord[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tapbench-pcapng-"));
    path = join(folder, "tap.pcapng");
    const tracer = memoryTrace();
    const bench = await openBench({ seed: "tshark", tracer });
    const device = await bench.open("emu:band-s1");
    await bench.provision(device, "k2-credit");
    (await bench.prepareTap(device, { amount: 1250n, terminal: "shop" }))();
    const identity = { seed: "tshark", profile: "emu:band-s1", configuration: "" };
    const shown = presentableTrace(identity, tracer.records);
    records = shown.records;
    frames = records.filter((record) => record.layer === "frame");
    await writeFile(path, Buffer.concat([...pcapngPieces(shown.header, records)]));
  }, 60_000);
  afterAll(() => rm(folder, { recursive: true }));

  const fields = async (...names: readonly string[]): Promise<string[][]> => {
    const out = await run("tshark", "-r", path, "-T", "fields", ...names.flatMap((name) => ["-e", name]));
    return out
      .trimEnd()
      .split("\n")
      .map((line) => line.split("\t"));
  };

  test("names each frame as what it is", async () => {
    const rows = await fields("_ws.col.Info", "_ws.col.Protocol");
    expect(new Set(rows.map(([, protocol]) => protocol))).toEqual(new Set(["ISO 14443"]));
    const names = rows.map(([info]) => info!.replace(/\[Malformed Packet\]$/, ""));
    expect(names.slice(0, 11)).toEqual([
      "Field on",
      "WUPA",
      "ATQA",
      "Anticollision",
      "UID",
      "Select",
      "SAK",
      "RATS",
      "ATS",
      "I-block, No chaining, Block number 0",
      "I-block, No chaining, Block number 0",
    ]);
    expect(names.slice(-3)).toEqual(["S-block, Deselect", "S-block, Deselect", "Field off"]);
    expect(names.filter((name) => name === "S-block, WTX")).toHaveLength(2);
    expect(names).toContain("I-block, Chaining, Block number 0");
    expect(names).toContain("R-block, ACK, Block number 1");
    expect(names).toHaveLength(frames.length + 2);
  });

  test("finds nothing malformed but DESELECT, in which it looks for an information field that DESELECT has not", async () => {
    const rows = await fields("_ws.malformed", "iso14443.s_block_cmd", "iso14443.crc.status", "iso14443.event");
    for (const [malformed, command, crc, event] of rows) {
      if (command === "0x00") continue; // S(DESELECT); ISO/IEC 14443-4 7.1.1.3: no INF
      expect(malformed).toBe("");
      expect(["", "1"]).toContain(crc); // 1: good
      if (["0xfa", "0xfb"].includes(event!)) expect(crc).toBe("");
    }
    expect(rows.filter(([, , crc]) => crc === "1").length).toBeGreaterThan(15);
    expect(rows.filter(([, , , event]) => event === "0xfb").length).toBeGreaterThan(0);
  });

  test("has their times, to the nanosecond, and their bytes", async () => {
    const rows = await fields("frame.time_epoch", "iso14443.event", "iso14443.length_field", "iso14443.inf");
    const sent = rows.filter(([, event]) => !["0xfc", "0xfd"].includes(event!));
    expect(sent.map(([time]) => time)).toEqual(
      frames.map(({ at }) => `${Math.floor(at / 1e9)}.${String(at % 1e9).padStart(9, "0")}`),
    );
    expect(sent.map(([, event]) => (["0xfe", "0xfa"].includes(event!) ? "pcd" : "picc"))).toEqual(
      frames.map(({ from }) => from),
    );
    const apdus = records.filter(
      (record): record is ApduRecord => record.layer === "apdu" && record.via === "contactless",
    );
    const carried = sent.map(([, , , inf]) => inf!.toUpperCase()).filter((inf) => inf.length > 4);
    expect(carried.join("")).toContain(hex(apdus[0]!.command) + hex(apdus[0]!.response));
    // The dissector's own count of what it put together from the chained blocks.
    const whole = (await fields("iso14443.apdu_reassembled.length")).flat().filter((length) => length !== "");
    const chained = apdus.map(({ response }) => String(response.length)).filter((length) => Number(length) > 250);
    expect(chained.length).toBeGreaterThan(0);
    expect(whole).toEqual(chained);
  });

  test("shows the section's comment and a comment a frame", async () => {
    expect(await run("capinfos", path)).toContain('"seed":"tshark"');
    const [, wupa] = await fields("frame.comment");
    expect(wupa![0]).toMatch(/^7 bits at 106 kbit\/s, \d+ ns on the air$/);
  });

  test("writes captures that are read: the same frames from editcap's copy", async () => {
    const copy = join(folder, "copy.pcapng");
    await run("editcap", "-F", "pcapng", path, copy);
    const trace = await openTrace([await readFile(copy)]);
    expect(trace.problem).toBeUndefined();
    expect(trace.records.filter(({ layer }) => layer === "frame")).toEqual(frames);
  });

  test("writes captures that are read: frames typed in as text", async () => {
    const dump = join(folder, "dump.txt");
    const made = join(folder, "made.pcapng");
    const lines = [
      "00 fc 00 00",
      "00 fe 00 01 52",
      "00 ff 00 02 04 00",
      "00 fe 00 08 02 00 b2 02 1c 00 86 ee",
      "00 fb 00 03 02 6a 83",
    ];
    await writeFile(dump, lines.map((line, i) => `10:00:00.00000${i}\n0000 ${line}\n\n`).join(""));
    await run("text2pcap", "-q", "-F", "pcapng", "-l", "264", "-t", "%H:%M:%S.%f", dump, made);
    const trace = await openTrace([await readFile(made)]);
    expect(trace.problem).toBeUndefined();
    expect(trace.records.map((record) => [record.layer, record.at])).toEqual([
      ["field", 0],
      ["frame", 1000],
      ["frame", 2000],
      ["frame", 3000],
      ["frame", 4000],
      ["apdu", 3000],
    ]);
    expect(trace.records[5]).toMatchObject({
      command: Uint8Array.of(0, 0xb2, 2, 0x1c, 0),
      response: Uint8Array.of(0x6a, 0x83),
    });
  });
});
