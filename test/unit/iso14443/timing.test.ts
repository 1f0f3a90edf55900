import { describe, expect, test } from "vitest";
import { airTime } from "../../../src/protocols/iso14443/frame.js";
import { isoDepPoller } from "../../../src/protocols/iso14443/isodep-poller.js";
import { activateTypeA, inventory, requestTypeA } from "../../../src/protocols/iso14443/poller.js";
import {
  ACTIVATION_FWT,
  FDT_PCD_EMV,
  FDT_PCD_ISO,
  frameSize,
  frameWaitingTime,
  FWT_MAX,
} from "../../../src/protocols/iso14443/timing.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { block, field, raw, READER, short, spoilt, text } from "./kit.js";

/*
 * By hand: fc = 13.56 MHz, a bit at 106 kbit/s is 128/fc, a frame is 2 bits and 9 a byte, short frames 2 and 7 (ISO/IEC 14443-3 6.2).
 * n/fc in nanoseconds is n * 1e9 / 13.56e6, rounded.
 */
describe("time on the air", () => {
  test.each([
    ["REQA: 9 bits, 1152/fc", short(0x26), 84_956],
    ["93 20: 20 bits, 2560/fc", raw("93 20"), 188_791],
    ["SELECT, 9 bytes: 83 bits, 10624/fc", raw("93 70 08 FE E4 EC FE DD 6E"), 783_481],
    ["SAK, 3 bytes: 29 bits, 3712/fc", raw("20 FC 70"), 273_746],
    ["UID and BCC, 5 bytes: 47 bits, 6016/fc", raw("08 FE E4 EC FE"), 443_658],
    ["256 bytes: 2306 bits, 295168/fc", raw("00".repeat(256)), 21_767_552],
    ["256 bytes at 212: half", raw("00".repeat(256), 2), 10_883_776],
    ["256 bytes at 424: a quarter", raw("00".repeat(256), 4), 5_441_888],
    ["256 bytes at 848: an eighth", raw("00".repeat(256), 8), 2_720_944],
    [
      "93 24 and 4 bits: 2 + 20 + 2 parity, 24 bits, 3072/fc",
      { bytes: unhex("932408"), bits: 20, rate: 1 } as const,
      226_549,
    ],
  ])("%s", (_, frame, time) => {
    expect(airTime(frame)).toBe(time);
  });
});

test("the standard's fixed times", () => {
  expect(ACTIVATION_FWT).toBe(4_833_038); // 65536/fc
  expect(FDT_PCD_ISO).toBe(86_431); // 1172/fc
  expect(FDT_PCD_EMV).toBe(500_000); // 6780/fc
  expect(FWT_MAX).toBe(4_949_031_268);
  expect([0, 1, 4, 7, 8].map(frameWaitingTime)).toEqual([302_065, 604_130, 4_833_038, 38_664_307, 77_328_614]);
  expect([0, 2, 5, 8, 9, 15].map(frameSize)).toEqual([16, 32, 64, 256, 256, 256]);
});

describe("the card's frame delay", () => {
  test("after REQA (last bit 0) 1172/fc, after WUPA (last bit 1) 1236/fc, after 93 20 (0) 1172/fc", () => {
    const world = field([{ uid: "08FEE4EC" }]);
    world.run(requestTypeA(0x26));
    world.run(requestTypeA(0x26)); // not in READY: back to IDLE, no answer
    world.run(inventory(0));
    const frames = world.frames();
    const delayAfter = (index: number): number => {
      const [asks, answers] = [frames[index]!, frames[index + 1]!];
      expect([asks.from, answers.from]).toEqual(["pcd", "picc"]);
      return answers.at - asks.at - asks.took;
    };
    expect(delayAfter(0)).toBe(86_431);
    expect(frames[2]!.from).toBe("pcd");
    expect(delayAfter(3)).toBe(91_150);
    expect(delayAfter(5)).toBe(86_431);
  });

  test("in the protocol 1236/fc at least", () => {
    const world = field([{ uid: "08FEE4EC" }]);
    const { link } = world.run(activateTypeA(READER));
    world.run(link.exchange(unhex("A0")));
    const [asks, answers] = world.frames().slice(-2);
    expect(answers!.at - asks!.at - asks!.took).toBe(91_150);
  });
});

test.each([
  ["EMV's", FDT_PCD_EMV, 500_000],
  ["ISO's", FDT_PCD_ISO, 86_431],
])("the reader waits %s frame delay after every answer", (_, frameDelay, gap) => {
  const world = field([{ uid: "04631982CC2280" }, { uid: "04631982CC2281" }], frameDelay);
  const { link } = world.run(activateTypeA(READER));
  for (let i = 0; i < 4; i++) world.run(link.exchange(unhex("00A40400")));
  const frames = world.frames();
  let seen = 0;
  frames.forEach((frame, i) => {
    const next = frames[i + 1];
    if (frame.from !== "picc" || !next) return;
    expect(next.from).toBe("pcd");
    expect(next.at - frame.at - frame.took).toBe(gap);
    seen++;
  });
  expect(seen).toBe(10);
});

