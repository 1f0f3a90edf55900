import { describe, expect, test } from "vitest";
import type { Turn } from "../../../src/util/dialogue.js";
import { utilError, type TapbenchError } from "../../../src/util/errors.js";
import { Hub, type Wire } from "../../../src/util/hub.js";
import type { Clock, Nanos } from "../../../src/util/time.js";

/** Time that passes when the test says so. */
class ManualClock implements Clock {
  time: Nanos = 0;
  readonly timers = new Map<object, { at: Nanos; run: () => void }>();

  now(): Nanos {
    return this.time;
  }
  after(delay: Nanos, run: () => void): () => void {
    const id = {};
    this.timers.set(id, { at: this.time + delay, run });
    return () => void this.timers.delete(id);
  }
  pass(time: Nanos): void {
    this.time += time;
    for (const [id, timer] of this.timers) {
      if (timer.at > this.time) continue;
      this.timers.delete(id);
      timer.run();
    }
  }
}

function scene(): {
  readonly clock: ManualClock;
  readonly hub: Hub<string, string>;
  readonly sent: string[];
  readonly strays: string[];
  readonly receive: (message: string) => void;
  readonly hangUp: (cause: TapbenchError) => void;
} {
  const clock = new ManualClock();
  const sent: string[] = [];
  const strays: string[] = [];
  let events!: Parameters<Wire<string, string>["open"]>[0];
  const wire: Wire<string, string> = {
    open: (handlers) => void (events = handlers),
    send: async (message) => {
      sent.push(message);
      return (clock.time += 10);
    },
    close: async () => {},
  };
  const hub = new Hub(wire, clock, (message) => strays.push(message));
  return {
    clock,
    hub,
    sent,
    strays,
    receive: (message) => events.message(message, clock.time),
    hangUp: (cause) => events.closed(cause),
  };
}

const asks = (...send: readonly string[]): Turn<string> => ({ send, within: 100 });
const settled = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await Promise.resolve();
};
const GONE = utilError("link-closed", "unplugged");

describe("a view", () => {
  test("sends, and wakes with what comes, and when", async () => {
    const { hub, sent, receive, clock } = scene();
    const link = hub.view(() => true);
    const waking = link.turn(asks("a", "b"));
    await settled();
    expect(sent).toEqual(["a", "b"]);
    clock.pass(30);
    receive("hello");
    expect(await waking).toEqual({ at: 50, sentAt: 20, got: "hello" });
    expect(clock.timers.size).toBe(0);
  });

  test("wakes at the deadline with nothing", async () => {
    const { hub, clock } = scene();
    const waking = hub.view(() => true).turn(asks("a"));
    await settled();
    clock.pass(99);
    clock.pass(1);
    expect(await waking).toEqual({ at: 110, sentAt: 10 });
  });

  test("keeps what came early, in order", async () => {
    const { hub, receive } = scene();
    const link = hub.view(() => true);
    receive("one");
    receive("two");
    expect((await link.turn(asks())).got).toBe("one");
    expect((await link.turn(asks())).got).toBe("two");
  });

  test("says when messages came faster than it read them", async () => {
    const { hub, receive } = scene();
    const link = hub.view(() => true, 2);
    for (const message of ["one", "two", "three"]) receive(message);
    await expect(link.turn(asks())).rejects.toMatchObject({ code: "util/link-overflow", context: { bound: 2 } });
  });
});

describe("several views", () => {
  test("take what is theirs; the rest are strays", async () => {
    const { hub, receive, strays } = scene();
    const a = hub.view((message) => message.startsWith("a"));
    const b = hub.view((message) => message.startsWith("b"));
    const waking = [a.turn(asks()), b.turn(asks())];
    await settled();
    receive("c1");
    receive("b1");
    receive("a1");
    expect((await Promise.all(waking)).map(({ got }) => got)).toEqual(["a1", "b1"]);
    expect(strays).toEqual(["c1"]);
  });

  test("the first to open takes a message that both would take", async () => {
    const { hub, receive } = scene();
    const first = hub.view(() => true);
    const second = hub.view(() => true);
    receive("x");
    expect((await first.turn(asks())).got).toBe("x");
    await first.close();
    receive("y");
    expect((await second.turn(asks())).got).toBe("y");
    expect(hub.views).toBe(1);
  });
});

describe("the end", () => {
  test("a wire that goes wakes everybody with its cause", async () => {
    const { hub, hangUp } = scene();
    const a = hub.view(() => true);
    const b = hub.view(() => false);
    const waking = [a.turn(asks()), b.turn(asks())].map((wake) => wake.catch((error: unknown) => error));
    await settled();
    hangUp(GONE);
    expect(await Promise.all(waking)).toEqual([GONE, GONE]);
    await expect(a.turn(asks("more"))).rejects.toBe(GONE);
  });

  test("but what came before is still read", async () => {
    const { hub, receive, hangUp } = scene();
    const link = hub.view(() => true);
    receive("last words");
    hangUp(GONE);
    expect((await link.turn(asks())).got).toBe("last words");
    await expect(link.turn(asks())).rejects.toBe(GONE);
  });

  test("a view that was closed takes no more turns", async () => {
    const { hub } = scene();
    const link = hub.view(() => true);
    await link.close();
    await expect(link.turn(asks())).rejects.toMatchObject({ code: "util/link-closed" });
    expect(hub.views).toBe(0);
  });

  test("abort rejects with its reason, and cancels the timer", async () => {
    const { hub, clock } = scene();
    const controller = new AbortController();
    const reason = new Error("enough");
    const waking = hub.view(() => true).turn(asks("a"), controller.signal);
    await settled();
    controller.abort(reason);
    await expect(waking).rejects.toBe(reason);
    expect(clock.timers.size).toBe(0);
  });

  test("abort before the turn sends, but does not wait", async () => {
    const { hub, clock } = scene();
    await expect(hub.view(() => true).turn(asks("a"), AbortSignal.abort(GONE))).rejects.toBe(GONE);
    expect(clock.timers.size).toBe(0);
  });
});
