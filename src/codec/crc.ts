/** Table of a reflected 16-bit CRC. */
function reflectedTable(polynomial: number): Uint16Array {
  return Uint16Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    return crc;
  });
}

const CCITT = reflectedTable(0x8408);

function reflected(bytes: Uint8Array, start: number, length: number): number {
  let crc = start;
  for (let i = 0; i < length; i++) crc = (crc >>> 8) ^ CCITT[(crc ^ bytes[i]!) & 0xff]!;
  return crc;
}

/** CRC_A of ISO/IEC 14443-3 6.2.4; sent low byte first. */
export const crcA = (bytes: Uint8Array, length = bytes.length): number => reflected(bytes, 0x6363, length);

/** CRC_B of ISO/IEC 14443-3 7.2; sent low byte first. */
export const crcB = (bytes: Uint8Array, length = bytes.length): number => reflected(bytes, 0xffff, length) ^ 0xffff;

/** CRC-16/XMODEM: polynomial 1021, start 0, not reflected; the SMP console's. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}

const CRC32 = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** CRC-32 of IEEE 802.3, reflected: that of zip files, and of MCUmgr's file checksums. `from`: the CRC of what comes before. */
export function crc32(bytes: Uint8Array, from = 0): number {
  let crc = ~from;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC32[(crc ^ byte) & 0xff]!;
  return ~crc >>> 0;
}
