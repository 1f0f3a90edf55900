import { describe, expect, test } from "vitest";
import { openTrace, type OpenedTrace } from "../../../../src/trace/open.js";
import { hex, unhex } from "../../../../src/util/bytes.js";
import type { FrameRecord } from "../../../../src/util/tracer.js";
import { BIG, block, file, LITTLE, packet } from "../pcapng/capture.js";

const read = (...blocks: readonly string[]): Promise<OpenedTrace> => openTrace([file(...blocks)]);
const START = [LITTLE.section, LITTLE.nanoInterface] as const;
const times = ({ records }: OpenedTrace): number[] => records.map(({ at }) => at);
const framesOf = ({ records }: OpenedTrace): FrameRecord[] => records.filter((record) => record.layer === "frame");

describe("a capture", () => {
  test.each([
    ["little-endian", LITTLE],
    ["big-endian", BIG],
  ])("%s: frames, with times in microseconds where nothing else is said", async (_order, blocks) => {
    const trace = await read(blocks.section, blocks.interface, blocks.wupa, blocks.atqa);
    expect(trace).toMatchObject({
      format: "pcapng",
      header: { source: "pcapng", masked: false, observed: { times: "measured", frames: true } },
    });
    expect(trace.problem).toBeUndefined();
    const common = { layer: "frame", took: 0, kbps: 106 };
    expect(trace.records).toEqual([
      { ...common, at: 0, from: "pcd", bytes: unhex("52"), bits: 7 },
      { ...common, at: 200_000, from: "picc", bytes: unhex("0400"), bits: 16 },
    ]);
    expect(trace.remarks).toEqual([
      "2 frames have no bit rate and no duration in the capture: 106 kbit/s and 0 ns stand for what was not observed",
    ]);
  });

  test.each([
    ["09", 200], // 10^-9
    ["03", 200_000_000], // 10^-3
    ["8A", 195_312_500], // 2^-10: 200 * 10^9 / 1024
  ])("if_tsresol %s", async (resolution, expected) => {
    const described = LITTLE.nanoInterface.replace("09000000 0000", `${resolution}000000 0000`);
    expect(times(await read(LITTLE.section, described, LITTLE.wupa, LITTLE.atqa))).toEqual([0, expected]);
  });

  test("with several sections in either byte order, each with interfaces of its own", async () => {
    const ethernet = LITTLE.interface.replace("0801 0000", "0100 0000");
    const second = packet(0xfe, "26").replace("00000000 00000000 00000000", "01000000 01000000 00000000");
    const trace = await read(
      BIG.section,
      BIG.interface,
      BIG.wupa,
      LITTLE.section,
      ethernet,
      LITTLE.interface,
      second,
      packet(0xfe, "52"),
    );
    expect(trace.problem).toBeUndefined();
    expect(framesOf(trace).map(({ bytes }) => hex(bytes))).toEqual(["52", "26"]);
    expect(trace.remarks).toContain("1 packets of other link types than ISO 14443 were left out");
  });

  test("with blocks of other kinds, which are stepped over however long they are", async () => {
    const names = block(4, "00".repeat(100_000));
    const statistics = block(5, "00000000 00000000 00000000");
    const empty = block(0x0bad, "");
    expect(times(await read(...START, names, LITTLE.wupa, statistics, empty, LITTLE.atqa))).toEqual([0, 200]);
  });

  test("with simple packets, which have no time, and obsolete ones", async () => {
    const simple = block(3, "05000000 00FE000126 000000");
    const obsolete = block(2, "0000 0000 01000000 CD000000 06000000 06000000 00FF00020400 0000");
    const trace = await read(...START, LITTLE.wupa, simple, obsolete);
    expect(times(trace)).toEqual([0, 0, 200]);
    expect(trace.remarks).toContain("1 packets have no time that can be used; they have that of the packet before");
  });

  test("field events, and exchanges from the blocks between them", async () => {
    // R(NAK) and the CRCs as ISO/IEC 14443-3 annex B reckons them; the answer comes in two blocks.
    const trace = await read(
      ...START,
      packet(0xfc, ""),
      packet(0xfa, "0200b2011400", 100),
      packet(0xfb, "126a", 200),
      packet(0xfa, "a3", 300),
      packet(0xfb, "0383", 400),
      packet(0xfd, "", 500),
    );
    expect(trace.records.map(({ layer, at }) => [layer, at])).toEqual([
      ["field", 0],
      ["frame", 100],
      ["frame", 200],
      ["frame", 300],
      ["frame", 400],
      ["apdu", 100],
      ["field", 500],
    ]);
    expect(trace.records[5]).toMatchObject({ command: unhex("00B2011400"), response: unhex("6A83"), took: 300 });
    expect(trace.remarks).toContain("4 frames came without their CRC; it was computed for them");
  });

  test("a CRC that was dropped is computed, a wrong one means damage", async () => {
    // CRC_A of 0000 is A01E, of 1234 26CF; sent in this order (ISO/IEC 14443-3 annex B).
    const trace = await read(...START, packet(0xfa, "0000"), packet(0xfe, "123426cf"), packet(0xfe, "123426ce"));
    expect(framesOf(trace).map(({ bytes, fault }) => [hex(bytes), fault])).toEqual([
      ["0000A01E", undefined],
      ["123426CF", undefined],
      ["123426CE", "corrupted"],
    ]);
    expect(trace.remarks).toContain("1 frames have a wrong CRC and count as damaged");
  });

  test("CRC_B holds as well", async () => {
    // CRC_B of 000000 is CCC6, of 0FAAFF FCD1 (ISO/IEC 14443-3 annex B).
    const trace = await read(...START, packet(0xfe, "000000ccc6"), packet(0xfe, "0faafffcd1"));
    expect(framesOf(trace).map(({ fault }) => fault)).toEqual([undefined, undefined]);
  });

  test("pseudo headers that are not known are left out, cut frames are told", async () => {
    const shorter = packet(0xfe, "0000a01e").replace("00fe0004", "00fe0009");
    const trace = await read(
      ...START,
      packet(0xfe, "52").replace("00fe", "01fe"),
      packet(0x10, "52"),
      block(6, "00000000 00000000 00000000 03000000 03000000 00FE00 00"),
      shorter,
    );
    expect(framesOf(trace).map(({ bytes }) => hex(bytes))).toEqual(["0000A01E"]);
    expect(trace.remarks).toContain("3 packets whose pseudo header is not known were left out");
    expect(trace.remarks).toContain("1 frames are shorter than the capture says they were");
  });

  test("comes in pieces of any size", async () => {
    const bytes = file(LITTLE.section, LITTLE.nanoInterface, block(4, "00".repeat(70_000)), LITTLE.wupa, LITTLE.atqa);
    const whole = await openTrace([bytes]);
    for (const size of [1, 7, 4096]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      );
      expect(await openTrace(pieces)).toEqual(whole);
    }
  });
});

