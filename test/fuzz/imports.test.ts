import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { renderTranscript, transcribe } from "../../src/inspect/transcript.js";
import { renderWaterfall, waterfall } from "../../src/inspect/waterfall.js";
import { maskRecords, pansIn } from "../../src/trace/mask.js";
import { IMPORTS, openTrace } from "../../src/trace/open.js";
import { decodeRecord, encodeRecord } from "../../src/trace/record.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { bringIn, formatNamed, sampleBytes, SAMPLES, type Brought } from "../support/samples.js";
import { mutated, onlyOurErrors } from "./mutate.js";

const samples = Object.keys(SAMPLES).map(sampleBytes);
const tap = new TextEncoder().encode('{"name":"t","exchanges":[{"c":"00B2011400","r":"70045A0254139000"}]}');

/** The bytes cut at any places. */
const pieces = (bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] => {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [...places, bytes.length].map((end, i) => bytes.subarray(i === 0 ? 0 : places[i - 1], end));
};

/** Lines of the samples left out, repeated and out of order, with line ends of every kind. */
const shuffledLines = (files: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> => {
  const lines = files.flatMap((file) => Buffer.from(file).toString("latin1").split("\n"));
  return fc
    .array(
      fc.tuple(fc.nat({ max: lines.length - 1 }), fc.integer({ min: 1, max: 4 }), fc.constantFrom("\n", "\r\n", "\r")),
      {
        maxLength: 30,
      },
    )
    .map((picks) =>
      Buffer.from(
        picks.flatMap(([from, count, end]) => lines.slice(from, from + count).map((line) => `${line}${end}`)).join(""),
        "latin1",
      ),
    );
};

const cuts = fc.array(fc.nat(), { maxLength: 12 });

describe.each(IMPORTS.map(({ name }) => name))("%s", (name) => {
  const format = formatNamed(name);
  const own = Object.keys(SAMPLES).filter((each) => SAMPLES[each] === name);
  const seeds = own.length > 0 ? own.map(sampleBytes) : [tap];

  const read = (parts: Iterable<Uint8Array>): Brought | undefined =>
    onlyOurErrors(() => bringIn(format, parts), /^trace\//);

  test("reads anything, or says what is wrong with it; what it read can be written and shown", () => {
    fc.assert(
      fc.property(fc.oneof(mutated([...seeds, ...samples]), shuffledLines(seeds)), (bytes) => {
        const brought = read([bytes]);
        if (!brought) return;
        const { records, remarks, observed } = brought;
        expect(remarks.length).toBeLessThanOrEqual(25);
        for (const record of records) expect(decodeRecord(encodeRecord(record), 2)).toEqual(record);
        if (observed.times === "none")
          for (const record of records) expect(record).toMatchObject({ at: 0, ...("took" in record && { took: 0 }) });
        if (!observed.frames) expect(records.some(({ layer }) => layer === "frame")).toBe(false);
        const masked = maskRecords(records);
        const text = masked.map(encodeRecord).join("\n");
        for (const pan of pansIn(records)) expect(text).not.toContain(pan);
        expect(renderTranscript(transcribe(masked)).join("\n")).not.toMatch(/undefined|NaN/);
        expect(renderWaterfall(waterfall(masked)).join("\n")).not.toMatch(/undefined|NaN|Infinity/);
      }),
      { numRuns: 300 },
    );
  });

  test("the same in one piece and in any pieces", () => {
    fc.assert(
      fc.property(fc.oneof(mutated(seeds), shuffledLines(seeds)), cuts, (bytes, places) => {
        expect(read(pieces(bytes, places))).toEqual(read([bytes]));
      }),
      { numRuns: 200 },
    );
  });
});

test("a file of any kind is opened the same in any pieces, or refused with one of our errors", async () => {
  const open = async (parts: readonly Uint8Array[]): Promise<unknown> => {
    try {
      return await openTrace(parts);
    } catch (error) {
      if (isTapbenchError(error)) return error.code;
      throw error;
    }
  };
  await fc.assert(
    fc.asyncProperty(mutated([...samples, tap]), cuts, async (bytes, places) => {
      expect(await open(pieces(bytes, places))).toEqual(await open([bytes]));
    }),
    { numRuns: 200 },
  );
});

/** Expressions that look at a long line again and again would take minutes here. */
test.each(IMPORTS.map(({ name }) => name))(
  "%s: long lines of one kind take no longer than their length",
  (name) => {
    const patterns = [
      " ",
      "\t1",
      ">",
      "> 0",
      "A5",
      "-",
      "[",
      "<<(",
      "SCardConnect(",
      " -> T=A",
      "nfc write: a",
      "| ",
      "0 |",
      "\n",
      "\r",
      "=> [0x",
    ];
    for (const pattern of patterns) {
      const line = new TextEncoder().encode(`${pattern.repeat(60_000 / pattern.length)}1x\n`);
      const format = formatNamed(name);
      format.recognises(line.subarray(0, 65_536));
      // Nothing in such lines is an exchange, whatever they are taken for.
      let exchanges: readonly string[] = [];
      onlyOurErrors(() => ({ exchanges } = bringIn(format, [line, line])), /^trace\//);
      expect(exchanges, JSON.stringify(pattern)).toEqual([]);
    }
  },
  20_000,
);
