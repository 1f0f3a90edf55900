import { describe, expect, test } from "vitest";
import { MAX_BODY, vpcdFrame, vpcdMessage } from "../../../src/protocols/vpcd/messages.js";
import { EMPTY_STREAM, vpcdReceive, type VpcdStream } from "../../../src/protocols/vpcd/stream.js";
import { hex, unhex } from "../../../src/util/bytes.js";

// Length and body of each message: the protocol table of the Virtual Smart Card documentation ("Creating a Virtual Smart Card").
const POWER_OFF = "000100";
const POWER_ON = "000101";
const RESET = "000102";
const GET_ATR = "000104";
/** What pcscd 1.9.9 with vpcd 3.3 sent, as its segments came: a card is found, powered up, asked by opensc-tool, and powered down. */
const CAPTURED = ["0001", "04", "0001", "04", "0001", "01000104"].concat([
  "0014",
  "00A404000E325041592E5359532E444446303100",
  "0001",
  "04",
  "0001",
  "00000104",
]);

function feed(pieces: readonly Uint8Array[]): {
  bodies: string[];
  stream: VpcdStream;
  awaited: (number | undefined)[];
} {
  const bodies: string[] = [];
  const awaited: (number | undefined)[] = [];
  let stream = EMPTY_STREAM;
  for (const piece of pieces) {
    const received = vpcdReceive(stream, piece);
    stream = received.stream;
    bodies.push(...received.bodies.map(hex));
    awaited.push(received.awaited);
  }
  return { bodies, stream, awaited };
}

describe("messages", () => {
  test.each([
    [POWER_OFF, { kind: "off" }],
    [POWER_ON, { kind: "on" }],
    [RESET, { kind: "reset" }],
    [GET_ATR, { kind: "atr" }],
    ["000103", { kind: "unknown" }],
    ["000105", { kind: "unknown" }],
    ["000500A4040000", { kind: "apdu", apdu: unhex("00A4040000") }],
    ["00020004", { kind: "apdu", apdu: unhex("0004") }],
  ])("%s", (bytes, message) => {
    const { bodies, stream } = feed([unhex(bytes)]);
    expect(bodies.map((body) => vpcdMessage(unhex(body)))).toEqual([message]);
    expect(stream).toEqual(EMPTY_STREAM);
  });

  test("answers stand behind their length", () => {
    expect(hex(vpcdFrame(unhex("3B84800131C173C84E")))).toBe("00093B84800131C173C84E");
    expect(hex(vpcdFrame(unhex("9000")))).toBe("00029000");
    expect(hex(vpcdFrame(new Uint8Array(258)).subarray(0, 3))).toBe("010200");
    expect(hex(vpcdFrame(new Uint8Array(MAX_BODY)).subarray(0, 2))).toBe("FFFF");
  });

  test("an answer without bytes, or of more than the length can say, is none", () => {
    expect(() => vpcdFrame(new Uint8Array(0))).toThrow(expect.objectContaining({ code: "vpcd/empty" }) as Error);
    expect(() => vpcdFrame(new Uint8Array(65_536))).toThrow(
      expect.objectContaining({ code: "vpcd/too-long" }) as Error,
    );
  });
});

describe("the stream", () => {
  const BODIES = ["04", "04", "01", "04", "00A404000E325041592E5359532E444446303100", "04", "00", "04"];
  const all = unhex(CAPTURED.join(""));

  test("as it was captured", () => {
    const { bodies, stream, awaited } = feed(CAPTURED.map(unhex));
    expect(bodies).toEqual(BODIES);
    expect(stream).toEqual(EMPTY_STREAM);
    // Each length that came alone is to be acknowledged at once; nothing else is.
    expect(awaited).toEqual([1, undefined, 1, undefined, 1, undefined, 20, undefined, 1, undefined, 1, undefined]);
  });

  test("cut into two pieces anywhere, into three, and into single bytes", () => {
    for (let first = 0; first <= all.length; first++)
      for (let second = first; second <= all.length; second++) {
        const cut = feed([all.subarray(0, first), all.subarray(first, second), all.subarray(second)]);
        expect(cut.bodies).toEqual(BODIES);
        expect(cut.stream).toEqual(EMPTY_STREAM);
      }
    expect(feed(Array.from(all, (byte) => Uint8Array.of(byte))).bodies).toEqual(BODIES);
  });

  test("every way to cut a command and a control", () => {
    const bytes = unhex("00040084000800010400");
    for (let cuts = 0; cuts < 2 ** (bytes.length - 1); cuts++) {
      const pieces: Uint8Array[] = [];
      let from = 0;
      for (let i = 1; i <= bytes.length; i++)
        if (i === bytes.length || cuts & (1 << (i - 1))) pieces.push(bytes.subarray(from, (from = i)));
      const { bodies, stream } = feed(pieces);
      expect(bodies).toEqual(["00840008", "04"]);
      expect(stream).toMatchObject({ length: 1, wanted: 2 });
    }
  });

  test("says which length came alone, also behind other messages", () => {
    expect(feed([unhex("0001"), unhex("04")]).awaited).toEqual([1, undefined]);
    expect(feed([unhex("00"), unhex("14"), unhex("00")]).awaited).toEqual([undefined, 20, undefined]);
    expect(feed([unhex("0001040104")]).awaited).toEqual([0x104]);
    expect(feed([unhex("00010401040A")]).awaited).toEqual([undefined]);
  });

  test("the longest command in small pieces, put together once", () => {
    const body = Uint8Array.from({ length: MAX_BODY }, (_, i) => i);
    const bytes = Uint8Array.of(0xff, 0xff, ...body, 0x00, 0x01, 0x04);
    const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.subarray(i * 7, i * 7 + 7));
    expect(feed(pieces).bodies).toEqual([hex(body), "04"]);
  });

  test("a message without bytes is no vpcd", () => {
    expect(() => vpcdReceive(EMPTY_STREAM, unhex("0000"))).toThrow(
      expect.objectContaining({ code: "vpcd/empty" }) as Error,
    );
    expect(() => feed([unhex("00010400"), unhex("00")])).toThrow(
      expect.objectContaining({ code: "vpcd/empty" }) as Error,
    );
  });
});
