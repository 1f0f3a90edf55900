import { describe, expect, test } from "vitest";
import { apduLog } from "../../../../src/trace/import/apdu-log.js";
import { bringInText } from "../../../support/samples.js";

const bring = (text: string): ReturnType<typeof bringInText> => bringInText("apdu-log", text);
const PAIR = "00B2010C00 70005F009000";

describe("shapes", () => {
  test.each([
    ["> 00B2010C00\n< 70005F009000"],
    [">00B2010C00\n<70005F009000"],
    [">> 00 B2 01 0C 00\n<< 70 00 5F 00 90 00"],
    ["-> 00:B2:01:0C:00\n<- 70:00:5F:00:90:00"],
    ["--> 00-B2-01-0C-00\n<-- 70-00-5F-00-90-00"],
    ["=> 0x00 0xB2 0x01 0x0C 0x00\n<= 0x70, 0x00, 0x5F, 0x00, 0x90, 0x00"],
    ["> 00B2010C00 < 70005F009000"],
    ["00B2010C00 -> 70005F009000"],
    ["00 B2 01 0C 00 => 70 00 5F 00 90 00"],
    ["00B2010C00 | 70005F00 9000"],
    ["C-APDU: 00B2010C00\nR-APDU: 70005F009000"],
    ["Command APDU: 00b2010c00\nResponse APDU: 70005f009000"],
    ["CAPDU = [00 B2 01 0C 00]\nRAPDU = [70 00 5F 00 90 00]"],
    ["Send: 00B2010C00\nRecv: 70005F009000"],
    ["Sending 5 bytes: 00B2010C00\nReceived 6 bytes: 70005F009000"],
    ["Sent (5 bytes): 00 B2 01 0C 00\nReceived (6 bytes): 70 00 5F 00 90 00"],
    ["TX: 00B2010C00\nRX: 70005F009000"],
    ["Request: 00B2010C00 Response: 70005F009000"],
    ["APDU: 00B2010C00\nResponse: 70005F00\nSW: 9000"],
    ["APDU: 00B2010C00\nResponse: 70005F009000\nSW: 0x9000"],
    ["> 00B2010C00\n< 70005F00 SW1=90 SW2=00"],
    ["> 00B2010C00\n< 70005F00, SW1: 0x90, SW2: 0x00"],
    ["> 00B2010C00\n< 70005F00 SW1SW2=9000"],
    ["> 00B2010C00\n< 70005F00 [90 00]"],
    ["> 00B2010C00\n< 70005F00 (9000)"],
    ["> 00B2\n  010C00\n< 7000\n  5F00\n  9000"],
    ["DEBUG Reader - > 00B2010C00 (READ RECORD)\nDEBUG Reader - < 70005F009000 (15ms) bad luck"],
    ["prose: send me a face\n> 00B2010C00\n// nothing yet\n\n< 70005F009000\nDone. 12 taps."],
    ["\u001B[32m> 00B2010C00\u001B[0m\r\n\u001B[31m< 70005F009000\u001B[0m\r\n"],
  ])("%j", (text) => {
    const { exchanges, remarks } = bring(text);
    expect(exchanges).toEqual([PAIR]);
    expect(remarks).toEqual([]);
    expect(apduLog.recognises(Buffer.from(text))).toBe(!text.startsWith("> 00B2\n"));
  });

  test.each(["", "hello", "9F3602", "Status: 9000", "send 12 kisses", '{"a":1}', "a -> b", "< 9000"])(
    "%j is none",
    (text) => {
      expect(apduLog.recognises(Buffer.from(text))).toBe(false);
    },
  );
});

describe("times", () => {
  test("of both sides are measured, from the first on", () => {
    const { records, observed } = bring(
      "[12:00:00.100] > 00B2010C00\n[12:00:00.125] < 6A83\n[12:00:00.200] > 00B2020C00\n[12:00:00.210] < 6A83\n",
    );
    expect(observed).toEqual({ times: "measured", frames: false });
    expect(records).toMatchObject([
      { at: 0, took: 25_000_000 },
      { at: 100_000_000, took: 10_000_000 },
    ]);
  });

  test("of one side alone are none", () => {
    const { records, observed } = bring("[12:00:00.100] > 00B2010C00\n< 6A83\n[12:00:00.200] > 00B2020C00\n< 6A83\n");
    expect(observed.times).toBe("none");
    expect(records).toMatchObject([
      { at: 0, took: 0 },
      { at: 0, took: 0 },
    ]);
  });
});

describe("odd logs", () => {
  test.each([
    [
      "< 9000\n> 00B2010C00\n< 6A83",
      ["00B2010C00 6A83"],
      ["line 1, column 3: a response without a command before it; it is left out"],
    ],
    [
      "> 00B2010C00\n> 00B2020C00\n< 6A83",
      ["00B2010C00 ", "00B2020C00 6A83"],
      ["line 1, column 3: the command has no response"],
    ],
    ["> 00B2010C00", ["00B2010C00 "], ["line 1, column 3: the command has no response"]],
    [
      "> 00B2010C00\n< 6A83\n< 9000",
      ["00B2010C00 6A83"],
      ["line 3, column 3: a second response to the same command; it is left out"],
    ],
    [
      "> 00B2010C00\n< 70 00 5F 0 90 00",
      ["00B2010C00 70005F"],
      ["line 2, column 12: an odd number of hex digits: one is missing or too many; the hex from there on is left out"],
    ],
    [
      "> 00B2010C00\n< 70 00 5x 90 00",
      ["00B2010C00 7000"],
      ["line 2, column 10: not a hex digit; the hex from there on is left out"],
    ],
    ["> 00B2010C00\n< 7", ["00B2010C00 "], ["line 1, column 3: the command has no response"]],
    [
      "> 00B2010C00\n< 70",
      ["00B2010C00 70"],
      ["line 1, column 3: the response has one byte: its status word is cut off"],
    ],
    [
      "[12:00:01] > 00B2010C00\n[12:00:00] < 6A83",
      ["00B2010C00 6A83"],
      ["line 1, column 14: the time runs backwards here; it is taken to stand still"],
    ],
  ])("%j", (text, exchanges, remarks) => {
    expect(bring(text)).toMatchObject({ exchanges, remarks });
  });

  test("many oddities are counted, not listed", () => {
    const { remarks } = bring("< 9000\n".repeat(1000));
    expect(remarks).toHaveLength(21);
    expect(remarks[19]).toMatch(/^line 20, column 3: /);
    expect(remarks[20]).toBe("980 more lines were odd, 1000 in all");
  });

  test("an APDU that never ends is cut", () => {
    const { records, remarks } = bring(`> 00B2010C00\n< 7000\n${`${"00".repeat(1000)}\n`.repeat(100)}`);
    expect(records).toHaveLength(1);
    expect((records[0] as { response: Uint8Array }).response).toHaveLength(65_544);
    expect(remarks[0]).toBe("line 68, column 1: more than 65544 bytes, which no APDU has; the rest is left out");
  });
});
