import { describe, expect, test } from "vitest";
import type { CborMap } from "../../../src/codec/cbor.js";
import { encodeCbor } from "../../../src/codec/cbor.js";
import { valueOf, type Outcome } from "../../../src/protocols/smp/answer.js";
import { os } from "../../../src/protocols/smp/groups/os.js";
import { shell } from "../../../src/protocols/smp/groups/shell.js";
import { decodeSmp, encodeSmp } from "../../../src/protocols/smp/header.js";
import { Sequences, SmpPoller, type PollerOptions } from "../../../src/protocols/smp/poller.js";
import { converseSync } from "../../../src/util/converse.js";
import type { Dialogue, Turn, Wake } from "../../../src/util/dialogue.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { isTapbenchError } from "../../../src/util/errors.js";
import { MS, SECOND } from "../../../src/util/time.js";

const code = (name: string): unknown => expect.objectContaining({ code: name });

/** What a scripted device does with each request: messages back and when, from the time of the request. */
type Script = (request: Uint8Array, nth: number) => readonly { readonly after: number; readonly message: Uint8Array }[];

function talk<R>(dialogue: Dialogue<Uint8Array, Uint8Array, R>, script: Script) {
  const sent: { at: number; bytes: string }[] = [];
  const coming: { at: number; message: Uint8Array }[] = [];
  let now = 0;
  const turn = ({ send, within }: Turn<Uint8Array>): Wake<Uint8Array> => {
    for (const bytes of send) {
      sent.push({ at: now, bytes: hex(bytes) });
      for (const { after, message } of script(bytes, sent.length)) coming.push({ at: now + after, message });
    }
    coming.sort((a, b) => a.at - b.at);
    const sentAt = now;
    const first = coming[0];
    if (first && first.at <= now + within) {
      coming.shift();
      now = Math.max(now, first.at);
      return { at: now, sentAt, got: first.message };
    }
    now += within;
    return { at: now, sentAt };
  };
  const run = (): R => converseSync(dialogue, { turn });
  return { run, sent, now: () => now };
}

const answer = (request: Uint8Array, map: CborMap, changes: Partial<ReturnType<typeof decodeSmp>> = {}): Uint8Array => {
  const message = decodeSmp(request);
  return encodeSmp({ ...message, op: message.op + 1, data: encodeCbor(map), ...changes });
};
const after = (time: number, message: Uint8Array) => ({ after: time, message });
const newPoller = (options?: PollerOptions, first = 0): SmpPoller => new SmpPoller(new Sequences(first), options);

