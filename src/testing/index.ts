import { test as base, type MatcherResult } from "vitest";
import { openBench, type Bench } from "../bench/bench.js";
import type { TapReport } from "../bench/tap-report.js";
import { memoryTrace, type MemoryTrace } from "../trace/memory.js";

/** What a test gets: a bench of its own, seeded with the test's name, and the trace of all that happens on it. */
export interface BenchFixtures {
  readonly trace: MemoryTrace;
  readonly bench: Bench;
}

/**
 * vitest's `test` with a bench:
 *
 *     test("a band pays", async ({ bench }) => {
 *       const band = await bench.open("emu:band-s1");
 *       await bench.provision(band, "k2-credit");
 *       expect(await bench.tap(band, { amount: 1250n, terminal: "shop" })).toEndAs("approved");
 *     });
 */
export const test = base.extend<BenchFixtures>({
  // eslint-disable-next-line no-empty-pattern -- vitest reads the parameter's pattern to find out what a fixture needs
  trace: async ({}, use) => use(memoryTrace()),
  bench: async ({ trace, task }, use) => use(await openBench({ seed: task.name, tracer: trace })),
});

/** For `expect.extend(matchers)`. */
export const matchers = {
  /** A tap came to this outcome; the message says what the kernel and the issuer decided instead. */
  toEndAs(report: TapReport, outcome: TapReport["outcome"]): MatcherResult {
    const { kernelOutcome, issuer } = report;
    const error = "error" in kernelOutcome && kernelOutcome.error ? ` ${JSON.stringify(kernelOutcome.error)}` : "";
    return {
      pass: report.outcome === outcome,
      message: () =>
        `the tap ended ${report.outcome}, not ${outcome}: kernel ${kernelOutcome.kind}${error}, issuer ${issuer?.reason ?? "not asked"}`,
    };
  },
};

declare module "vitest" {
  // eslint-disable-next-line typescript/no-explicit-any -- all declarations of this interface of vitest's need the same parameters
  interface Matchers<T = any> {
    toEndAs(outcome: TapReport["outcome"]): T;
  }
}
