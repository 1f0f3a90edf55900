import { performance } from "node:perf_hooks";
import { openBench } from "../../src/bench/bench.js";
import { judgeTap } from "../../src/inspect/judge.js";
import { reportHtml } from "../../src/inspect/report-html.js";
import type { ReportedTap } from "../../src/inspect/reported-tap.js";
import { presentableTrace } from "../../src/trace/file.js";
import { memoryTrace } from "../../src/trace/memory.js";

/** Taps that differ in counter and unpredictable number, masked as reports are, each with its verdict. */
async function distinctTaps(count: number): Promise<ReportedTap[]> {
  const tracer = memoryTrace();
  const bench = await openBench({ seed: "report", tracer });
  const device = await bench.open("emu:band-s1");
  await bench.provision(device, "k2-credit");
  const tap = await bench.prepareTap(device, { amount: 1n, terminal: "shop" });
  return Array.from({ length: count }, (_, i) => {
    tracer.clear();
    tap();
    const identity = { seed: bench.seed, profile: "emu:band-s1", configuration: "" };
    const { header, records } = presentableTrace(identity, tracer.records);
    const verdict = judgeTap({ header, records });
    return { name: "k2-credit at shop", header, records, verdict, repeat: { of: "k2-credit at shop", number: i + 1 } };
  });
}

/** The bar that the issue sets: a report of 1,000 taps within 5 s. */
export const REPORT_BARS = [{ key: "reportSeconds", atMost: 5 }] as const;

const ROUNDS = 3;

/**
 * Seconds for an HTML report of that many taps, and its size; the best of three rounds. Making and judging the taps does not count. For the
 * benchmark `inspect`.
 */
export async function measureReport(taps = 1000): Promise<Record<"reportSeconds" | "reportMegabytes", number>> {
  const list = await distinctTaps(taps);
  let reportSeconds = Infinity;
  let bytes = 0;
  for (let round = 0; round < ROUNDS; round++) {
    bytes = 0;
    const start = performance.now();
    for (const piece of reportHtml(list)) bytes += Buffer.byteLength(piece);
    reportSeconds = Math.min(reportSeconds, (performance.now() - start) / 1000);
  }
  return { reportSeconds, reportMegabytes: bytes / 1e6 };
}
