import { describe, expect, test } from "vitest";
import { lineReader, MAX_LINE } from "../../../../src/trace/import/lines.js";

const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));

function linesOf(pieces: readonly Uint8Array[]): string[] {
  const found: string[] = [];
  const reader = lineReader({
    line: (text, number) => found.push(`${number}:${text}`),
    tooLong: (number) => found.push(`${number} too long`),
  });
  for (const piece of pieces) reader.push(piece);
  reader.end();
  return found;
}

describe("lines", () => {
  test("end in LF, CR LF or CR, mixed", () => {
    const text = "one\ntwo\r\nthree\rfour\n\rsix\r\n\r\nlast";
    const lines = ["1:one", "2:two", "3:three", "4:four", "5:", "6:six", "7:", "8:last"];
    expect(linesOf([latin1(text)])).toEqual(lines);
    expect(linesOf(text.split("").map(latin1))).toEqual(lines); // CR and LF come apart
  });

  test("byte order marks of UTF-8 and UTF-16 are no part of the first line", () => {
    expect(linesOf([Uint8Array.of(0xef, 0xbb, 0xbf, 0x41)])).toEqual(["1:A"]);
    const wide = Uint8Array.of(0xff, 0xfe, 0x3e, 0, 0x20, 0, 0x0d, 0, 0x0a, 0, 0x41, 0);
    expect(linesOf([wide])).toEqual(["1:> ", "2:A"]);
    expect(linesOf([...wide].map((byte) => Uint8Array.of(byte)))).toEqual(["1:> ", "2:A"]);
  });

  test("a line without an end is left out, not kept", () => {
    const long = new Uint8Array(MAX_LINE / 2).fill(0x41);
    expect(linesOf([latin1("a\n"), long, long, long, latin1("\nb\n")])).toEqual(["1:a", "2 too long", "3:b"]);
    expect(linesOf([long, long, long])).toEqual(["1 too long"]);
  });

  test("an empty file has no lines", () => {
    expect(linesOf([])).toEqual([]);
    expect(linesOf([latin1("x")])).toEqual(["1:x"]);
  });
});
