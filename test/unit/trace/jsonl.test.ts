import fc from "fast-check";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { traceLines } from "../../../src/trace/file.js";
import { configurationHash, traceHeader, type TraceHeader } from "../../../src/trace/header.js";
import { readTrace, traceReader } from "../../../src/trace/reader.js";
import { TOOL, VERSION } from "../../../src/trace/version.js";
import { unhex } from "../../../src/util/bytes.js";
import type { TraceRecord } from "../../../src/util/tracer.js";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const HASH = "0".repeat(64);
const header: TraceHeader = traceHeader({ seed: "7", profile: "emu:band-s1", configuration: HASH }, true);

const records: readonly TraceRecord[] = [
  { layer: "field", at: 0, on: true },
  { layer: "frame", at: 5_100_000, took: 84_956, from: "pcd", bytes: unhex("52"), bits: 7, kbps: 106 },
  {
    layer: "frame",
    at: 5_300_000,
    took: 188_791,
    from: "picc",
    bytes: unhex("0400"),
    bits: 16,
    kbps: 106,
    fault: "corrupted",
  },
  {
    layer: "apdu",
    at: 6_000_000,
    took: 900,
    command: unhex("00B2011400"),
    response: unhex("9000"),
    compute: 12,
    via: "contactless",
  },
  { layer: "apdu", at: 7_000_000, took: 1, command: unhex("80CA9F3600"), response: unhex("6D00"), via: "wired" },
  {
    layer: "kernel",
    at: 8_000_000,
    rule: "c2.cvm",
    says: "No verification is needed.",
    data: { amount: "1250", limit: 5000, over: false },
  },
  { layer: "issuer", at: 9_000_000, rule: "issuer.atc", says: "The counter is new." },
];

const HEADER_LINE = `{"format":"tapbench-trace","version":"1.1","tool":"${TOOL}","seed":"7","profile":"emu:band-s1","configuration":"${HASH}","masked":true,"observed":{"times":"simulated","frames":true}}`;
const LINES = [
  HEADER_LINE,
  '{"layer":"field","at":0,"on":true}',
  '{"layer":"frame","at":5100000,"took":84956,"from":"pcd","bytes":"52","bits":7,"kbps":106}',
  '{"layer":"frame","at":5300000,"took":188791,"from":"picc","bytes":"0400","bits":16,"kbps":106,"fault":"corrupted"}',
  '{"layer":"apdu","at":6000000,"took":900,"command":"00B2011400","response":"9000","compute":12,"via":"contactless"}',
  '{"layer":"apdu","at":7000000,"took":1,"command":"80CA9F3600","response":"6D00","via":"wired"}',
  '{"layer":"kernel","at":8000000,"rule":"c2.cvm","says":"No verification is needed.","data":{"amount":"1250","limit":5000,"over":false}}',
  '{"layer":"issuer","at":9000000,"rule":"issuer.atc","says":"The counter is new."}',
];
const FILE = LINES.map((line) => `${line}\n`).join("");

const withLine = (index: number, line: string): string =>
  LINES.map((old, i) => `${i === index ? line : old}\n`).join("");

describe("the trace file", () => {
  test("is these bytes, and no others, for these records", () => {
    expect([...traceLines(header, records)].join("")).toBe(FILE);
  });

  test("gives the records back", () => {
    expect(readTrace(utf8(FILE))).toEqual({ header, records, skipped: 0 });
  });

  test("names the version of the package", () => {
    const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    expect(VERSION).toBe(version);
    expect(TOOL).toBe(`tapbench ${version}`);
  });

  test("comes in pieces of any size, with either line end and empty lines", () => {
    const bytes = utf8(`${FILE.replaceAll("\n", "\r\n")}\r\n`);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
        const read: TraceRecord[] = [];
        const reader = traceReader((record) => read.push(record));
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length]!;
          reader.push(bytes.subarray(at, at + size));
          at += size;
        }
        reader.end();
        expect(read).toEqual(records);
      }),
      { numRuns: 30 },
    );
  });
});

