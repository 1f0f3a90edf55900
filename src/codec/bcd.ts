import { codecError } from "./errors.js";

const DIGITS = "0123456789";

/** Digits to packed BCD of `size` bytes, zero-filled on the left (EMV format n). @throws `codec/bad-digit`, `codec/too-long` */
export function toBcd(digits: string | number | bigint, size: number): Uint8Array {
  const text = String(digits);
  if (!/^[0-9]*$/.test(text))
    throw codecError("bad-digit", "only the digits 0-9 can be packed as numeric", { length: text.length });
  if (text.length > size * 2)
    throw codecError("too-long", `${text.length} digits do not fit ${size} bytes`, { digits: text.length, size });
  return pack(text.padStart(size * 2, "0"));
}

/** Digits to packed BCD, filled with F on the right to whole bytes or to `size` (EMV format cn: PANs). */
export function toCompressed(digits: string, size = Math.ceil(digits.length / 2)): Uint8Array {
  if (!/^[0-9]*$/.test(digits))
    throw codecError("bad-digit", "only the digits 0-9 can be packed as compressed numeric", { length: digits.length });
  if (digits.length > size * 2)
    throw codecError("too-long", `${digits.length} digits do not fit ${size} bytes`, { digits: digits.length, size });
  return pack(digits.padEnd(size * 2, "F"));
}

/** Packed BCD to its digits, leading zeros kept. @throws `codec/bad-digit` */
export function fromBcd(bytes: Uint8Array): string {
  let out = "";
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    const high = byte >> 4;
    const low = byte & 0x0f;
    if (high > 9 || low > 9) throw codecError("bad-digit", "a numeric value holds a nibble above 9", { byte });
    out += DIGITS[high]! + DIGITS[low]!;
  }
  return out;
}

/** Compressed numeric to its digits: stops at the F padding. @throws `codec/bad-digit` when something else than F follows the digits */
export function fromCompressed(bytes: Uint8Array): string {
  let out = "";
  let padding = false;
  for (let i = 0; i < 2 * bytes.length; i++) {
    const byte = bytes[i >> 1]!;
    const nibble = i % 2 === 0 ? byte >> 4 : byte & 0x0f;
    if (nibble === 0xf) padding = true;
    else if (nibble > 9 || padding)
      throw codecError("bad-digit", "a compressed numeric value holds something else than digits and F padding", {
        byte,
      });
    else out += DIGITS[nibble]!;
  }
  return out;
}

/** Nibbles 0-9 and F, two a byte. */
function pack(nibbles: string): Uint8Array {
  const out = new Uint8Array(nibbles.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = (nibble(nibbles, 2 * i) << 4) | nibble(nibbles, 2 * i + 1);
  return out;
}

const nibble = (nibbles: string, i: number): number => (nibbles[i] === "F" ? 0xf : nibbles.charCodeAt(i) - 0x30);
