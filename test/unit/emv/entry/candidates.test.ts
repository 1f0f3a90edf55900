import { describe, expect, test } from "vitest";
import type { Combination } from "../../../../src/emv/entry/combination.js";
import { requestedKernel } from "../../../../src/emv/entry/directory.js";
import { hex, unhex } from "../../../../src/util/bytes.js";
import { MASTERCARD, ONE, OURS, run, selectNext, serves, TWO, VISA, type Offer } from "./scene.js";

describe("which application is taken", () => {
  const any = { kernel: "00" };
  const k3 = { kernel: "c3" };
  test.each<readonly [string, readonly Offer[], readonly Combination[], string | undefined]>([
    ["the only one", [{ aid: ONE, ...any }], [serves(ONE)], `c2 ${ONE}`],
    ["none in common", [{ aid: ONE, ...any }], [serves(TWO)], undefined],
    ["an empty directory", [], [serves(ONE)], undefined],
    [
      "the higher priority",
      [
        { aid: ONE, priority: "02", ...any },
        { aid: TWO, priority: "01", ...any },
      ],
      [serves(ONE), serves(TWO)],
      `c2 ${TWO}`,
    ],
    [
      "priority 15 before none",
      [
        { aid: ONE, priority: "00", ...any },
        { aid: TWO, priority: "0F", ...any },
      ],
      [serves(ONE), serves(TWO)],
      `c2 ${TWO}`,
    ],
    [
      "no priority tag is no priority",
      [
        { aid: ONE, ...any },
        { aid: TWO, priority: "03", ...any },
      ],
      [serves(ONE), serves(TWO)],
      `c2 ${TWO}`,
    ],
    [
      "the first of equals",
      [
        { aid: TWO, priority: "01", ...any },
        { aid: ONE, priority: "01", ...any },
      ],
      [serves(ONE), serves(TWO)],
      `c2 ${TWO}`,
    ],
    [
      "the upper half of the priority does not count",
      [
        { aid: ONE, priority: "82", ...any },
        { aid: TWO, priority: "11", ...any },
      ],
      [serves(ONE), serves(TWO)],
      `c2 ${TWO}`,
    ],
    [
      "the card's order beats the terminal's",
      [
        { aid: TWO, ...any },
        { aid: ONE, ...any },
      ],
      [serves(ONE), serves(TWO)],
      `c2 ${TWO}`,
    ],
    ["a partial AID", [{ aid: `${ONE}AA`, ...any }], [serves(ONE)], `c2 ${ONE}AA`],
    ["a RID alone", [{ aid: ONE, ...any }], [serves(OURS)], `c2 ${ONE}`],
    ["no partial AID where it may not be", [{ aid: `${ONE}AA`, ...any }], [serves(ONE, { partial: false })], undefined],
    ["the whole AID where partial may not be", [{ aid: ONE, ...any }], [serves(ONE, { partial: false })], `c2 ${ONE}`],
    ["a card's AID shorter than the terminal's", [{ aid: OURS, ...any }], [serves(ONE)], undefined],
    ["another AID of the same length", [{ aid: `${OURS}0003`, ...any }], [serves(ONE)], undefined],
    [
      "a RID's own kernel by default",
      [{ aid: MASTERCARD }],
      [serves(MASTERCARD, k3), serves(MASTERCARD)],
      `c2 ${MASTERCARD}`,
    ],
    ["another RID's", [{ aid: VISA }], [serves(VISA), serves(VISA, k3)], `c3 ${VISA}`],
    ["a RID's own kernel is not there", [{ aid: VISA }], [serves(VISA)], undefined],
    ["an unknown RID may have any", [{ aid: ONE }], [serves(ONE, k3)], `c3 ${ONE}`],
    [
      "an empty kernel identifier is none",
      [{ aid: MASTERCARD, kernel: "" }],
      [serves(MASTERCARD, k3), serves(MASTERCARD)],
      `c2 ${MASTERCARD}`,
    ],
    [
      "the kernel that the card names",
      [{ aid: MASTERCARD, kernel: "03" }],
      [serves(MASTERCARD), serves(MASTERCARD, k3)],
      `c3 ${MASTERCARD}`,
    ],
    [
      "kernel 00 is any: the terminal's first",
      [{ aid: MASTERCARD, kernel: "00" }],
      [serves(MASTERCARD, k3), serves(MASTERCARD)],
      `c3 ${MASTERCARD}`,
    ],
    [
      "the kernel that the card names is not there",
      [{ aid: MASTERCARD, kernel: "07" }],
      [serves(MASTERCARD)],
      undefined,
    ],
    ["a reserved kernel identifier", [{ aid: MASTERCARD, kernel: "42" }], [serves(MASTERCARD)], undefined],
    ["a domestic kernel", [{ aid: MASTERCARD, kernel: "820056" }], [serves(MASTERCARD)], undefined],
    ["a domestic kernel cut short", [{ aid: MASTERCARD, kernel: "8200" }], [serves(MASTERCARD)], undefined],
    [
      "a domestic identifier of zero is any",
      [{ aid: MASTERCARD, kernel: "800056" }],
      [serves(MASTERCARD)],
      `c2 ${MASTERCARD}`,
    ],
    [
      "an entry without AID is left out",
      [
        { aid: "", ...any },
        { aid: ONE, ...any },
      ],
      [serves(ONE)],
      `c2 ${ONE}`,
    ],
    ["an AID of four bytes is none", [{ aid: "F0000000", ...any }], [serves("F0000000")], undefined],
    ["an AID of 17 bytes is none", [{ aid: ONE.padEnd(34, "0"), ...any }], [serves(ONE)], undefined],
    ["an AID of 16 bytes", [{ aid: ONE.padEnd(32, "0"), ...any }], [serves(ONE)], `c2 ${ONE.padEnd(32, "0")}`],
    ["a kernel that is not installed", [{ aid: ONE, ...any }], [serves(ONE, { kernel: "c7" })], undefined],
  ])("%s", (_what, offers, combinations, expected) => {
    const { started, result } = run({ offers, combinations });
    expect(started).toEqual(expected === undefined ? [] : [expected]);
    expect(result.outcome).toMatchObject(
      expected === undefined
        ? { kind: "end-application", error: { l2: "empty-candidate-list" } }
        : { kind: "approved" },
    );
  });

  test("the longer AID of a kernel serves an entry, and only it", () => {
    const short = serves(OURS, { terminal: new Map([[1, unhex("01")]]) });
    const long = serves(ONE, { terminal: new Map([[1, unhex("02")]]) });
    const { inputs, result } = run({ offers: [{ aid: ONE, ...any }], combinations: [short, long] });
    expect(inputs.map(({ terminal }) => hex(terminal.get(1)!))).toEqual(["02"]);
    expect(result.candidates).toBe(1);
  });

  test("two kernels for one entry are two candidates", () => {
    const { started, result } = run({
      offers: [{ aid: ONE, ...any }],
      combinations: [serves(ONE), serves(ONE, k3)],
      outcomes: { [ONE]: selectNext },
    });
    expect(started).toEqual([`c2 ${ONE}`, `c3 ${ONE}`]);
    expect(result.candidates).toBe(2);
  });
});

test("kernel identifiers as numbers", () => {
  const asks = (kernelId?: string) =>
    requestedKernel({ adf: unhex(VISA), priority: 0, ...(kernelId !== undefined && { kernelId: unhex(kernelId) }) });
  expect([
    asks(),
    asks(""),
    asks("02"),
    asks("2A00"),
    asks("00"),
    asks("7F"),
    asks("810840"),
    asks("C10840"),
    asks("C008"),
  ]).toEqual([3, 3, 2, 42, "any", undefined, 0x810840, 0xc10840, "any"]);
});
