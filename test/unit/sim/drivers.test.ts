import { describe, expect, test } from "vitest";
import type { Air } from "../../../emulator/rf/air.js";
import { Sim } from "../../../emulator/sim/sim.js";
import type { Frame } from "../../../src/protocols/iso14443/frame.js";
import { activateTypeA } from "../../../src/protocols/iso14443/poller.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { converse, type Link } from "../../../src/util/converse.js";
import type { Dialogue } from "../../../src/util/dialogue.js";
import { isTapbenchError } from "../../../src/util/errors.js";
import { Hub, type Wire } from "../../../src/util/hub.js";
import { field, READER, spoilt } from "../iso14443/kit.js";

/** Lets promises settle, then the next thing in virtual time happen, until `done` is. */
async function live<R>(sim: Sim, done: Promise<R>): Promise<R> {
  let over = false;
  const end = done.finally(() => (over = true));
  end.catch(() => {});
  for (let idle = 0; !over && idle < 100;) {
    await new Promise((resolve) => setImmediate(resolve));
    idle = over || sim.step() ? 0 : idle + 1;
  }
  return end;
}

/** The same air, seen through promises. */
const linkOf = (air: Air): Link<Frame, Frame> => ({
  turn: (turn, signal) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      air.begin(turn, resolve);
    }),
  close: async () => {},
});

function* tap(): Dialogue<Frame, Frame, string[]> {
  const { link } = yield* activateTypeA({ ...READER, fsdi: 0 });
  const answers: string[] = [];
  for (const apdu of ["00A40400", "80CA9F36".repeat(20), "00B2010C"])
    answers.push(hex((yield* link.exchange(unhex(apdu))).answer));
  yield* link.deselect();
  return answers;
}

const world = () => {
  const it = field([
    { uid: "04631982CC2280", card: { fsci: 0, fwi: 2 }, app: (apdu) => ({ response: apdu, took: 3e6 }) },
  ]);
  let frames = 0;
  it.air.disturb = (frame) => (++frames % 11 === 4 && frames > 12 ? spoilt(frame) : frame);
  return it;
};

test("the synchronous and the asynchronous driver give the same trace, frame by frame", async () => {
  const [sync, async] = [world(), world()];
  const answers = sync.run(tap());
  expect(await live(async.sim, converse(tap(), linkOf(async.air)))).toEqual(answers);
  expect(async.frames()).toEqual(sync.frames());
  expect(sync.frames().filter(({ fault }) => fault === "corrupted").length).toBeGreaterThan(2);
  expect(answers[0]).toBe("00A40400");
});

describe("abort", () => {
  /** Until it is told to stop; then it takes leave of the card. */
  function* endless(counts: { exchanges: number; farewell?: boolean }): Dialogue<Frame, Frame, never> {
    const { link } = yield* activateTypeA(READER);
    try {
      for (;;) {
        yield* link.exchange(unhex("00B2010C"));
        counts.exchanges++;
      }
    } catch (error) {
      counts.farewell = yield* link.deselect();
      throw error;
    }
  }

  test.each([0, 1])(
    "is thrown into the dialogue, which says goodbye with DESELECT (%i frames of it lost)",
    async (lost) => {
      const { sim, air, frames, cards } = field([{ uid: "08FEE4EC" }]);
      const stop = new AbortController();
      const counts: { exchanges: number; farewell?: boolean } = { exchanges: 0 };
      let left = lost;
      air.disturb = (frame, from) => {
        if (counts.exchanges === 5) stop.abort(new Error("enough"));
        return from === "pcd" && frame.bytes[0] === 0xc2 && left-- > 0 ? undefined : frame;
      };
      const run = converse(endless(counts), linkOf(air), { signal: stop.signal });
      await expect(live(sim, run)).rejects.toThrow("enough");
      expect(counts.farewell).toBe(true);
      expect(cards[0]!.state.phase).toBe("halt");
      expect(hex(frames().at(-1)!.bytes)).toBe("C2E0B4");
    },
  );

  test("gives a farewell two turns and no more", async () => {
    const { sim, air, frames } = field([{ uid: "08FEE4EC" }]);
    const stop = new AbortController();
    const counts = { exchanges: 0 };
    air.disturb = (frame) => {
      if (counts.exchanges === 3) stop.abort(new Error("enough"));
      return frame.bytes[0] === 0xc2 ? undefined : frame;
    };
    await expect(live(sim, converse(endless(counts), linkOf(air), { signal: stop.signal }))).rejects.toThrow("enough");
    expect(frames().filter(({ from, bytes }) => from === "pcd" && bytes[0] === 0xc2)).toHaveLength(2);
  });
});

