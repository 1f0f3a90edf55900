import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { tlv } from "../../../../src/codec/tlv.js";
import type { Combination } from "../../../../src/emv/entry/combination.js";
import { entryPoint, type EntryInput, type EntryResult } from "../../../../src/emv/entry/entry-point.js";
import type { KernelOutcome } from "../../../../src/emv/outcome.js";
import { printable, unhex } from "../../../../src/util/bytes.js";
import { answerWith } from "../../../../src/util/dialogue.js";
import { isTapbenchError, TapbenchError } from "../../../../src/util/errors.js";
import { fixedRandom } from "../../../support/scripted-card.js";
import {
  approved,
  directory,
  entry,
  fci,
  kernelOf,
  MASTERCARD,
  NO_DATA,
  ONE,
  OURS,
  PPSE_NAME,
  run,
  selectNext,
  serves,
  TWO,
  UI,
} from "./scene.js";

describe("the directory", () => {
  const combinations = [serves(ONE)];
  const end = (l2: string, more: object = {}): object => ({
    kind: "end-application",
    error: { l2, ...more },
    ui: { message: "insert-swipe-or-other-card", status: "not-ready" },
  });
  test.each<readonly [string, Uint8Array | number, object]>([
    ["not there", 0x6a82, end("no-ppse", { sw: 0x6a82 })],
    ["blocked", 0x6283, end("no-ppse", { sw: 0x6283 })],
    ["empty", new Uint8Array(0), end("ppse-fault")],
    ["no TLV", unhex("6F10A5"), end("ppse-fault")],
    ["no FCI", unhex("70009000"), end("ppse-fault")],
    ["no issuer data", tlv(0x6f, tlv(0x84, unhex(PPSE_NAME)), tlv(0xa5, tlv(0x88, unhex("01")))), end("ppse-fault")],
    [
      "entries without AID",
      tlv(0x6f, tlv(0xa5, tlv(0xbf0c, tlv(0x61, tlv(0x50, unhex("41")))))),
      end("empty-candidate-list"),
    ],
    [
      "primitive objects among the entries",
      tlv(0x6f, tlv(0xa5, tlv(0xbf0c, tlv(0x9f4d, unhex("0B0A")), entry({ aid: ONE })))),
      { kind: "approved" },
    ],
  ])("%s", (_what, answer, expected) => {
    expect(run({ combinations, select: { [PPSE_NAME]: answer } }).result.outcome).toMatchObject(expected);
  });

  test("with more entries than anybody needs", () => {
    const offers = Array.from({ length: 100 }, (_, i) => ({
      aid: `${OURS}${(0x1000 + i).toString(16)}`,
      kernel: "00",
    }));
    const { result, selected } = run({
      offers,
      combinations: [serves(OURS)],
      outcomes: Object.fromEntries(offers.map(({ aid }) => [aid.toUpperCase(), selectNext])),
    });
    expect(result.candidates).toBe(64);
    expect(selected).toHaveLength(65);
  });

  test("is not asked where the application is known", () => {
    const { selected, result } = run({ combinations, over: { preselected: unhex(ONE) } });
    expect(selected).toEqual([ONE]);
    expect(result).toMatchObject({ kernel: "c2", candidates: 1, outcome: { kind: "approved" } });
    expect(run({ combinations, over: { preselected: unhex(TWO) } }).result.outcome).toMatchObject(
      end("empty-candidate-list"),
    );
  });
});

