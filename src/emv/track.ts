import { hex } from "../util/bytes.js";

/** What a magnetic stripe says, and its equivalents on a chip. All of it is account data: mask before showing. */
export interface Track {
  readonly pan: string;
  /** YYMM. */
  readonly expiry: string;
  readonly serviceCode: string;
  readonly discretionary: string;
}

export interface Track1 extends Track {
  readonly name: string;
}

const TRACK_2 = /^([0-9]{8,19})D([0-9]{4})([0-9]{3})([0-9A-F]*?)F*$/;
const TRACK_1 = /^B([0-9]{8,19})\^([^^]{2,26})\^([0-9]{4})([0-9]{3})(.*)$/;

/**
 * Track 2 equivalent data, tags 57 and 9F6B: packed digits with D as separator and F as padding (ISO/IEC 7813). Undefined where it cannot be
 * decoded: some devices fill the tag with F.
 */
export function parseTrack2(value: Uint8Array): Track | undefined {
  const match = TRACK_2.exec(hex(value));
  if (!match) return undefined;
  const [, pan, expiry, serviceCode, discretionary] = match as unknown as [string, string, string, string, string];
  return { pan, expiry, serviceCode, discretionary };
}

/** Track 1 data, tag 56: text with carets between its parts, format code B (ISO/IEC 7813). Undefined where it cannot be decoded. */
export function parseTrack1(value: Uint8Array): Track1 | undefined {
  const match = TRACK_1.exec(Buffer.from(value.buffer, value.byteOffset, value.length).toString("latin1"));
  if (!match) return undefined;
  const [, pan, name, expiry, serviceCode, discretionary] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  return { pan, name: name.trimEnd(), expiry, serviceCode, discretionary };
}