describe("one request", () => {
  test("is answered; the sequence goes on", () => {
    const poller = newPoller({}, 255);
    const echo = () => talk(poller.ask(os.echo, { d: "hi" }), (bytes) => [after(MS, answer(bytes, { r: "hi" }))]);
    const first = echo();
    expect(first.run()).toEqual({ r: "hi" });
    const second = echo();
    second.run();
    expect([first.sent[0]!.bytes, second.sent[0]!.bytes]).toEqual([
      "0A0000060000FF00A16164626869",
      "0A00000600000000A16164626869",
    ]);
  });

  test("in version 1", () => {
    const one = talk(newPoller({ version: 1 }).ask(os.echo, { d: "" }), (bytes) => [
      after(1, answer(bytes, { r: "" })),
    ]);
    one.run();
    expect(one.sent[0]!.bytes).toBe("0200000400000000A1616460");
  });

  test.each<[CborMap, object]>([
    [{ rc: 5 }, { rc: 5, says: "no entry" }],
    [{ err: { group: 8, rc: 3 } }, { rc: 3, group: 8, says: "file not found" }],
    [
      { err: { group: 0, rc: 77 }, r: "x" },
      { rc: 77, group: 0, says: "code 77" },
    ],
  ])("both kinds of errors: %j", (map, context) => {
    const one = talk(newPoller().ask(os.echo, { d: "" }), (bytes) => [after(1, answer(bytes, map))]);
    expect(one.run).toThrow(
      expect.objectContaining({ code: "smp/refused", context: { command: "os.echo", ...context } }) as Error,
    );
  });

  test.each<[string, CborMap]>([
    ["rc", { rc: 0, r: "x" }],
    ["err", { err: { group: 0, rc: 0 }, r: "x" }],
  ])("%s 0 is success", (_name, map) => {
    const one = talk(newPoller().ask(os.echo, { d: "" }), (bytes) => [after(1, answer(bytes, map))]);
    expect(one.run()).toEqual({ r: "x" });
  });

  test("is sent again when it may be, until it is answered", () => {
    const one = talk(newPoller({ within: SECOND }).ask(os.echo, { d: "x" }), (bytes, nth) =>
      nth < 3 ? [] : [after(MS, answer(bytes, { r: "x" }))],
    );
    expect(one.run()).toEqual({ r: "x" });
    expect(one.sent.map(({ at }) => at)).toEqual([0, SECOND, 2 * SECOND]);
    expect(new Set(one.sent.map(({ bytes }) => bytes)).size).toBe(1);
  });

  test("has an end", () => {
    const silent = talk(newPoller({ within: SECOND, retries: 2 }).ask(os.echo, { d: "x" }), () => []);
    expect(silent.run).toThrow(code("smp/no-answer"));
    expect([silent.sent.length, silent.now()]).toEqual([3, 3 * SECOND]);
  });

  test("is sent once where twice would count twice", () => {
    const silent = talk(newPoller({ within: SECOND }).ask(shell.run, { argv: ["reboot"] }), () => []);
    expect(silent.run).toThrow(code("smp/no-answer"));
    expect([silent.sent.length, silent.now()]).toEqual([1, SECOND]);
  });

  test("only its own answer counts", () => {
    const one = talk(newPoller({}, 9).ask(os.echo, { d: "x" }), (bytes) => [
      after(1, unhex("00")),
      after(2, answer(bytes, { r: "8" }, { sequence: 8 })),
      after(3, answer(bytes, { r: "group" }, { group: 2 })),
      after(4, answer(bytes, { r: "command" }, { command: 1 })),
      after(5, answer(bytes, { r: "op" }, { op: 1 })),
      after(6, bytes),
      after(7, answer(bytes, { r: "short" }).subarray(0, 12)),
      after(8, answer(bytes, {}, { data: unhex("A2617260617260") })),
      after(9, answer(bytes, { r: 5 })),
      after(10, answer(bytes, { r: "x" })),
      after(11, answer(bytes, { r: "late" })),
    ]);
    expect(one.run()).toEqual({ r: "x" });
    expect(one.now()).toBe(10);
  });

  test("an answer that nobody understands is told as the reason", () => {
    const one = talk(newPoller({ within: SECOND, retries: 0 }).ask(os.echo, { d: "x" }), (bytes) => [
      after(1, answer(bytes, { r: 5 })),
    ]);
    expect(one.run).toThrow(expect.objectContaining({ cause: code("codec/bad-value") }) as Error);
  });

  test("a refusal may be a value", () => {
    const one = talk(newPoller().outcome(os.echo, { d: "" }), (bytes) => [after(1, answer(bytes, { rc: 8 }))]);
    expect(one.run()).toMatchObject({ failure: { rc: 8 } });
  });
});

