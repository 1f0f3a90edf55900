import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rawFraming } from "../../../src/protocols/smp/raw-frames.js";
import { concat, hex, unhex } from "../../../src/util/bytes.js";
import { framerOf } from "../../../src/util/framing.js";
import { MS } from "../../../src/util/time.js";

// Messages by hand, after Zephyr's "SMP Protocol Specification": the header, then the CBOR map {"d": "hello"} (RFC 8949).
const ECHO = unhex("0A00000900000100A161646568656C6C6F");
/** A header without data. */
const BARE = unhex("0000000000000206");

const TIME_OUT = 20 * MS;
const framing = rawFraming({ timeOut: TIME_OUT, maxMessage: 2048 });
const received = (...pieces: readonly (readonly [Uint8Array, number])[]) => {
  const framer = framerOf(framing);
  const all = pieces.map(([piece, at]) => framer.receive(piece, at));
  return {
    messages: all.flatMap(({ messages }) => messages.map(hex)),
    dropped: all.reduce((sum, { dropped }) => sum + dropped, 0),
  };
};

describe("raw frames", () => {
  test("a message is sent as it is, and only when its header is true", () => {
    expect(framing.encode(ECHO)).toEqual(ECHO);
    for (const bad of [ECHO.subarray(0, 16), concat(ECHO, Uint8Array.of(0)), unhex("00")])
      expect(() => framing.encode(bad)).toThrow(expect.objectContaining({ code: "codec/bad-length" }) as Error);
  });
  test("one after the other, byte by byte", () => {
    const bytes = concat(ECHO, BARE, ECHO);
    expect(received([bytes, 0]).messages).toEqual([hex(ECHO), hex(BARE), hex(ECHO)]);
    expect(received(...[...bytes].map((byte, i) => [Uint8Array.of(byte), i] as const))).toEqual({
      messages: [hex(ECHO), hex(BARE), hex(ECHO)],
      dropped: 0,
    });
  });
  test("a message that pauses for too long is given up", () => {
    expect(received([ECHO.subarray(0, 10), 0], [ECHO, TIME_OUT + 1])).toEqual({ messages: [hex(ECHO)], dropped: 1 });
    expect(received([ECHO.subarray(0, 10), 0], [ECHO.subarray(10), TIME_OUT])).toEqual({
      messages: [hex(ECHO)],
      dropped: 0,
    });
  });
  test.each([
    ["reserved bits", "FF"],
    ["flags", "0201"],
    ["an operation that there is none of", "07"],
    ["a length over the bound", "00000FFF"],
    ["data that is no CBOR map", "000000090000010061"],
    ["text", hex(new TextEncoder().encode("*** Booting Zephyr ***\r\n"))],
  ])("%s before a message is skipped", (_, noise) => {
    expect(received([concat(unhex(noise), ECHO), 0])).toEqual({ messages: [hex(ECHO)], dropped: 1 });
  });
  test("noise: nothing throws, nothing grows, and after a pause the next message is heard", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 40 }), (pieces) => {
        let stream = framing.start;
        for (const piece of pieces) ({ stream } = framing.receive(stream, piece, 0));
        expect(stream.bytes.length).toBeLessThan(2048);
        expect(framing.receive(stream, ECHO, TIME_OUT + 1).messages.map(hex)).toEqual([hex(ECHO)]);
      }),
    );
  });
});
