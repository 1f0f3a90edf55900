import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readTraceFile, writeTraceFile } from "../../../src/trace/file.js";
import { memoryTrace } from "../../../src/trace/memory.js";
import { unhex } from "../../../src/util/bytes.js";
import type { TraceRecord } from "../../../src/util/tracer.js";

const identity = { seed: "1", profile: "emu:band-s1", configuration: "AB" };
const records: readonly TraceRecord[] = [
  {
    layer: "apdu",
    at: 1,
    took: 2,
    command: unhex("00B2011400"),
    response: unhex("700A5A0854133300896000449000"),
    via: "contactless",
  },
];
const testBin = (pan: string): boolean => pan.startsWith("541333");

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tapbench-trace-"));
  path = join(folder, "deep", "tap.jsonl");
  await mkdir(join(folder, "deep"));
});
afterEach(() => rm(folder, { recursive: true }));

const modeOf = async (file: string): Promise<number> => (await stat(file)).mode & 0o777;

describe("writing", () => {
  test("masks, and says so", async () => {
    const header = await writeTraceFile(path, identity, records);
    expect(header.masked).toBe(true);
    expect((await readTraceFile(path)).header.masked).toBe(true);
    expect(await readFile(path, "utf8")).not.toContain("5413330089600044");
    expect(await modeOf(path)).toBe(0o644 & ~process.umask());
  });

  test("shows test data where all of it is, for its owner only", async () => {
    const header = await writeTraceFile(path, identity, records, { reveal: testBin });
    expect(header.masked).toBe(false);
    expect((await readTraceFile(path)).records).toEqual(records);
    expect(await modeOf(path)).toBe(0o600);
  });

  test("shows nothing of what is not on the list, and leaves no file", async () => {
    const reveal = (pan: string): boolean => pan.startsWith("411111");
    const writing = writeTraceFile(path, identity, records, { reveal });
    await expect(writing).rejects.toMatchObject({ code: "trace/not-test-data", context: { pan: "541333******0044" } });
    await expect(writing).rejects.not.toMatchObject({ message: expect.stringContaining("0089") as string });
    expect(await readdir(join(folder, "deep"))).toEqual([]);
  });

  test("replaces the file as a whole and leaves nothing beside it", async () => {
    await writeTraceFile(path, identity, records, { reveal: testBin });
    await writeTraceFile(path, identity, []);
    expect((await readTraceFile(path)).records).toEqual([]);
    expect(await readdir(join(folder, "deep"))).toEqual(["tap.jsonl"]);
    expect(await modeOf(path)).toBe(0o644 & ~process.umask());
  });

  test("that fails says where, and keeps the old file", async () => {
    await rm(join(folder, "deep"), { recursive: true });
    await writeFile(join(folder, "deep"), "a file, not a folder");
    await expect(writeTraceFile(path, identity, records)).rejects.toMatchObject({
      code: "trace/write-failed",
      context: { path },
    });
    expect(await readFile(join(folder, "deep"), "utf8")).toBe("a file, not a folder");
  });
});

test("a folder that does not exist is named, not made", async () => {
  const missing = join(folder, "typo");
  await expect(writeTraceFile(join(missing, "tap.jsonl"), identity, records)).rejects.toMatchObject({
    code: "trace/write-failed",
    message: expect.stringContaining(`there is no folder ${missing}`) as string,
    context: { folder: missing },
  });
  expect(await readdir(folder)).toEqual(["deep"]);
});

describe("reading", () => {
  test("a file that is not there", async () => {
    await expect(readTraceFile(path)).rejects.toMatchObject({ code: "trace/read-failed", context: { path } });
  });

  test("a file of many pieces", async () => {
    const many = Array.from({ length: 2000 }, (_, at): TraceRecord => ({
      ...records[0]!,
      at,
      layer: "field",
      on: true,
    }));
    await writeTraceFile(path, identity, many);
    const { records: read, problem } = await readTraceFile(path);
    expect(read.map(({ at }) => at)).toEqual(many.map(({ at }) => at));
    expect(problem).toBeUndefined();
  });
});

test("memoryTrace keeps what it is told, in order, until it is cleared", () => {
  const trace = memoryTrace();
  trace.record({ layer: "field", at: 1, on: true });
  trace.record({ layer: "field", at: 2, on: false });
  expect(trace.records.map(({ at }) => at)).toEqual([1, 2]);
  trace.clear();
  expect(trace.records).toEqual([]);
});
