import { beforeAll, describe, expect, test } from "vitest";
import { openBench } from "../../../src/bench/bench.js";
import { crcFrame } from "../../../src/protocols/iso14443/frame.js";
import { traceLines } from "../../../src/trace/file.js";
import { traceHeader } from "../../../src/trace/header.js";
import { maskRecords, pansIn } from "../../../src/trace/mask.js";
import { memoryTrace } from "../../../src/trace/memory.js";
import { concat, hex, unhex } from "../../../src/util/bytes.js";
import type { ApduRecord, FrameRecord, TraceRecord } from "../../../src/util/tracer.js";

const COMMAND = "00B2011400";
const RESPONSE = "700F5A0854133300896000449F360200019000";
const MASKED = "700F5A08541333CCCCCC00449F360200019000";

let clock = 0;
const frame = (from: "pcd" | "picc", payload: string, fault?: FrameRecord["fault"]): FrameRecord => {
  const { bytes, bits } = crcFrame(unhex(payload));
  return { layer: "frame", at: ++clock, took: 1, from, bytes, bits, kbps: 106, ...(fault && { fault }) };
};
const bare = (from: "pcd" | "picc", bytes: string, bits = bytes.length * 4): FrameRecord => ({
  layer: "frame",
  at: ++clock,
  took: 1,
  from,
  bytes: unhex(bytes),
  bits,
  kbps: 106,
});
const apdu = (command = COMMAND, response = RESPONSE): ApduRecord => ({
  layer: "apdu",
  at: clock,
  took: 1,
  command: unhex(command),
  response: unhex(response),
  via: "contactless",
});
const shown = (...records: readonly TraceRecord[]): string[] =>
  maskRecords(records).flatMap((record) => (record.layer === "frame" ? [hex(record.bytes)] : []));
const crc = (payload: string): string => hex(crcFrame(unhex(payload)).bytes);

describe("frames of an exchange", () => {
  test("show what their APDU shows; the CRC of a changed frame goes", () => {
    expect(shown(frame("pcd", `02${COMMAND}`), frame("picc", `02${RESPONSE}`), apdu())).toEqual([
      crc(`02${COMMAND}`),
      `02${MASKED}CCCC`,
    ]);
  });

  test("with a CID", () => {
    expect(shown(frame("pcd", `0A01${COMMAND}`), frame("picc", `0A01${RESPONSE}`), apdu())[1]).toBe(
      `0A01${MASKED}CCCC`,
    );
  });

  test("that are chained, with the PAN across two blocks", () => {
    const [a, b, c] = [RESPONSE.slice(0, 14), RESPONSE.slice(14, 24), RESPONSE.slice(24)];
    expect(
      shown(
        frame("pcd", `02${COMMAND}`),
        frame("picc", `12${a}`),
        frame("pcd", "A3"),
        frame("picc", `13${b}`),
        frame("pcd", "A2"),
        frame("picc", `02${c}`),
        apdu(),
      ),
    ).toEqual([
      crc(`02${COMMAND}`),
      crc(`12${a}`), // nothing was taken out of it
      crc("A3"),
      `13${MASKED.slice(14, 24)}CCCC`,
      crc("A2"),
      crc(`02${c}`),
    ]);
  });

  test("sent again, after they were lost", () => {
    expect(
      shown(
        frame("pcd", `02${COMMAND}`),
        frame("picc", `02${RESPONSE}`, "lost"),
        frame("pcd", "B2"),
        frame("picc", `02${RESPONSE}`),
        apdu(),
      ),
    ).toEqual([crc(`02${COMMAND}`), `02${MASKED}CCCC`, crc("B2"), `02${MASKED}CCCC`]);
  });

  test("changed by noise keep nothing but their first byte", () => {
    const damaged = `02${RESPONSE.replace("5A08", "5B08")}`;
    expect(
      shown(frame("pcd", `02${COMMAND}`), frame("picc", damaged, "corrupted"), frame("picc", `02${RESPONSE}`), apdu()),
    ).toEqual([crc(`02${COMMAND}`), `02${"CC".repeat(RESPONSE.length / 2 + 2)}`, `02${MASKED}CCCC`]);
  });

  test("changed without anybody noticing keep nothing either", () => {
    const damaged = RESPONSE.replace("5A08", "5B08");
    expect(shown(frame("pcd", `02${COMMAND}`), frame("picc", `02${damaged}`), apdu())[1]).toBe(
      `02${"CC".repeat(RESPONSE.length / 2 + 2)}`,
    );
  });

  test("S(WTX) and R-blocks stay", () => {
    expect(
      shown(
        frame("pcd", `02${COMMAND}`),
        frame("picc", "F201"),
        frame("pcd", "F201"),
        frame("picc", `02${RESPONSE}`),
        apdu(),
      ).slice(1, 3),
    ).toEqual([crc("F201"), crc("F201")]);
  });
});

