/*
 * Numbers of pcapng (draft-ietf-opsawg-pcapng, "PCAP Next Generation Capture File Format") and of the pseudo header before each frame of
 * link type 264 (www.kaiser.cx/pcap-iso14443.html, which tcpdump's list of link types refers to).
 */

export const BLOCK = {
  section: 0x0a0d0d0a,
  interface: 1,
  /** Obsolete; old tools wrote it. */
  packet: 2,
  simplePacket: 3,
  enhancedPacket: 6,
} as const;

/** First word of a section's body, in the section's own byte order. */
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

export const OPTION = {
  end: 0,
  comment: 1,
  sectionTool: 4,
  interfaceName: 2,
  timeResolution: 9,
  timeOffset: 14,
} as const;

/** LINKTYPE_ISO_14443. */
export const LINK_ISO_14443 = 264;

export const EVENT = {
  pcdWithoutCrc: 0xfa,
  piccWithoutCrc: 0xfb,
  fieldOn: 0xfc,
  fieldOff: 0xfd,
  pcd: 0xfe,
  picc: 0xff,
} as const;

/** Version, event, length of the frame (16 bits, high byte first). */
export const PSEUDO_HEADER = 4;

/** Type, length, and the length once more at the end. */
export const BLOCK_FRAME = 12;
