import { bytes, enumeration, group, literal, many, optional, prefixed, u16be, u24be, u8 } from "../../codec/fields.js";
import { message, type MessageValue } from "../../codec/message.js";
import { gpError } from "./errors.js";
import { scp03Options } from "./scp03.js";

/*
 * The data fields of GlobalPlatform's commands and answers (GlobalPlatform Card Specification 2.3.1, chapter 11, and Amendment D 7.1).
 */

const AID = prefixed(u8, 16);
const SHORT = prefixed(u8, 255);

/** What every answer to INITIALIZE UPDATE begins with. */
const UPDATE_HEAD = {
  diversification: [bytes(10), "key diversification data"],
  version: [u8, "key version number"],
} as const;

/** Answer to INITIALIZE UPDATE, SCP02 (E.5.1). */
export const InitializeUpdate02 = message("gp.INITIALIZE_UPDATE", "GlobalPlatform Card Specification 2.3.1, E.5.1", {
  ...UPDATE_HEAD,
  protocol: [literal("02"), "secure channel protocol"],
  sequence: [u16be, "sequence counter"],
  challenge: [bytes(6), "card challenge"],
  cryptogram: [bytes(8), "card cryptogram"],
});

const update03 = (size: 8 | 16) =>
  message("gp.INITIALIZE_UPDATE", "GlobalPlatform Card Specification, Amendment D 1.2, 7.1.1", {
    ...UPDATE_HEAD,
    protocol: [literal("03"), "secure channel protocol"],
    i: [u8, "options of the protocol"],
    challenge: [bytes(size), "card challenge"],
    cryptogram: [bytes(size), "card cryptogram"],
    sequence: [optional(u24be), "sequence counter, with pseudo-random challenges"],
  });

/** Answers to INITIALIZE UPDATE, SCP03, by the length of its challenges. */
export const InitializeUpdate03 = { 8: update03(8), 16: update03(16) } as const;

export type UpdateAnswer =
  | ({ readonly scp: 2 } & MessageValue<typeof InitializeUpdate02>)
  | ({ readonly scp: 3 } & MessageValue<(typeof InitializeUpdate03)[8]>);

/** The answer to INITIALIZE UPDATE of either protocol. @throws `gp/unknown-protocol`, `gp/bad-parameter`, `codec/...` */
export function decodeUpdateAnswer(answer: Uint8Array): UpdateAnswer {
  const protocol = answer[11];
  if (protocol === 2) return { scp: 2, ...InitializeUpdate02.decode(answer) };
  if (protocol === 3) return { scp: 3, ...InitializeUpdate03[scp03Options(answer[12] ?? 0).size].decode(answer) };
  throw gpError(
    "unknown-protocol",
    protocol === undefined
      ? "the answer to INITIALIZE UPDATE is too short to say which secure channel protocol the card speaks"
      : `the card speaks secure channel protocol ${protocol}; tapbench speaks 2 and 3`,
    { protocol },
  );
}

/** INSTALL's P1, the purposes that may be combined (11.5.2.1). */
export const INSTALL = {
  load: 0x02,
  install: 0x04,
  makeSelectable: 0x08,
  installAndMakeSelectable: 0x0c,
  loadInstallAndMakeSelectable: 0x0e,
  extradition: 0x10,
  personalization: 0x20,
  registryUpdate: 0x40,
} as const;

/** INSTALL's P2: where in a combined load, install and make selectable it stands (11.5.2.2). */
export const COMBINED = { none: 0x00, begins: 0x01, ends: 0x03 } as const;

/** STORE DATA's P1 (11.11.2.1, table 11-89): last block, how the data is encrypted, how it is written, whether the answer may have data. */
export const STORE_DATA = {
  last: 0x80,
  encryption: { mask: 0x60, none: 0x00, application: 0x20, dek: 0x60 },
  structure: { mask: 0x18, none: 0x00, dgi: 0x08, berTlv: 0x10 },
  reserved: 0x06,
  answers: 0x01,
} as const;

