import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Actor } from "../../../emulator/sim/actor.js";
import { SimPort, spawn } from "../../../emulator/sim/port.js";
import { Sim } from "../../../emulator/sim/sim.js";
import { converseSync } from "../../../src/util/converse.js";
import type { Dialogue, Wake } from "../../../src/util/dialogue.js";
import { codeOf } from "../iso14443/kit.js";

describe("virtual time", () => {
  test("things happen by time, then in the order in which they were asked for", () => {
    const sim = new Sim();
    const order: string[] = [];
    for (const [at, name] of [
      [30, "c"],
      [10, "a1"],
      [20, "b"],
      [10, "a2"],
    ] as const)
      sim.at(at, () => order.push(`${sim.now} ${name}`));
    while (sim.step());
    expect(order).toEqual(["10 a1", "10 a2", "20 b", "30 c"]);
  });

  test("what was asked for in the past happens now, after what was due already", () => {
    const sim = new Sim();
    sim.runUntil(100);
    const order: string[] = [];
    sim.at(100, () => order.push("due"));
    sim.at(5, () => order.push(`late at ${sim.now}`));
    sim.runUntil(100);
    expect(order).toEqual(["due", "late at 100"]);
  });

  test("what is cancelled does not happen, and time does not pass for it", () => {
    const sim = new Sim();
    let ran = false;
    sim.at(50, () => (ran = true)).cancel();
    expect(sim.idle).toBe(true);
    expect(sim.step()).toBe(false);
    expect([ran, sim.now]).toEqual([false, 0]);
  });

  test("one thing can cancel another that is due at the same time", () => {
    const sim = new Sim();
    let ran = false;
    sim.at(5, () => second.cancel());
    const second = sim.at(5, () => (ran = true));
    sim.runUntil(5);
    expect(ran).toBe(false);
  });

  test("runUntil does what is due, that included, and stops there", () => {
    const sim = new Sim();
    const ran: number[] = [];
    for (const at of [10, 20, 21]) sim.at(at, () => ran.push(at));
    sim.at(10, () => sim.at(15, () => ran.push(15)));
    sim.runUntil(20);
    expect(ran).toEqual([10, 15, 20]);
    expect(sim.now).toBe(20);
    expect(sim.idle).toBe(false);
    sim.runUntil(3);
    expect(sim.now).toBe(20);
  });

  test("as a clock: later from now, and cancelled", () => {
    const sim = new Sim();
    sim.runUntil(1_000);
    const woken: number[] = [];
    sim.clock.after(500, () => woken.push(sim.clock.now()));
    sim.clock.after(600, () => woken.push(-1))();
    sim.runUntil(5_000);
    expect(woken).toEqual([1_500]);
  });

  test("any number of things, some cancelled: the rest in order", () => {
    const asked = fc.array(fc.record({ at: fc.nat(50), cancel: fc.boolean() }), { maxLength: 200 });
    fc.assert(
      fc.property(asked, (list) => {
        const sim = new Sim();
        const ran: number[] = [];
        const events = list.map(({ at }, i) => sim.at(at, () => ran.push(i)));
        list.forEach(({ cancel }, i) => cancel && events[i]!.cancel());
        while (sim.step());
        const expected = list.map((_, i) => i).filter((i) => !list[i]!.cancel);
        expect(ran).toEqual(expected.toSorted((a, b) => list[a]!.at - list[b]!.at || a - b));
      }),
      { seed: 3, numRuns: 300 },
    );
  });
});

/** A wire that takes 10 a message, and hands it on. */
const wire = (sim: Sim, deliver: (message: string, port: SimPort<string, string>) => void) => {
  const port: SimPort<string, string> = new SimPort(sim, (message) => {
    sim.at(sim.now + 10, () => deliver(message, port));
    return sim.now + 10;
  });
  return port;
};

