import { describe, expect, test } from "vitest";
import { openBench } from "../../../src/bench/bench.js";
import { renderWaterfall, waterfall, waterfallSvg, type Waterfall } from "../../../src/inspect/waterfall.js";
import { renderTranscript, transcribe } from "../../../src/inspect/transcript.js";
import { crcFrame } from "../../../src/protocols/iso14443/frame.js";
import { memoryTrace } from "../../../src/trace/memory.js";
import { unhex } from "../../../src/util/bytes.js";
import type { ApduRecord, FrameRecord, TraceRecord } from "../../../src/util/tracer.js";

const frame = (
  at: number,
  took: number,
  from: "pcd" | "picc",
  payload: string,
  fault?: FrameRecord["fault"],
): FrameRecord => {
  const { bytes, bits } = crcFrame(unhex(payload));
  return { layer: "frame", at, took, from, bytes, bits, kbps: 106, ...(fault && { fault }) };
};
const short = (at: number, bytes: string, from: "pcd" | "picc", bits: number): FrameRecord => ({
  layer: "frame",
  at,
  took: 100,
  from,
  bytes: unhex(bytes),
  bits,
  kbps: 106,
});
const apdu = (at: number, took: number, command: string, response: string, compute?: number): ApduRecord => ({
  layer: "apdu",
  at,
  took,
  command: unhex(command),
  response: unhex(response),
  via: "contactless",
  ...(compute !== undefined && { compute }),
});

const SELECT = "00A4040007A000000004101000";
const READ = "00B2011400";
/** Activation of 1000 ns, a SELECT of 3000, a READ RECORD of 6000 with a WTX and a lost frame. */
const TAP: readonly TraceRecord[] = [
  { layer: "apdu", at: 0, took: 500, command: unhex(SELECT), response: unhex("9000"), via: "wired" },
  { layer: "field", at: 900, on: true },
  short(1000, "52", "pcd", 7),
  short(1300, "0400", "picc", 16),
  frame(1800, 100, "pcd", "E080"),
  frame(1900, 100, "picc", "0578807002"),
  frame(3000, 500, "pcd", `02${SELECT}`),
  frame(5000, 1000, "picc", "029000"),
  apdu(3000, 3000, SELECT, "9000", 1200),
  { layer: "kernel", at: 6500, rule: "c2.aid", says: "The application is selected.", data: { aid: "A0000000041010" } },
  frame(7000, 400, "pcd", `03${READ}`),
  frame(8000, 100, "picc", "F201"),
  frame(8200, 100, "pcd", "F201"),
  frame(11_000, 600, "picc", "039F360200359000", "lost"),
  frame(12_000, 1000, "picc", "039F360200359000"),
  apdu(7000, 6000, READ, "9F360200359000", 2500),
];

import { untimed } from "../../support/untimed.js";

