import { describe, expect, test } from "vitest";
import { crcFrame } from "../../../../src/protocols/iso14443/frame.js";
import { frameAssembler } from "../../../../src/trace/import/assemble-frames.js";
import { hex, unhex } from "../../../../src/util/bytes.js";
import type { FieldRecord, FrameRecord, TraceRecord } from "../../../../src/util/tracer.js";
import { SCENARIOS, type Scenario } from "../../iso14443/annex-b.js";

let clock = 0;
const frame = (from: "pcd" | "picc", payload: string, broken = false): FrameRecord => {
  const { bytes, bits } = crcFrame(unhex(payload));
  const record = { layer: "frame", at: (clock += 10), took: 5, from, bytes, bits, kbps: 106 } as const;
  return broken ? { ...record, fault: "corrupted" } : record;
};

function assembled(...frames: readonly (FrameRecord | FieldRecord)[]): { records: TraceRecord[]; unanswered: number } {
  const records: TraceRecord[] = [];
  const assembler = frameAssembler((record) => void records.push(record));
  for (const each of frames) assembler.push(each);
  assembler.end();
  return { records, unanswered: assembler.unanswered };
}

const exchangesOf = (records: readonly TraceRecord[]): string[][] =>
  records.flatMap((record) => (record.layer === "apdu" ? [[hex(record.command), hex(record.response)]] : []));

/** What hangs in the air, as somebody hears it who stands beside the reader (`loud`: even what card or reader did not hear). */
const heard = ({ legs }: Scenario, loud: boolean): FrameRecord[] =>
  legs.flatMap(([pcd, , answer, fate]) => [
    frame("pcd", pcd, !loud && answer === undefined),
    ...(answer === undefined || answer === "nothing" ? [] : [frame("picc", answer, !loud && fate === "broken")]),
  ]);

describe("the scenarios of ISO/IEC 14443-4 annex B, overheard", () => {
  test.each(SCENARIOS.map((scenario) => [scenario.number, scenario.title, scenario] as const))(
    "%s: %s",
    (_number, _title, scenario) => {
      const expected = scenario.exchanges.map((exchange) => [...exchange]);
      for (const loud of [false, true]) {
        const frames = heard(scenario, loud);
        const { records } = assembled(...frames);
        expect(exchangesOf(records)).toEqual(expected);
        expect(records.filter(({ layer }) => layer === "frame")).toEqual(frames);
      }
    },
  );
});

describe("an exchange", () => {
  test("lasts from the first bit of its command to the last bit of its answer, and follows its frames", () => {
    const [command, more, granted, answer] = [
      frame("pcd", "02 00B2011400"),
      frame("picc", "F201"),
      frame("pcd", "F201"),
      frame("picc", "02 6A83"),
    ];
    const { records } = assembled(command, more, granted, answer);
    expect(records.map(({ layer }) => layer)).toEqual(["frame", "frame", "frame", "frame", "apdu"]);
    expect(records[4]).toEqual({
      layer: "apdu",
      at: command.at,
      took: answer.at + 5 - command.at,
      command: unhex("00B2011400"),
      response: unhex("6A83"),
      via: "contactless",
    });
  });

  test("comes after a repetition of its answer, and before whatever begins next", () => {
    const next = frame("pcd", "03 00B2021400");
    const { records } = assembled(
      frame("pcd", "02 00B2011400"),
      frame("picc", "02 6A83"),
      frame("pcd", "B2"),
      frame("picc", "02 6A83"),
      next,
    );
    expect(records.map(({ layer }) => layer)).toEqual(["frame", "frame", "frame", "frame", "apdu", "frame"]);
    expect(exchangesOf(records)).toEqual([["00B2011400", "6A83"]]);
  });

  test("with CID and NAD", () => {
    expect(exchangesOf(assembled(frame("pcd", "0E 01 00 00B2011400"), frame("picc", "0A 01 6A83")).records)).toEqual([
      ["00B2011400", "6A83"],
    ]);
  });

  test("that is only a question whether the card is still there is none", () => {
    expect(assembled(frame("pcd", "02"), frame("picc", "02"))).toMatchObject({ unanswered: 0 });
    expect(exchangesOf(assembled(frame("pcd", "02"), frame("picc", "02")).records)).toEqual([]);
  });

  test.each<[string, (FrameRecord | FieldRecord)[]]>([
    ["no answer", [frame("pcd", "02 00B2011400")]],
    ["half an answer", [frame("pcd", "02 00B2011400"), frame("picc", "12 70")]],
    ["half a command", [frame("pcd", "12 00B2"), frame("picc", "A2")]],
    [
      "the field going",
      [frame("pcd", "02 00B2011400"), { layer: "field", at: 1, on: false }, frame("picc", "02 6A83")],
    ],
    ["a new activation", [frame("pcd", "02 00B2011400"), frame("pcd", "E080"), frame("picc", "02 6A83")]],
  ])("with %s is told as unanswered", (_what, frames) => {
    const { records, unanswered } = assembled(...frames);
    expect(exchangesOf(records)).toEqual([]);
    expect(unanswered).toBe(1);
    expect(records).toHaveLength(frames.length);
  });

  test("whose beginning was not heard is none", () => {
    expect(assembled(frame("picc", "02 9000"), frame("pcd", "A3"), frame("picc", "03 9000")).unanswered).toBe(0);
  });

  test("without an end keeps no more than an APDU may have", () => {
    const endless = Array.from({ length: 600 }, (_, i) => frame("pcd", `1${2 + (i % 2)}${"00".repeat(250)}`));
    const { records, unanswered } = assembled(...endless, frame("pcd", "02"), frame("picc", "02 9000"));
    expect(exchangesOf(records)).toEqual([]);
    expect(unanswered).toBe(1);
  });
});
