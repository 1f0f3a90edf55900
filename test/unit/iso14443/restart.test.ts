import { describe, expect, test } from "vitest";
import { activateTypeA, type ReaderOptions } from "../../../src/protocols/iso14443/poller.js";
import { block, codeOf, follow, lone, raw, READER, short, spoilt, text, type Line } from "./kit.js";

/*
 * An activation that starts again, frame by frame: what the reader sends to bring the card back to a state that WUPA ends.
 */
const WAKE: Line = ["52", raw("04 00")];
const SELECTION: readonly Line[] = [
  ["93 20", raw("08 FE E4 EC FE")],
  ["93 70 08 FE E4 EC FE DD 6E", raw("20 FC 70")],
];
const FOUND = [WAKE, ...SELECTION];
const ATS = block("05 78 80 70 02");
const sends = (bytes: string): string => text(block(bytes));
const twice = (line: Line): Line[] => [line, line];
const RATS = sends("E0 80");
/** One repetition, so one restart: short scripts. */
const ONCE: ReaderOptions = { ...READER, retries: 1 };

describe("after RATS had no answer", () => {
  test("S(DESELECT), which the card confirms, and all again", () => {
    const card = follow(activateTypeA(ONCE), [
      ...FOUND,
      ...twice([RATS]),
      [sends("C2"), block("C2")],
      ...FOUND,
      [RATS, ATS],
    ]);
    expect(card.rates).toEqual({ toCard: 1, toReader: 1 });
  });

  test("a card that does not confirm may be in IDLE all the same: WUPA, twice where needed", () => {
    const lines = [...FOUND, ...twice([RATS, spoilt(ATS)]), ...twice([sends("C2")]), ["52"], ...FOUND, [RATS, ATS]];
    expect(follow(activateTypeA(ONCE), lines as Line[]).sak).toBe(0x20);
  });

  test("with a CID assigned: DESELECT with it, and, as the card may have none, without it", () => {
    const rats = sends("E0 85");
    const start = [...FOUND, ...twice([rats])];
    const reader = { ...ONCE, cid: 5 };
    const [withCid, without] = [sends("CA 05"), sends("C2")];
    const end: Line[] = [...FOUND, [rats, ATS]];
    expect(follow(activateTypeA(reader), [...start, [withCid, block("CA 05")], ...end]).sak).toBe(0x20);
    // An answer with another CID, or none, is none.
    const refused: Line[] = [
      [withCid, block("CA 04")],
      [withCid, block("C2")],
    ];
    expect(follow(activateTypeA(reader), [...start, ...refused, [without, block("C2")], ...end]).sak).toBe(0x20);
  });

  test("then gives up with what the card failed at, not with `no-card` (before: without a restart)", () => {
    const run = (ats: readonly Line[]): string =>
      codeOf(() => follow(activateTypeA(ONCE), [...FOUND, ...ats, ...twice([sends("C2")]), ...twice(["52"])]));
    expect(run(twice([RATS]))).toBe("iso14443/no-answer");
    expect(run([[RATS], [RATS, spoilt(ATS)]])).toBe("iso14443/transmission");
  });

  test("as often as there are retries, and never with none", () => {
    const silent = (times: number): Line[] => [...FOUND, ...Array.from({ length: times }, (): Line => [RATS])];
    expect(codeOf(() => follow(activateTypeA({ ...READER, retries: 0 }), silent(1)))).toBe("iso14443/no-answer");
    const back: Line = [sends("C2"), block("C2")];
    const lines = [...silent(3), back, ...silent(3), back, ...silent(3)];
    expect(codeOf(() => follow(activateTypeA(READER), lines))).toBe("iso14443/no-answer");
  });
});

describe("after PPS failed", () => {
  const fast = { ...ONCE, maxRate: 8 } as const;
  const ats = block("05 78 77 70 02");
  const pps = sends("D0 11 0F");
  const start: Line[] = [...FOUND, [RATS, ats], ...twice([pps])];

  test("DESELECT at the old rate, and no other PPS: the rates stay 106 kbit/s", () => {
    const card = follow(activateTypeA(fast), [...start, [sends("C2"), block("C2", 8)], ...FOUND, [RATS, ats]]);
    expect(card.rates).toEqual({ toCard: 1, toReader: 1 });
  });

  test("a card that has changed its rate hears DESELECT at the new one only", () => {
    const dialogue = activateTypeA(fast);
    let step = dialogue.next();
    const said: [string, number][] = [];
    const script = [...start, ...twice([sends("C2")]), [sends("C2"), block("C2", 8)] as Line, WAKE];
    script.forEach(([, got], i) => {
      if (step.done) throw new Error("ended");
      const out = step.value.send[0]!;
      said.push([text(out), out.rate]);
      step = dialogue.next({ at: i + 1, sentAt: i, ...(got && { got }) });
    });
    const c2 = sends("C2");
    expect(said.slice(-4)).toEqual([
      [c2, 1],
      [c2, 1],
      [c2, 8],
      ["52", 1],
    ]);
  });

  test.each([
    ["has a CID", "05 78 77 70 02", "CA 05"],
    ["has none", "05 78 77 70 00", "C2"],
  ])("DESELECT is as the ATS says where the card %s", (_, bytes, deselect) => {
    const rats = sends("E0 85");
    const found: Line[] = [...FOUND, [rats, block(bytes)]];
    const lines = [...found, ...twice([sends("D5 11 0F")]), [sends(deselect), block(deselect)] as Line, ...found];
    expect(follow(activateTypeA({ ...fast, cid: 5 }), lines).rates.toCard).toBe(1);
  });

  test("an answer that is not the PPSS is a failure too", () => {
    const lines = [...FOUND, [RATS, ats], [pps, block("D1")], [sends("C2"), block("C2")], ...FOUND, [RATS, ats]];
    expect(follow(activateTypeA(fast), lines as Line[]).rates.toCard).toBe(1);
  });
});

describe("after anticollision or SELECT failed", () => {
  test("WUPA, without DESELECT: the card is not in the block protocol", () => {
    const noSak: Line[] = [WAKE, SELECTION[0]!, ...twice([SELECTION[1]![0]])];
    expect(follow(activateTypeA(ONCE), [...noSak, ...FOUND, [RATS, ATS]]).sak).toBe(0x20);
    const noUid: Line[] = [WAKE, ...twice(["93 20"])];
    expect(follow(activateTypeA(ONCE), [...noUid, ["52"], ...FOUND, [RATS, ATS]]).sak).toBe(0x20);
  });

  test("a card in READY or ACTIVE takes one WUPA as a fault and answers the next", () => {
    for (const frames of [[], [raw("93 70 08 FE E4 EC FE DD 6E")]]) {
      const card = lone("08FEE4EC");
      for (const frame of [short(0x52), ...frames]) expect(card.hear(frame)).toBeDefined();
      expect([card.hear(short(0x52)), card.hear(short(0x52))]).toEqual([undefined, "0400"]);
    }
  });
});

test.each([
  ["not-iso-dep", [WAKE, SELECTION[0]!, [SELECTION[1]![0], block("08")]]],
  ["bad-ats", [...FOUND, [RATS, block("05 78")]]],
] as const)("`%s` is what the card is, and no fault: no restart", (code, lines) => {
  expect(codeOf(() => follow(activateTypeA(READER), lines))).toBe(`iso14443/${code}`);
});
