import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { consoleFraming, type ConsoleOptions } from "../../../src/protocols/smp/console-frames.js";
import { ascii, concat, hex, unhex } from "../../../src/util/bytes.js";
import { framerOf, type Framed } from "../../../src/util/framing.js";

// Expected bytes: python3 with binascii.crc_hqx (polynomial 1021, start 0) and base64.b64encode, over the layout of Zephyr's "SMP Transport
// Specification", UART/serial and console.

/** OS echo of "hello", sequence 1: header and {"d": "hello"}. */
const ECHO = unhex("0A00000900000100A161646568656C6C6F");
const ECHO_LINE = "\x06\x09ABMKAAAJAAABAKFhZGVoZWxsb3o2\n";

const X = `0200007800000200A161647873${"78".repeat(115)}`;
const LONG = unhex(X);
/** 93 bytes in the first line. */
const LONG_LINES = `\x06\x09AIICAAB4AAACAKFhZHhz${"eHh4".repeat(26)}\n\x04\x14${"eHh4".repeat(12)}eGWj\n`;
/** The same packet with 30 bytes a line. */
const LONG_SHORT_LINES = `\x06\x09AIICAAB4AAACAKFhZHhzeHh4eHh4eHh4eHh4eHh4\n${`\x04\x14${"eHh4".repeat(10)}\n`.repeat(3)}\x04\x14eHh4eHh4eHh4eGWj\n`;

/** 94 bytes with length and CRC: a full first line would leave half of the CRC. */
const ODD = unhex(`0200005200000300A16164784D${"79".repeat(77)}`);
const ODD_LINES = `\x06\x09AFwCAABSAAADAKFhZHhN${"eXl5".repeat(25)}\n\x04\x14eXn5sQ==\n`;

function received(pieces: readonly (string | Uint8Array)[], options: ConsoleOptions = {}): Framed {
  const framer = framerOf(consoleFraming(options));
  const all = pieces.map((piece) => framer.receive(typeof piece === "string" ? ascii(piece) : piece, 0));
  return {
    messages: all.flatMap(({ messages }) => messages),
    lines: all.flatMap(({ lines }) => lines),
    dropped: all.reduce((sum, { dropped }) => sum + dropped, 0),
  };
}
const whole = (...pieces: readonly (string | Uint8Array)[]) => {
  const { messages, lines, dropped } = received(pieces);
  return { messages: messages.map(hex), lines, dropped };
};
const { encode } = consoleFraming();
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

describe("console frames: sending", () => {
  test("one line", () => expect(latin1(encode(ECHO))).toBe(ECHO_LINE));
  test("two lines of at most 127 bytes", () => expect(latin1(encode(LONG))).toBe(LONG_LINES));
  test("the CRC stays whole", () => expect(latin1(encode(ODD))).toBe(ODD_LINES));
  test("what the length cannot say is refused", () => {
    expect(() => encode(new Uint8Array(65_534))).toThrow(expect.objectContaining({ code: "codec/too-long" }) as Error);
    expect(encode(new Uint8Array(65_533)).length).toBeGreaterThan(65_533);
  });
});

