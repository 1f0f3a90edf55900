/*
 * Looks for a secret in whatever was written: as text, with blanks or dashes between its parts, packed at either nibble, as bytes, as characters in hex,
 * in base64, and cut over lines, frames, blocks and packets. It knows nothing of the formats; it takes them apart by force.
 */

/** Digits that must not show, or bytes of a key. */
export interface Canary {
  readonly name: string;
  /** Upper case: digits of a PAN, hex of a key. Any of these found is a leak. */
  readonly needles: readonly string[];
}

const windowsOf = (text: string, length: number, step: number): string[] => {
  const windows: string[] = [];
  for (let at = 0; at + length <= text.length; at += step) windows.push(text.slice(at, at + length));
  return windows;
};

/** First six and last four may show, so any eight digits in a row hold one that may not. */
export const panCanary = (pan: string): Canary => ({
  name: `PAN of ${pan.length} digits`,
  needles: pan.length < 13 ? [pan] : windowsOf(pan, 8, 1),
});

/** Any eight bytes in a row; of long ones, so many of these that sixteen bytes hold one. */
export const keyCanary = (name: string, bytes: string): Canary => ({
  name,
  needles: windowsOf(bytes.toUpperCase(), 16, bytes.length > 64 ? 16 : 2),
});

const asciiHex = (text: string): string => Buffer.from(text, "latin1").toString("hex").toUpperCase();
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** Rows of hex, as columns, lines and fields of JSON have them. */
const HEX_RUN = /(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}[ :]?){4,}(?![0-9A-Za-z])/g;
const BASE64_RUN = /[A-Za-z0-9+/_-]{8,}/g;

/** What is left when a block is taken out of its frame: header bytes in front, Le, status word or CRC behind. */
const FRONT = [0, 1, 2, 5, 6, 7] as const;
const BEHIND = [0, 1, 2, 4] as const;
/** Every row, or every other: commands and answers take turns. */
const STRIDES = [
  [1, 0],
  [2, 0],
  [2, 1],
] as const;

/** The rows put together, in every way in which a text may have been cut into them. */
function joined(rows: readonly string[]): string[] {
  const long = rows.filter((row) => row.length > 8); // acknowledgements stand between blocks
  return FRONT.flatMap((front) =>
    BEHIND.flatMap((behind) =>
      STRIDES.map(([stride, first]) =>
        long
          .filter((_, i) => i % stride === first)
          .map((row) => row.slice(2 * front, row.length - 2 * behind))
          .join(""),
      ),
    ),
  );
}

/** Packets of a pcapng file, every Enhanced Packet Block without its pseudo header, as hex. */
function packets(bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: string[] = [];
  for (let at = 0; at + 12 <= bytes.length;) {
    const length = view.getUint32(at + 4, true);
    if (length < 12 || at + length > bytes.length) break;
    if (view.getUint32(at, true) === 6) {
      const captured = view.getUint32(at + 20, true);
      found.push(
        Buffer.from(bytes.subarray(at + 32, at + 28 + captured))
          .toString("hex")
          .toUpperCase(),
      );
    }
    at += length;
  }
  return found;
}

const PCAPNG = 0x0a0d0d0a;
const isPcapng = (bytes: Uint8Array): boolean =>
  bytes.length > 4 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) === PCAPNG;

const PRINTABLE = /^[\t\n\r\x20-\x7e]*$/;

/** Every reading of the bytes in which a secret could be found as upper-case hex or digits. */
function readings(bytes: Uint8Array): string[] {
  const text = latin1(bytes);
  const plain = text.replace(/<[^>]*>/g, " ").replace(/&#?\w+;/g, " ");
  const rows = [...plain.matchAll(HEX_RUN)].map(([row]) => row.replace(/[ :]/g, "").toUpperCase());
  const decoded: string[] = [];
  for (const [run] of text.matchAll(BASE64_RUN))
    for (let at = 0; at < 4; at++) {
      const out = Buffer.from(run.slice(at), "base64");
      decoded.push(out.toString("hex").toUpperCase(), out.toString("latin1"));
    }
  return [
    text.toUpperCase(),
    plain
      .replaceAll("*", "x")
      .replace(/[^0-9A-Za-z]/g, "")
      .toUpperCase(),
    // Hex of text is full of 3X and 4X, and finds numbers that are none.
    ...(PRINTABLE.test(text) ? [] : [Buffer.from(bytes).toString("hex").toUpperCase()]),
    ...decoded,
    ...joined(rows),
    ...(isPcapng(bytes) ? joined(packets(bytes)) : []),
  ];
}

/** Where each canary shows, if anywhere: its name and the beginning of what was found. */
export function leaks(written: string | Uint8Array, canaries: readonly Canary[]): string[] {
  const bytes = typeof written === "string" ? new Uint8Array(Buffer.from(written, "utf8")) : written;
  const all = readings(bytes).join("|");
  return canaries.flatMap(({ name, needles }) => {
    const found = needles.flatMap((needle) => [needle, asciiHex(needle)]).find((needle) => all.includes(needle));
    return found === undefined ? [] : [`${name}: ${found} in ...${context(all, found)}`];
  });
}

const context = (all: string, found: string): string => {
  const at = all.indexOf(found);
  return all.slice(Math.max(0, at - 24), at + 24);
};
