import { describe, expect, test } from "vitest";
import { compareAccounts, type Comparison } from "../../../../src/inspect/diff/compare.js";
import { parseTolerance, toleranceText } from "../../../../src/inspect/diff/tolerance.js";
import { isTapbenchError } from "../../../../src/util/errors.js";
import type { FrameRecord, TraceRecord } from "../../../../src/util/tracer.js";
import { account, changed, exchanges, frame, MEASURED, RECORD_1, SELECT, SIMULATED } from "./hand-tap.js";

const said = ({ differences }: Comparison): readonly string[] => differences.map(({ says }) => says);
const short = (at: number, bytes: string, from: "pcd" | "picc"): FrameRecord => ({
  layer: "frame",
  at,
  took: 100,
  from,
  bytes: Uint8Array.from(Buffer.from(bytes, "hex")),
  bits: from === "pcd" ? 7 : bytes.length * 4,
  kbps: 106,
});

/** Activation: WUPA, ATQA, SELECT of a UID, SAK, RATS, ATS. */
const activation = (uid = "08112233", ats = "0578807002"): readonly FrameRecord[] => [
  short(10, "52", "pcd"),
  short(20, "0400", "picc"),
  frame(30, "pcd", `9370${uid}22`),
  frame(40, "picc", "20"),
  frame(50, "pcd", "E080"),
  frame(60, "picc", ats),
];
const tap = (start: readonly FrameRecord[], during: readonly FrameRecord[]): readonly TraceRecord[] => [
  { layer: "field", at: 0, on: true },
  ...start,
  ...during,
  ...exchanges([RECORD_1], 1_000_000),
];
const plain = [frame(1_000_000, "pcd", "0200B2010C00"), frame(2_000_000, "picc", "02700B5F24033012319F0702FF009000")];
const onAir = (records: readonly TraceRecord[]): ReturnType<typeof account> => account(records, SIMULATED);
const base = onAir(tap(activation(), plain));
const READ = "READ RECORD SFI 1 record 1";

describe("frames", () => {
  test.each([
    ["the random UID of another tap", tap(activation("08AABBCC"), plain), []],
    ["a fixed UID", tap(activation("11223344"), plain), ["activation: UID: 08112233 in a, 11223344 in b"]],
    ["the ATS", tap(activation(undefined, "0578807102"), plain), ["activation: ATS: 0578807002 in a, 0578807102 in b"]],
    [
      "a waiting time extension",
      tap(activation(), [plain[0]!, frame(1_100_000, "picc", "F201"), frame(1_200_000, "pcd", "F201"), plain[1]!]),
      [`${READ}: waiting time extensions: none in a, 1 in b`],
    ],
    [
      "a lost answer that is asked for again",
      tap(activation(), [
        plain[0]!,
        frame(1_100_000, "picc", "02700B5F24033012319F0702FF009000", { fault: "lost" }),
        frame(1_200_000, "pcd", "B2"),
        plain[1]!,
      ]),
      [
        `${READ}: faults on the air: none in a, lost from the card in b`,
        `${READ}: blocks sent again: none in a, 2 in b`,
      ],
    ],
    [
      "another bit rate",
      tap(
        activation(),
        plain.map((each) => ({ ...each, kbps: 424 })),
      ),
      [`${READ}: bit rate: 106 kbit/s to the card, 106 kbit/s back in a, 424 kbit/s to the card, 424 kbit/s back in b`],
    ],
    [
      "an answer in two blocks",
      tap(activation(), [...plain, frame(3_000_000, "pcd", "A3"), frame(4_000_000, "picc", "039000")]),
      [`${READ}: frames: 2 in a, 4 in b`],
    ],
    [
      "a command that nothing answered",
      tap(activation(), [frame(900_000, "pcd", "0280CA9F1700"), ...plain]),
      ["GET DATA 9F17: no answer: only in b"],
    ],
  ])("%s", (_, records, told) => {
    expect(said(compareAccounts(base, onAir(records)))).toEqual(told);
  });

  test("are not compared with a trace that has none: one line says so", () => {
    const without = account(exchanges([RECORD_1]), MEASURED);
    const result = compareAccounts(base, without);
    expect(result.same).toBe(true);
    expect(result.notes).toEqual([
      "frames: only observed in a",
      "times: simulated in a, measured in b, so not compared (--tolerance compares them)",
    ]);
    expect(compareAccounts(without, base).notes[0]).toBe("frames: only observed in b");
  });
});

