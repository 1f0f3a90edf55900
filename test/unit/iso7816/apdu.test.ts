import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeCommand,
  decodeResponse,
  encodeCommand,
  encodeResponse,
  status,
  type CommandApdu,
} from "../../../src/protocols/iso7816/apdu.js";
import { hex, unhex } from "../../../src/util/bytes.js";

const failing = (code: string): unknown => expect.objectContaining({ code });
const head = { cla: 0x00, ins: 0xa4, p1: 0x04, p2: 0x00 };
const bytes = (count: number, value = 0xab): Uint8Array => new Uint8Array(count).fill(value);
const AB = (count: number): string => "AB".repeat(count);

describe("the four cases, ISO/IEC 7816-4 5.1", () => {
  const cases: readonly (readonly [string, CommandApdu, string])[] = [
    ["1", head, "00A40400"],
    ["2, short", { ...head, le: 16 }, "00A4040010"],
    ["2, short, all there is", { ...head, le: 256 }, "00A4040000"],
    ["2, extended", { ...head, le: 257, extended: true }, "00A40400000101"],
    ["2, extended, all there is", { ...head, le: 65_536, extended: true }, "00A40400000000"],
    ["2, extended where short would do", { ...head, le: 1, extended: true }, "00A40400000001"],
    ["3, short", { ...head, data: bytes(2) }, "00A4040002ABAB"],
    ["3, short, most", { ...head, data: bytes(255) }, `00A40400FF${AB(255)}`],
    ["3, extended", { ...head, data: bytes(256), extended: true }, `00A40400000100${AB(256)}`],
    ["3, extended where short would do", { ...head, data: bytes(2), extended: true }, "00A40400000002ABAB"],
    ["4, short", { ...head, data: bytes(2), le: 256 }, "00A4040002ABAB00"],
    ["4, short, exact", { ...head, data: bytes(255), le: 1 }, `00A40400FF${AB(255)}01`],
    ["4, extended", { ...head, data: bytes(256), le: 65_536, extended: true }, `00A40400000100${AB(256)}0000`],
    ["4, extended by its Le", { ...head, data: bytes(1), le: 300, extended: true }, "00A40400000001AB012C"],
  ];

  test.each(cases)("case %s", (_, command, text) => {
    expect(hex(encodeCommand(command))).toBe(text);
    expect(decodeCommand(unhex(text))).toEqual(command);
  });

  test("the extended form is taken where the lengths need it", () => {
    expect(hex(encodeCommand({ ...head, data: bytes(256) })).slice(0, 14)).toBe("00A40400000100");
    expect(hex(encodeCommand({ ...head, le: 300 }))).toBe("00A4040000012C");
    expect(hex(encodeCommand({ ...head, data: bytes(1), le: 300 }))).toBe("00A40400000001AB012C");
  });

  test("data of no bytes are no data", () => {
    expect(hex(encodeCommand({ ...head, data: bytes(0) }))).toBe("00A40400");
  });

  test("the longest", () => {
    const whole = encodeCommand({ ...head, data: bytes(65_535), le: 65_536 });
    expect(whole).toHaveLength(4 + 3 + 65_535 + 2);
    expect(decodeCommand(whole)).toMatchObject({ le: 65_536, extended: true });
  });
});

describe("commands that are none", () => {
  test.each([
    ["", "iso7816/short-command"],
    ["00A404", "iso7816/short-command"],
    ["00A4040002AB", "iso7816/bad-command"],
    ["00A4040001ABABAB", "iso7816/bad-command"],
    ["00A404000000", "iso7816/bad-command"],
    ["00A40400000000AB", "iso7816/bad-command"],
    ["00A404000001", "iso7816/bad-command"],
    ["00A40400000002AB", "iso7816/bad-command"],
    ["00A40400000001ABAB", "iso7816/bad-command"],
    ["00A40400000001ABABABAB", "iso7816/bad-command"],
  ])("%s is %s", (text, code) => {
    expect(() => decodeCommand(unhex(text))).toThrow(failing(code));
  });

  test.each([
    [{ ...head, cla: 256 }, "iso7816/bad-command"],
    [{ ...head, p1: -1 }, "iso7816/bad-command"],
    [{ ...head, ins: Number.NaN }, "iso7816/bad-command"],
    [{ ...head, p2: 1.5 }, "iso7816/bad-command"],
    [{ ...head, le: 0 }, "iso7816/bad-command"],
    [{ ...head, le: 65_537 }, "iso7816/bad-command"],
    [{ ...head, le: 1.5 }, "iso7816/bad-command"],
    [{ ...head, data: bytes(65_536) }, "iso7816/too-long"],
  ])("%j cannot be written", (command, code) => {
    expect(() => encodeCommand(command)).toThrow(failing(code));
  });
});

describe("responses", () => {
  test("data and status word", () => {
    expect(decodeResponse(unhex("AABB9000"))).toEqual({ data: unhex("AABB"), sw: 0x9000 });
    expect(decodeResponse(unhex("6A82"))).toEqual({ data: unhex(""), sw: 0x6a82 });
    expect(hex(encodeResponse({ data: unhex("AA"), sw: 0x61ff }))).toBe("AA61FF");
    expect(hex(encodeResponse(status(0x6985)))).toBe("6985");
  });

  test.each(["", "90"])("%j is too short", (text) => {
    expect(() => decodeResponse(unhex(text))).toThrow(failing("iso7816/short-response"));
  });
});

test("what was written is read", () => {
  const byte = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(
      fc.record({ cla: byte, ins: byte, p1: byte, p2: byte }),
      fc.option(fc.uint8Array({ minLength: 1, maxLength: 600 }), { nil: undefined }),
      fc.option(fc.integer({ min: 1, max: 65_536 }), { nil: undefined }),
      fc.boolean(),
      (start, data, le, extended) => {
        const command = {
          ...start,
          ...(data && { data }),
          ...(le !== undefined && { le }),
          ...(extended && { extended }),
        };
        const { extended: form, ...read } = decodeCommand(encodeCommand(command));
        const { extended: _, ...said } = command;
        expect(read).toEqual(said);
        const needed = (data?.length ?? 0) > 255 || (le ?? 0) > 256;
        const possible = data !== undefined || le !== undefined;
        expect(form ?? false).toBe(possible && (extended || needed));
      },
    ),
  );
});