describe("final selection", () => {
  const offers = [
    { aid: ONE, priority: "01", kernel: "00" },
    { aid: TWO, priority: "02", kernel: "00" },
  ];
  const combinations = [serves(ONE), serves(TWO)];

  test("a refused application makes way for the next", () => {
    const { selected, started, result } = run({ offers, combinations, select: { [ONE]: 0x6283 } });
    expect(selected).toEqual([PPSE_NAME, ONE, TWO]);
    expect(started).toEqual([`c2 ${TWO}`]);
    expect(result.refused).toEqual([{ aid: unhex(ONE), kernel: "c2", error: { l2: "status-bytes", sw: 0x6283 } }]);
  });

  test("all refused", () => {
    const { result } = run({ offers, combinations, select: { [ONE]: 0x6a82, [TWO]: 0x6a81 } });
    expect(result).toMatchObject({
      outcome: { kind: "end-application", error: { l2: "status-bytes", sw: 0x6a81 } },
      candidates: 2,
    });
    expect(result.kernel).toBeUndefined();
  });

  test("a kernel that wants the next application gets it", () => {
    const { selected, result } = run({ offers, combinations, outcomes: { [ONE]: selectNext } });
    expect(selected).toEqual([PPSE_NAME, ONE, TWO]);
    expect(result).toMatchObject({
      outcome: { kind: "approved" },
      aid: unhex(TWO),
      refused: [{ error: { l2: "max-limit-exceeded" } }],
    });
  });

  test("and when there is none, its reason is the result's", () => {
    const { result } = run({ offers, combinations, outcomes: { [ONE]: selectNext, [TWO]: selectNext } });
    expect(result).toMatchObject({
      outcome: { kind: "end-application", error: { l2: "max-limit-exceeded" } },
      refused: [{}, {}],
    });
  });

  const final: readonly KernelOutcome[] = [
    { kind: "end-application", start: "B", ui: UI, error: { l1: "time-out" }, discretionaryData: NO_DATA },
    { kind: "end-application", ui: UI, error: { l2: "parsing-error" }, discretionaryData: NO_DATA },
    { kind: "try-again", start: "B", ui: UI, error: {}, discretionaryData: NO_DATA },
    { kind: "try-another-interface", ui: UI, error: {}, discretionaryData: NO_DATA },
    { ...approved, kind: "declined" },
    { ...approved, kind: "online-request" },
  ];
  test.each(final.map((outcome, i) => [`${i} ${outcome.kind}`, outcome] as const))(
    "outcome %s is the caller's",
    (_what, outcome) => {
      const { result, started } = run({ offers, combinations, outcomes: { [ONE]: outcome } });
      expect(result.outcome).toBe(outcome);
      expect(result).toMatchObject({ kernel: "c2", aid: unhex(ONE) });
      expect(started).toHaveLength(1);
    },
  );

  test.each<readonly [string, Partial<Combination>, string | undefined, string]>([
    ["both have it", { extendedSelection: true }, "AABB", `${ONE}AABB`],
    ["the terminal has not", {}, "AABB", ONE],
    ["the card has not", { extendedSelection: true }, undefined, ONE],
    ["empty", { extendedSelection: true }, "", ONE],
    ["too long for a name", { extendedSelection: true }, "AA".repeat(10), ONE],
    ["as long as a name may be", { extendedSelection: true }, "AA".repeat(9), ONE + "AA".repeat(9)],
  ])("extended selection: %s", (_what, over, extended, name) => {
    const offer = { aid: ONE, kernel: "00", ...(extended !== undefined && { extended }) };
    expect(run({ offers: [offer], combinations: [serves(ONE, over)] }).selected).toEqual([PPSE_NAME, name]);
  });

  test("the kernel gets what SELECT answered, and the terminal's set-up", () => {
    const random = fixedRandom("01020304");
    const randomSelection = { target: 1, maxTarget: 2, threshold: 3n };
    const combination = serves(ONE, { terminal: new Map([[0x9f35, unhex("22")]]), randomSelection });
    const { inputs, result } = run({ offers, combinations: [combination], over: { random } });
    expect(inputs[0]).toMatchObject({
      aid: unhex(ONE),
      fci: fci(ONE),
      amount: 1_000n,
      limits: combination.limits,
      randomSelection,
    });
    expect(inputs[0]!.random).toBe(random);
    expect(inputs[0]!.terminal).toBe(combination.terminal);
    expect(result.fci).toEqual(fci(ONE));
  });
});