describe("console frames: receiving", () => {
  test("one line, two lines, and lines broken elsewhere", () => {
    expect(whole(ECHO_LINE)).toEqual({ messages: [hex(ECHO)], lines: [], dropped: 0 });
    expect(whole(LONG_LINES, LONG_SHORT_LINES, ODD_LINES).messages).toEqual([hex(LONG), hex(LONG), hex(ODD)]);
  });
  test("byte by byte", () => {
    const bytes = [...`log\r\n${LONG_LINES}more log\n${ECHO_LINE}`];
    expect(whole(...bytes)).toEqual({ messages: [hex(LONG), hex(ECHO)], lines: ["log", "more log"], dropped: 0 });
  });
  test("log lines between the lines of a packet", () => {
    const [first, second] = LONG_LINES.split("\n");
    expect(whole(`${first}\n[00:00:01] <inf> app: hello\r\n\r\n${second}\n`)).toEqual({
      messages: [hex(LONG)],
      lines: ["[00:00:01] <inf> app: hello"],
      dropped: 0,
    });
  });
  test("a prompt before a frame, carriage returns around it", () => {
    expect(whole(`uart:~$ ${ECHO_LINE.trimEnd()}\r\n\r${ECHO_LINE}`)).toEqual({
      messages: [hex(ECHO), hex(ECHO)],
      lines: ["uart:~$ "],
      dropped: 0,
    });
  });
  test("a new packet ends the one that was begun", () => {
    const first = LONG_LINES.split("\n")[0]!;
    expect(whole(`${first}\n${ECHO_LINE}`)).toEqual({ messages: [hex(ECHO)], lines: [], dropped: 1 });
    expect(whole(first.slice(0, 40), ECHO_LINE)).toEqual({ messages: [hex(ECHO)], lines: [], dropped: 1 });
  });
  test("a line that goes on with nothing is dropped", () => {
    const second = LONG_LINES.split("\n")[1]!;
    expect(whole(`${second}\n`, ECHO_LINE)).toEqual({ messages: [hex(ECHO)], lines: [], dropped: 1 });
  });
  test.each([
    ["a wrong CRC", "\x06\x09ABMKAAAJAAABAKFhZGVoZWxsb3o3\n"],
    ["a character that is none of base64's", "\x06\x09ABMKAAAJAAABAKFhZGVoZWxs*3o2\n"],
    ["a lost character", "\x06\x09ABMKAAAJAAABAKFhZGVoZWxsbo2\n"],
    ["padding in the middle", "\x06\x09ABM=KAAAJAAABAKFhZGVoZWxsb3o2\n"],
    ["more than the length says", "\x06\x09ABEKAAAJAAABAKFhZGVoZWxsb3o2\n"],
    ["no length", "\x06\x09AA==\n"],
    ["a length without room for a CRC", "\x06\x09AAEK\n"],
    ["a line of 128 bytes", `\x06\x09${"AAAA".repeat(31)}A\n`],
  ])("%s drops the packet and nothing else", (_, bad) => {
    expect(whole(bad, ECHO_LINE)).toEqual({ messages: [hex(ECHO)], lines: [], dropped: 1 });
  });
  test("a message longer than agreed is dropped at its first line", () => {
    const { messages, dropped } = received([LONG_LINES, ECHO_LINE], { maxMessage: 100 });
    expect([messages.map(hex), dropped]).toEqual([[hex(ECHO)], 2]);
  });
  test("a giant line: its rest is thrown away up to the next marker", () => {
    const giant = `\x06\x09${"A".repeat(100_000)}`;
    expect(whole(giant, "AAAA\n", ECHO_LINE)).toEqual({ messages: [hex(ECHO)], lines: [], dropped: 1 });
    expect(whole(giant, ECHO_LINE)).toEqual({ messages: [hex(ECHO)], lines: [], dropped: 1 });
    expect(whole(giant, "\x06", ECHO_LINE.slice(1))).toEqual({ messages: [hex(ECHO)], lines: [], dropped: 1 });
  });
  test("text without an end comes in pieces", () => {
    const { lines } = received(["t".repeat(1300), "\n"]);
    expect(lines.map(({ length }) => length)).toEqual([512, 512, 276]);
  });
});

describe("console frames: noise", () => {
  const { start, receive } = consoleFraming();
  const pieces = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .constantFrom("\x06\x09", "\x04\x14", "\n", "\x06", "AAAA", "A=", ECHO_LINE, LONG_LINES.slice(0, 60))
        .map(ascii),
    ),
    { maxLength: 40 },
  );
  test("nothing throws, nothing grows, and the next good packet is heard", () => {
    fc.assert(
      fc.property(pieces, (noise) => {
        let stream = start;
        for (const piece of noise) ({ stream } = receive(stream, piece, 0));
        expect(stream.line.length).toBeLessThanOrEqual(512);
        if (stream.packet) expect(stream.packet.got).toBeLessThan(65_536);
        const { messages } = receive(stream, ascii(`\n${ECHO_LINE}`), 0);
        expect(messages.map(hex)).toContain(hex(ECHO));
      }),
    );
  });
  test("a damaged or lost byte never makes another message", () => {
    const bytes = ascii(LONG_LINES);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.option(fc.integer({ min: 1, max: 255 })), (at, flip) => {
        const middle = flip === null ? new Uint8Array(0) : Uint8Array.of(bytes[at]! ^ flip);
        const { messages } = received([concat(bytes.subarray(0, at), middle, bytes.subarray(at + 1))]);
        // A lost newline in between does not matter: the marker ends the line.
        expect(messages.every((message) => hex(message) === X)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
  test("what is sent arrives, cut anywhere", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.array(fc.nat(1000), { maxLength: 10 }), (message, cuts) => {
        const bytes = encode(message);
        const at = [0, ...cuts.map((cut) => cut % bytes.length).toSorted((a, b) => a - b), bytes.length];
        const cutUp = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
        expect(received(cutUp).messages.map(hex)).toEqual([hex(message)]);
        for (const line of latin1(bytes).split("\n").slice(0, -1)) expect(line.length).toBeLessThanOrEqual(126);
      }),
    );
  });
});
