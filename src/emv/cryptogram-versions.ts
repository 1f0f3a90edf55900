import { asDesKey, type DesKeyLike } from "../crypto/des.js";
import type { PaddingMethod } from "../crypto/padding.js";
import { tagHex } from "../codec/tlv.js";
import { concat } from "../util/bytes.js";
import { applicationCryptogram, arpc1, arpc2 } from "./cryptogram.js";
import { emvError } from "./errors.js";
import { acSessionKey, commonSessionKey, skdSessionKey, visaSessionKey } from "./keys.js";
import { commandMac, encryptCommandData, pinBlock2, visPinBlock, type CommandEncryption } from "./secure-messaging.js";

/** A piece of what a cryptogram covers: a data object, or its bytes from `from` up to, not including, `to`. */
export type CryptogramPart = number | readonly [tag: number, from: number, to: number];

/** How one cryptogram version works. What is not said here is alike in all: MAC algorithm 3, keys of 16 bytes. */
export interface CryptogramVersion {
  readonly scheme: "mchip" | "visa" | "interac";
  /** As it stands in the issuer application data (9F10). */
  readonly cvn: number;
  /** Where in 9F10 it stands. */
  readonly cvnAt: number;
  /** Key of the cryptogram: the card's master key itself, EMV's common session key (ATC), or M/Chip's (ATC and unpredictable number). */
  readonly key: "master" | "common" | "mchip";
  /** What it covers, in that order. */
  readonly input: readonly CryptogramPart[];
  readonly padding: PaddingMethod;
  readonly arpc: 1 | 2;
  /** Whether the ARPC is made with the cryptogram's own key or with the master key. */
  readonly arpcKey: "master" | "session";
  readonly script: {
    /** Session keys from the ATC as Visa mixes it in, or EMV's common ones from the ARQC. */
    readonly keys: "visa" | "arqc";
    /** Between command header and command data, what the MAC covers besides. */
    readonly chained: "atc-arqc" | "nothing";
    readonly encryption: CommandEncryption;
    /** PIN block of a new PIN, and of one that replaces a known one. */
    readonly pinBlock: "iso" | "vis" | "iso, vis with the current PIN";
  };
}

const TRANSACTION = [0x9f02, 0x9f03, 0x9f1a, 0x95, 0x5f2a, 0x9a, 0x9c, 0x9f37] as const;
const COMMON = [...TRANSACTION, 0x82, 0x9f36] as const;
// 9F10 in M/Chip cards: key index, CVN, CVR (6), DAC or dynamic number (2), counters (8)
const MCHIP_CVR = [0x9f10, 2, 8] as const;
const MCHIP_COUNTERS = [0x9f10, 10, 18] as const;
// 9F10 in Visa cards, format 0: length, key index, CVN, CVR (4, its own length first)
const VISA_CVR = [0x9f10, 3, 7] as const;

const MCHIP_SCRIPT = { keys: "arqc", chained: "atc-arqc", encryption: "mastercard", pinBlock: "iso" } as const;
const VISA_SCRIPT = { keys: "visa", chained: "atc-arqc", encryption: "visa", pinBlock: "vis" } as const;
const MCHIP = { scheme: "mchip", cvnAt: 1, padding: 2, arpc: 1, script: MCHIP_SCRIPT } as const;
const VISA = { scheme: "visa", cvnAt: 2 } as const;