describe("the label", () => {
  const offers = [{ aid: ONE, kernel: "00", label: "444952" }];
  const combinations = [serves(ONE)];
  const label = (answer: Uint8Array): string | undefined =>
    run({ offers, combinations, select: { [ONE]: answer } }).result.label;
  test("of the FCI", () => expect(label(fci(ONE))).toBe("LABL"));
  test("preferred, in Latin 1", () => {
    expect(label(fci(ONE, tlv(0x9f12, unhex("505245")), tlv(0x9f11, unhex("01"))))).toBe("PRE");
  });
  test("preferred, in letters that not every terminal has", () => {
    expect(label(fci(ONE, tlv(0x9f12, unhex("505245")), tlv(0x9f11, unhex("05"))))).toBe("LABL");
  });
  test("of the directory, when the FCI has none", () => expect(label(tlv(0x6f, tlv(0x84, unhex(ONE))))).toBe("DIR"));
  test("of the directory, when the FCI cannot be read", () => expect(label(unhex("6F05"))).toBe("DIR"));
});

describe("the link", () => {
  const offers = [{ aid: ONE, kernel: "00" }];
  const breaking = (at: number, error: Error): EntryResult => {
    let index = 0;
    const input: EntryInput = {
      combinations: [serves(ONE)],
      kernels: {
        c2: kernelOf(() => approved),
      },
      amount: 1n,
      caKeys: () => undefined,
      random: fixedRandom(),
    };
    return answerWith(entryPoint(input), () => {
      if (index++ === at) throw error;
      return { answer: { data: directory(...offers), sw: 0x9000 }, took: 0 };
    });
  };
  test.each([
    ["PPSE", 0],
    ["the application", 1],
  ])("breaks at SELECT of %s", (_what, at) => {
    expect(breaking(at, new TapbenchError("iso14443/no-answer", "nothing")).outcome).toMatchObject({
      kind: "try-again",
      start: "B",
      error: { l1: "time-out" },
      ui: { message: "try-again", status: "ready-to-read" },
    });
  });
  test("other errors pass through", () => {
    const bug = new TapbenchError("emulator/bug", "a bug");
    expect(() => breaking(0, bug)).toThrow(bug);
  });
});

describe("rules", () => {
  test("say what was found, and name the layer", () => {
    const { rules } = run({ offers: [{ aid: ONE, kernel: "00" }], combinations: [serves(ONE)] });
    expect(rules.map(({ layer, rule }) => `${layer} ${rule}`)).toEqual([
      "entry entry.pre-processing",
      "entry entry.ppse",
      "entry entry.candidates",
      "entry entry.selected",
      "kernel test.kernel",
    ]);
    expect(rules.find(({ rule }) => rule === "entry.candidates")?.data).toEqual({
      count: 1,
      list: `${ONE}/c2`,
      terminal: `${ONE}/c2`,
    });
  });
});

test("any answers at all: an outcome, and an end", () => {
  const bytes = fc.uint8Array({ maxLength: 80 });
  const mutated = fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 255 })).map(([at, value]) => {
    const whole = directory({ aid: ONE, kernel: "00" }, { aid: TWO, priority: "01" });
    whole[at % whole.length] = value;
    return whole;
  });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.oneof(bytes, mutated), fc.constantFrom(0x9000, 0x6a82, 0x6283)), {
        minLength: 1,
        maxLength: 10,
      }),
      (answers) => {
        let asked = 0;
        const input: EntryInput = {
          combinations: [serves(OURS), serves(MASTERCARD)],
          kernels: {
            c2: kernelOf(() => selectNext),
          },
          amount: 1n,
          caKeys: () => undefined,
          random: fixedRandom(),
        };
        try {
          const result = answerWith(entryPoint(input), () => {
            const [data, sw] = answers[asked++ % answers.length]!;
            return { answer: { data, sw }, took: 0 };
          });
          expect(result.outcome.kind).toBe("end-application");
        } catch (error) {
          if (!isTapbenchError(error)) throw error;
        }
        expect(asked).toBeLessThanOrEqual(65);
      },
    ),
    { numRuns: 500 },
  );
});

test("the directory's name is the one that cards know", () => {
  expect(printable(unhex(PPSE_NAME))).toBe("2PAY.SYS.DDF01");
});
