import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Frame } from "../../src/protocols/iso14443/frame.js";
import type { CardApp } from "../../src/protocols/iso14443/isodep-listener.js";
import { activateTypeA } from "../../src/protocols/iso14443/poller.js";
import { hex, unhex } from "../../src/util/bytes.js";
import type { Dialogue } from "../../src/util/dialogue.js";
import { TapbenchError } from "../../src/util/errors.js";
import { field, READER, spoilt } from "../unit/iso14443/kit.js";

/** Three commands; frames of 32 bytes make the second chain there and the third back. */
const COMMANDS = ["00A40400", `80E20000${"55".repeat(60)}`, "00B2010C00"];
const ANSWERS = ["6F108407A0000000041010A5059000", "9000", `70${"66".repeat(70)}9000`];

interface Outcome {
  readonly answers: string[];
  readonly code?: string;
  /** What the application was given. */
  readonly seen: string[];
  readonly frames: number;
  readonly faults: number;
}

function* tap(answers: string[]): Dialogue<Frame, Frame, void> {
  const { link } = yield* activateTypeA({ ...READER, fsdi: 2 });
  for (const command of COMMANDS) answers.push(hex((yield* link.exchange(unhex(command))).answer));
}

function run(disturb: (frame: Frame, index: number) => Frame | undefined, took = 0): Outcome {
  const seen: string[] = [];
  const app: CardApp = (apdu) => {
    seen.push(hex(apdu));
    return { response: unhex(ANSWERS[COMMANDS.indexOf(hex(apdu))] ?? "6F00"), took };
  };
  const world = field([{ uid: "08FEE4EC", card: { fsci: 2, fwi: 0 }, app }]);
  let index = 0;
  let faults = 0;
  world.air.disturb = (frame) => {
    const arrives = disturb(frame, index++);
    if (arrives !== frame) faults++;
    return arrives;
  };
  const answers: string[] = [];
  let code: string | undefined;
  try {
    world.run(tap(answers));
  } catch (error) {
    if (!(error instanceof TapbenchError)) throw error;
    code = error.code;
  }
  return { answers, ...(code !== undefined && { code }), seen, frames: index, faults };
}

