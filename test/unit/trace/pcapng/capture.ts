import { concat, unhex } from "../../../../src/util/bytes.js";

/*
 * Blocks of pcapng, typed in from draft-ietf-opsawg-pcapng 4: hex with blanks, byte order as written. Frames of link type 264 (0108) as
 * www.kaiser.cx/pcap-iso14443.html describes them.
 */

export const LITTLE = {
  section: "0A0D0D0A 1C000000 4D3C2B1A 0100 0000 FFFFFFFFFFFFFFFF 1C000000",
  interface: "01000000 14000000 0801 0000 00000000 14000000",
  /** if_tsresol 9: nanoseconds. */
  nanoInterface: "01000000 20000000 0801 0000 00000000 0900 0100 09000000 0000 0000 20000000",
  /** At 0x00000001_00000005: WUPA from the reader. */
  wupa: "06000000 28000000 00000000 01000000 05000000 05000000 05000000 00FE000152 000000 28000000",
  /** At 0x00000001_000000CD: ATQA from the card. */
  atqa: "06000000 28000000 00000000 01000000 CD000000 06000000 06000000 00FF00020400 0000 28000000",
} as const;

export const BIG = {
  section: "0A0D0D0A 0000001C 1A2B3C4D 0001 0000 FFFFFFFFFFFFFFFF 0000001C",
  interface: "00000001 00000014 0108 0000 00000000 00000014",
  wupa: "00000006 00000028 00000000 00000001 00000005 00000005 00000005 00FE000152 000000 00000028",
  atqa: "00000006 00000028 00000000 00000001 000000CD 00000006 00000006 00FF00020400 0000 00000028",
} as const;

export const file = (...blocks: readonly string[]): Uint8Array => concat(...blocks.map(unhex));

const word = (value: number): string => Buffer.from(Uint32Array.of(value).buffer).toString("hex");

/** A little-endian block with the right lengths around its body. */
export function block(type: number, body: string): string {
  const length = word(body.replaceAll(" ", "").length / 2 + 12);
  return `${word(type)} ${length} ${body} ${length}`;
}

/** An enhanced packet of interface 0 with a frame behind its pseudo header. */
export function packet(event: number, frame: string, at = 0, options = ""): string {
  const data = `00${event.toString(16)}${(frame.length / 2).toString(16).padStart(4, "0")}${frame}`;
  const length = word(data.length / 2);
  const padded = data.padEnd(Math.ceil(data.length / 8) * 8, "0");
  return block(6, `00000000 00000000 ${word(at)} ${length} ${length} ${padded} ${options}`);
}