describe("several under way", () => {
  const TEXTS = ["a", "b", "c", "d", "e", "f"];
  const work = (got: string[]) => {
    const left = [...TEXTS];
    return {
      next: () => {
        const d = left.shift();
        return d === undefined ? undefined : { command: os.echo, request: { d } };
      },
      answered: (_ask: unknown, outcome: Outcome<unknown>) =>
        void got.push(valueOf("echo", outcome as Outcome<{ r: string }>).r),
    };
  };
  const echoOf = (bytes: Uint8Array): string => os.echo.request.decode(decodeSmp(bytes).data).d;

  test("fill the window, in any order of answers", () => {
    const got: string[] = [];
    const many = talk(newPoller({ window: 3 }).run(work(got)), (bytes, nth) => [
      after((10 - nth) * MS, answer(bytes, { r: echoOf(bytes) })),
    ]);
    many.run();
    expect(many.sent.slice(0, 3).map(({ at }) => at)).toEqual([0, 0, 0]);
    expect(got.slice(0, 3)).toEqual(["c", "b", "a"]);
    expect(got.toSorted((a, b) => a.localeCompare(b))).toEqual(TEXTS);
  });

  test("a lost one is sent again; the others do not wait for it", () => {
    const got: string[] = [];
    const many = talk(newPoller({ window: 2, within: SECOND }).run(work(got)), (bytes, nth) =>
      nth === 1 ? [] : [after(MS, answer(bytes, { r: echoOf(bytes) }))],
    );
    many.run();
    expect(got).toEqual(["b", "c", "d", "e", "f", "a"]);
    expect(many.sent).toHaveLength(7);
    expect(many.sent[6]).toEqual({ at: SECOND, bytes: many.sent[0]!.bytes });
  });

  test("conversations on one wire share its numbers, and each takes its own answers", () => {
    const sequences = new Sequences();
    const [one, other] = [new SmpPoller(sequences), new SmpPoller(sequences)];
    const start = (poller: SmpPoller): Uint8Array => {
      const dialogue = poller.ask(os.echo, { d: "" });
      dialogue.next();
      return (dialogue.next({ at: 0, sentAt: 0 }).value as Turn<Uint8Array>).send[0]!;
    };
    const [first, second] = [start(one), start(other)];
    expect([first[6], second[6]]).toEqual([0, 1]);
    const answers = [first, second].map((bytes) => answer(bytes, { r: "" }));
    expect(answers.map(one.accepts)).toEqual([true, false]);
    expect(answers.map(other.accepts)).toEqual([false, true]);
    expect(one.accepts(first)).toBe(false); // a request is no answer
    expect(one.accepts(unhex("0B"))).toBe(false);
  });

  test("a number in use is passed over, and there are 256", () => {
    const sequences = new Sequences(254);
    expect([sequences.take(), sequences.take(), sequences.take()]).toEqual([254, 255, 0]);
    sequences.release(255);
    for (let i = 1; i <= 253; i++) expect(sequences.take()).toBe(i);
    expect(sequences.take()).toBe(255);
    expect(() => sequences.take()).toThrow(code("smp/window-closed"));
  });

  test("given up, its numbers are free again", () => {
    const sequences = new Sequences();
    const poller = new SmpPoller(sequences, { window: 2 });
    const dialogue = poller.run(work([]));
    dialogue.next();
    dialogue.next({ at: 0, sentAt: 0 });
    let thrown: unknown;
    try {
      dialogue.throw(new Error("aborted"));
    } catch (error) {
      thrown = error;
    }
    expect([isTapbenchError(thrown), (thrown as Error).message]).toEqual([false, "aborted"]);
    expect(poller.accepts(unhex("0B00000100000000A0"))).toBe(false);
    for (let i = 0; i < 256; i++) sequences.take();
    expect(() => sequences.take()).toThrow(code("smp/window-closed"));
  });
});

describe("work that looks after itself", () => {
  const asks = (texts: readonly string[]) => [...texts];

  test("in order: an answer lets go of what was sent before it", () => {
    const left = asks(["a", "b", "c", "d"]);
    const got: string[] = [];
    const poller = newPoller({ window: 3, within: SECOND });
    const dialogue = poller.run({
      inOrder: true,
      next: () => {
        const d = left.shift();
        return d === undefined ? undefined : { command: os.echo, request: { d } };
      },
      answered: (ask) => void got.push((ask.request as { d: string }).d),
    });
    // The first two are never answered.
    const one = talk(dialogue, (bytes, nth) => (nth <= 2 ? [] : [after(MS, answer(bytes, { r: "x" }))]));
    one.run();
    expect(got).toEqual(["c", "d"]);
    expect([one.sent.length, one.now()]).toEqual([4, 2 * MS]);
  });

  test("expired: it decides whether the same goes out again", () => {
    const left = asks(["a", "b"]);
    const expired: string[] = [];
    const dialogue = newPoller({ window: 1, within: SECOND }).run({
      next: () => {
        const d = left.shift();
        return d === undefined ? undefined : { command: os.echo, request: { d } };
      },
      answered: () => {},
      expired: (ask) => {
        expired.push((ask.request as { d: string }).d);
        return expired.length > 1;
      },
    });
    const one = talk(dialogue, (bytes, nth) => (nth === 3 ? [after(MS, answer(bytes, { r: "x" }))] : []));
    one.run();
    // "a" once more, then let go of; "b" is answered.
    expect(expired).toEqual(["a", "a"]);
    expect(one.sent.map(({ at }) => at)).toEqual([0, SECOND, 2 * SECOND]);
    expect(one.sent[0]!.bytes).toBe(one.sent[1]!.bytes);
  });
});