describe("a port", () => {
  test("wakes with the answer and says when the question had left", () => {
    const sim = new Sim();
    const port = wire(sim, (message, it) => sim.at(sim.now + 7, () => it.arrived(`${message}!`)));
    expect(port.turn({ send: ["hi"], within: 100 })).toEqual({ at: 17, sentAt: 10, got: "hi!" });
  });

  test("wakes at the deadline, counted from when the last message had left", () => {
    const sim = new Sim();
    const port = wire(sim, () => {});
    expect(port.turn({ send: ["a"], within: 100 })).toEqual({ at: 110, sentAt: 10 });
    expect(port.turn({ send: [], within: 5 })).toEqual({ at: 115, sentAt: 10 });
  });

  test("the deadline bounds the start of an answer", () => {
    const sim = new Sim();
    const port = wire(sim, (_, it) => {
      sim.at(sim.now + 90, () => it.answerStarts());
      sim.at(sim.now + 5_000, () => it.arrived("long"));
    });
    expect(port.turn({ send: ["a"], within: 100 })).toEqual({ at: 5_010, sentAt: 10, got: "long" });
  });

  test("an answer that breaks off wakes without one", () => {
    const sim = new Sim();
    const port = wire(sim, (_, it) => {
      it.answerStarts();
      sim.at(sim.now + 30, () => it.brokeOff());
    });
    expect(port.turn({ send: ["a"], within: 10 })).toEqual({ at: 40, sentAt: 10 });
  });

  test("keeps what comes between turns, in order, and forgets it on demand", () => {
    const sim = new Sim();
    const port = wire(sim, () => {});
    for (const message of ["1", "2", "3"]) port.arrived(message);
    expect([port.turn({ send: [], within: 0 }).got, port.turn({ send: [], within: 0 }).got]).toEqual(["1", "2"]);
    port.flush();
    expect(port.turn({ send: [], within: 0 }).got).toBeUndefined();
  });

  test("keeps 1024 messages at most", () => {
    const sim = new Sim();
    const port = wire(sim, () => {});
    for (let i = 0; i < 2_000; i++) port.arrived(String(i));
    let last: string | undefined;
    let kept = 0;
    for (let wake = port.turn({ send: [], within: 0 }); wake.got !== undefined; kept++) {
      last = wake.got;
      wake = port.turn({ send: [], within: 0 });
    }
    expect([kept, last]).toEqual([1_024, "1023"]);
  });
});

/** Asks `count` times and gives back what came, and when. */
function* asking(name: string, count: number, within = 1_000): Dialogue<string, string, string[]> {
  const got: string[] = [];
  for (let i = 0; i < count; i++) {
    const wake: Wake<string> = yield { send: [`${name}${i}`], within };
    got.push(`${wake.at}:${wake.got ?? "-"}`);
  }
  return got;
}

describe("several conversations in one virtual time", () => {
  test("each has its own port, and they take turns by time", () => {
    const sim = new Sim();
    const answering = (delay: number) =>
      wire(sim, (message, it) => sim.at(sim.now + delay, () => it.arrived(message.toUpperCase())));
    const slow = spawn(asking("a", 2), answering(25));
    const quick = spawn(asking("b", 3), answering(5));
    expect(slow()).toEqual({ state: "running" });
    sim.runUntil(40);
    expect(quick()).toEqual({ state: "running" });
    while (sim.step());
    expect(slow()).toEqual({ state: "done", value: ["35:A0", "70:A1"] });
    expect(quick()).toEqual({ state: "done", value: ["15:B0", "30:B1", "45:B2"] });
  });

  test("one that fails does not disturb the other", () => {
    const sim = new Sim();
    function* failing(): Dialogue<string, string, never> {
      yield { send: ["x"], within: 20 };
      throw new Error("enough");
    }
    const port = () => wire(sim, (message, it) => it.arrived(message));
    const [bad, good] = [spawn(failing(), port()), spawn(asking("c", 2), port())];
    while (sim.step());
    expect(bad()).toMatchObject({ state: "failed", error: new Error("enough") });
    expect(good()).toMatchObject({ state: "done" });
  });

  test("one that waits for nothing that can happen is named, not waited for", () => {
    const sim = new Sim();
    const port = new SimPort<string, string>(sim, () => sim.now);
    function* stuck(): Dialogue<string, string, void> {
      yield { send: [], within: 10 };
    }
    sim.at(5, () => port.answerStarts());
    expect(codeOf(() => converseSync(stuck(), port))).toBe("emulator/stuck");
  });
});

describe("an actor", () => {
  const actor = (sim: Sim, sent: string[]) =>
    new Actor<number, string, string>(
      sim,
      (state, input, now) =>
        input === undefined
          ? { state: state + 1, send: [{ out: `timer ${now}`, after: 0 }], ...(state < 2 && { wakeIn: 10 }) }
          : { state: 0, send: [], wakeIn: 10 },
      0,
      (send) => sent.push(...send.map(({ out }) => out)),
    );

  test("runs its timer, again and again while it asks for it", () => {
    const [sim, sent] = [new Sim(), [] as string[]];
    actor(sim, sent).receive("go");
    while (sim.step());
    expect(sent).toEqual(["timer 10", "timer 20", "timer 30"]);
  });

  test("an input cancels the timer that was running; without power there is none", () => {
    const [sim, sent] = [new Sim(), [] as string[]];
    const it = actor(sim, sent);
    it.receive("go");
    sim.runUntil(9);
    it.receive("again");
    sim.runUntil(18);
    expect(sent).toEqual([]);
    it.stop();
    sim.runUntil(100);
    expect(sent).toEqual([]);
  });
});