/** INSTALL [for load] (table 11-45). */
export const InstallForLoad = message("gp.INSTALL_FOR_LOAD", "GlobalPlatform Card Specification 2.3.1, table 11-45", {
  loadFile: [AID, "load file AID"],
  domain: [AID, "security domain AID"],
  hash: [SHORT, "load file data block hash"],
  parameters: [SHORT, "load parameters"],
  token: [SHORT, "load token"],
});

/** INSTALL [for install], [for make selectable], [for registry update]: the names that a purpose has no use for are empty (tables 11-46, 11-47, 11-50). */
export const InstallForInstall = message(
  "gp.INSTALL_FOR_INSTALL",
  "GlobalPlatform Card Specification 2.3.1, tables 11-46 and 11-47",
  {
    loadFile: [AID, "executable load file AID"],
    module: [AID, "executable module AID"],
    application: [AID, "application AID"],
    privileges: [prefixed(u8, 3), "privileges"],
    parameters: [SHORT, "install parameters"],
    token: [SHORT, "install token"],
  },
);

/** INSTALL [for extradition]: the new security domain, and what goes to it (table 11-48). */
export const InstallForExtradition = message(
  "gp.INSTALL_FOR_EXTRADITION",
  "GlobalPlatform Card Specification 2.3.1, table 11-48",
  {
    domain: [AID, "security domain AID"],
    absent: [literal("00"), "length 00"],
    application: [AID, "application or load file AID"],
    none: [literal("00"), "length 00"],
    parameters: [SHORT, "extradition parameters"],
    token: [SHORT, "extradition token"],
  },
);

/** INSTALL [for personalization]: whom the next STORE DATA are for (table 11-51). */
export const InstallForPersonalization = message(
  "gp.INSTALL_FOR_PERSONALIZATION",
  "GlobalPlatform Card Specification 2.3.1, table 11-51",
  {
    absent: [literal("0000"), "length 00, twice"],
    application: [AID, "application AID"],
    none: [literal("000000"), "length 00, three times"],
  },
);

/** Key types (table 11-16). */
export const KEY_TYPES = { des: 0x80, aes: 0x88 } as const;

/** One key of PUT KEY: enciphered under the DEK, its length in front where it may have been padded (table 11-68, Amendment D table 7-10). */
const PUT_KEY_ENTRY = group({
  type: [enumeration(u8, KEY_TYPES), "key type"],
  // Enciphered or not: traces have no keys.
  value: [{ ...SHORT, render: (value: Uint8Array) => `${value.length} bytes` }, "enciphered key"],
  check: [prefixed(u8, 3), "key check value"],
});

export const PutKey = message("gp.PUT_KEY", "GlobalPlatform Card Specification 2.3.1, tables 11-67 and 11-68", {
  version: [u8, "new key version number"],
  keys: [many(PUT_KEY_ENTRY, 8), "keys, identifiers counting up"],
});

/** Card production life cycle data, tag 9F7F: 42 bytes (Visa GlobalPlatform 2.1.1 Card Implementation Requirements, table 5-8). */
export const Cplc = message("gp.CPLC", "Visa GlobalPlatform 2.1.1 Card Implementation Requirements", {
  fabricator: [u16be, "IC fabricator"],
  type: [u16be, "IC type"],
  system: [u16be, "operating system identifier"],
  systemDate: [u16be, "operating system release date"],
  systemLevel: [u16be, "operating system release level"],
  fabricationDate: [u16be, "IC fabrication date"],
  serial: [bytes(4), "IC serial number"],
  batch: [bytes(2), "IC batch identifier"],
  moduleFabricator: [u16be, "IC module fabricator"],
  moduleDate: [u16be, "IC module packaging date"],
  iccManufacturer: [u16be, "ICC manufacturer"],
  embeddingDate: [u16be, "IC embedding date"],
  prePersonalizer: [u16be, "IC pre-personalizer"],
  prePersonalizationDate: [u16be, "IC pre-personalization date"],
  prePersonalizationEquipment: [bytes(4), "IC pre-personalization equipment identifier"],
  personalizer: [u16be, "IC personalizer"],
  personalizationDate: [u16be, "IC personalization date"],
  personalizationEquipment: [bytes(4), "IC personalization equipment identifier"],
});
