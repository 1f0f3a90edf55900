import fc from "fast-check";
import { expect, test } from "vitest";
import type { Frame, Rate } from "../../src/protocols/iso14443/frame.js";
import { poweredUp, typeAListener, type TypeAState } from "../../src/protocols/iso14443/listener.js";
import { activateTypeA, inventory } from "../../src/protocols/iso14443/poller.js";
import { hex, unhex } from "../../src/util/bytes.js";
import type { Dialogue } from "../../src/util/dialogue.js";
import { TapbenchError } from "../../src/util/errors.js";
import { block, echo, field, PHONE, raw, READER, short } from "../unit/iso14443/kit.js";

const rate = fc.constantFrom<Rate>(1, 2, 4, 8);
const payload = fc.uint8Array({ minLength: 1, maxLength: 40 });
/** Starts of frames that lead further into the protocol than chance would. */
const starts = [
  "02",
  "03",
  "12",
  "13",
  "A2",
  "A3",
  "B2",
  "B3",
  "C2",
  "CA00",
  "F201",
  "F23B",
  "0A00",
  "D01100",
  "E080",
  "5000",
];

const anyFrame: fc.Arbitrary<Frame> = fc.oneof(
  fc.constantFrom(short(0x26), short(0x52), raw("93 20"), block("93 70 08 FE E4 EC FE"), block("E0 80"), block("C2")),
  fc.tuple(payload, rate).map(([bytes, r]) => block(hex(bytes), r)),
  fc
    .tuple(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 20 }))
    .map(([start, bytes]) => block(start + hex(bytes))),
  fc
    .record({
      bytes: fc.uint8Array({ maxLength: 300 }),
      cut: fc.nat(7),
      rate,
      damaged: fc.boolean(),
      collision: fc.option(fc.nat(2_400), { nil: undefined }),
    })
    .map(({ bytes, cut, rate: r, damaged, collision }) => ({
      bytes,
      bits: Math.max(0, bytes.length * 8 - cut),
      rate: r,
      ...(damaged && { damaged: true as const }),
      ...(collision !== undefined && { collision }),
    })),
);

/** Chance alone would seldom get through this. */
const OPENING = [short(0x52), block("93 70 08 FE E4 EC FE"), block("E0 80"), block("02 A0")];

/** Bytes that a state holds on to. */
function held(state: TypeAState): number {
  if (state.phase !== "protocol") return 0;
  const { received, pending, last } = state.isoDep;
  return (
    received.reduce((sum, part) => sum + part.length, received.length) + pending.length + (last?.bytes.length ?? 0)
  );
}

test("whatever a card hears, it sends one frame at most, holds no more than it may, and never throws", () => {
  const input = fc.option(anyFrame, { nil: undefined, freq: 4 });
  const card = {
    ...PHONE,
    maxCommand: 300,
    fwi: 0,
    toCard: [1, 2, 4, 8],
    toReader: [1, 2, 4, 8],
    sameRates: false,
  } as const;
  const phases = new Set<string>();
  fc.assert(
    fc.property(
      fc.nat(4),
      fc.array(input, { maxLength: 60 }),
      fc.constantFrom(0, 100_000, 2_000_000),
      (skip, inputs, took) => {
        const app = (apdu: Uint8Array) => ({ response: apdu, took });
        const listener = typeAListener(card, app);
        let state: TypeAState = poweredUp(unhex("08FEE4EC"));
        let now = 0;
        for (const frame of [...OPENING.slice(0, skip), ...inputs]) {
          const step = listener(state, frame, now);
          expect(step.send.length).toBeLessThanOrEqual(1);
          for (const { out, after } of step.send) {
            expect(after).toBeGreaterThanOrEqual(86_431); // 1172/fc: no card answers sooner
            expect(out.bytes.length).toBeLessThanOrEqual(256);
            expect(Math.ceil(out.bits / 8)).toBe(out.bytes.length);
          }
          if (step.wakeIn !== undefined) expect(step.wakeIn).toBeGreaterThanOrEqual(0);
          state = step.state;
          // A command of 300 bytes at most, in parts, its answer, and the frame sent last.
          expect(held(state)).toBeLessThanOrEqual(2 * 300 + 300 + 256);
          phases.add(state.phase);
          now += step.wakeIn ?? 500_000;
        }
      },
    ),
    { seed: 4, numRuns: 600 },
  );
  expect([...phases].toSorted()).toEqual(["active", "halt", "idle", "protocol", "ready"]);
});

