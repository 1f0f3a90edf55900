import { describe, expect, test } from "vitest";
import { converse, converseSync, type Link, type SyncLink } from "../../../src/util/converse.js";
import {
  answerWith,
  over,
  type Asking,
  type Dialogue,
  type Reply,
  type Turn,
  type Wake,
} from "../../../src/util/dialogue.js";

const turn = (send: readonly string[], within = 10): Turn<string> => ({ send, within });

/** Sends the texts one by one and gives back what came for each. */
function* each(texts: readonly string[]): Dialogue<string, string, readonly (string | undefined)[]> {
  const got: (string | undefined)[] = [];
  for (const text of texts) got.push((yield turn([text])).got);
  return got;
}

/** Answers with the text in upper case; `throwing` at that turn. */
const echo = (
  throwing: ReadonlyMap<number, Error> = new Map(),
): SyncLink<string, string> & { turns: Turn<string>[] } => {
  const turns: Turn<string>[] = [];
  return {
    turns,
    turn(asked) {
      turns.push(asked);
      const error = throwing.get(turns.length);
      if (error) throw error;
      const at = turns.length * 100;
      return asked.send.length === 0
        ? { at, sentAt: at }
        : { at, sentAt: at - 5, got: asked.send.join("").toUpperCase() };
    },
  };
};
const later = (link: SyncLink<string, string>): Link<string, string> => ({
  turn: async (asked, signal) => {
    await Promise.resolve();
    signal?.throwIfAborted();
    return link.turn(asked);
  },
  close: async () => {},
});

describe("both drivers", () => {
  test("run a dialogue to its end, with the same turns", async () => {
    const one = echo();
    const other = echo();
    expect(converseSync(each(["a", "b"]), one)).toEqual(["A", "B"]);
    expect(await converse(each(["a", "b"]), later(other))).toEqual(["A", "B"]);
    expect(one.turns).toEqual(other.turns);
  });

  test("a dialogue that asks nothing ends at once", async () => {
    expect(converseSync(each([]), echo())).toEqual([]);
    expect(await converse(each([]), later(echo()))).toEqual([]);
  });

  test("throw the wire's error into the dialogue, which may go on", async () => {
    function* stubborn(): Dialogue<string, string, string> {
      try {
        yield turn(["first"]);
      } catch (error) {
        return `${(error as Error).message}, then ${(yield turn(["again"])).got}`;
      }
      return "no error";
    }
    const broken = (): SyncLink<string, string> => echo(new Map([[1, new Error("broken")]]));
    expect(converseSync(stubborn(), broken())).toBe("broken, then AGAIN");
    expect(await converse(stubborn(), later(broken()))).toBe("broken, then AGAIN");
  });

  test("let an error through that the dialogue does not take", async () => {
    const broken = (): SyncLink<string, string> => echo(new Map([[2, new Error("broken")]]));
    expect(() => converseSync(each(["a", "b"]), broken())).toThrow("broken");
    await expect(converse(each(["a", "b"]), later(broken()))).rejects.toThrow("broken");
  });

  test("an error of the dialogue itself comes out", () => {
    // eslint-disable-next-line require-yield
    function* bug(): Dialogue<string, string, string> {
      throw new RangeError("a bug");
    }
    expect(() => converseSync(bug(), echo())).toThrow(RangeError);
  });
});

