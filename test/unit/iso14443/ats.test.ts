import { describe, expect, test } from "vitest";
import { atsParameters } from "../../../src/protocols/iso14443/messages.js";
import { activateIsoDep, activateTypeA } from "../../../src/protocols/iso14443/poller.js";
import { unhex } from "../../../src/util/bytes.js";
import { block, codeOf, field, follow, lone, plain, raw, READER, spoilt, text, type Line } from "./kit.js";

/* Figures by hand from ISO/IEC 14443-4 5.2: FWT = 4096/fc * 2^FWI, SFGT = 4096/fc * 2^SFGI, fc = 13.56 MHz, in nanoseconds. */
const FWT_4 = 4_833_038;
const FWT_7 = 38_664_307;

describe("an ATS", () => {
  test.each([
    // A phone's: frames of 256 bytes, FWI 7, SFGI 0, one rate, CID.
    ["05 78 80 70 02", { fsc: 256, fwt: FWT_7, sfgt: 0, cid: true, toCard: [1], toReader: [1], sameBothWays: true }],
    // DESFire's: 64 bytes, TA 77, FWI 8, SFGI 1, CID, one historical byte.
    [
      "06 75 77 81 02 80",
      { fsc: 64, fwt: 77_328_614, sfgt: 604_130, cid: true, toCard: [1, 2, 4, 8], toReader: [1, 2, 4, 8] },
    ],
    // Nothing but its length: all defaults, FSCI 2, FWI 4, no guard time, CID.
    ["01", { fsc: 32, fwt: FWT_4, sfgt: 0, cid: true, toCard: [1], toReader: [1], sameBothWays: false }],
    ["02 02", { fsc: 32, fwt: FWT_4, sfgt: 0, cid: true }],
    ["02 00", { fsc: 16 }],
    ["03 15 17", { fsc: 64, toCard: [1, 2, 4, 8], toReader: [1, 2], sameBothWays: false }],
    ["03 15 C4", { toCard: [1, 8], toReader: [1, 8], sameBothWays: true }],
    ["03 28 E0", { fsc: 256, fwt: 4_949_031_268, sfgt: 0 }],
    ["03 28 4E", { fwt: FWT_4, sfgt: 4_949_031_268 }],
    ["03 48 00", { cid: false }],
    ["03 48 01", { cid: false }],
    ["03 48 02", { cid: true }],
  ])("%s", (bytes, parameters) => {
    expect(atsParameters(unhex(bytes))).toMatchObject(parameters);
  });

  test.each([
    ["FSCI 9 to 15 count as 8", "02 0F", { fsc: 256 }],
    ["FWI 15 counts as 4", "03 28 F0", { fwt: FWT_4 }],
    ["SFGI 15 counts as 0", "03 28 4F", { sfgt: 0 }],
    ["bit 4 of TA: 106 kbit/s only", "03 18 FF", { toCard: [1], toReader: [1], sameBothWays: false }],
  ])("with a reserved code: %s", (_, bytes, parameters) => {
    expect(atsParameters(unhex(bytes))).toMatchObject(parameters);
  });

  test.each(["", "00", "02", "02 72", "03 72 80", "04 78 80 70", "06 78 80 70 02", "04 78 80 70 02", "FF 02"])(
    "that is malformed is named: '%s'",
    (bytes) => {
      expect(codeOf(() => atsParameters(unhex(bytes)))).toBe("iso14443/bad-ats");
    },
  );

  test("keeps its historical bytes", () => {
    expect(atsParameters(unhex("06 75 77 81 02 80")).historical).toEqual(Uint8Array.of(0x80));
    expect(atsParameters(unhex("04 00 4F 4B")).historical).toEqual(Uint8Array.of(0x4f, 0x4b));
  });

  test.each([
    ["one rate, FWI 8, SFGI 1, no CID", { fwi: 8, sfgi: 1, cid: false, fsci: 5 }, "05 75 80 81 00"],
    ["all rates", { toCard: [1, 2, 4, 8], toReader: [1, 2, 4, 8], sameRates: false } as const, "05 78 77 70 02"],
    [
      "212 kbit/s to the card, 848 back",
      { toCard: [1, 2], toReader: [1, 8], sameRates: false } as const,
      "05 78 41 70 02",
    ],
    ["historical bytes", { historical: unhex("80 43") }, "07 78 80 70 02 80 43"],
  ])("is built from a card: %s", (_, card, ats) => {
    const picc = lone("08FEE4EC", card);
    picc.select();
    expect(picc.hear(raw("E0 80 31 73"))).toBe(text(block(ats)));
  });
});

const SELECTED = { atqa: 4, uid: unhex("08FEE4EC"), sak: 0x20 };
const rats = text(block("E0 80"));