describe("a damaged capture", () => {
  /** Two whole packets, then the damage: what came before is shown, and where it broke. */
  const after = START.join("").replaceAll(" ", "").length / 2 + 2 * 0x28;
  test.each([
    ["a block length of zero", "06000000 00000000 00000000", "trace/bad-block"],
    ["a block length below the least", "06000000 08000000 00000000", "trace/bad-block"],
    ["a block length that is no multiple of four", "06000000 2A000000 00000000", "trace/bad-block"],
    ["a packet of nearly 2^32 bytes", "06000000 FCFFFFFF 00000000", "trace/bad-block"],
    ["an unknown block of nearly 2^32 bytes", "0A000000 FCFFFFFF 00000000", "trace/torn"],
    ["a length of 2^32 - 1", "0A000000 FFFFFFFF 00000000", "trace/bad-block"],
    ["lengths that differ", LITTLE.wupa.replace(/28000000$/, "2C000000"), "trace/bad-block"],
    ["lengths that differ, in an unknown block", "0A000000 10000000 00000000 14000000", "trace/bad-block"],
    ["a packet that is cut off", LITTLE.wupa.slice(0, -9), "trace/torn"],
    ["an unknown block that is cut off", "0A000000 10000000 00000000", "trace/torn"],
    ["less than a block", "060000", "trace/torn"],
    [
      "a packet of more bytes than the block",
      LITTLE.wupa.replace("05000000 05000000 05000000", "05000000 05000100 05000000"),
      "trace/bad-block",
    ],
    [
      "a packet of 2^32 - 1 bytes",
      LITTLE.wupa.replace("05000000 05000000 05000000", "05000000 FFFFFFFF FFFFFFFF"),
      "trace/bad-block",
    ],
    [
      "an interface that was not described",
      LITTLE.wupa.replace("28000000 00000000", "28000000 01000000"),
      "trace/bad-block",
    ],
    [
      "an interface number of 2^32 - 1",
      LITTLE.wupa.replace("28000000 00000000", "28000000 FFFFFFFF"),
      "trace/bad-block",
    ],
    ["a packet without room for its header", block(6, "00000000 00000000"), "trace/bad-block"],
    ["a section without the magic", LITTLE.section.replace("4D3C2B1A", "4D3C2B1B"), "trace/bad-block"],
    ["a section of another version", LITTLE.section.replace("0100 0000", "0200 0000"), "trace/bad-block"],
    ["a section without room for its header", block(0x0a0d0d0a, "4D3C2B1A"), "trace/bad-block"],
    ["an option that reaches beyond its block", packet(0xfe, "52", 0, "0100 0800 00000000"), "trace/bad-block"],
    ["an option of 65,535 bytes", packet(0xfe, "52", 0, "0100 FFFF 00000000"), "trace/bad-block"],
    ["an interface without room for its header", block(1, "0801"), "trace/bad-block"],
  ])("%s", async (_what, damage, code) => {
    const trace = await read(...START, LITTLE.wupa, LITTLE.atqa, damage, LITTLE.wupa);
    expect(trace.problem).toMatchObject({ code: expect.stringMatching(/^trace\/(bad-block|torn)$/) as string });
    expect(trace.problem?.context["offset"]).toBe(after);
    expect(framesOf(trace).length).toBeGreaterThanOrEqual(2);
    expect(trace.header.observed.times).toBe("measured");
    // At the end of the file, the same damage has the code that belongs to it.
    expect((await read(...START, LITTLE.wupa, LITTLE.atqa, damage)).problem).toMatchObject({ code });
  });

  test("options need no end: that of the block is one", async () => {
    const trace = await read(...START, packet(0xfe, "52", 0, "0100 0200 48690000"), LITTLE.atqa);
    expect(trace.problem).toBeUndefined();
    expect(trace.records).toHaveLength(2);
  });

  test("more interfaces than anybody has", async () => {
    const many = Array.from({ length: 1025 }, () => LITTLE.interface);
    await expect(read(LITTLE.section, ...many)).rejects.toThrow(
      expect.objectContaining({ code: "trace/bad-block", context: expect.objectContaining({ limit: 1024 }) as object }),
    );
  });

  test.each([
    ["without a frame", file(LITTLE.section, LITTLE.interface), "trace/no-frames"],
    [
      "of another link type",
      file(LITTLE.section, LITTLE.interface.replace("0801", "0100"), LITTLE.wupa),
      "trace/no-frames",
    ],
    ["that is empty but for a section", file(LITTLE.section), "trace/no-frames"],
    ["of which only four bytes are there", unhex("0A0D0D0A"), "trace/torn"],
    ["whose magic is wrong", file(LITTLE.section.replace("4D3C2B1A", "00000000")), "trace/bad-block"],
  ])("%s is refused by name", async (_what, bytes, code) => {
    await expect(openTrace([bytes])).rejects.toThrow(expect.objectContaining({ code }));
  });

  test("times that no number holds are told", async () => {
    const far = LITTLE.atqa.replace("01000000 CD000000", "FFFFFFFF FFFFFFFF");
    const trace = await read(LITTLE.section, LITTLE.interface, LITTLE.wupa, far);
    expect(times(trace)).toEqual([0, 0]);
    expect(trace.remarks).toContain("1 packets have no time that can be used; they have that of the packet before");
  });
});
