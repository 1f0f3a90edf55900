import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { parseSpec } from "../../src/bench/spec.js";
import { openBench } from "../../src/bench/bench.js";
import { amountOf, dateOf } from "../../src/cli/arguments.js";
import { contactlessExchanges } from "../../src/inspect/exchanges.js";
import { importTap } from "../../src/trace/import/recorded-tap.js";
import { reportCsv } from "../../src/inspect/report-csv.js";
import { reportHtml } from "../../src/inspect/report-html.js";
import { reportJunit } from "../../src/inspect/report-junit.js";
import { renderTranscript, transcribe } from "../../src/inspect/transcript.js";
import { verifyExchanges } from "../../src/inspect/verify.js";
import { renderWaterfall, waterfall, waterfallSvg } from "../../src/inspect/waterfall.js";
import { currency, MAX_AMOUNT } from "../../src/profiles/currencies.js";
import { presentableTrace, traceLines } from "../../src/trace/file.js";
import { traceHeader } from "../../src/trace/header.js";
import { maskRecords, pansIn } from "../../src/trace/mask.js";
import { memoryTrace } from "../../src/trace/memory.js";
import { readTrace } from "../../src/trace/reader.js";
import { decodeRecord, encodeRecord } from "../../src/trace/record.js";
import { hex } from "../../src/util/bytes.js";
import type { TraceRecord } from "../../src/util/tracer.js";
import { readMarkup } from "../support/markup.js";
import { untimed } from "../support/untimed.js";
import { mutated, mutatedText, onlyOurErrors } from "./mutate.js";

