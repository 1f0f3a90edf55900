import { describe, expect, test } from "vitest";
import { Air, POWER_ON_TIME, superpose, type Picc } from "../../../emulator/rf/air.js";
import { Sim } from "../../../emulator/sim/sim.js";
import type { Frame } from "../../../src/protocols/iso14443/frame.js";
import { activateTypeA, requestTypeA } from "../../../src/protocols/iso14443/poller.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { block, codeOf, field, raw, READER, short } from "../iso14443/kit.js";

describe("several answers at once", () => {
  const at = (text: string, start = 0) => ({ frame: raw(text), start });

  test("that are the same come through", () => {
    expect(superpose([at("0400"), at("0400")])).toEqual(raw("0400"));
  });

  test.each([
    ["04 00", "44 00", 6, "4400"],
    ["01", "80", 0, "81"],
    ["F0", "70", 7, "F0"],
    ["AA 01", "AA 00", 8, "AA01"],
  ])("%s and %s collide in bit %i", (one, other, collision, bytes) => {
    const heard = superpose([at(one), at(other)]);
    expect(heard.collision).toBe(collision);
    expect(hex(heard.bytes)).toBe(bytes);
  });

  test("of different length collide where the shorter ends", () => {
    expect(superpose([at("04"), at("04 00")])).toMatchObject({ collision: 8, bits: 16 });
  });

  test("that do not start together cannot be read", () => {
    expect(superpose([at("04 00", 0), at("04 00", 1)]).damaged).toBe(true);
    expect(superpose([{ frame: raw("0400", 2), start: 0 }, at("0400")]).damaged).toBe(true);
  });

  test("three: the first bit that is not the same for all", () => {
    expect(superpose([at("07"), at("07"), at("03")]).collision).toBe(2);
  });
});

/** Answers every frame with what it is told, after that long; keeps what it heard. */
function parrot(answers: readonly (readonly [frame: Frame, after: number])[]) {
  const heard: string[] = [];
  let transmit: ((frame: Frame, after: number) => void) | undefined;
  const picc: Picc = {
    powerOn: (send) => (transmit = send),
    powerOff: () => (transmit = undefined),
    receive: (frame) => {
      heard.push(hex(frame.bytes));
      for (const [answer, after] of answers) transmit?.(answer, after);
    },
  };
  return { picc, heard, powered: () => transmit !== undefined };
}

const start = (answers: readonly (readonly [frame: Frame, after: number])[] = []) => {
  const sim = new Sim();
  const air = new Air(sim, { frameDelay: 500_000 });
  const card = parrot(answers);
  air.place(card.picc);
  air.powerOn();
  return { sim, air, card };
};

describe("the field", () => {
  test("is on for 5.1 ms before the first command", () => {
    const { air } = start([[raw("04 00"), 86_431]]);
    expect(POWER_ON_TIME).toBe(5_100_000);
    // REQA takes 84,956 ns; ATQA 20 bits, 188,791 ns.
    expect(air.turn({ send: [short(0x26)], within: 1e6 })).toMatchObject({
      sentAt: 5_184_956,
      at: 5_184_956 + 86_431 + 188_791,
    });
  });

  test("off: nobody hears, nobody answers", () => {
    const { air, card } = start([[raw("04 00"), 86_431]]);
    air.powerOff();
    expect(card.powered()).toBe(false);
    expect(air.turn({ send: [short(0x26)], within: 1_000 }).got).toBeUndefined();
    expect(card.heard).toEqual([]);
  });

  test("that goes while an answer is on the air wakes the reader at once, without it", () => {
    const { sim, air } = start([[raw("00".repeat(200)), 86_431]]);
    sim.at(6_000_000, () => air.powerOff());
    expect(air.turn({ send: [short(0x26)], within: 1e9 })).toEqual({ at: 6_000_000, sentAt: 5_184_956 });
  });

  test("that goes before the answer leaves the reader to its deadline", () => {
    const { sim, air } = start([[raw("04 00"), 300_000]]);
    sim.at(5_300_000, () => air.powerOff());
    expect(air.turn({ send: [short(0x26)], within: 1_000_000 })).toEqual({ at: 6_184_956, sentAt: 5_184_956 });
  });

  test("makes a card forget its state, not its UID", () => {
    const world = field([{ uid: "08FEE4EC" }]);
    world.run(activateTypeA(READER));
    world.air.powerOff();
    world.air.powerOn();
    expect(world.cards[0]!.state.phase).toBe("idle");
    expect(hex(world.run(activateTypeA(READER)).uid)).toBe("08FEE4EC");
  });

  test("of a card that is taken away: silence", () => {
    const world = field([{ uid: "08FEE4EC" }]);
    const { link } = world.run(activateTypeA(READER));
    world.air.remove(world.cards[0]!);
    expect(codeOf(() => world.run(link.exchange(unhex("A0"))))).toBe("iso14443/no-answer");
    expect(world.run(requestTypeA(0x52))).toBeUndefined();
  });
});

describe("one at a time", () => {
  test("a reader that sends does not hear a card that comes too late", () => {
    // The answer starts 100 us after a deadline of 1 ms, in the middle of the reader's next frame.
    const { air, card } = start([[raw("AA"), 1_100_000]]);
    expect(air.turn({ send: [block("02 A0")], within: 1_000_000 }).got).toBeUndefined();
    const wake = air.turn({ send: [block("B2")], within: 1_000_000 });
    expect(wake.got).toBeUndefined();
    expect(card.heard).toHaveLength(2);
  });

  test("what came unasked between two questions is no answer to the second", () => {
    const { sim, air } = start([
      [raw("01"), 100_000],
      [raw("02"), 400_000],
    ]);
    expect(air.turn({ send: [block("02 A0")], within: 1e6 }).got).toMatchObject({ bytes: unhex("01") });
    sim.runUntil(sim.now + 2_000_000);
    expect(air.turn({ send: [block("03 A0")], within: 1e6 }).got).toMatchObject({ bytes: unhex("01") });
  });
});

test("counts frames and the time of bits on the air", () => {
  const { air } = start([[raw("04 00"), 86_431]]);
  air.turn({ send: [short(0x26)], within: 1e6 });
  expect([air.frames, air.busy]).toEqual([2, 84_956 + 188_791]);
});
