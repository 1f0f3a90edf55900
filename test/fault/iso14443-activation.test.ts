import { describe, expect, test } from "vitest";
import type { Frame } from "../../src/protocols/iso14443/frame.js";
import { activateTypeA, type ReaderOptions } from "../../src/protocols/iso14443/poller.js";
import { hex, unhex } from "../../src/util/bytes.js";
import type { Dialogue } from "../../src/util/dialogue.js";
import { TapbenchError } from "../../src/util/errors.js";
import { field, READER, spoilt } from "../unit/iso14443/kit.js";

/*
 * Faults in an activation: any one frame is survived, whatever state the card is left in; none is repeated for ever.
 */
interface Run {
  readonly answer?: string;
  readonly uid?: string;
  readonly rate?: number;
  readonly code?: string;
  readonly frames: number;
}

type Disturb = (frame: Frame, index: number, from: "pcd" | "picc") => Frame | undefined;

function* tap(reader: ReaderOptions): Dialogue<Frame, Frame, Omit<Run, "frames">> {
  const card = yield* activateTypeA(reader);
  const { answer } = yield* card.link.exchange(unhex("00A40400"));
  return { answer: hex(answer), uid: hex(card.uid), rate: card.rates.toCard };
}

function run(uid: string, reader: ReaderOptions, halted: boolean, disturb: Disturb): Run {
  const card = { toCard: [1, 2, 4, 8], toReader: [1, 2, 4, 8] } as const;
  const world = field([{ uid, card }]);
  if (halted) {
    const { link } = world.run(activateTypeA(READER));
    world.run(link.deselect());
    expect(world.cards[0]!.state.phase).toBe("halt");
  }
  let frames = 0;
  world.air.disturb = (frame, from) => disturb(frame, frames++, from);
  try {
    return { ...world.run(tap(reader)), frames };
  } catch (error) {
    if (!(error instanceof TapbenchError)) throw error;
    return { code: error.code, frames };
  }
}

const lost = (): undefined => undefined;
const damaged = (frame: Frame): Frame => ({ ...spoilt(frame), damaged: true });
/** The parity is right: only check bytes show it. */
const sly = (frame: Frame): Frame => spoilt(frame, 2);

const UIDS = ["08FEE4EC", "04631982CC2280", "0102030405060708090A"];
const READERS = [
  ["without PPS", READER],
  ["with PPS", { ...READER, maxRate: 8 }],
  ["with PPS and a CID", { ...READER, maxRate: 8, cid: 5 }],
  ["with PPS, one repetition and one restart", { ...READER, maxRate: 8, retries: 1 }],
] as const satisfies readonly (readonly [string, ReaderOptions])[];
/** WUPA, ATQA; anticollision, UID, SELECT, SAK a level; RATS, ATS; PPS and its answer. */
const framesOf = (uid: string, { maxRate }: ReaderOptions): number =>
  2 + 4 * ((uid.length / 2 - 1) / 3) + 2 + (maxRate > 1 ? 2 : 0);

/** Three starts in which steps are repeated twice, with DESELECT between them: no run here has more frames. */
const MOST = 80;

const cases = UIDS.flatMap((uid) =>
  READERS.flatMap(([name, reader]) =>
    [false, true].map((halted) => [uid, name, halted ? "HALT" : "IDLE", reader] as const),
  ),
);

describe.each(cases)("UID %s, a reader %s, a card in %s", (uid, _, state, reader) => {
  const halted = state === "HALT";
  const activation = framesOf(uid, reader);
  const faster = reader.maxRate > 1;

  test("undisturbed: the frames of the activation, and two more", () => {
    expect(run(uid, reader, halted, (frame) => frame)).toEqual({
      answer: "00A404009000",
      uid,
      rate: faster ? 8 : 1,
      frames: activation + 2,
    });
  });

  test.each([
    ["lost", lost],
    ["damaged", damaged],
    ["changed unseen by the parity", sly],
  ] as const)("each frame %s once: the activation succeeds, and the answer to the APDU is right", (how, fault) => {
    for (let index = 0; index < activation; index++) {
      const got = run(uid, reader, halted, (frame, i) => (i === index ? fault(frame) : frame));
      if (how === "lost" && index === 1 && reader.retries === 1) {
        // The second of two WUPAs only brings the card back from READY: it looks like an empty field.
        expect(got.code).toBe("iso14443/no-card");
        continue;
      }
      expect(got, `frame ${index}`).toMatchObject({ answer: "00A404009000", uid });
      expect(got.frames, `frame ${index}`).toBeLessThan(2 * activation + 20);
      // Once the answer to PPS is missing, the rates stay as they were. A damaged PPS is repeated, and that helps.
      if (faster && index === activation - 1) expect(got.rate).toBe(1);
      else expect(got.rate, `frame ${index}, ${how}`).toBe(faster ? 8 : 1);
    }
  });

  test("all frames from any one on lost or damaged: an error with a name, after a bounded number of frames", () => {
    for (const fault of [lost, damaged])
      for (const only of [undefined, "pcd", "picc"] as const)
        for (let index = 0; index < activation; index++) {
          const got = run(uid, reader, halted, (frame, i, from) =>
            i >= index && (only ?? from) === from ? fault(frame) : frame,
          );
          // A damaged ATQA still says that someone is there, and what it says is not needed.
          expect(got.code, `frame ${index}`).toMatch(/^iso14443\/(no-card|no-answer|transmission)$/);
          if (index > 1 && fault === lost) expect(got.code).toBe("iso14443/no-answer");
          expect(got.frames, `frame ${index}`).toBeLessThanOrEqual(MOST);
        }
  });

  test("one frame's bytes lost or damaged always: the same, or a way without it", () => {
    const whole: string[] = [];
    run(uid, reader, halted, (frame) => (whole.push(hex(frame.bytes)), frame));
    for (const fault of [lost, damaged])
      for (const [index, never] of whole.slice(0, activation).entries()) {
        const got = run(uid, reader, halted, (frame) => (hex(frame.bytes) === never ? fault(frame) : frame));
        expect(got.frames, `frame ${index}`).toBeLessThanOrEqual(MOST);
        // Without PPS, and with an ATQA whose bits nobody needs, there is a way.
        const dispensable =
          index >= 2 * Math.floor((activation - (faster ? 2 : 0)) / 2) || (index === 1 && fault === damaged);
        if (dispensable) expect(got, `frame ${index}`).toMatchObject({ answer: "00A404009000", uid });
        else expect(got.code, `frame ${index}`).toMatch(/^iso14443\/(no-card|no-answer|transmission)$/);
      }
  });
});