/** Every version that tapbench knows. All but `visa-17` are held against vectors; that one follows descriptions only. */
export const cryptogramVersions = {
  "mchip-16": { ...MCHIP, cvn: 0x10, key: "mchip", input: [...COMMON, MCHIP_CVR], arpcKey: "master" },
  "mchip-17": { ...MCHIP, cvn: 0x11, key: "mchip", input: [...COMMON, MCHIP_CVR, MCHIP_COUNTERS], arpcKey: "master" },
  "mchip-20": { ...MCHIP, cvn: 0x14, key: "common", input: [...COMMON, MCHIP_CVR], arpcKey: "session" },
  "mchip-21": { ...MCHIP, cvn: 0x15, key: "common", input: [...COMMON, MCHIP_CVR, MCHIP_COUNTERS], arpcKey: "session" },
  "visa-10": {
    ...VISA,
    cvn: 0x0a,
    key: "master",
    input: [...COMMON, VISA_CVR],
    padding: 1,
    arpc: 1,
    arpcKey: "master",
    script: VISA_SCRIPT,
  },
  "visa-17": {
    ...VISA,
    cvn: 0x11,
    key: "master",
    input: [0x9f02, 0x9f37, 0x9f36, [0x9f10, 4, 5]],
    padding: 1,
    arpc: 1,
    arpcKey: "master",
    script: VISA_SCRIPT,
  },
  "visa-18": {
    ...VISA,
    cvn: 0x12,
    key: "common",
    input: [...COMMON, 0x9f10],
    padding: 2,
    arpc: 2,
    arpcKey: "session",
    script: VISA_SCRIPT,
  },
  "visa-22": {
    ...VISA,
    cvn: 0x16,
    key: "common",
    input: [...COMMON, 0x9f10],
    padding: 2,
    arpc: 2,
    arpcKey: "session",
    script: { keys: "arqc", chained: "atc-arqc", encryption: "visa", pinBlock: "iso, vis with the current PIN" },
  },
  "interac-133": {
    scheme: "interac",
    cvn: 0x85,
    cvnAt: 2,
    key: "mchip",
    input: [...COMMON, 0x9f10],
    padding: 2,
    arpc: 1,
    arpcKey: "session",
    script: { keys: "arqc", chained: "nothing", encryption: "mastercard", pinBlock: "iso" },
  },
} as const satisfies Readonly<Record<string, CryptogramVersion>>;

export type CryptogramVersionName = keyof typeof cryptogramVersions;

/** The version that an issuer application data (9F10) names, if it is a known one of that scheme. */
export function versionOfIad(scheme: CryptogramVersion["scheme"], iad: Uint8Array): CryptogramVersionName | undefined {
  for (const [name, version] of Object.entries(cryptogramVersions))
    if (version.scheme === scheme && iad[version.cvnAt] === version.cvn) return name as CryptogramVersionName;
  return undefined;
}

/** What a script command's protection needs of the transaction. */
export interface ScriptContext {
  /** 9F36, 2 bytes. */
  readonly atc: Uint8Array;
  /** 9F26, 8 bytes. */
  readonly arqc: Uint8Array;
}

/** Card status update and more, for ARPC method 2. */
export interface StatusUpdate {
  readonly csu: Uint8Array;
  readonly proprietary?: Uint8Array;
}

/** A cryptogram version at work. Keys: 16 bytes, as bytes or kept. */
export interface CryptogramRecipe {
  readonly version: CryptogramVersion;
  /** Key of the cryptogram, 16 bytes. @param atc 9F36 @param un 9F37, used by M/Chip's derivation only @throws `emv/bad-length` */
  sessionKey(masterKey: DesKeyLike, atc: Uint8Array, un: Uint8Array): Uint8Array;
  /** What the cryptogram covers. @throws `emv/missing-value` naming the tag, `emv/bad-length` */
  data(valueOf: (tag: number) => Uint8Array | undefined): Uint8Array;
  /** The cryptogram, 8 bytes, from the session key. */
  cryptogram(sessionKey: DesKeyLike, data: Uint8Array): Uint8Array;
  /**
   * The issuer's answer: 8 bytes with method 1 (`answer`: a response code of 2 bytes), 4 with method 2 (`answer`: a status update).
   * @throws `emv/bad-length` also where the answer is of the other method's kind
   */
  arpc(
    keys: { readonly master: DesKeyLike; readonly session: DesKeyLike },
    arqc: Uint8Array,
    answer: Uint8Array | StatusUpdate,
  ): Uint8Array;
  /** Session key for scripts, from the card's master key for integrity or for confidentiality. */
  scriptKey(masterKey: DesKeyLike, context: ScriptContext): Uint8Array;
  /** MAC of a script command, 8 bytes. `header`: CLA INS P1 P2 Lc, the MAC counted in. */
  scriptMac(key: DesKeyLike, context: ScriptContext, header: Uint8Array, data: Uint8Array): Uint8Array;
  /** Data of a script command, enciphered. */
  scriptData(key: DesKeyLike, data: Uint8Array): Uint8Array;
  /** PIN block to encipher with `scriptData`. @param acMasterKey the card's master key for cryptograms @throws `emv/bad-pin` */
  pinBlock(acMasterKey: DesKeyLike, pin: string, currentPin?: string): Uint8Array;
}