describe("waterfall", () => {
  test("splits each exchange into what was seen", () => {
    expect(waterfall(TAP)).toEqual({
      rows: [
        {
          label: "field on",
          at: 0,
          took: 100,
          lead: 100,
          parts: { gaps: 100 },
          frames: 0,
          extensions: 0,
          faults: 0,
        },
        {
          label: "activation",
          at: 100,
          took: 1000,
          lead: 0,
          parts: { command: 200, response: 200, wtx: 0, gaps: 600 },
          frames: 4,
          extensions: 0,
          faults: 0,
        },
        {
          label: "SELECT A0000000041010",
          at: 1100,
          took: 4000,
          lead: 1000,
          parts: { command: 500, compute: 1200, response: 1000, wtx: 0, gaps: 1300 },
          frames: 2,
          extensions: 0,
          faults: 0,
        },
        {
          label: "READ RECORD SFI 2 record 1",
          at: 5100,
          took: 7000,
          lead: 1000,
          // Of 2500 ns of computing, 200 went by while frames about more time were on the air.
          parts: { command: 400, compute: 2300, response: 1600, wtx: 200, gaps: 2500 },
          frames: 5,
          extensions: 1,
          faults: 1,
        },
      ],
      total: 12_100,
      parts: { command: 1100, compute: 3500, response: 2800, wtx: 200, gaps: 4500 },
      apdus: 2,
      frames: 11,
    });
  });

  const accounted = (times: Waterfall): void => {
    const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);
    expect(sum(times.rows.map(({ took }) => took))).toBe(times.total);
    expect(sum(Object.values(times.parts))).toBe(times.total);
    for (const row of times.rows) {
      expect(sum(Object.values(row.parts))).toBe(row.took);
      for (const time of Object.values(row.parts)) expect(time).toBeGreaterThanOrEqual(0);
    }
  };

  test.each([
    ["as it should go", []],
    ["with noise", ["noise:2@in:generate-ac"]],
    ["that breaks off", ["field-loss@before:gpo"]],
  ])("a tap %s is accounted for to the last nanosecond", async (_, faults) => {
    const tracer = memoryTrace();
    const bench = await openBench({ tracer });
    const device = await bench.open("emu:band-s1");
    await bench.provision(device, "k2-credit");
    const { total } = await bench.tap(device, { amount: 1250n, terminal: "shop", faults });
    const times = waterfall(tracer.records);
    expect(times.total).toBe(total);
    accounted(times);
    // A second tap of the same trace follows the first.
    await bench.tap(device, { amount: 1250n, terminal: "shop", faults: [] });
    accounted(waterfall(tracer.records));
    if (faults[0]?.startsWith("field-loss"))
      expect(times.rows.at(-1)).toMatchObject({
        label: "GET PROCESSING OPTIONS: no answer",
        unanswered: "GET PROCESSING OPTIONS",
      });
  });

  test("a command that was not answered has its own row, read from its blocks", () => {
    const half = `12${SELECT.slice(0, 10)}`;
    const { rows } = waterfall([
      frame(0, 100, "pcd", half),
      frame(200, 100, "pcd", half, "lost"),
      frame(400, 100, "picc", "A2"),
      frame(600, 100, "pcd", `03${SELECT.slice(10)}`),
      frame(800, 100, "pcd", "B3"),
      frame(1000, 100, "pcd", "C2"),
    ]);
    expect(rows).toMatchObject([
      { label: "SELECT A0000000041010: no answer", unanswered: "SELECT A0000000041010", frames: 5, took: 900 },
      { label: "DESELECT", frames: 1, took: 200 },
    ]);
    const damaged = waterfall([frame(0, 100, "pcd", `02${SELECT}`, "corrupted")]);
    expect(damaged.rows.map(({ label }) => label)).toEqual(["a command: no answer"]);
  });

  test("in text fits its width, and shows where each row begins", () => {
    const lines = renderWaterfall(waterfall(TAP), { width: 80 });
    expect(lines).toEqual([
      "field on                       100 ns  |",
      "activation                    1.00 us  >..",
      "SELECT A0000000041010         4.00 us     ...>>####<<<.",
      "READ RECORD SFI 2 record 1    7.00 us                  ...>>#######<<<<<<.....  WTX x1, 1 faulty frame",
      "total                         12.1 us  2 commands, 11 frames",
      "command on the air            1.10 us  >",
      "card computing                3.50 us  #",
      "response on the air           2.80 us  <",
      "waiting time extension         200 ns  w",
      "frame delays and the rest     4.50 us  .",
    ]);
  });

  test("says what was not observed", () => {
    const { rows, frames } = waterfall([apdu(0, 1000, READ, "9000")]);
    expect(rows).toEqual([
      {
        label: "READ RECORD SFI 2 record 1",
        at: 0,
        took: 1000,
        lead: 0,
        parts: { unsplit: 1000, gaps: 0 },
        frames: 0,
        extensions: 0,
        faults: 0,
      },
    ]);
    expect(frames).toBe(0);
    expect(renderWaterfall(waterfall([apdu(0, 1000, READ, "9000")]))).toContainEqual(
      expect.stringContaining("frames not observed"),
    );
    expect(renderWaterfall(waterfall([]))).toEqual(["nothing was exchanged over the contactless interface"]);
  });

  test("as SVG stands alone: a bar for every part that took time", () => {
    const svg = waterfallSvg(waterfall(TAP));
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" /);
    expect(svg.trimEnd()).toMatch(/<\/svg>$/);
    expect(svg.match(/<rect [^>]*><title>/g)).toHaveLength(1 + 3 + 5 + 6);
    expect(svg).toContain("READ RECORD SFI 2 record 1");
    expect(svg).not.toMatch(/href|script|NaN/);
  });
});

describe("transcript", () => {
  test("keeps the order, folds frames into their exchange, names what it can", () => {
    expect(renderTranscript(transcribe(TAP))).toEqual([
      "      0 ns  SELECT A0000000041010  (500 ns, wired)",
      `              > ${SELECT}`,
      "              < 9000 ok  9000",
      "    900 ns  field on",
      "   1.00 us  > WUPA",
      "   1.30 us  < ATQA 0004",
      "   1.80 us  > RATS FSDI 8 CID 0",
      "   1.90 us  < ATS 0578807002: frames of 256 bytes, answers within 38.7 ms, up to 106 / 106 kbit/s",
      "   3.00 us  SELECT A0000000041010  (3.00 us, card 1.20 us, 2 frames)",
      `              > ${SELECT}`,
      "              < 9000 ok  9000",
      "   6.50 us  c2.aid: The application is selected.",
      "              aid A0000000041010",
      "   7.00 us  READ RECORD SFI 2 record 1  (6.00 us, card 2.50 us, 5 frames)",
      `              > ${READ}`,
      "              < 9000 ok, 5 bytes",
      "                9F36  Application Transaction Counter  0035  = 53",
      "                tags named by kernel c2",
    ]);
  });

  test("lists every frame when asked", () => {
    const names = transcribe(TAP, { frames: true }).flatMap((entry) => (entry.kind === "frame" ? [entry.name] : []));
    expect(names.slice(4)).toEqual([
      "I(0) 13 bytes",
      "I(0) 2 bytes",
      "I(1) 5 bytes",
      "S(WTX 1)",
      "S(WTX 1)",
      "I(1) 7 bytes (lost)",
      "I(1) 7 bytes",
    ]);
  });

  test("of a recorded tap has no times", () => {
    const [entry] = transcribe([untimed({ command: unhex(READ), response: unhex("6A83") })], { times: false });
    expect(entry).toEqual({
      kind: "exchange",
      command: { name: "READ RECORD SFI 2 record 1", bytes: READ },
      via: "contactless",
      response: { name: "6A83 record not found", bytes: "6A83", sw: "6A83" },
    });
  });
});
