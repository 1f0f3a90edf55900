import { describe, expect, test } from "vitest";
import { exchange } from "../../../src/protocols/iso7816/poller.js";
import type { CommandApdu, ResponseApdu } from "../../../src/protocols/iso7816/apdu.js";
import { SW, swHex, swMeaning } from "../../../src/protocols/iso7816/status.js";
import { answerWith } from "../../../src/util/dialogue.js";
import { hex, unhex } from "../../../src/util/bytes.js";

const READ: CommandApdu = { cla: 0x00, ins: 0xb2, p1: 1, p2: 0x14, le: 256 };

/** Runs one command against answers in hex, each after 5 ns; says what was asked. */
function talk(
  command: CommandApdu,
  ...answers: readonly string[]
): { asked: string[]; result: { answer: ResponseApdu; took: number } } {
  const asked: string[] = [];
  const left = [...answers];
  const result = answerWith(exchange(command), (question) => {
    asked.push(hex(question));
    return { answer: unhex(left.shift()!), took: 5 };
  });
  expect(left).toEqual([]);
  return { asked, result };
}

describe("exchange", () => {
  test("one command, one answer", () => {
    expect(talk(READ, "AABB9000")).toEqual({
      asked: ["00B2011400"],
      result: { answer: { data: unhex("AABB"), sw: 0x9000 }, took: 5 },
    });
    expect(talk(READ, "6A83").result.answer.sw).toBe(0x6a83);
  });

  test("61xx is followed by GET RESPONSE until there is no more; times add up", () => {
    expect(talk(READ, "AA6102", "BBCC6100", "DD9000")).toEqual({
      asked: ["00B2011400", "00C0000002", "00C0000000"],
      result: { answer: { data: unhex("AABBCCDD"), sw: 0x9000 }, took: 15 },
    });
  });

  test("GET RESPONSE goes to the same channel, without secure messaging or a class of its own", () => {
    expect(talk({ ...READ, cla: 0x82 }, "6101", "AA9000").asked[1]).toBe("02C0000001");
    // Channels 4 to 19 have the further form: E5 is GlobalPlatform's secure messaging on channel 9 (ISO/IEC 7816-4 5.1.1).
    expect(talk({ ...READ, cla: 0xe5 }, "6101", "AA9000").asked[1]).toBe("45C0000001");
  });

  test("an error ends it: what came before is kept with its status word", () => {
    expect(talk(READ, "AA6102", "6281").result.answer).toEqual({ data: unhex("AA"), sw: 0x6281 });
  });

  test("6Cxx repeats the command with the right Le, once", () => {
    expect(talk(READ, "6C02", "AABB9000")).toEqual({
      asked: ["00B2011400", "00B2011402"],
      result: { answer: { data: unhex("AABB"), sw: 0x9000 }, took: 10 },
    });
    expect(talk(READ, "6C00", "6C05")).toMatchObject({
      asked: ["00B2011400", "00B2011400"],
      result: { answer: { sw: 0x6c05 } },
    });
  });

  test("6Cxx, then 61xx", () => {
    expect(talk({ ...READ, data: unhex("01") }, "6C04", "AA6101", "BB9000").result.answer).toEqual({
      data: unhex("AABB"),
      sw: 0x9000,
    });
  });

  test("a card that answers without a status word", () => {
    for (const answer of ["", "90"])
      expect(() => talk(READ, answer)).toThrow(expect.objectContaining({ code: "iso7816/short-response" }));
  });

  test.each([
    ["without bytes", ""],
    ["with bytes", "AB".repeat(255)],
  ])("a card that never stops announcing more, %s", (_, data) => {
    let asked = 0;
    const endless = (): unknown =>
      answerWith(exchange(READ), () => {
        if (++asked > 5000) throw new Error("it never gave up");
        return { answer: unhex(`${data}6100`), took: 1 };
      });
    expect(endless).toThrow(expect.objectContaining({ code: "iso7816/endless-response" }));
  });

  test("an error of the link passes through", () => {
    const broken = new Error("out of the field");
    expect(() =>
      answerWith(exchange(READ), () => {
        throw broken;
      }),
    ).toThrow(broken);
  });
});

describe("status words", () => {
  test.each([
    [0x9000, "ok"],
    [0x6114, "ok, more bytes are waiting (GET RESPONSE)"],
    [0x63c2, "warning: a counter; tries left in the last digit"],
    [0x6301, "warning: something changed"],
    [0x6a82, "file or application not found"],
    [0x6a99, "wrong parameters"],
    [0x6985, "conditions of use not satisfied"],
    [0x6c10, "wrong Le; the right one is in SW2"],
    [0x6f00, "no precise diagnosis"],
    [0x1234, "unknown status word"],
  ])("%i: %s", (sw, meaning) => {
    expect(swMeaning(sw)).toBe(meaning);
  });

  test("each of our own has a meaning", () => {
    expect(Object.entries(SW).filter(([, sw]) => swMeaning(sw).startsWith("unknown"))).toEqual([]);
  });

  test("in four digits", () => {
    expect([swHex(0x9000), swHex(0x0001)]).toEqual(["9000", "0001"]);
  });
});
