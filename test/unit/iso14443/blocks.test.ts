import { describe, expect, test } from "vitest";
import type { Frame } from "../../../src/protocols/iso14443/frame.js";
import { isoDepPoller, type IsoDepParameters } from "../../../src/protocols/iso14443/isodep-poller.js";
import { activateTypeA } from "../../../src/protocols/iso14443/poller.js";
import { unhex } from "../../../src/util/bytes.js";
import type { Dialogue } from "../../../src/util/dialogue.js";
import { block, codeOf, field, follow, lone, raw, READER, spoilt, text, type Line } from "./kit.js";

const FWT = 38_664_307; // FWI 7
const P: IsoDepParameters = { fwt: FWT, fsc: 256, rate: 1, retries: 2 };
const line = (sends: string, comes?: string): Line =>
  comes === undefined ? [text(block(sends))] : [text(block(sends)), block(comes)];
const ask = (lines: readonly Line[], parameters: Partial<IsoDepParameters> = {}): string =>
  follow(isoDepPoller({ ...P, ...parameters }).exchange(unhex("A0")), lines).answer.toString();
const codeAfter = (lines: readonly Line[], parameters: Partial<IsoDepParameters> = {}): string =>
  codeOf(() => ask(lines, parameters));
const B0 = "176";

/** The same answer to whatever it sends, until it ends; how many turns that took. */
function always(
  dialogue: Dialogue<Frame, Frame, unknown>,
  answer: (turn: number) => Frame | undefined,
): { code: string; turns: number } {
  let turns = 0;
  const code = codeOf(() => {
    let step = dialogue.next();
    while (!step.done) {
      const got = answer(turns++);
      step = dialogue.next({ at: turns, sentAt: turns, ...(got && { got }) });
    }
  });
  return { code, turns };
}

/** The bytes of FSCI and FSDI 0 to 8, ISO/IEC 14443-4 table 1. */
const SIZES = [16, 24, 32, 40, 48, 64, 96, 128, 256];

describe("frame sizes", () => {
  const pairs = SIZES.flatMap((_, fsci) => SIZES.map((_, fsdi) => [fsci, fsdi] as const));

  test.each(pairs)("FSCI %i and FSDI %i: no frame is over them, and nothing is lost", (fsci, fsdi) => {
    const [fsc, fsd] = [SIZES[fsci]!, SIZES[fsdi]!];
    const fill = (length: number, start: number) => Uint8Array.from({ length }, (_, i) => start + i * 7);
    let response = new Uint8Array(0);
    let command: Uint8Array | undefined;
    const app = (apdu: Uint8Array) => {
      command = apdu;
      return { response, took: 0 };
    };
    const world = field([{ uid: "08FEE4EC", card: { fsci }, app }]);
    const { link } = world.run(activateTypeA({ ...READER, fsdi }));
    // Three bytes are PCB and CRC_A: around one, two and three full blocks.
    for (const blocks of [1, 2, 3])
      for (const extra of [-1, 0, 1]) {
        const sent = fill((fsc - 3) * blocks + extra, blocks);
        response = fill((fsd - 3) * blocks + extra, extra + 40);
        const already = world.frames().length;
        expect(world.run(link.exchange(sent)).answer).toEqual(response);
        expect(command).toEqual(sent);
        const frames = world.frames().slice(already);
        const sizes = (from: string): number[] =>
          frames.filter((frame) => frame.from === from && frame.bytes.length > 3).map((frame) => frame.bytes.length);
        expect(Math.max(...sizes("pcd"))).toBeLessThanOrEqual(fsc);
        expect(Math.max(...sizes("picc"))).toBeLessThanOrEqual(fsd);
        expect(sizes("pcd")).toHaveLength(blocks + (extra > 0 ? 1 : 0));
        expect(sizes("picc")).toHaveLength(blocks + (extra > 0 ? 1 : 0));
      }
  });

  test("a card with FSC 16 ignores a frame of 17 bytes and takes one of 16", () => {
    const card = lone("08FEE4EC", { fsci: 0 });
    card.activate();
    expect(card.hear(block(`02 ${"AA".repeat(14)}`))).toBeUndefined();
    expect(card.hear(block(`02 ${"AA".repeat(13)}`))).toBeDefined();
  });

  test.each([4_096, 60_000])("%i bytes there and back, in frames of 16 and of 256 bytes", (length) => {
    for (const code of [0, 8]) {
      const world = field([{ uid: "08FEE4EC", card: { fsci: code } }]);
      const { link } = world.run(activateTypeA({ ...READER, fsdi: code }));
      const apdu = Uint8Array.from({ length }, (_, i) => i * 31);
      const { answer } = world.run(link.exchange(apdu));
      expect(answer).toEqual(Uint8Array.of(...apdu, 0x90, 0x00));
    }
  });

  test("a command longer than the card puts together is never run, and the exchange ends", () => {
    let runs = 0;
    const app = () => {
      runs++;
      return { response: unhex("9000"), took: 0 };
    };
    const world = field([{ uid: "08FEE4EC", card: { fsci: 0, maxCommand: 20 }, app }]);
    const { link } = world.run(activateTypeA(READER));
    expect(codeOf(() => world.run(link.exchange(new Uint8Array(27))))).toBe("iso14443/no-answer");
    expect(runs).toBe(0);
  });
});