describe("frames without an exchange", () => {
  test("show the terminal's command, and nothing of the answer", () => {
    expect(
      shown(frame("pcd", `02${COMMAND}`), frame("picc", `02${RESPONSE}`), { layer: "field", at: 9, on: false }),
    ).toEqual([crc(`02${COMMAND}`), `02${"CC".repeat(RESPONSE.length / 2 + 2)}`]);
  });

  test("hide what commands carry that may carry keys, but not which they are", () => {
    const storeData = "02" + "80E2800006800003ABCDEF";
    expect(shown(frame("pcd", storeData))).toEqual([`0280E28000${"CC".repeat(9)}`]);
    // The first block of a chain, sent twice; the second only looks like READ RECORD, and the third like STORE DATA.
    const [first, second, third] = ["1280E28000148000100123", "1300B2456704", "0280E2EFFEDCBA9876"];
    expect(
      shown(frame("pcd", first), frame("pcd", first), frame("picc", "A2"), frame("pcd", second), frame("pcd", third)),
    ).toEqual([
      `1280E28000${"CC".repeat(8)}`,
      `1280E28000${"CC".repeat(8)}`,
      crc("A2"),
      `13${"CC".repeat(7)}`,
      `02${"CC".repeat(10)}`,
    ]);
  });

  test("show the terminal's command, when another exchange follows", () => {
    expect(
      shown(frame("pcd", "0200B2021400"), frame("pcd", `03${COMMAND}`), frame("picc", `03${RESPONSE}`), apdu()),
    ).toEqual([crc("0200B2021400"), crc(`03${COMMAND}`), `03${MASKED}CCCC`]);
  });

  test("of activation stay as they are", () => {
    const activation = [
      bare("pcd", "52", 7),
      bare("picc", "0400"),
      bare("pcd", "9320"),
      bare("picc", "08C74F0989"),
      frame("pcd", "937008C74F0989"),
      frame("picc", "20"),
      frame("pcd", "E080"),
      frame("picc", "097877700231C173C8"),
      frame("pcd", "D01100"),
      frame("picc", "D0"),
    ];
    expect(
      shown(...activation, frame("pcd", `02${COMMAND}`), frame("picc", `02${RESPONSE}`), apdu()).slice(0, -2),
    ).toEqual(activation.map(({ bytes }) => hex(bytes)));
  });

  test("that only look like an ATS are not one", () => {
    // First byte and length fit, but nothing asked for an ATS.
    expect(shown(frame("picc", "085413330089600044".slice(0, 16)))).not.toContainEqual(expect.stringContaining("0089"));
  });

  test("in a trace whose start is missing are blocks", () => {
    expect(shown(frame("picc", `02${RESPONSE}`))).toEqual([`02${"CC".repeat(RESPONSE.length / 2 + 2)}`]);
  });
});

test("with test data shown, frames stay, but for those that may carry keys", () => {
  const keep = (...records: readonly TraceRecord[]): string[] =>
    maskRecords(records, { keepAccount: true }).flatMap((record) =>
      record.layer === "frame" ? [hex(record.bytes)] : [],
    );
  const good = [
    frame("pcd", `02${COMMAND}`),
    frame("picc", `02${RESPONSE}`, "corrupted"),
    frame("picc", `02${RESPONSE}`),
  ];
  expect(keep(...good, apdu())).toEqual(good.map(({ bytes }) => hex(bytes)));
  expect(keep(...good)).toEqual(good.map(({ bytes }) => hex(bytes)));
  const keys = "80E2800006800003ABCDEF";
  expect(keep(frame("pcd", `02${keys}`), frame("picc", "029000"), apdu(keys, "9000"))).toEqual([
    "0280E2800006800003CCCCCCCCCC",
    crc("029000"),
  ]);
});

describe("a whole tap with faults", () => {
  const cases = [
    [],
    ["noise:2@in:read-record"],
    ["lost:1@in:read-record#2", "noise:1@in:generate-ac"],
    ["noisy:0.08@all"],
    ["field-loss@after:read-record"],
  ];
  const traces: {
    readonly records: readonly TraceRecord[];
    readonly text: string;
    readonly pans: ReadonlySet<string>;
  }[] = [];

  beforeAll(async () => {
    for (const faults of cases) {
      const tracer = memoryTrace();
      const bench = await openBench({ seed: "canary", tracer });
      const device = await bench.open("emu:band-s1");
      await bench.provision(device, "k2-credit");
      await bench.tap(device, { amount: 1250n, terminal: "shop", faults }).catch(() => {});
      const header = traceHeader({ seed: "canary", profile: "", configuration: "" }, true);
      const text = [...traceLines(header, maskRecords(tracer.records))].join("");
      traces.push({ records: tracer.records, text, pans: pansIn(tracer.records) });
    }
  }, 60_000);

  test.each(cases.map((faults, index) => [index, faults.join(" ")] as const))(
    "case %i leaks no account number: %s",
    (index) => {
      const { records, text, pans } = traces[index]!;
      expect(pans.size).toBe(1);
      const [pan] = [...pans] as [string];
      const joined = (source: string): string[] => [
        source,
        [...source.matchAll(/"(?:bytes|command|response)":"([0-9A-F]*)"/g)].map((match) => match[1]!).join(""),
      ];
      const before = [...traceLines(traceHeader({ seed: "", profile: "", configuration: "" }, false), records)].join(
        "",
      );
      // The canary is really there before masking; after it not even half of its middle is.
      expect(before).toContain(pan);
      for (const form of joined(text)) {
        expect(form).not.toContain(pan);
        expect(form).not.toContain(pan.slice(5, 12));
        expect(form.toLowerCase()).not.toContain(Buffer.from(pan).toString("hex"));
        expect(form).not.toContain(Buffer.from(pan, "hex").toString("base64").slice(0, 10));
      }
    },
  );

  test("keeps every record, its time and its length", () => {
    for (const { records } of traces) {
      const masked = maskRecords(records);
      expect(masked.map(({ at, layer }) => [at, layer])).toEqual(records.map(({ at, layer }) => [at, layer]));
      const sizes = (list: readonly TraceRecord[]): number[] =>
        list.map((record) =>
          record.layer === "frame"
            ? record.bytes.length
            : record.layer === "apdu"
              ? concat(record.command, record.response).length
              : 0,
        );
      expect(sizes(masked)).toEqual(sizes(records));
    }
  });
});