function* exchanges(): Dialogue<Frame, Frame, string[]> {
  const { link } = yield* activateTypeA({ ...READER, fsdi: 0, maxRate: 8 });
  const answers: string[] = [];
  for (const apdu of ["00A40400", "55".repeat(40)]) answers.push(hex((yield* link.exchange(unhex(apdu))).answer));
  yield* link.deselect();
  return answers;
}

interface Mutation {
  readonly at: number;
  readonly how: "flip" | "cut" | "grow" | "replace" | "block" | "lost";
  readonly where: number;
  readonly with: Uint8Array;
}

function mutated(frame: Frame, { how, where, with: bytes }: Mutation): Frame | undefined {
  const whole = (next: Uint8Array): Frame => ({ ...frame, bytes: next, bits: next.length * 8 });
  switch (how) {
    case "lost":
      return undefined;
    case "flip": {
      const next = frame.bytes.slice();
      if (next.length > 0) next[where % next.length]! ^= 1 << (where & 7);
      return { ...frame, bytes: next };
    }
    case "cut":
      return whole(frame.bytes.slice(0, where % (frame.bytes.length + 1)));
    case "grow":
      return whole(Uint8Array.of(...frame.bytes, ...bytes));
    case "replace":
      return whole(bytes);
    case "block":
      return bytes.length > 0 ? block(hex(bytes), frame.rate) : frame;
  }
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat(50),
  how: fc.constantFrom("flip", "cut", "grow", "replace", "block", "lost"),
  where: fc.nat(300),
  with: fc.oneof(
    fc.uint8Array({ maxLength: 30 }),
    fc.constantFrom(...starts).map(unhex),
    fc
      .tuple(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 16 }))
      .map(([start, rest]) => unhex(start + hex(rest))),
  ),
});

test("whatever a reader hears, it ends: with an answer, or with an error that has a name", () => {
  const codes = new Set<string>();
  fc.assert(
    fc.property(fc.array(mutation, { maxLength: 10 }), (mutations) => {
      const card = { toCard: [1, 2], toReader: [1, 8], sameRates: false } as const;
      const world = field([{ uid: "04631982CC2280", card, app: echo }]);
      let frames = 0;
      let heard = 0;
      world.air.disturb = (frame, from) => {
        expect(++frames).toBeLessThan(5_000);
        if (from === "pcd") return frame;
        const change = mutations.find(({ at }) => at === heard);
        heard++;
        return change ? mutated(frame, change) : frame;
      };
      try {
        world.run(exchanges());
        codes.add("none");
      } catch (error) {
        if (!(error instanceof TapbenchError)) throw error;
        codes.add(error.code);
      }
    }),
    { seed: 5, numRuns: 800 },
  );
  // What the seed reaches: if this shrinks, the mutations no longer do.
  expect([...codes].toSorted()).toEqual([
    "iso14443/bad-ats",
    "iso14443/no-answer",
    "iso14443/no-card",
    "iso14443/not-iso-dep",
    "iso14443/protocol",
    "iso14443/transmission",
    "none",
  ]);
});

test("a card that answers everything at random: the inventory ends", () => {
  const answers = fc.array(fc.option(anyFrame, { nil: undefined }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(answers, (frames) => {
      const dialogue = inventory(2, 4);
      let turns = 0;
      try {
        let step = dialogue.next();
        while (!step.done) {
          const got = frames[turns % frames.length];
          step = dialogue.next({ at: ++turns, sentAt: turns, ...(got && { got }) });
          expect(turns).toBeLessThan(2_000);
        }
        expect(step.value.length).toBeLessThanOrEqual(4);
      } catch (error) {
        if (!(error instanceof TapbenchError)) throw error;
        expect(error.code).toMatch(/^iso14443\//);
      }
    }),
    { seed: 6, numRuns: 1_000 },
  );
});
