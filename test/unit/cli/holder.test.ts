import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { documentOf, tapbench } from "./console.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tapbench-holder-"));
});
afterAll(() => rm(folder, { recursive: true }));

const tap = (...options: readonly string[]) =>
  tapbench(["tap", ...options, "--json", "--trace", join(folder, "trace.jsonl")]);

test("a card that was issued six years before the tap has expired", async () => {
  const ran = await tap("emu:band-s1", "--issued", "2020-01-01");
  expect(ran.code).toBe(3);
  expect(documentOf(ran)).toMatchObject({
    outcome: "not-completed",
    error: { l2: "cam-failed" },
    verdict: {
      decided: { rule: "c2.cda", says: "The card's signature does not hold: card certificate: expired." },
      causes: [{ rule: "c2.restrictions.expired", flips: ["A date up to 2023-01-31 would have passed."] }],
    },
  });
});

test("--pin is what the holder enters", async () => {
  const ring = ["emu:ring-r1", "--card", "k2-ring", "--amount", "60"];
  expect(documentOf(await tap(...ring))).toMatchObject({ outcome: "declined", issuer: { reason: "pin-missing" } });
  expect(documentOf(await tap(...ring, "--pin", "1234"))).toMatchObject({ outcome: "approved" });
  const bad = await tap(...ring, "--pin", "12");
  expect(bad.code).toBe(1);
  expect(documentOf(bad)).toMatchObject({ error: { code: "terminal/bad-pin" } });
});