let records: readonly TraceRecord[] = [];
let lines: string[] = [];
beforeAll(async () => {
  const tracer = memoryTrace();
  const bench = await openBench({ seed: "fuzz", tracer });
  const device = await bench.open("emu:band-s1");
  await bench.provision(device, "k2-credit");
  await bench.tap(device, { amount: 1250n, terminal: "shop" });
  records = tracer.records;
  const shown = presentableTrace({ seed: "fuzz", profile: "emu:band-s1", configuration: "" }, records, {
    reveal: () => true,
  });
  lines = [...traceLines(shown.header, shown.records)];
}, 60_000);

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("traces", () => {
  test("a line is a record, one of our errors, or of a layer that is not known", () => {
    fc.assert(
      fc.property(mutatedText(lines.slice(1).map((line) => line.trimEnd())), (line) => {
        const record = onlyOurErrors(() => decodeRecord(line, 5), /^trace\/bad-(line|record)$/);
        if (record) expect(decodeRecord(encodeRecord(record), 5)).toEqual(record);
      }),
      { numRuns: 1000 },
    );
  });

  test("a file is read as far as it goes", () => {
    const file = utf8(lines.join(""));
    fc.assert(
      fc.property(mutated([file]), (bytes) => {
        const trace = onlyOurErrors(() => readTrace(bytes), /^trace\/(not-a-trace|newer-version)$/);
        if (trace?.problem) expect(trace.problem.code).toMatch(/^trace\//);
      }),
      { numRuns: 150 },
    );
  });

  /** Records of a tap, with bytes changed, records left out, repeated and moved. */
  const shuffled = (): fc.Arbitrary<TraceRecord[]> =>
    fc
      .array(fc.tuple(fc.nat(), fc.option(fc.uint8Array({ maxLength: 60 })), fc.boolean()), { maxLength: 40 })
      .map((picks) =>
        picks.map(([pick, bytes, which]) => {
          const record = records[pick % records.length]!;
          if (!bytes) return record;
          if (record.layer === "frame") return { ...record, bytes, bits: bytes.length * 8 };
          if (record.layer === "apdu") return which ? { ...record, response: bytes } : { ...record, command: bytes };
          return record;
        }),
      );

  test("masking, transcripts and waterfalls take records in any order, with any bytes", () => {
    fc.assert(
      fc.property(shuffled(), (list) => {
        const masked = maskRecords(list);
        expect(masked).toHaveLength(list.length);
        const text = masked.map(encodeRecord).join("\n");
        for (const pan of pansIn(list)) expect(text).not.toContain(pan);
        expect(renderTranscript(transcribe(list)).join("\n")).not.toMatch(/undefined|NaN/);
        const times = waterfall(list);
        expect(renderWaterfall(times).length).toBeGreaterThan(0);
        expect(waterfallSvg(times)).not.toMatch(/undefined|NaN|Infinity/);
        const header = traceHeader({ seed: "fuzz", profile: "fuzz", configuration: "" }, true);
        const reported = [{ name: "fuzz", header, records: masked }];
        for (const report of [reportHtml, reportJunit]) {
          const text = [...report(reported)].join("");
          expect(() => readMarkup(text)).not.toThrow();
          expect(text).not.toMatch(/undefined|NaN/);
        }
        expect([...reportCsv(reported)]).toHaveLength(1 + masked.filter(({ layer }) => layer === "apdu").length);
      }),
      { numRuns: 300 },
    );
  });
});

describe("recorded taps", () => {
  test("JSON is a tap or one of our errors", () => {
    const exchanges = contactlessExchanges(records).map(({ command, response }) => ({
      c: hex(command),
      r: hex(response),
    }));
    const samples = [JSON.stringify({ name: "tap", exchanges }), '{"exchanges":[{"c":"00B2011400","r":"6A83"}]}'];
    fc.assert(
      fc.property(mutatedText(samples), (text) => {
        const tap = onlyOurErrors(() => importTap(text), /^trace\//);
        if (tap) expect(transcribe(tap.exchanges.map(untimed), { times: false })).toHaveLength(tap.exchanges.length);
      }),
      { numRuns: 300 },
    );
  });

  test("verification gives a result for exchanges of any bytes; what does not hold is never ok", () => {
    const exchanges = contactlessExchanges(records);
    const part = fc.record({ at: fc.nat(), response: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(part, mutated(exchanges.flatMap(({ command, response }) => [command, response]))), {
          maxLength: 4,
        }),
        (changes) => {
          const list = [...exchanges];
          for (const [{ at, response }, bytes] of changes) {
            const index = at % list.length;
            list[index] = { ...list[index]!, [response ? "response" : "command"]: bytes };
          }
          const result = onlyOurErrors(() => verifyExchanges(list, () => undefined), /^inspect\/no-exchanges$/);
          if (result) expect(result.ok).toBe(false); // there are no keys
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe("arguments", () => {
  test("amounts fit twelve digits or are refused", () => {
    fc.assert(
      fc.property(
        mutatedText(["12.50", "0.01", "9999999999.99", "1250"]),
        fc.constantFrom("EUR", "JPY", "KWD"),
        (text, code) => {
          const amount = onlyOurErrors(() => amountOf(text, currency(code)), /^cli\/(bad-amount|amount-overflow)$/);
          if (amount !== undefined) expect(amount >= 0n && amount <= MAX_AMOUNT).toBe(true);
        },
      ),
    );
  });

  test("dates are days that exist, or are refused", () => {
    fc.assert(
      fc.property(mutatedText(["2026-03-01", "2026-03-01T12:30:00Z", "2026-02-28T23:59:59+02:00"]), (text) => {
        const date = onlyOurErrors(() => dateOf(text), /^cli\/bad-date$/);
        if (date) expect(Number.isNaN(date.getTime())).toBe(false);
      }),
    );
  });

  test("device specs", () => {
    fc.assert(
      fc.property(
        mutatedText([
          "emu:band-s1?seed=7&firmware=2.0.4",
          "hid:1209:ba4d/SERIAL",
          "serial:/dev/ttyACM0?baud=115200",
          "pcsc:",
          "ble:Reference%20Band",
        ]),
        (text) => {
          onlyOurErrors(() => parseSpec(text), /^bench\/bad-spec$/);
        },
      ),
      { numRuns: 500 },
    );
  });
});