describe("a damaged trace file", () => {
  test("with a torn last line gives what came before, and the line", () => {
    const torn = FILE.slice(0, -20);
    const read = readTrace(utf8(torn));
    expect(read.records).toEqual(records.slice(0, -1));
    expect(read.problem).toMatchObject({ code: "trace/torn", context: { line: 8 } });
  });

  test("that only lost the end of its last line is whole", () => {
    const read = readTrace(utf8(FILE.slice(0, -1)));
    expect(read.records).toEqual(records);
    expect(read.problem).toBeUndefined();
  });

  test.each([
    ["not JSON", 4, "{", "trace/bad-line"],
    ["no object", 4, "[1]", "trace/bad-line"],
    ["a layer that is none", 4, '{"layer":"moon","at":1}', "trace/bad-record"],
    ["a time that is no integer", 1, '{"layer":"field","at":0.5,"on":true}', "trace/bad-record"],
    ["bytes that are no hex", 4, LINES[4]!.replace("9000", "9X00"), "trace/bad-record"],
    ["more bits than bytes", 2, LINES[2]!.replace('"bits":7', '"bits":9'), "trace/bad-record"],
    ["a fault that is none", 3, LINES[3]!.replace("corrupted", "sad"), "trace/bad-record"],
    ["data that are nested", 6, LINES[6]!.replace("5000", "{}"), "trace/bad-record"],
  ])("stops at %s and says where", (_, index, line, code) => {
    const read = readTrace(utf8(withLine(index, line)));
    expect(read.problem).toMatchObject({ code, context: { line: index + 1 } });
    expect(read.records).toEqual(records.slice(0, index - 1));
  });

  test("with a line without end is not collected for ever", () => {
    const read = readTrace(utf8(`${HEADER_LINE}\n{"layer":"${"x".repeat(5000)}`), 1000);
    expect(read.problem).toMatchObject({ code: "trace/line-too-long", context: { line: 2, max: 1000 } });
  });

  test("with names from JavaScript's own objects changes nothing but its record", () => {
    const line = '{"layer":"kernel","at":1,"rule":"r","says":"s","data":{"__proto__":"x","constructor":"y"}}';
    const { records: read } = readTrace(utf8(`${HEADER_LINE}\n${line}\n`));
    expect(Object.keys((read[0] as { data: object }).data)).toEqual(["__proto__", "constructor"]);
    expect(({} as { x?: string }).x).toBeUndefined();
  });
});

describe("versions", () => {
  const versioned = (version: string, line = LINES[1]!): string =>
    `${HEADER_LINE.replace('"1.1"', `"${version}"`)}\n${line}\n`;

  test("a newer major version is refused by name", () => {
    expect(() => readTrace(utf8(versioned("2.0")))).toThrow(
      expect.objectContaining({ code: "trace/newer-version", context: { version: "2.0", reads: "1.1", line: 1 } }),
    );
  });

  test("an older major version is read", () => {
    expect(readTrace(utf8(versioned("0.9"))).records).toHaveLength(1);
  });

  test("a newer minor version is read, and layers that are not known are counted", () => {
    const read = readTrace(utf8(`${versioned("1.4")}{"layer":"ble","at":3}\n`));
    expect(read.records).toHaveLength(1);
    expect(read.skipped).toBe(1);
    expect(read.problem).toBeUndefined();
  });

  test.each([
    ["", "an empty file"],
    ["{", "half a header"],
    ["hello\n", "text"],
    ["null\n", "no object"],
    ['{"format":"other","version":"1.0"}\n', "another format"],
    ['{"format":"tapbench-trace","version":1}\n', "no version"],
  ])("%j is no trace: %s", (text) => {
    expect(() => readTrace(utf8(text))).toThrow(expect.objectContaining({ code: "trace/not-a-trace" }));
  });

  test("a header that does not say so counts as masked", () => {
    const line = '{"format":"tapbench-trace","version":"1.0"}';
    expect(readTrace(utf8(`${line}\n`)).header).toMatchObject({ masked: true, seed: "", tool: "" });
  });
});

describe("configurationHash", () => {
  test("does not depend on the order of keys", () => {
    expect(configurationHash({ a: 1, b: [unhex("00"), 2n] })).toBe(configurationHash({ b: [unhex("00"), 2n], a: 1 }));
  });

  test.each([
    [{ a: 1 }, { a: 2 }],
    [{ a: [1, 2] }, { a: [2, 1] }],
    [{ a: new Map([[1, "x"]]) }, { a: new Map([[1, "y"]]) }],
    [{ a: new Date(0) }, { a: new Date(1) }],
    [{ a: new Set(["x"]) }, { a: new Set(["y"]) }],
  ])("tells %j from %j", (one, other) => {
    expect(configurationHash(one)).not.toBe(configurationHash(other));
  });

  test("is the SHA-256 of the canonical text", () => {
    // printf '{"a":"01","b":"2"}' | sha256sum
    expect(configurationHash({ b: 2n, a: unhex("01"), c: undefined })).toBe(
      "60C69FAAF7A60A1152510E6F050B77644FEC1DD6E092FB35B9E519295A4B6B4E",
    );
  });
});
