import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { recordBatches } from "../../../src/trace/batches.js";
import { maskRecords } from "../../../src/trace/mask.js";
import { openTrace, type TraceSource } from "../../../src/trace/open.js";
import { encodeRecord } from "../../../src/trace/record.js";
import { transferTrace } from "../../../src/trace/transfer.js";
import { unhex } from "../../../src/util/bytes.js";
import type { ApduRecord, TraceRecord } from "../../../src/util/tracer.js";
import { sampleBytes, SAMPLES } from "../../support/samples.js";

let folder: string;
let to: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tapbench-transfer-"));
  to = join(folder, "trace.jsonl");
});
afterEach(() => rm(folder, { recursive: true }));

const PAN = "5413330089600044";
const text = (...lines: readonly string[]): Uint8Array => new TextEncoder().encode(`${lines.join("\n")}\n`);

/** The same lines many times, as a stream. */
function* repeated(piece: Uint8Array, times: number): Generator<Uint8Array, void, undefined> {
  for (let i = 0; i < times; i++) yield piece;
}

describe("transferTrace", () => {
  test.each(Object.keys(SAMPLES))("%s: the trace holds what reading into memory gives, masked", async (name) => {
    const bytes = sampleBytes(name);
    const { header, exchanges, frames } = await transferTrace(() => [bytes], to);
    const opened = await openTrace([bytes]);
    const lines = (await readFile(to, "utf8")).trimEnd().split("\n");
    expect(JSON.parse(lines[0]!)).toEqual({ ...header, masked: true });
    expect(lines.slice(1)).toEqual(maskRecords(opened.records).map(encodeRecord));
    expect(exchanges).toBe(opened.records.filter(({ layer }) => layer === "apdu").length);
    expect(frames).toBe(opened.records.filter(({ layer }) => layer === "frame").length);
    expect(await readFile(to, "utf8")).not.toContain(PAN);
    expect((await openTrace([await readFile(to)])).header).toMatchObject({ source: SAMPLES[name] });
  });

  test("an account number that is first told in the last of many exchanges is masked in the first", async () => {
    const early = text("> 00B0000000", `< ${PAN}AABB9000`);
    const filler = text("> 00B2010C00", "< 6A83");
    const late = text("> 00B2011400", `< 700A5A08${PAN}9000`);
    const source = function* (): Generator<Uint8Array> {
      yield early;
      yield* repeated(filler, 3000);
      yield late;
    };
    const { exchanges } = await transferTrace(source, to);
    expect(exchanges).toBe(3002);
    const written = await readFile(to, "utf8");
    expect(written).not.toContain(PAN);
    expect(written.split("\n")[1]).toContain('"response":"541333CCCCCC0044AABB9000"');
  });

  test("test data are shown on request, for the owner only; other data never", async () => {
    const bytes = sampleBytes("pasted-arrows");
    const { header } = await transferTrace(() => [bytes], to, { reveal: (pan) => pan === PAN });
    expect(header.masked).toBe(false);
    expect((await openTrace([await readFile(to)])).records).toEqual((await openTrace([bytes])).records);
    expect((await stat(to)).mode & 0o777).toBe(0o600);
    await rm(to);
    await expect(transferTrace(() => [bytes], to, { reveal: () => false })).rejects.toMatchObject({
      code: "trace/not-test-data",
    });
    expect(await readdir(folder)).toEqual([]);
  });

  test("a log that grows meanwhile is taken as it was when it was surveyed", async () => {
    let length = 0;
    const source = (): TraceSource => {
      length++;
      return repeated(text("> 00B2010C00", "< 6A83"), length * 2000);
    };
    const { exchanges } = await transferTrace(source, to, {}, { records: 1000, bytes: 1 << 20 });
    expect(length).toBe(2); // too long to be kept
    expect(exchanges).toBe(2000);
    expect((await readFile(to, "utf8")).trimEnd().split("\n")).toHaveLength(2001);
  });

  test("what is no log leaves no file", async () => {
    await expect(transferTrace(() => [text("hello")], to)).rejects.toMatchObject({ code: "trace/not-a-trace" });
    await expect(transferTrace(() => [], to)).rejects.toMatchObject({ code: "trace/not-a-trace" });
    await expect(transferTrace(() => [text("hello")], to, { as: "nonsense" })).rejects.toMatchObject({
      code: "trace/unknown-format",
      message: expect.stringContaining("proxmark3") as string,
    });
    expect(await readdir(folder)).toEqual([]);
  });

  test("a named format is taken without a look at the file", async () => {
    expect(await transferTrace(() => [text("hello")], to, { as: "apdu-log" })).toMatchObject({
      format: "apdu-log",
      exchanges: 0,
    });
  });

  test("a masked trace stays masked", async () => {
    await transferTrace(() => [sampleBytes("pasted-arrows")], to);
    const masked = await readFile(to);
    const again = await transferTrace(() => [masked], to, { reveal: () => true });
    expect(again).toMatchObject({ format: "tapbench", header: { masked: true } });
    expect(await readFile(to)).toEqual(masked);
  });

  test("data that go on without an end are refused", async () => {
    const source = (): TraceSource => repeated(text("> 00C0000000", "< 006110"), 20_000);
    await expect(transferTrace(source, to, { as: "apdu-log" })).rejects.toMatchObject({ code: "trace/too-large" });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("batches", () => {
  const apdu = (command: string, response: string): ApduRecord => ({
    layer: "apdu",
    at: 0,
    took: 0,
    command: unhex(command),
    response: unhex(response),
    via: "contactless",
  });
  const frame: TraceRecord = { layer: "frame", at: 0, took: 0, from: "pcd", bytes: unhex("26"), bits: 7, kbps: 106 };

  test.each<readonly [string, TraceRecord, boolean]>([
    ["a plain exchange", apdu("00B2010C00", "6A83"), true],
    ["more data waiting", apdu("00B2010C00", "70036110"), false],
    ["a chained command", apdu("10E2000001AA", "9000"), false],
    ["a block of STORE DATA that is not the last", apdu("80E2000001AA", "9000"), false],
    ["the last block", apdu("80E2800001AA", "9000"), true],
    ["a frame whose exchange is to come", frame, false],
  ])("may end behind %s: %s", (_, last, ends) => {
    const batches = recordBatches();
    for (let i = 0; i < 511; i++) expect(batches.push(apdu("00B2010C00", "6A83"))).toBeUndefined();
    expect(batches.push(last) !== undefined).toBe(ends);
  });
});

describe("openTrace", () => {
  test("keeps a bounded number of records, and says so", async () => {
    const piece = text("> 00B2010C00 < 6A83");
    const { records, problem } = await openTrace(repeated(piece, 20_000), {}, { records: 1000, bytes: 1 << 20 });
    expect(records).toHaveLength(1000);
    expect(problem).toMatchObject({ code: "trace/too-large", context: { records: 1000 } });
    expect((await openTrace(repeated(piece, 20), {}, { records: 1000, bytes: 71 })).records).toHaveLength(10);
  });
});
