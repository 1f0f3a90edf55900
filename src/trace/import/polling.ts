import type { FrameRecord } from "../../util/tracer.js";

/** What a frame's place in the polling for cards says about it. */
export interface Placed {
  readonly hasCrc: boolean;
  /** Where that is not 8 a byte. */
  readonly bits?: number;
}

/** Tells the frames without CRC apart, by what was asked: captures do not say. ISO/IEC 14443-3 6. */
export interface Polling {
  see(from: FrameRecord["from"], bytes: Uint8Array): Placed;
  /** The field went. */
  reset(): void;
}

/** Commands in short frames of 7 bits: REQA, WUPA, and the special ones of ISO/IEC 14443-3 table 3. */
const isShort = (bytes: Uint8Array): boolean => bytes.length === 1 && bytes[0]! < 0x80;
const isSel = (byte: number | undefined): boolean => byte === 0x93 || byte === 0x95 || byte === 0x97;
const SELECT = 0x70;

type Asked = "short" | "anticollision" | "other";

/** For type A; frames of type B have a CRC always. */
export function polling(): Polling {
  let asked: Asked = "other";
  return {
    see(from, bytes) {
      if (from === "picc") {
        const bare = (asked === "short" && bytes.length === 2) || (asked === "anticollision" && bytes.length <= 5);
        return { hasCrc: !bare && bytes.length > 1 }; // one byte is an acknowledgement of 4 bits
      }
      const nvb = bytes[1];
      if (isShort(bytes)) {
        asked = "short";
        return { hasCrc: false, bits: 7 };
      }
      if (isSel(bytes[0]) && nvb !== undefined && nvb !== SELECT) {
        asked = "anticollision";
        const bits = (nvb >> 4) * 8 + (nvb & 0x0f); // NVB counts whole bytes and bits, SEL and itself included
        return { hasCrc: false, ...(bits <= bytes.length * 8 && bits > (bytes.length - 1) * 8 && { bits }) };
      }
      asked = "other";
      return { hasCrc: true };
    },
    reset() {
      asked = "other";
    },
  };
}
