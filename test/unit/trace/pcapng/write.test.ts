import { describe, expect, test } from "vitest";
import { traceHeader, type TraceHeader } from "../../../../src/trace/header.js";
import { maskRecords } from "../../../../src/trace/mask.js";
import { openTrace } from "../../../../src/trace/open.js";
import { frameComment, factsOf } from "../../../../src/trace/pcapng/frame-comment.js";
import { pcapngPieces } from "../../../../src/trace/pcapng/write.js";
import { concat, hex, unhex } from "../../../../src/util/bytes.js";
import type { FrameRecord, TraceRecord } from "../../../../src/util/tracer.js";

const header = (masked = false): TraceHeader =>
  traceHeader({ seed: "7", profile: "emu:band-s1", configuration: "" }, masked);
const written = (records: readonly TraceRecord[], masked = false): Uint8Array =>
  concat(...pcapngPieces(header(masked), records));
const frame = (from: "pcd" | "picc", bytes: string, more: Partial<FrameRecord> = {}): FrameRecord => ({
  layer: "frame",
  at: 0,
  took: 1000,
  from,
  bytes: unhex(bytes),
  bits: bytes.length * 4,
  kbps: 106,
  ...more,
});

/** The blocks of a little-endian file, cut by their lengths: type and body in hex. */
function blocks(bytes: Uint8Array): [type: number, body: string][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: [number, string][] = [];
  for (let at = 0; at < bytes.length;) {
    const length = view.getUint32(at + 4, true);
    expect(view.getUint32(at + length - 4, true)).toBe(length);
    found.push([view.getUint32(at, true), hex(bytes.subarray(at + 8, at + length - 4))]);
    at += length;
  }
  return found;
}

const packets = (bytes: Uint8Array): string[] =>
  blocks(bytes).flatMap(([type, body]) => {
    if (type !== 6) return [];
    const captured = Buffer.from(body.slice(24, 32), "hex").readUInt32LE();
    return [body.slice(40, 40 + captured * 2)];
  });

