import { describe, expect, test } from "vitest";
import { replay } from "../../../src/emv/replay.js";
import { unhex } from "../../../src/util/bytes.js";
import { isTapbenchError } from "../../../src/util/errors.js";

const AC = { cla: 0x80, ins: 0xae, p1: 0x40, p2: 0, data: unhex("0102"), le: 256 };
const READ = { cla: 0, ins: 0xb2, p1: 1, p2: 0x14, le: 256 };
const recording = [
  { c: "00B2011400", r: "7003 5A0111 9000" },
  { c: "80ae5000 02 0304 00", r: "77009000" },
];

describe("a recorded tap", () => {
  test("answers what was recorded", () => {
    const { answer, divergences, commands } = replay(recording);
    expect(answer(READ)).toEqual({ answer: { data: unhex("70035A0111"), sw: 0x9000 }, took: 0 });
    expect(answer({ ...AC, p1: 0x50, data: unhex("0304") })).toEqual({
      answer: { data: unhex("7700"), sw: 0x9000 },
      took: 0,
    });
    expect(divergences).toEqual([]);
    expect(commands).toEqual(["00B2011400", "80AE500002030400"]);
  });

  test("has an empty record for one that was not read", () => {
    const { answer, divergences } = replay(recording);
    expect(answer({ ...READ, p1: 2 }).answer).toEqual({ data: unhex("7000"), sw: 0x9000 });
    expect(divergences).toEqual([{ code: "replay/not-recorded", command: "00B2021400" }]);
  });

  test("names a GENERATE AC that differs, and answers as recorded", () => {
    const { answer, divergences } = replay(recording);
    expect(answer(AC).answer.data).toEqual(unhex("7700"));
    expect(divergences).toEqual([
      { code: "replay/different-command", command: "80AE400002010200", recorded: "80AE500002030400" },
    ]);
  });

  test("refuses what it cannot know", () => {
    const { answer, divergences } = replay(recording);
    expect(answer({ cla: 0, ins: 0xa4, p1: 4, p2: 0, data: unhex("A0"), le: 256 }).answer).toEqual({
      data: new Uint8Array(0),
      sw: 0x6a82,
    });
    expect(answer({ cla: 0x80, ins: 0xa8, p1: 0, p2: 0, data: unhex("8300"), le: 256 }).answer.sw).toBe(0x6a82);
    expect(divergences.map(({ code }) => code)).toEqual(["replay/not-recorded", "replay/not-recorded"]);
  });

  test("gives the answers to a repeated command in their order, and the last one from then on", () => {
    const { answer, divergences } = replay([
      { c: "00B2011400", r: "6A83" },
      { c: "00B2011400", r: "70009000" },
    ]);
    expect([answer(READ), answer(READ), answer(READ)].map((reply) => reply.answer.sw)).toEqual([
      0x6a83, 0x9000, 0x9000,
    ]);
    expect(divergences).toEqual([]);
  });

  test("that is no hex, or no response", () => {
    const code = (exchange: { c: string; r: string }): string | undefined => {
      try {
        replay([exchange]);
      } catch (error) {
        if (isTapbenchError(error)) return error.code;
        throw error;
      }
      return undefined;
    };
    expect(code({ c: "00XX", r: "9000" })).toBe("util/not-hex");
    expect(code({ c: "00B2011400", r: "90" })).toBe("iso7816/short-response");
  });
});