/** A wire in virtual time: 10 a message; `peer` says what comes back, and when. */
function simulatedWire(sim: Sim, peer: (message: string) => readonly (readonly [after: number, answer: string])[]) {
  let events: Parameters<Wire<string, string>["open"]>[0];
  const wire: Wire<string, string> = {
    open: (given) => {
      events = given;
    },
    send: (message) =>
      new Promise((resolve) => {
        sim.at(sim.now + 10, () => {
          for (const [after, answer] of peer(message)) sim.at(sim.now + after, () => events.message(answer, sim.now));
          resolve(sim.now);
        });
      }),
    close: async () => {},
  };
  return wire;
}

describe("a hub", () => {
  function* talk(name: string, count: number): Dialogue<string, string, string[]> {
    const got: string[] = [];
    for (let i = 0; i < count; i++) {
      const { got: answer } = yield { send: [`${name}${i}`], within: 1_000 };
      got.push(answer ?? "-");
    }
    return got;
  }

  test("carries several conversations over one wire, each with its own answers", async () => {
    const sim = new Sim();
    const strays: string[] = [];
    const wire = simulatedWire(sim, (message) => [
      [message.startsWith("a") ? 50 : 7, `${message} yes`],
      [60, `z ${message}`],
    ]);
    const hub = new Hub(wire, sim.clock, (message) => strays.push(message));
    const names = ["a", "b", "c"];
    const views = names.map((name) => hub.view((message) => message.startsWith(name)));
    const all = Promise.all(names.map((name, i) => converse(talk(name, 3), views[i]!)));
    expect(await live(sim, all)).toEqual(names.map((name) => [0, 1, 2].map((i) => `${name}${i} yes`)));
    while (sim.step());
    expect(strays).toHaveLength(9);
    expect(hub.views).toBe(3);
    await Promise.all(views.map(async (view) => view.close()));
    expect(hub.views).toBe(0);
  });

  test("a conversation that gets nothing ends at its deadline while another goes on", async () => {
    const sim = new Sim();
    const hub = new Hub(
      simulatedWire(sim, (message) => (message.startsWith("a") ? [[5, message]] : [])),
      sim.clock,
      () => {},
    );
    const [a, b] = ["a", "b"].map((name) =>
      converse(
        talk(name, 2),
        hub.view((message) => message.startsWith(name)),
      ),
    );
    expect(await live(sim, Promise.all([a, b]))).toEqual([
      ["a0", "a1"],
      ["-", "-"],
    ]);
  });

  test("names a closed view, and one that was not read fast enough", async () => {
    const sim = new Sim();
    const flood = Array.from({ length: 5 }, (_, i) => [i, "x"] as const);
    const hub = new Hub(
      simulatedWire(sim, () => flood),
      sim.clock,
      () => {},
    );
    const view = hub.view(() => true, 3);
    const code = async (turn: Promise<unknown>): Promise<unknown> =>
      live(sim, turn).then(
        () => "fine",
        (error: unknown) => (isTapbenchError(error) ? error.code : error),
      );
    expect(await code(view.turn({ send: ["go"], within: 100 }))).toBe("fine");
    while (sim.step());
    expect(await code(view.turn({ send: [], within: 100 }))).toBe("util/link-overflow");
    await view.close();
    expect(await code(view.turn({ send: [], within: 100 }))).toBe("util/link-closed");
  });
});
