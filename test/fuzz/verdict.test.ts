import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { openBench } from "../../src/bench/bench.js";
import { EXPLANATIONS } from "../../src/inspect/explain/explain.js";
import { judgeTap } from "../../src/inspect/judge.js";
import { verdictScreen } from "../../src/inspect/verdict-screen.js";
import { traceHeader } from "../../src/trace/header.js";
import { memoryTrace } from "../../src/trace/memory.js";
import type { RuleRecord, TraceRecord } from "../../src/util/tracer.js";

/*
 * Anybody can write a trace. Whatever is in one, there is a verdict on one screen, in JSON, and nothing is thrown.
 */

let good: readonly TraceRecord[];
let caKeys: Awaited<ReturnType<Awaited<ReturnType<typeof openBench>>["caKeys"]>>;
beforeAll(async () => {
  const tracer = memoryTrace();
  const bench = await openBench({ seed: "verdicts", tracer });
  const device = await bench.open("emu:band-s1");
  await bench.provision(device, "k2-credit");
  await bench.tap(device, { amount: 1_250n, terminal: "shop" });
  good = tracer.records.filter((record) => record.layer !== "apdu" || record.via === "contactless");
  caKeys = await bench.caKeys("shop");
}, 60_000);

function holds(records: readonly TraceRecord[], masked: boolean): void {
  const header = traceHeader({ seed: "", profile: "", configuration: "" }, masked);
  const verdict = judgeTap({ header, records, caKeys });
  expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict);
  expect(verdict.headline.length).toBeGreaterThan(0);
  const screen = verdictScreen(verdict);
  expect(screen.length).toBeLessThanOrEqual(40);
  expect(screen.every((line) => typeof line === "string" && !line.includes("undefined"))).toBe(true);
}

const word = fc.oneof(
  fc.constantFrom("constructor", "__proto__", "toString", "", "FFFF", "AAC", "failed", "denial", "9F46"),
  fc.string({ maxLength: 12 }),
);
const NAMES = ["sw", "l1", "l2", "tag", "reason", "status", "asks", "by", "tvr", "amount", "limit", "verdict", "state"];
const data = fc.dictionary(
  fc.oneof(fc.constantFrom(...NAMES), word),
  fc.oneof(word, fc.integer(), fc.double({ noDefaultInfinity: true, noNaN: true }), fc.boolean()),
  { maxKeys: 8 },
);
const rule = fc.record({
  layer: fc.constantFrom<RuleRecord["layer"]>("entry", "kernel", "terminal", "issuer"),
  at: fc.nat(),
  rule: fc.oneof(fc.constantFrom(...Object.keys(EXPLANATIONS)), word),
  says: fc.constantFrom("It says so.", "x".repeat(300)),
  data,
});

test("decisions with anything in them", () => {
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 6 }), fc.nat({ max: 40 }), (rules, keep) => {
      holds([...good.slice(0, keep), ...(rules as RuleRecord[])], false);
    }),
    { numRuns: 400 },
  );
});

test("a good tap with bytes changed, records left out, and cut off anywhere", () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(changes, fc.nat({ max: 80 }), fc.boolean(), fc.boolean(), (list, cut, rules, masked) => {
      let records = good.slice(0, cut % (good.length + 1));
      for (const [which, where, value] of list) {
        const index = which % Math.max(1, records.length);
        const record = records[index];
        if (!record) continue;
        if (record.layer !== "apdu") records = records.filter((_, i) => i !== index || value < 128);
        else {
          const response = record.response.slice(0, value === 0 ? where % (record.response.length + 1) : undefined);
          if (response.length > 0) response[where % response.length] = value;
          records = records.map((one, i) => (i === index ? { ...record, response } : one));
        }
      }
      holds(rules ? records : records.filter(({ layer }) => layer === "apdu"), masked);
    }),
    { numRuns: 400 },
  );
});