describe("abort", () => {
  const ABORTED = new Error("no longer wanted");

  /** Aborts during turn `at`; the dialogue says goodbye with `farewells` turns. */
  async function aborted(
    at: number,
    farewells: number,
    options: { farewell?: number } = {},
  ): Promise<{ sent: string[]; closed: boolean; end: unknown }> {
    const controller = new AbortController();
    const sent: string[] = [];
    let closed = false;
    function* dialogue(): Dialogue<string, string, string> {
      let count = 0;
      try {
        for (;;) yield turn([`work ${++count}`]);
      } catch (error) {
        for (let i = 1; i <= farewells; i++) yield turn([`bye ${i}`]);
        if (error !== ABORTED) throw error;
        return "said goodbye";
      } finally {
        closed = true;
      }
    }
    const link: Link<string, string> = {
      turn: async (asked, signal): Promise<Wake<string>> => {
        sent.push(...asked.send);
        if (sent.length === at) controller.abort(ABORTED);
        await Promise.resolve();
        signal?.throwIfAborted();
        return { at: 0, sentAt: 0, got: "ok" };
      },
      close: async () => {},
    };
    const end: unknown = await converse(dialogue(), link, { signal: controller.signal, ...options }).catch(
      (error: unknown) => error,
    );
    return { sent, closed, end };
  }

  test("throws the reason into the dialogue, which says goodbye and ends", async () => {
    expect(await aborted(2, 1)).toEqual({ sent: ["work 1", "work 2", "bye 1"], closed: true, end: "said goodbye" });
    expect(await aborted(2, 2)).toMatchObject({ sent: ["work 1", "work 2", "bye 1", "bye 2"], end: "said goodbye" });
    expect(await aborted(1, 0)).toMatchObject({ sent: ["work 1"], end: "said goodbye" });
  });

  test("closes a dialogue that does not stop, and throws the reason", async () => {
    expect(await aborted(1, 3)).toEqual({ sent: ["work 1", "bye 1", "bye 2"], closed: true, end: ABORTED });
    expect(await aborted(1, 1, { farewell: 0 })).toEqual({ sent: ["work 1"], closed: true, end: ABORTED });
    expect(await aborted(1, 9, { farewell: 5 })).toMatchObject({
      sent: ["work 1", "bye 1", "bye 2", "bye 3", "bye 4", "bye 5"],
      end: ABORTED,
    });
  });

  test("before the first turn, sends nothing but the farewell", async () => {
    const link = echo();
    await expect(converse(each(["a"]), later(link), { signal: AbortSignal.abort(ABORTED) })).rejects.toBe(ABORTED);
    expect(link.turns).toEqual([]);
  });
});

describe("over", () => {
  const question = function* (asked: string): Dialogue<string, string, Reply<string>> {
    const wake = yield turn([`<${asked}>`]);
    return { answer: wake.got ?? "nothing", took: wake.at - wake.sentAt };
  };

  test("carries questions below and answers up", () => {
    function* upper(): Asking<string, string, string> {
      const one = yield "one";
      const two = yield "two";
      return `${one.answer} ${two.answer} ${one.took + two.took}`;
    }
    expect(converseSync(over(upper(), question), echo())).toBe("<ONE> <TWO> 10");
  });

  test("lets the upper end take an error from below and go on", () => {
    function* upper(): Asking<string, string, string> {
      try {
        yield "one";
      } catch (error) {
        return `${(error as Error).message}; ${(yield "two").answer}`;
      }
      return "no error";
    }
    expect(converseSync(over(upper(), question), echo(new Map([[1, new Error("broken")]])))).toBe("broken; <TWO>");
  });

  test("always closes the upper end", () => {
    let closed = 0;
    function* upper(): Asking<string, string, string> {
      try {
        return (yield "one").answer;
      } finally {
        closed++;
      }
    }
    expect(() => converseSync(over(upper(), question), echo(new Map([[1, new Error("broken")]])))).toThrow("broken");
    expect(closed).toBe(1);
    const abandoned = over(upper(), question);
    abandoned.next();
    abandoned.return(undefined as never);
    expect(closed).toBe(2);
    expect(converseSync(over(upper(), question), echo())).toBe("<ONE>");
    expect(closed).toBe(3);
  });
});

describe("answerWith", () => {
  function* upper(): Asking<string, string, string> {
    let said = "";
    for (const text of ["a", "b"])
      try {
        said += (yield text).answer;
      } catch (error) {
        said += `(${(error as Error).message})`;
      }
    return said;
  }

  test("answers at once, and throws into the asking", () => {
    expect(answerWith(upper(), (asked) => ({ answer: asked.repeat(2), took: 0 }))).toBe("aabb");
    expect(
      answerWith(upper(), (asked) => {
        if (asked === "a") throw new Error("no");
        return { answer: asked, took: 0 };
      }),
    ).toBe("(no)b");
  });
});