describe("a capture that is written", () => {
  // draft-ietf-opsawg-pcapng 4.1 to 4.3; the pseudo header from www.kaiser.cx/pcap-iso14443.html.
  test("section, interface and packets, to the byte", () => {
    const at = 0x1_0000_0005;
    const comment = Buffer.from("7 bits at 106 kbit/s, 1000 ns on the air").toString("hex").toUpperCase();
    const [section, link, field, wupa, ...more] = blocks(
      written([{ layer: "field", at: 1, on: true }, frame("pcd", "52", { at, bits: 7 })]),
    );
    expect(more).toEqual([]);
    expect(section![0]).toBe(0x0a0d0d0a);
    expect(section![1]).toMatch(/^4D3C2B1A01000000FFFFFFFFFFFFFFFF0100/);
    expect(Buffer.from(section![1], "hex").toString("latin1")).toContain('"profile":"emu:band-s1"');
    expect(link).toEqual([
      1,
      `08010000000000000200 0B00 ${Buffer.from("contactless").toString("hex")}00 09000100 09000000 00000000`
        .replaceAll(" ", "")
        .toUpperCase(),
    ]);
    expect(field).toEqual([6, "000000000000000001000000040000000400000000FC0000"]);
    expect(wupa).toEqual([
      6,
      `00000000 01000000 05000000 05000000 05000000 00FE000152000000 01002800${comment}00000000`.replaceAll(" ", ""),
    ]);
  });

  test("the six events", () => {
    const records = [
      { layer: "field", at: 0, on: true } as const,
      frame("pcd", "52"),
      frame("picc", "0400"),
      frame("pcd", "0212CCCC"), // CRC_A of 0212 is not CCCC
      frame("picc", "0212CCCC"),
      { layer: "field", at: 9, on: false } as const,
    ];
    expect(packets(written(records, true))).toEqual([
      "00FC0000",
      "00FE000152",
      "00FF00020400",
      "00FA00020212",
      "00FB00020212",
      "00FD0000",
    ]);
    // Nothing was taken out of a trace that is not masked: those are its bytes.
    expect(packets(written(records)).slice(3, 5)).toEqual(["00FE00040212CCCC", "00FF00040212CCCC"]);
  });

  test("holds no digit that masking took out, also across chained blocks", async () => {
    const response = "700F5A0854133300896000449F360200019000";
    const records: TraceRecord[] = [
      frame("pcd", "0200B2021C0086EE"),
      frame("picc", `12${response.slice(0, 14)}AAAA`),
      frame("pcd", "A36FC6"),
      frame("picc", `03${response.slice(14)}BBBB`),
      { layer: "apdu", at: 0, took: 4000, command: unhex("00B2021C00"), response: unhex(response), via: "contactless" },
    ];
    const bytes = written(maskRecords(records), true);
    const shown = packets(bytes).map((each) => each.slice(8));
    expect(shown).toEqual(["0200B2021C0086EE", "12700F5A08541333AAAA", "A36FC6", "03CCCCCC00449F360200019000"]);
    const back = await openTrace([bytes]);
    expect(back.records.filter(({ layer }) => layer === "frame")).toEqual(
      maskRecords(records).filter(({ layer }) => layer === "frame"),
    );
  });

  test("comes back as it was, faults, rates and bits included", async () => {
    const records: TraceRecord[] = [
      { layer: "field", at: 5, on: true },
      frame("pcd", "26", { at: 10, bits: 7 }),
      frame("pcd", "26", { at: 20, bits: 7, fault: "lost" }),
      frame("picc", "0400", { at: 30, fault: "collision" }),
      frame("picc", "0212345678", { at: 0x20_0000_0000_000 - 1, kbps: 847.5, fault: "corrupted", took: 0 }),
      { layer: "field", at: 0x20_0000_0000_000 - 1, on: false },
    ];
    const back = await openTrace([written(records)]);
    expect(back.records).toEqual(records);
    expect(back.remarks).toEqual([]);
    expect(back.header).toMatchObject({ profile: "emu:band-s1", masked: false, observed: { times: "simulated" } });
    expect((await openTrace([written(records, true)])).header.masked).toBe(true);
  });

  test("is refused by name where no frames were recorded", () => {
    const apdu = {
      layer: "apdu",
      at: 0,
      took: 0,
      command: unhex("00B2011400"),
      response: unhex("6A83"),
      via: "contactless",
    } as const;
    const noFrames = expect.objectContaining({ code: "trace/no-frames" }) as Error;
    expect(() => written([apdu])).toThrow(noFrames);
    expect(() => written([{ layer: "field", at: 0, on: true }])).toThrow(noFrames);
    // Nothing comes out before it is known that there is something to write.
    const many = Array.from({ length: 10_000 }, (_, at) => ({ layer: "field", at, on: true }) as const);
    expect(() => pcapngPieces(header(), many).next()).toThrow(noFrames);
  });

  test("has no time before the start", () => {
    expect(() => written([frame("pcd", "26", { at: -1 })])).toThrow(
      expect.objectContaining({ code: "trace/bad-record" }),
    );
  });
});

describe("comments of frames", () => {
  test("say what a capture has no field for", () => {
    const facts = { bits: 7, kbps: 847.5, took: 84_956, fault: "lost" } as const;
    expect(frameComment(facts)).toBe("7 bits at 847.5 kbit/s, 84956 ns on the air, lost");
    expect(factsOf("7 bits at 847.5 kbit/s, 84956 ns on the air, lost", 1)).toEqual(facts);
  });

  test.each(["", "9 bits at 106 kbit/s, 1 ns on the air", "7 bits at 0 kbit/s, 1 ns on the air", "seen at the till"])(
    "of others are only comments: %s",
    (comment) => {
      expect(factsOf(comment, 1)).toBeUndefined();
    },
  );
});
