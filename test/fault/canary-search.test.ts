import { describe, expect, test } from "vitest";
import { keyCanary, leaks, panCanary } from "../support/canary-search.js";

/* The search for canaries has to find every form in which one could be written; else nothing found means nothing. */

const PAN = "5413339602271126";
const KEY = "0123456789ABCDEFFEDCBA9876543210";
const latin1 = (hex: string): string => Buffer.from(hex, "hex").toString("latin1");
const base64 = (before: string, hex: string): string => Buffer.from(before + hex, "hex").toString("base64");
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
const ascii = (text: string): string => Buffer.from(text).toString("hex");
/** An Enhanced Packet Block of link type 264, typed out: 4 bytes of pseudo header, then the frame. */
const packet = (frame: string): string => {
  const le = (value: number): string => Buffer.from(Uint32Array.of(value).buffer).toString("hex");
  const length = 4 + frame.length / 2;
  const padded = (length + 3) & ~3;
  return `06000000${le(32 + padded)}${"00".repeat(12)}${le(length)}${le(length)}00ff0000${frame}${"00".repeat(padded - length)}${le(32 + padded)}`;
};
const capture = (...frames: readonly string[]): Uint8Array =>
  bytes(`0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000${frames.map(packet).join("")}`);

describe("a PAN is found", () => {
  test.each<[string, string | Uint8Array]>([
    ["as digits", `Card ${PAN}.`],
    ["in groups", "Card 5413 3396 0227 1126."],
    ["in groups with dashes", "5413-3396-0227-1126"],
    ["with its middle only", "******39602271****"],
    ["with two digits too many", "54133396********"],
    ["packed, in a line of hex", `70145A08${PAN}5F24`],
    ["packed, a nibble further", `DF01090${PAN}0`],
    ["packed, in columns", "5A 08 54 13 33 96 02 27 11 26"],
    ["packed, in lower case with colons", "5a:08:54:13:33:96:02:27:11:26"],
    ["packed, over two lines of a dump", "0000 5A 08 54 13 33 96\n0010 02 27 11 26 9F 10"],
    ["as bytes", bytes(`FF5A08${PAN}`)],
    ["as bytes, a nibble further", bytes(`F${PAN}F`)],
    ["as characters in hex", ascii(`B${PAN}^`)],
    ["as characters in upper-case hex", ascii(`%B${PAN}^`).toUpperCase()],
    ...["", "FF", "FFFF"].flatMap((before, i): [string, string][] => [
      [`packed in base64, ${i} bytes in`, base64(before, PAN)],
      [`packed in base64 at the other nibble, ${i} bytes in`, base64(before, `0${PAN}F`)],
      [`digits in base64, ${i} bytes in`, base64(before, ascii(PAN))],
    ]),
    [
      "in two blocks of ISO/IEC 14443-4",
      `"bytes":"125A0854133396AABB"\n"bytes":"A26FC6"\n"bytes":"0302271126FFFF9000CCDD"`,
    ],
    ["in two chained commands", `10E20000065A0854133396\n00E200010502271126FF`],
    ["in two answers, with commands between", `00B2011400\n5A08541333966104\n00C0000004\n022711269000`],
    ["in a page, each byte in a cell", [...PAN.matchAll(/../g)].map(([byte]) => `<td>${byte}</td>`).join("")],
    ["in a packet", capture(`025A08${PAN}9000AABB`)],
    ["in two packets", capture("125A0854133396AABB", "A26FC6", "0302271126FFFF9000CCDD")],
  ])("%s", (_, written) => {
    expect(leaks(written, [panCanary(PAN)])).toHaveLength(1);
  });

  test.each(["5413330089600044", "374245001741007", "6011111111111117123", "4222222222222"])(
    "but not when it is masked: %s",
    (pan) => {
      const middle = pan.length - 10;
      const stars = `${pan.slice(0, 6)}${"*".repeat(middle)}${pan.slice(-4)}`;
      const packed = `5A08${pan.slice(0, 6)}${"C".repeat(middle)}${pan.slice(-4)}F`;
      expect(leaks(`${stars} ${packed}`, [panCanary(pan)])).toEqual([]);
      expect(leaks(pan, [panCanary(pan)])).toHaveLength(1);
    },
  );
});

describe("a key is found", () => {
  test.each<[string, string | Uint8Array]>([
    ["in hex", `key ${KEY}`],
    ["by its first half", `80D8008108${KEY.slice(0, 16)}`],
    ["by any eight bytes", `CC${KEY.slice(6, 22)}CC`],
    ["in columns", KEY.replace(/../g, "$& ").toLowerCase()],
    ["as bytes", bytes(`FF${KEY}`)],
    ["as bytes a nibble further", bytes(`F${KEY}F`)],
    ["in base64", base64("FF", KEY)],
    ["hex in base64", base64("", ascii(KEY))],
    ["in two blocks", `"bytes":"1280E28000148000100123456789AABB"\n"bytes":"03ABCDEFFEDCBA9876543210CCDD"`],
    ["in a text that is no text", `{"context":"${latin1(KEY)}"}`],
  ])("%s", (_, written) => {
    const raw = typeof written === "string" ? new Uint8Array(Buffer.from(written, "latin1")) : written;
    expect(leaks(raw, [keyCanary("key", KEY)])).toHaveLength(1);
  });

  test("but not by its check value", () => {
    expect(leaks("check value 08D7B4", [keyCanary("key", KEY)])).toEqual([]);
  });
});