describe("CID", () => {
  test("the reader puts it into every block", () => {
    const lines = [line("0A 05 A0", "FA 05 01"), line("FA 05 01", "1A 05 B0"), line("AB 05", "0B 05 B1")];
    expect(ask(lines, { cid: 5 })).toBe("176,177");
    const link = isoDepPoller({ ...P, cid: 5 });
    expect(follow(link.deselect(), [line("CA 05", "CA 05")])).toBe(true);
  });

  test("makes room: FSC 16 leaves 12 bytes", () => {
    const step = isoDepPoller({ ...P, fsc: 16, cid: 3 })
      .exchange(new Uint8Array(13))
      .next();
    expect(step.value).toMatchObject({ send: [block(`1A 03 ${"00".repeat(12)}`)] });
  });

  test.each([
    ["no CID", "02 B0"],
    ["another CID", "0A 04 B0"],
  ])("the reader does not take a block with %s", (_, bad) => {
    expect(ask([line("0A 05 A0", bad), line("BA 05", "0A 05 B0")], { cid: 5 })).toBe(B0);
  });

  test("the reader without one does not take a block that has one; the power level beside it does not matter", () => {
    expect(ask([line("02 A0", "0A 00 B0"), line("B2", "02 B0")])).toBe(B0);
    expect(ask([line("0A 05 A0", "0A C5 B0")], { cid: 5 })).toBe(B0);
  });

  test.each([
    ["E0 85", "0A 05 A0", "0A05A09000"],
    ["E0 85", "02 A0", undefined],
    ["E0 85", "0A 04 A0", undefined],
    ["E0 80", "02 A0", "02A09000"],
    ["E0 80", "0A 00 A0", "0A00A09000"],
    ["E0 80", "0A 01 A0", undefined],
  ])("a card after RATS %s answers %s with %s", (rats, sends, answer) => {
    const card = lone("08FEE4EC");
    card.activate(rats);
    expect(card.hear(block(sends))?.slice(0, -4)).toBe(answer);
  });

  test("a card without CID works for a reader that assigns one: blocks go without", () => {
    const world = field([{ uid: "08FEE4EC", card: { cid: false } }]);
    const { link } = world.run(activateTypeA({ ...READER, cid: 5 }));
    expect(world.run(link.exchange(unhex("A0"))).answer).toEqual(unhex("A09000"));
    expect(
      world
        .said()
        .slice(-2)
        .map((said) => said.slice(0, 7)),
    ).toEqual(["pcd 02A", "picc 02"]);
    expect(world.run(link.deselect())).toBe(true);
  });

  test("two cards with a CID each are active at the same time", () => {
    const world = field([{ uid: "08000001" }, { uid: "08000002" }]);
    const first = world.run(activateTypeA({ ...READER, cid: 1 }));
    const second = world.run(activateTypeA({ ...READER, cid: 2 }));
    expect(first.uid).not.toEqual(second.uid);
    for (const [{ link }, apdu] of [
      [first, "A1"],
      [second, "B1"],
      [first, "A2"],
    ] as const)
      expect(world.run(link.exchange(unhex(apdu))).answer).toEqual(unhex(`${apdu}9000`));
  });
});

