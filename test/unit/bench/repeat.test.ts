import { expect, test } from "vitest";
import { repeatTap, type OneOfMany, type Repetition } from "../../../src/bench/repeat.js";
import type { TapReport } from "../../../src/bench/tap-report.js";
import { iso14443Error } from "../../../src/protocols/iso14443/errors.js";
import { memoryTrace } from "../../../src/trace/memory.js";
import { unhex } from "../../../src/util/bytes.js";

const report = (outcome: TapReport["outcome"], total: number): TapReport =>
  ({ outcome, total, kernelOutcome: { kind: "approved" } }) as unknown as TapReport;

/** Taps that end as listed; a command of `took` nanoseconds each, named by its number. */
function bench(ends: readonly (readonly [outcome: TapReport["outcome"] | Error, took: number])[]): Repetition {
  const tracer = memoryTrace();
  tracer.record({ layer: "wallet", at: 0, rule: "wallet.provision", says: "Before the taps." });
  let number = 0;
  return {
    tracer,
    times: ends.length,
    tap() {
      const [outcome, took] = ends[number++]!;
      const command = unhex(`00CA${number.toString(16).padStart(4, "0")}00`);
      tracer.record({ layer: "apdu", at: 0, took, command, response: unhex("9000"), via: "contactless" });
      tracer.record({
        layer: "issuer",
        at: 0,
        rule: "issuer.balance",
        says: "Set aside.",
        data: { hold: `h${number}` },
      });
      if (outcome instanceof Error) throw outcome;
      return report(outcome, took);
    },
    reverse: () => {},
    isDeviceFault: ({ code }) => code.startsWith("iso14443/"),
    signal: new AbortController().signal,
  };
}

test("counts what passed, what was slow, what failed, and keeps the first failed tap", async () => {
  const fault = iso14443Error("no-card", "there is no card in the field");
  const reversed: string[] = [];
  const seen: OneOfMany[] = [];
  const result = await repeatTap({
    ...bench([
      ["approved", 10],
      ["approved", 30],
      [fault, 5],
      ["declined", 20],
      ["approved", 10],
    ]),
    limit: 25,
    keepGoing: true,
    reverse: (hold) => void reversed.push(hold),
    onTap: (one) => void seen.push(one),
  });
  expect(result).toMatchObject({ made: 5, passed: 2, slow: 1, took: [10, 30, 20, 10] });
  expect(Object.fromEntries(result.outcomes)).toEqual({ approved: 3, "iso14443/no-card": 1, declined: 1 });
  expect(result.firstFailure).toMatchObject({ number: 2, outcome: "approved", slow: true });
  expect(result.records.map((record) => ("rule" in record ? record.rule : record.layer))).toEqual([
    "wallet.provision",
    "apdu",
    "issuer.balance",
  ]);
  expect(result.records[1]).toMatchObject({ took: 30 });
  expect([...result.commands.values()]).toEqual([[10], [30], [5], [20], [10]]);
  expect(reversed).toEqual(["h1", "h2", "h3", "h4", "h5"]);
  expect(seen.map(({ passed }) => passed)).toEqual([true, false, false, false, true]);
});

test("stops at the first failure unless told otherwise", async () => {
  const result = await repeatTap(
    bench([
      ["approved", 1],
      ["declined", 1],
      ["approved", 1],
    ]),
  );
  expect(result).toMatchObject({ made: 2, passed: 1, firstFailure: { number: 2, outcome: "declined" } });
});

test("what is no fault of the device is thrown", async () => {
  await expect(repeatTap(bench([[new TypeError("a bug"), 1]]))).rejects.toThrow("a bug");
});

test("a device that answers to ever new commands does not fill the memory", async () => {
  const { commands } = await repeatTap(bench(Array.from({ length: 300 }, () => ["approved", 1] as const)));
  expect(commands.size).toBe(201);
  expect(commands.get("other commands")).toHaveLength(100);
});