/** Never a wrong answer, never a command run twice or invented. */
function expectHonest({ answers, code, seen }: Outcome): void {
  expect(answers).toEqual(ANSWERS.slice(0, answers.length));
  expect(seen).toEqual(COMMANDS.slice(0, seen.length));
  expect(seen.length).toBeGreaterThanOrEqual(answers.length);
  if (code === undefined) expect(answers).toHaveLength(3);
  else expect(code).toMatch(/^iso14443\//);
}

const lost = (): undefined => undefined;
const noisy = (frame: Frame): Frame => ({ ...spoilt(frame), damaged: true });
/** Wrong bits with a right parity: only check bytes show them. */
const sly = (frame: Frame): Frame => spoilt(frame, 2);

/** Activation is eight frames: WUPA, ATQA, anticollision, UID, SELECT, SAK, RATS, ATS. */
const ACTIVATION = 8;
const undisturbed = run((frame) => frame);

test("nothing goes wrong by itself", () => {
  expect(undisturbed.code).toBeUndefined();
  expectHonest(undisturbed);
  // 1 block each way; 3 parts with 2 R(ACK), 1 answer; 1 command, 3 parts with 2 R(ACK).
  expect(undisturbed.frames).toBe(ACTIVATION + 2 + 6 + 6);
});

describe.each([
  ["lost", lost, 0],
  ["damaged", noisy, 0],
  ["changed unseen by the parity", sly, 0],
  ["lost, by a card that asks for more time", lost, 400_000],
  ["damaged, by a card that asks for more time", noisy, 400_000],
] as const)("one frame is %s", (_, fault, took) => {
  const { frames } = run((frame) => frame, took);
  const indices = Array.from({ length: frames - ACTIVATION }, (_, i) => i + ACTIVATION);

  test.each(indices)("frame %i, after activation: all answers are right", (index) => {
    const outcome = run((frame, i) => (i === index ? fault(frame) : frame), took);
    expect(outcome.faults).toBe(1);
    expect(outcome.code).toBeUndefined();
    expectHonest(outcome);
  });
});

describe("one frame of the activation", () => {
  // Where the card has left its state (a damaged anticollision command or SELECT sends it to IDLE; it answers one RATS only), the reader
  // starts again from WUPA. It once gave up there by name. More of it: iso14443-activation.test.ts.
  test.each([
    [0, "WUPA"],
    [1, "ATQA"],
    [2, "the anticollision command"],
    [3, "the UID"],
    [4, "SELECT"],
    [5, "SAK"],
    [6, "RATS"],
    [7, "the ATS"],
  ] as const)("%i, %s: lost or damaged, and all answers are right (2, 4, 5 and 7 once ended the tap)", (index, _) => {
    for (const fault of [lost, noisy]) {
      const outcome = run((frame, i) => (i === index ? fault(frame) : frame));
      expectHonest(outcome);
      expect(outcome.code).toBeUndefined();
    }
  });
});

test("more faults in a row than retries: named, each time", () => {
  for (let index = ACTIVATION; index < undisturbed.frames; index++) {
    const outcome = run((frame, i) => (i >= index ? undefined : frame));
    expectHonest(outcome);
    expect(outcome.code).toBe("iso14443/no-answer");
  }
});

test("random noise: the answers are right or the error has a name, and no command is run twice", () => {
  const fates = fc.array(fc.constantFrom("lost", "noisy", "fine", "fine", "fine", "fine", "fine", "fine"), {
    maxLength: 120,
  });
  let [right, named] = [0, 0];
  fc.assert(
    fc.property(fates, fc.constantFrom(0, 200_000, 400_000, 3_000_000), (fate, took) => {
      const outcome = run((frame, i) => {
        const what = i < ACTIVATION ? "fine" : fate[i - ACTIVATION];
        return what === "lost" ? undefined : what === "noisy" ? noisy(frame) : frame;
      }, took);
      expectHonest(outcome);
      if (outcome.code === undefined) right++;
      else named++;
    }),
    { seed: 1, numRuns: 1_500 },
  );
  // The seed decides: both happen, so neither branch above is empty.
  expect(right).toBeGreaterThan(300);
  expect(named).toBeGreaterThan(50);
});

test("random noise from the first frame on", () => {
  const bits = fc.array(fc.record({ at: fc.nat(60), bit: fc.nat(7), lost: fc.boolean() }), { maxLength: 12 });
  fc.assert(
    fc.property(bits, (faults) => {
      const outcome = run((frame, i) => {
        const fault = faults.find(({ at }) => at === i);
        if (!fault) return frame;
        return fault.lost ? undefined : { ...spoilt(frame, fault.bit % frame.bits), damaged: true };
      });
      expectHonest(outcome);
    }),
    { seed: 2, numRuns: 1_000 },
  );
});

test("the field goes while a frame is on the air: the reader ends by name", () => {
  for (let index = 0; index < undisturbed.frames; index++) {
    const world = field([{ uid: "08FEE4EC", card: { fsci: 2, fwi: 0 } }]);
    let i = 0;
    world.air.disturb = (frame) => {
      if (i++ === index) world.sim.at(world.sim.now + 50_000, () => world.air.powerOff());
      return frame;
    };
    let code = "";
    try {
      world.run(tap([]));
    } catch (error) {
      code = (error as TapbenchError).code;
    }
    expect(code, `frame ${index}`).toMatch(/^iso14443\/(no-answer|no-card)$/);
    // As it was when the field went: a frame cut off changes nothing, an answer's state is entered before it is sent.
    const phase = index === 0 ? "idle" : index <= 4 ? "ready" : index <= 6 ? "active" : "protocol";
    expect(world.cards[0]!.state.phase, `frame ${index}`).toBe(phase);
    expect(world.air.fieldOn).toBe(false);
  }
});