describe("what is no block of the protocol", () => {
  test.each([
    ["a NAD", "06 00 A0"],
    ["an I-block without bit 2", "00 A0"],
    ["an I-block with bit 6", "22 A0"],
    ["an R-block with bytes", "B2 00"],
    ["an R-block with a NAD", "B6 00"],
    ["a DESELECT with bytes", "C2 00"],
    ["a WTX without its byte", "F2"],
    ["a WTX with two bytes", "F2 01 01"],
    ["an unknown S-block", "D2"],
    ["nothing at all", "E0 80"],
  ])("is ignored by the card: %s", (_, bytes) => {
    const card = lone("08FEE4EC");
    card.activate();
    expect(card.hear(block(bytes))).toBeUndefined();
    expect(card.hear(block("02 A0"))).toBe(text(block("02 A0 90 00")));
  });

  test("is ignored by the card: a wrong CRC, fewer than three bytes, bits that are no bytes, wrong parity", () => {
    const card = lone("08FEE4EC");
    card.activate();
    const good = block("02 A0");
    for (const bad of [
      spoilt(good),
      raw("02"),
      raw("02 A0"),
      { ...good, bits: 31 },
      { ...good, damaged: true as const },
    ])
      expect(card.hear(bad)).toBeUndefined();
    expect(card.hear(good)).toBeDefined();
  });

  test.each([
    ["a NAD", "06 00 B0"],
    ["an R-block with bytes", "A2 00"],
    ["a DESELECT", "C2"],
    ["an R(NAK)", "B2"],
    ["an I-block with the other number", "03 B0"],
    ["an R(ACK) where nothing is chained", "A2"],
    ["WTXM 0", "F2 00"],
    ["WTXM 60", "F2 3C"],
    ["WTXM 63", "F2 3F"],
  ])("is asked for again by the reader: %s", (_, bad) => {
    expect(ask([line("02 A0", bad), line("B2", bad), line("B2", "02 B0")])).toBe(B0);
    expect(codeAfter([line("02 A0", bad), line("B2", bad), line("B2", bad)])).toMatch(
      /^iso14443\/(protocol|transmission)$/,
    );
  });

  test("WTXM is the six lower bits: the power level is not part of it", () => {
    expect(ask([line("02 A0", "F2 C1"), line("F2 01", "02 B0")])).toBe(B0);
  });
});

