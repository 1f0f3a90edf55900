import { expect, test } from "vitest";
import type { ErrorIndication, KernelOutcome } from "../../../src/emv/outcome.js";
import { lastKernel, renderVerdict, verdictOf } from "../../../src/inspect/tap-verdict.js";
import { waterfall } from "../../../src/inspect/waterfall.js";
import { unhex } from "../../../src/util/bytes.js";
import type { ApduRecord, RuleRecord, TraceRecord } from "../../../src/util/tracer.js";

const rule = (layer: RuleRecord["layer"], name: string, data: RuleRecord["data"] = {}): RuleRecord => ({
  layer,
  at: 0,
  rule: name,
  says: `Says ${name}.`,
  data,
});
const apdu = (command: string, response: string): ApduRecord => ({
  layer: "apdu",
  at: 0,
  took: 1,
  command: unhex(command),
  response: unhex(response),
  via: "contactless",
});
const ended = (error: ErrorIndication): KernelOutcome => ({
  kind: "end-application",
  ui: { message: "insert-swipe-or-other-card", status: "not-ready" },
  error,
  discretionaryData: new Map(),
});
const GPO = apdu("80A8000002830000", "6985");
const READ = apdu("00B2011400", "70009000");
const judge = (kernelOutcome: KernelOutcome, records: readonly TraceRecord[]) =>
  verdictOf({ outcome: "try-again", kernelOutcome }, records, waterfall(records));

test("a refused command is named with its status word", () => {
  const verdict = judge(ended({ l2: "status-bytes", sw: 0x6985 }), [GPO, rule("kernel", "c2.stop"), READ])!;
  expect(verdict).toMatchObject({
    failedCommand: "GET PROCESSING OPTIONS",
    decided: { rule: "c2.stop", says: "Says c2.stop." },
  });
  expect(renderVerdict(verdict)).toEqual([
    "error status bytes, 6985 conditions of use not satisfied",
    "decided by c2.stop: Says c2.stop.",
    "failed at GET PROCESSING OPTIONS",
  ]);
});

test("after select-next, the stop of the last kernel decides, and that kernel is the one that was tried", () => {
  const records = [
    rule("entry", "entry.selected", { kernel: "c2" }),
    READ,
    rule("kernel", "c2.stop"),
    rule("entry", "entry.select-next"),
  ];
  const verdict = judge(ended({ l2: "card-data-missing", tag: "82" }), records)!;
  expect(verdict).toMatchObject({ decided: { rule: "c2.stop" }, lastCommand: "READ RECORD SFI 2 record 1" });
  expect(renderVerdict(verdict)[0]).toBe("error card data missing, tag 82");
  expect(lastKernel(records)).toBe("c2");
  expect(lastKernel([READ])).toBeUndefined();
});

test("an offline decline is the terminal's analysis where it asked for it, the card's answer otherwise", () => {
  const declined = { kind: "declined" } as KernelOutcome;
  const outcome = rule("kernel", "c2.outcome");
  expect(judge(declined, [rule("kernel", "c2.taa", { asks: "AAC" }), outcome])?.decided?.rule).toBe("c2.taa");
  expect(judge(declined, [rule("kernel", "c2.taa", { asks: "ARQC" }), outcome])?.decided?.rule).toBe("c2.outcome");
});

test("an issuer's refusal is the issuer's sentence; an approved tap has no verdict", () => {
  const kernelOutcome = { kind: "online-request" } as KernelOutcome;
  const issuer = { approved: false, arc: "51", reason: "insufficient-funds", says: "Too much." } as const;
  const records = [rule("kernel", "c2.outcome"), rule("issuer", "issuer.balance")];
  expect(verdictOf({ outcome: "declined", kernelOutcome, issuer }, records, waterfall(records))).toMatchObject({
    decided: { rule: "issuer.balance", says: "Too much." },
  });
  expect(verdictOf({ outcome: "approved", kernelOutcome }, records, waterfall(records))).toBeUndefined();
});