function part(source: CryptogramPart, valueOf: (tag: number) => Uint8Array | undefined): Uint8Array {
  const tag = typeof source === "number" ? source : source[0];
  const value = valueOf(tag);
  if (value === undefined)
    throw emvError("missing-value", `the cryptogram covers ${tagHex(tag)}, which is not there`, { tag: tagHex(tag) });
  if (typeof source === "number") return value;
  if (value.length < source[2])
    throw emvError(
      "bad-length",
      `${tagHex(tag)} has ${value.length} bytes; the cryptogram covers up to byte ${source[2]}`,
      { tag: tagHex(tag), length: value.length },
    );
  return value.subarray(source[1], source[2]);
}

/** Puts a cryptogram version to work. */
export function cryptogramRecipe(name: CryptogramVersionName): CryptogramRecipe {
  const version: CryptogramVersion = cryptogramVersions[name];
  const { script } = version;
  return {
    version,
    sessionKey(masterKey, atc, un) {
      if (version.key === "mchip") return skdSessionKey(masterKey, atc, un);
      return version.key === "common" ? acSessionKey(masterKey, atc) : asDesKey(masterKey).bytes();
    },
    data: (valueOf) => concat(...version.input.map((source) => part(source, valueOf))),
    cryptogram: (sessionKey, data) => applicationCryptogram(sessionKey, data, version.padding),
    arpc(keys, arqc, answer) {
      const key = keys[version.arpcKey];
      if (version.arpc === 1 && answer instanceof Uint8Array) return arpc1(key, arqc, answer);
      if (version.arpc === 2 && !(answer instanceof Uint8Array))
        return arpc2(key, arqc, answer.csu, answer.proprietary);
      throw emvError(
        "bad-length",
        `${name} makes its ARPC with method ${version.arpc}: ${version.arpc === 1 ? "a response code" : "a status update"} is needed`,
        { version: name },
      );
    },
    scriptKey: (masterKey, { atc, arqc }) =>
      script.keys === "visa" ? visaSessionKey(masterKey, atc) : commonSessionKey(masterKey, arqc),
    scriptMac: (key, { atc, arqc }, header, data) =>
      commandMac(key, script.chained === "nothing" ? concat(header, data) : concat(header, atc, arqc, data)),
    scriptData: (key, data) => encryptCommandData(key, data, script.encryption),
    pinBlock(acMasterKey, pin, currentPin) {
      const vis = script.pinBlock === "vis" || (script.pinBlock !== "iso" && currentPin !== undefined);
      return vis ? visPinBlock(acMasterKey, pin, currentPin) : pinBlock2(pin);
    },
  };
}

/** An M/Chip version, with the short way from the data of GENERATE AC. */
export interface MchipRecipe extends CryptogramRecipe {
  /**
   * What the cryptogram covers. `cdol1Data` starts with the transaction's 29 bytes: 9F02 9F03 9F1A 95 5F2A 9A 9C 9F37.
   * @throws `emv/bad-length`
   */
  fromCdol1(cdol1Data: Uint8Array, aip: Uint8Array, atc: Uint8Array, iad: Uint8Array): Uint8Array;
}

const MCHIP_NAMES = { 0x10: "mchip-16", 0x11: "mchip-17", 0x14: "mchip-20", 0x15: "mchip-21" } as const;
const CDOL1_BYTES = 29;

/** The recipe of an M/Chip card, by the CVN in its issuer application data. */
export function mchipCryptogram(cvn: keyof typeof MCHIP_NAMES): MchipRecipe {
  const recipe = cryptogramRecipe(MCHIP_NAMES[cvn]);
  const fromIad = recipe.version.input.filter((source) => typeof source !== "number");
  return {
    ...recipe,
    fromCdol1(cdol1Data, aip, atc, iad) {
      if (cdol1Data.length < CDOL1_BYTES || aip.length !== 2 || atc.length !== 2)
        throw emvError("bad-length", "29 bytes of CDOL1 data, 2 of the AIP and 2 of the ATC are needed", {
          cdol1: cdol1Data.length,
          aip: aip.length,
          atc: atc.length,
        });
      const iadOnly = (): Uint8Array => iad;
      return concat(cdol1Data.subarray(0, CDOL1_BYTES), aip, atc, ...fromIad.map((source) => part(source, iadOnly)));
    },
  };
}
