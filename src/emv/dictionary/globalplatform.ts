import type { TagTable } from "./row.js";

const STATUS = "GlobalPlatform Card Specification 2.3.1, table 11-36";

/** What a security domain answers to SELECT and GET DATA. */
export const GLOBALPLATFORM: TagTable = {
  source: "GlobalPlatform Card Specification 2.3.1, Annex H and 11.9.3",
  scope: "gp",
  rows: [
    [0x42, "Issuer Identification Number", "b", 0, 255],
    [0x45, "Card Image Number", "b", 0, 255],
    [0x66, "Card Data", "template", 0, 255],
    [0x67, "Card Capability Information", "template", 0, 255],
    [0x73, "Security Domain Management Data", "template", 0, 255, "A5"],
    [0x9f65, "Maximum Length of Data in a Command", "b", 1, 2, "A5"],
    [0x9f6e, "Application Production Life Cycle Data", "b", 0, 255, "A5"],
    [0x9f70, "Life Cycle State", "b", 1, 2, "E3", STATUS],
    [0x9f7f, "Card Production Life Cycle Data", "b", 42, 42, undefined, "GlobalPlatform Card Specification 2.1.1, 9.1"],
    [0xc1, "Sequence Counter of the Default Key Version Number", "b", 2, 3],
    [
      0xc9,
      "Application Specific Parameters",
      "b",
      0,
      255,
      undefined,
      "GlobalPlatform Card Specification 2.3.1, 11.5.2",
    ],
    [0xe0, "Key Information Template", "template", 0, 255],
    [0xe3, "GlobalPlatform Registry Entry", "template", 0, 255, undefined, STATUS],
    [
      0xef,
      "System Specific Parameters",
      "template",
      0,
      255,
      undefined,
      "GlobalPlatform Card Specification 2.3.1, 11.5.2",
    ],
    [0xff21, "Extended Card Resources", "template", 0, 255, undefined, "ETSI TS 102 226, 8.2.1.7"],
  ],
};

/** Tags that are something else inside GlobalPlatform's templates. */
export const GLOBALPLATFORM_INSIDE: TagTable = {
  source: "GlobalPlatform Card Specification 2.3.1, Annex H",
  inside: true,
  rows: [
    [0x73, "Card Recognition Data", "template", 0, 255, "66"],
    [0x60, "Card Management Type and Version", "template", 0, 255, "73"],
    [0x63, "Card Identification Scheme", "template", 0, 255, "73"],
    [0x64, "Secure Channel Protocol and Options", "template", 0, 255, "73"],
    [0x65, "Card Configuration Details", "template", 0, 255, "73"],
    [0x66, "Card and Chip Details", "template", 0, 255, "73"],
    [0xc0, "Key Information", "b", 4, 255, "E0", "GlobalPlatform Card Specification 2.3.1, 11.3.3.1"],
    [0x4f, "AID", "b", 5, 16, "E3", STATUS],
    [0x84, "Executable Module AID", "b", 5, 16, "E3", STATUS],
    [0xc4, "Executable Load File AID", "b", 5, 16, "E3", STATUS],
    [0xc5, "Privileges", "b", 1, 3, "E3", STATUS],
    [0xcc, "Associated Security Domain AID", "b", 5, 16, "E3", STATUS],
    [0xce, "Executable Load File Version", "b", 0, 255, "E3", STATUS],
    [0xcf, "Implicit Selection Parameter", "b", 1, 1, "E3", STATUS],
    [0x9f70, "Life Cycle State", "b", 1, 2, "E3", STATUS],
    [0xc6, "Non-volatile Code Minimum Memory", "b", 2, 4, "EF", "GlobalPlatform Card Specification 2.3.1, 11.5.2"],
    [0xc7, "Volatile Data Minimum Memory", "b", 2, 4, "EF", "GlobalPlatform Card Specification 2.3.1, 11.5.2"],
    [0xc8, "Non-volatile Data Minimum Memory", "b", 2, 4, "EF", "GlobalPlatform Card Specification 2.3.1, 11.5.2"],
    [0x81, "Number of Installed Applications", "b", 1, 4, "FF21", "ETSI TS 102 226, 8.2.1.7"],
    [0x82, "Free Non-volatile Memory", "b", 1, 4, "FF21", "ETSI TS 102 226, 8.2.1.7"],
    [0x83, "Free Volatile Memory", "b", 1, 4, "FF21", "ETSI TS 102 226, 8.2.1.7"],
  ],
};