describe("nothing goes on for ever", () => {
  const exchange = (length = 1): Dialogue<Frame, Frame, unknown> =>
    isoDepPoller({ ...P, fsc: 16 }).exchange(new Uint8Array(length));

  test("silence: asked again as often as there are retries", () => {
    expect(always(exchange(), () => undefined)).toEqual({ code: "iso14443/no-answer", turns: 3 });
    const once = isoDepPoller({ ...P, retries: 0 }).exchange(new Uint8Array(1));
    expect(always(once, () => undefined)).toEqual({ code: "iso14443/no-answer", turns: 1 });
  });

  test("damage", () => {
    expect(always(exchange(), () => spoilt(block("02 90 00")))).toEqual({ code: "iso14443/transmission", turns: 3 });
  });

  test("requests for more time: a minute in all", () => {
    // 59 * 38.66 ms = 2.28 s a request: 26 fit into 60 s, the 27th does not.
    expect(always(exchange(), () => block("F2 3B"))).toEqual({ code: "iso14443/no-answer", turns: 27 });
    // Silence between them does not make it longer.
    const { code, turns } = always(exchange(), (turn) => (turn % 2 ? undefined : block("F2 3B")));
    expect(code).toBe("iso14443/no-answer");
    expect(turns).toBeLessThan(60);
  });

  test("acknowledgements of old blocks", () => {
    expect(always(exchange(), () => block("A3"))).toEqual({ code: "iso14443/no-answer", turns: 3 });
  });

  test("acknowledgements that nobody waits for", () => {
    expect(always(exchange(), () => block("A2"))).toEqual({ code: "iso14443/protocol", turns: 3 });
  });

  test("silence and old acknowledgements in turns", () => {
    const { code, turns } = always(exchange(), (turn) => (turn % 2 ? block("A3") : undefined));
    expect(code).toBe("iso14443/no-answer");
    expect(turns).toBe(6);
  });

  test("a chained answer: longer than any APDU", () => {
    const full = "AA".repeat(253);
    const { code, turns } = always(exchange(), (turn) => block(`${turn % 2 ? "13" : "12"} ${full}`));
    expect(code).toBe("iso14443/too-long");
    expect(turns).toBe(260); // 259 * 253 = 65,527 fit into 65,538 bytes
  });

  test("a chained answer of empty blocks", () => {
    const [even, odd] = [block("12"), block("13")];
    const { code, turns } = always(exchange(), (turn) => (turn % 2 ? odd : even));
    expect(code).toBe("iso14443/too-long");
    expect(turns).toBeLessThanOrEqual(65_539);
  });

  test("DESELECT", () => {
    expect(follow(isoDepPoller(P).deselect(), [line("C2"), line("C2", "02 B0"), line("C2")])).toBe(false);
  });

  test("failures are counted in a row: each good block starts anew", () => {
    const lost = [line("02 A0"), line("B2"), line("B2", "F2 01"), line("F2 01"), line("B2"), line("B2", "12 B0")];
    expect(ask([...lost, line("A3"), line("A3"), line("A3", "03 B1")])).toBe("176,177");
  });
});

test("a link whose exchange broke off takes no other: an old answer could pass for a new one", () => {
  const link = isoDepPoller(P);
  expect(codeOf(() => follow(link.exchange(unhex("A0")), [line("02 A0"), line("B2"), line("B2")]))).toBe(
    "iso14443/no-answer",
  );
  expect(codeOf(() => follow(link.exchange(unhex("A1")), []))).toBe("iso14443/protocol");
  expect(follow(link.deselect(), [line("C2", "C2")])).toBe(true);
});

describe("a busy card", () => {
  const slow = () => {
    const card = lone("08FEE4EC", { fwi: 0 }, (apdu) => ({ response: apdu, took: 1_000_000 }));
    card.activate();
    return card;
  };

  test("does not repeat an old answer for a new command", () => {
    const card = slow();
    expect(card.ask(block("02 A0"))).toBe(text(block("F2 04"))); // four fifths of 302 us * 4 are more than what is left of 1 ms
    expect(card.ask(block("F2 04"))).toBe(text(block("02 A0")));
    expect(card.hear(block("03 A1"))).toBeUndefined();
    expect(card.hear(block("B3"))).toBeUndefined();
    expect(card.timer()).toMatchObject({ bytes: block("F2 04").bytes });
  });

  test("goes on working when it hears what does not concern it", () => {
    const card = slow();
    card.hear(block("02 A0"));
    for (const noise of [block("A3"), block("B3"), block("A2"), raw("AA"), block("0A 05 00")]) {
      expect(card.hear(noise)).toBeUndefined();
      expect(card.wakeAt).toBeDefined();
    }
    expect(card.timer()).toMatchObject({ bytes: block("F2 04").bytes });
  });

  test("has no use for time that it did not ask for", () => {
    const card = lone("08FEE4EC");
    card.activate();
    expect(card.hear(block("F2 01"))).toBeUndefined();
  });

  test("puts no more together than it was sent: empty parts leave no trace", () => {
    const card = lone("08FEE4EC");
    card.activate();
    for (let i = 0; i < 1_000; i++)
      expect(card.hear(block(i % 2 ? "13" : "12"))).toBe(text(block(i % 2 ? "A3" : "A2")));
    expect(card.state).toMatchObject({ isoDep: { received: [] } });
    expect(card.hear(block("02 A0"))).toBe(text(block("02 A0 90 00")));
  });
});
