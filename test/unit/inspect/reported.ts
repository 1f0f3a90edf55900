import type { ReportedTap } from "../../../src/inspect/reported-tap.js";
import type { Verdict } from "../../../src/inspect/verdict.js";
import { traceHeader } from "../../../src/trace/header.js";
import { unhex } from "../../../src/util/bytes.js";
import type { ApduRecord, FrameRecord, TraceRecord } from "../../../src/util/tracer.js";

const not = { known: "not-observable" } as const;

/** A verdict in which every part says something. */
export const verdict = (changes: Partial<Verdict> = {}): Verdict => ({
  version: 1,
  headline: "Approved, as asked.",
  expected: "approved",
  asAsked: true,
  ended: "approved",
  kernelOutcome: { known: "measured", value: "online-request", error: [] },
  issuer: { answer: "approved", arc: "00", says: "The amount is set aside." },
  stopped: { suspect: "none", says: "nothing stopped the tap" },
  causes: [],
  decisions: [
    {
      layer: "kernel",
      rule: "c2.taa",
      says: "Go online.",
      why: ["An action code asks for it."],
      flips: ["TAC online 00."],
      inputs: {},
    },
  ],
  bits: [{ name: "TVR", tag: "95", value: "0000008000", set: [{ byte: 4, bit: 8, says: "floor limit exceeded" }] }],
  limits: [{ limit: "floor", title: "floor limit", amount: { minor: "0", shown: "EUR 0.00" }, exceeded: true }],
  authentication: {
    method: "cda",
    status: "ok",
    links: [{ link: "sdad", title: "signed dynamic data", status: "ok" }],
    notes: [],
  },
  atc: { before: not, after: { known: "measured", value: 1 } },
  pinTries: { before: not, after: not },
  timing: {
    total: { known: "simulated", value: 222_800_000 },
    limit: { value: 500_000_000, says: "usual target for a whole tap" },
    commands: 9,
    bitRate: { known: "simulated", value: "106 / 106" },
    wtx: { known: "simulated", value: 1 },
    retries: { known: "simulated", value: 0 },
  },
  identity: { tool: "tapbench 0.1.0", seed: "7", kernel: "c2", masked: true },
  notes: [],
  ...changes,
});

export const declined = (headline = "Declined: the limit is exceeded."): Verdict =>
  verdict({
    headline,
    asAsked: false,
    ended: "declined",
    issuer: { answer: "declined", arc: "61", reason: "limit-exceeded", says: "More than the account may pay." },
    stopped: { suspect: "issuer", says: "the issuer declined" },
  });

export const apdu = (command: string, response: string, more: Partial<ApduRecord> = {}): ApduRecord => ({
  layer: "apdu",
  at: 1000,
  took: 5_000_000,
  command: unhex(command),
  response: unhex(response),
  compute: 400_000,
  via: "contactless",
  ...more,
});

export const frame = (
  from: "pcd" | "picc",
  bytes: string,
  at: number,
  more: Partial<FrameRecord> = {},
): FrameRecord => ({
  layer: "frame",
  at,
  took: 100_000,
  from,
  bytes: unhex(bytes),
  bits: bytes.length * 4,
  kbps: 106,
  ...more,
});

/** One command that needs more time once, and of which one block was lost. */
export const RECORDS: readonly TraceRecord[] = [
  { layer: "field", at: 0, on: true },
  frame("pcd", "0200B201140000", 1000, { fault: "lost" }),
  frame("pcd", "0200B201140000", 200_000),
  frame("picc", "F2010000", 400_000),
  frame("pcd", "F2010000", 600_000),
  frame("picc", "0270039F360100359000", 800_000),
  apdu("00B2011400", "70059F360200359000"),
  { layer: "kernel", at: 5_001_000, rule: "c2.taa", says: "Go online." },
];

export const tap = (changes: Partial<ReportedTap> = {}): ReportedTap => ({
  name: "emu:band-s1",
  header: traceHeader({ seed: "7", profile: "emu:band-s1", configuration: "AB" }, true),
  records: RECORDS,
  verdict: verdict(),
  ...changes,
});

export const untimed = { times: "none", frames: false } as const;