describe("PPS, by the reader", () => {
  test.each([
    ["848 both ways", 8, "05 78 77 70 02", "D0 11 0F", { toCard: 8, toReader: 8 }],
    ["424 both ways at most", 4, "05 78 77 70 02", "D0 11 0A", { toCard: 4, toReader: 4 }],
    ["212 to the card and 848 back", 8, "05 78 41 70 02", "D0 11 0D", { toCard: 2, toReader: 8 }],
    ["848 to the card and 106 back", 8, "05 78 04 70 02", "D0 11 03", { toCard: 8, toReader: 1 }],
    ["the best that both ways have: 424", 8, "05 78 E3 70 02", "D0 11 0A", { toCard: 4, toReader: 4 }],
  ] as const)("%s", (_, maxRate, ats, pps, rates) => {
    const lines: Line[] = [
      [rats, block(ats)],
      [text(block(pps)), block("D0")],
    ];
    const card = follow(activateIsoDep(SELECTED, { ...READER, maxRate }), lines);
    expect(card.rates).toEqual(rates);
    expect(card.link.exchange(unhex("00")).next().value).toMatchObject({ send: [{ rate: rates.toCard }] });
  });

  test.each([
    ["the card has one rate", 8, "05 78 80 70 02"],
    ["the reader wants none", 1, "05 78 77 70 02"],
    ["no rate is common to both ways", 8, "05 78 A1 70 02"],
  ] as const)("not sent where %s", (_, maxRate, ats) => {
    expect(follow(activateIsoDep(SELECTED, { ...READER, maxRate }), [[rats, block(ats)]]).rates).toEqual({
      toCard: 1,
      toReader: 1,
    });
  });

  test("carries the CID, again after a damaged answer, and names another answer", () => {
    const reader = { ...READER, maxRate: 8, cid: 5 } as const;
    const start: Line[] = [[text(block("E0 85")), block("05 78 77 70 02")]];
    const pps = text(block("D5 11 0F"));
    const run = (lines: Line[]) => follow(activateIsoDep(SELECTED, reader), [...start, ...lines]);
    expect(run([[pps], [pps, spoilt(block("D5"))], [pps, block("D5")]]).rates.toCard).toBe(8);
    expect(codeOf(() => run([[pps, block("D0")]]))).toBe("iso14443/protocol");
    expect(codeOf(() => run([[pps], [pps], [pps]]))).toBe("iso14443/no-answer");
  });
});

describe("PPS, by the card", () => {
  const rates = { toCard: [1, 2, 8], toReader: [1, 4], sameRates: false } as const;
  const activated = (card: object = rates) => {
    const picc = lone("08FEE4EC", card);
    picc.activate();
    return picc;
  };

  test.each([
    ["212 to it, 424 back", "D0 11 09", 4],
    ["848 to it, 106 back", "D0 11 03", 1],
    ["106 to it, 424 back", "D0 11 08", 4],
  ])("%s: confirmed at 106, then that rate", (_, pps, rate) => {
    const picc = activated();
    expect(picc.heard(block(pps))).toMatchObject({ bytes: block("D0").bytes, rate: 1 });
    expect(picc.heard(block("02 00", 2))).toMatchObject({ rate });
  });

  test.each([
    ["a rate to it that it lacks", "D0 11 02"],
    ["a rate back that it lacks", "D0 11 04"],
    ["another CID", "D1 11 03"],
    ["no PPS1", "D0 01"],
    ["nothing after its first byte", "D0"],
  ])("refused by silence: %s", (_, pps) => {
    const picc = activated();
    expect(picc.hear(block(pps))).toBeUndefined();
    expect(picc.heard(block("02 00"))).toMatchObject({ rate: 1 });
  });

  test("two different rates refused where the card has only the same both ways", () => {
    const same = { toCard: [1, 2, 4], toReader: [1, 2, 4], sameRates: true };
    expect(activated(same).hear(block("D0 11 09"))).toBeUndefined();
    expect(activated(same).hear(block("D0 11 0A"))).toBe(text(block("D0")));
  });

  test("only as the first thing after the ATS, and once", () => {
    const late = activated();
    expect(late.hear(block("02 00"))).toBeDefined();
    expect(late.hear(block("D0 11 03"))).toBeUndefined();
    const twice = activated();
    expect(twice.hear(block("D0 11 03"))).toBeDefined();
    expect(twice.hear(block("D0 11 03"))).toBeUndefined();
  });
});

describe("the guard time after the ATS", () => {
  test.each([
    [0, 0],
    [1, 604_130],
    [5, 9_666_077],
    [9, 154_657_227],
    [14, 4_949_031_268],
  ])("SFGI %i: no frame sooner than %i ns", (sfgi, guard) => {
    const world = field([{ uid: "08FEE4EC", card: { sfgi } }]);
    const card = world.run(activateTypeA(READER));
    world.run(card.link.exchange(unhex("00A4")));
    const frames = world.frames();
    const ats = frames.find(({ from, bytes }) => from === "picc" && bytes[0] === 5)!;
    const next = frames[frames.indexOf(ats) + 1]!;
    expect(next.bytes.subarray(0, 3)).toEqual(unhex(plain("02 00 A4")));
    // The reader keeps 500 us after any answer, here configured so.
    expect(next.at - (ats.at + ats.took)).toBe(Math.max(guard, 500_000));
  });

  test("comes before PPS as well", () => {
    const card = { sfgi: 5, toCard: [1, 8], toReader: [1, 8] } as const;
    const world = field([{ uid: "08FEE4EC", card }]);
    world.run(activateTypeA({ ...READER, maxRate: 8 }));
    const [ats, pps] = world.frames().slice(-3);
    expect(pps!.bytes[0]).toBe(0xd0);
    expect(pps!.at - (ats!.at + ats!.took)).toBe(9_666_077);
  });
});