describe("the waiting time", () => {
  const FWT = 302_065; // FWI 0

  test("is the card's, once multiplied by WTXM, then the card's again; DESELECT has 65536/fc", () => {
    const link = isoDepPoller({ fwt: FWT, fsc: 256, rate: 1, retries: 2 });
    const exchange = link.exchange(unhex("A0"));
    const within = (comes?: string): number => {
      const step = comes === undefined ? exchange.next() : exchange.next({ at: 1, sentAt: 0, got: block(comes) });
      return step.done ? -1 : step.value.within;
    };
    expect([within(), within("F2 0A"), within("F2 3B"), within("12 B0"), within("03 B1")]).toEqual([
      FWT,
      3_020_650,
      17_821_835, // 59 * FWT
      FWT,
      -1,
    ]);
    expect(link.deselect().next().value).toMatchObject({ within: 4_833_038 });
  });

  test("never over that of FWI 14", () => {
    const link = isoDepPoller({ fwt: 1_237_257_817, fsc: 256, rate: 1, retries: 2 }); // FWI 12
    const exchange = link.exchange(unhex("A0"));
    exchange.next();
    expect(exchange.next({ at: 1, sentAt: 0, got: block("F2 3B") }).value).toMatchObject({ within: 4_949_031_268 });
  });

  test("bounds the start of an answer, however long the answer is", () => {
    // 253 bytes take 21.8 ms at 106 kbit/s, 72 times FWT: the answer starts in time.
    const app = () => ({ response: new Uint8Array(253), took: 100_000 });
    const world = field([{ uid: "08FEE4EC", card: { fwi: 0 }, app }]);
    const { link } = world.run(activateTypeA(READER));
    const already = world.frames().length;
    expect(world.run(link.exchange(unhex("A0"))).answer).toHaveLength(253);
    expect(world.frames().length - already).toBe(2);
  });

  test("a card with the shortest waiting time asks for more within it", () => {
    // The reader's own frame delay, 500 us, is longer than FWT, 302 us.
    const app = () => ({ response: unhex("9000"), took: 400_000 });
    const world = field([{ uid: "08FEE4EC", card: { fwi: 0 }, app }]);
    const { link } = world.run(activateTypeA(READER));
    const already = world.frames().length;
    world.run(link.exchange(unhex("A0")));
    const frames = world.frames().slice(already);
    expect(frames.map(({ from, bytes }) => `${from} ${hex(bytes.subarray(0, 1))}`)).toEqual([
      "pcd 02",
      "picc F2",
      "pcd F2",
      "picc 02",
    ]);
    expect(frames[1]!.at - frames[0]!.at - frames[0]!.took).toBeLessThan(302_065);
  });

  test("a slow card asks for more in time, and is granted it", () => {
    const app = () => ({ response: unhex("9000"), took: 50_000_000 });
    const world = field([{ uid: "08FEE4EC", card: { fwi: 4 }, app }]);
    const { link } = world.run(activateTypeA(READER));
    const already = world.frames().length;
    const reply = world.run(link.exchange(unhex("A0")));
    const frames = world.frames().slice(already);
    expect(frames.map(({ bytes }) => bytes[0])).toEqual([0x02, 0xf2, 0xf2, 0x02]);
    const [asks, more] = frames;
    expect(more!.at - asks!.at - asks!.took).toBeLessThan(4_833_038);
    // 46 ms are left of the work: twelve times four fifths of FWT, so that it is ready well in time.
    expect(more!.bytes[1]).toBe(12);
    // Nothing but the work and the answer's five bytes (47 bits, 443.66 us), and the 1236/fc at its end.
    expect(reply.took).toBeGreaterThanOrEqual(50_000_000 + 443_658);
    expect(reply.took).toBeLessThan(50_000_000 + 443_658 + 100_000);
  });
});

describe("how long an answer took", () => {
  const run = (answers: readonly (readonly [at: number, sentAt: number, got?: ReturnType<typeof block>])[]) => {
    const exchange = isoDepPoller({ fwt: 1, fsc: 256, rate: 1, retries: 2 }).exchange(unhex("A0"));
    let step = exchange.next();
    for (const [at, sentAt, got] of answers) step = exchange.next({ at, sentAt, ...(got && { got }) });
    if (!step.done) throw new Error(text(step.value.send[0]!));
    return step.value;
  };
  // The command block has 4 bytes: 38 bits, 4864/fc = 358,702 ns.
  const start = 1_000_000;
  const from = start - 358_702;

  test("is counted from the command's last bit to the answer's last", () => {
    expect(run([[1_500_000, start, block("02 B0")]])).toMatchObject({ took: 500_000, from, until: 1_500_000 });
  });

  test("with more time and repetitions in it", () => {
    const reply = run([
      [1_500_000, start, block("F2 01")],
      [2_500_000, 2_000_000, spoilt(block("02 B0"))],
      [3_500_000, 3_000_000, block("02 B0")],
    ]);
    expect(reply).toMatchObject({ took: 2_500_000, from, until: 3_500_000 });
  });

  test("from the command that arrived, when the first did not", () => {
    const reply = run([
      [1_500_000, start],
      [2_500_000, 2_000_000, block("A3")],
      [3_500_000, 3_000_000, block("02 B0")],
    ]);
    expect(reply).toMatchObject({ took: 500_000, from, until: 3_500_000 });
  });
});