describe("provisioning", () => {
  const wired: TraceRecord = { ...exchanges([SELECT])[0]!, via: "wired" };
  const other: TraceRecord = { ...exchanges([changed(SELECT, ["9000", "6A82"])])[0]!, via: "wired" };
  const provisioned = (first: TraceRecord): ReturnType<typeof account> => account([first, ...exchanges([RECORD_1])]);

  test("is compared where both have it, and mentioned where one has", () => {
    expect(said(compareAccounts(provisioned(wired), provisioned(other)))).toEqual([
      "provisioning: SELECT A0000000041010: status word is 9000 (ok) in a, 6A82 (file or application not found) in b",
    ]);
    expect(compareAccounts(account(exchanges([RECORD_1])), provisioned(other))).toMatchObject({
      same: true,
      notes: ["provisioning: only recorded in b"],
    });
  });
});

describe("times", () => {
  const timed = (ms: number, observed = MEASURED): ReturnType<typeof account> =>
    account(exchanges([[RECORD_1[0], RECORD_1[1], ms]]), observed);
  const measured = { times: "measured", frames: false } as const;
  const simulated = { times: "simulated", frames: false } as const;
  const none = { times: "none", frames: false } as const;

  test.each([
    ["measured, within 20 %", timed(100, measured), timed(119, measured), []],
    ["measured, beyond it", timed(100, measured), timed(121, measured), [`${READ}: took 100.0 ms in a, 121.0 ms in b`]],
    ["measured, short and within 1 ms", timed(1, measured), timed(1.9, measured), []],
    ["simulated, within a raster of frame delays", timed(100, simulated), timed(100.00944, simulated), []],
    [
      "simulated, beyond",
      timed(100, simulated),
      timed(100.2, simulated),
      [`${READ}: took 100.0 ms in a, 100.2 ms in b`],
    ],
    ["none on one side", timed(100, none), timed(900, measured), []],
    ["of two kinds", timed(100, simulated), timed(900, measured), []],
  ])("%s", (_, a, b, told) => {
    expect(said(compareAccounts(a, b))).toEqual(told);
  });

  test("with a tolerance of one's own, also of two kinds", () => {
    const tolerance = parseTolerance("5%,2ms");
    expect(said(compareAccounts(timed(100, simulated), timed(104, measured), { tolerance }))).toEqual([]);
    expect(said(compareAccounts(timed(100, simulated), timed(106, measured), { tolerance }))).toHaveLength(1);
    expect(compareAccounts(timed(1, none), timed(9), { tolerance }).notes).toEqual(["times: only recorded in b"]);
  });

  test("how much the card computed is told with them", () => {
    const computing = (ms: number): ReturnType<typeof account> =>
      account(exchanges([RECORD_1]).map((each) => ({ ...each, took: ms * 1_000_000, compute: (ms - 2) * 1_000_000 })));
    expect(said(compareAccounts(computing(10), computing(50)))).toEqual([
      `${READ}: took 10.0 ms in a, 50.0 ms in b (the card computed for 8.00 ms and 48.0 ms)`,
    ]);
  });

  test.each([
    ["5%", { relative: 0.05, absolute: 0 }],
    ["2ms", { relative: 0, absolute: 2_000_000 }],
    ["12.5%, 0.25 ms", { relative: 0.125, absolute: 250_000 }],
    ["100us", { relative: 0, absolute: 100_000 }],
    ["1s", { relative: 0, absolute: 1_000_000_000 }],
  ])("%s is a tolerance, and written back it is the same", (text, tolerance) => {
    expect(parseTolerance(text)).toEqual(tolerance);
    expect(parseTolerance(toleranceText(tolerance))).toEqual(tolerance);
  });

  test.each(["", "5", "-1ms", "1ms,2ms,3ms", "5 percent", "1e9ms", "99999999999ms"])("'%s' is none", (text) => {
    expect(() => parseTolerance(text)).toThrow(
      expect.toSatisfy((error: unknown) => isTapbenchError(error, "inspect/bad-tolerance")) as Error,
    );
  });
});
