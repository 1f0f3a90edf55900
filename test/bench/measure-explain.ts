import { openBench } from "../../src/bench/bench.js";
import { judgeTap } from "../../src/inspect/judge.js";
import { verdictScreen } from "../../src/inspect/verdict-screen.js";
import { traceHeader } from "../../src/trace/header.js";
import { memoryTrace } from "../../src/trace/memory.js";
import { alternate, median } from "./measure.js";

/** Names of the figures, and the bar that the issue sets: a whole tap with CDA explained in under 5 ms. */
export const EXPLAIN_BARS = [{ key: "explainMillis", atMost: 5 }] as const;

/**
 * Milliseconds to explain a whole tap with CDA: declined by the issuer, all its certificates checked again, the screen drawn. Beside it the same for
 * its masked trace, whose certificates cannot be checked.
 */
export async function measureExplain(
  seconds: number,
): Promise<Record<"explainMillis" | "explainMaskedMillis", number>> {
  const trace = memoryTrace();
  const bench = await openBench({ seed: "bench", tracer: trace });
  const device = await bench.open("emu:ring-r1?seed=1");
  await bench.provision(device, "k2-ring");
  const report = await bench.tap(device, { amount: 6_000n, terminal: "shop" });
  if (report.issuer?.reason !== "pin-missing") throw new Error(`the tap to explain ended ${report.outcome}`);
  const { records } = trace;
  const caKeys = await bench.caKeys("shop");
  const identity = { seed: "bench", profile: "emu:ring-r1", configuration: "" };
  const explain = (masked: boolean): void => {
    const verdict = judgeTap({ header: traceHeader(identity, masked), records, caKeys });
    if (verdictScreen(verdict).length < 12) throw new Error("the screen is not whole");
  };
  const rates = alternate({ whole: () => explain(false), masked: () => explain(true) }, seconds);
  return { explainMillis: 1000 / median(rates.whole), explainMaskedMillis: 1000 / median(rates.masked) };
}
